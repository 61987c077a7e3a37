//! The one model that every format draws: nested namespaces, folded and counted as requested.

use super::arrow::{Arrow, Arrows, Dependencies};
use super::counts::Counts;
use super::detail::{self, Detail};
use super::selection::Selection;
use super::shape::Shape;
use crate::present::count::count;
use crate::present::node::Node;

/// Number of boxes and pills from which on a picture is crowded, and is folded more.
const CROWDED: usize = 160;

/// Heading of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    /// Name of the topology.
    pub(crate) name: String,
    /// Description by the author.
    pub(crate) description: Option<String>,
}

/// Tree to draw a picture of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) heading: &'a Heading,
    /// The namespaces directly below the host, and everything inside.
    pub(crate) nodes: &'a [Node],
    /// Everything that waits, and what each waits for.
    pub(crate) dependencies: Dependencies<'a>,
}

/// Picture of a tree.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(super) heading: &'a Heading,
    /// Numbers of the whole tree, whatever is shown of it.
    pub(super) counts: Counts,
    /// The namespaces directly below the host.
    pub(super) roots: Vec<Shape<'a>>,
    /// Parts directly below the host that are not shown, a line each.
    pub(super) rest: Vec<String>,
    /// Dependencies.
    pub(super) arrows: Vec<Arrow>,
    /// Number of all shapes.
    pub(super) shapes: usize,
    /// Parts that are not shown anywhere, for a reader who would not look for them.
    pub(super) left_out: Vec<String>,
}

impl<'a> Picture<'a> {
    /// Picture with this much detail.
    pub(crate) fn new(subject: Subject<'a>, detail: Detail) -> Self {
        let mut selection = Selection::new(detail);
        let inside = selection.inside(subject.nodes, 1);
        let shapes = selection.shapes();
        let mut left_out = selection.omissions();
        let arrows = match detail.dependencies {
            detail::Dependencies::Shown => Arrows::of(
                &inside.namespaces,
                shapes,
                subject.nodes,
                subject.dependencies,
            ),
            detail::Dependencies::Counted => Arrows {
                arrows: Vec::new(),
                left_out: subject
                    .dependencies
                    .iter()
                    .map(|(_, after)| after.len())
                    .sum(),
            },
        };
        left_out.extend(sentence(arrows.left_out, detail.dependencies));
        Self {
            heading: subject.heading,
            counts: Counts::of(subject.nodes),
            roots: inside.namespaces,
            rest: inside.rest,
            arrows: arrows.arrows,
            shapes,
            left_out,
        }
    }

    /// Picture with replicas folded, more so if there are many.
    pub(crate) fn folded(subject: Subject<'a>) -> Self {
        let picture = Self::new(subject, Detail::FOLDED);
        if picture.shapes < CROWDED {
            picture
        } else {
            Self::new(subject, Detail::TIGHT)
        }
    }

    /// Depth of the whole tree, whatever is shown of it.
    pub(crate) fn depth(&self) -> usize {
        self.counts.depth
    }

    /// `3 namespaces, 7 processes, depth 3`.
    pub(super) fn summary(&self) -> String {
        let processes = count(self.counts.processes, "process");
        format!(
            "{}, {processes}, depth {}",
            count(self.counts.namespaces, "namespace"),
            self.counts.depth
        )
    }
}

/// Sentence about dependencies without an arrow, if there are some.
fn sentence(left_out: usize, treatment: detail::Dependencies) -> Option<String> {
    let verb = if left_out == 1 { "is" } else { "are" };
    let dependencies = format!("{} {verb} not drawn", count(left_out, "dependency"));
    match (left_out, treatment) {
        (0, _) => None,
        (_, detail::Dependencies::Counted) => Some(dependencies),
        (_, detail::Dependencies::Shown) => Some(format!(
            "{dependencies}, because both ends are drawn as one, or one of them is not drawn"
        )),
    }
}
