//! The one model that every format draws: nested namespaces, folded and counted as requested.

use super::counts::Counts;
use super::detail::Detail;
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
    /// Parts that are not shown anywhere, for a reader who would not look for them.
    pub(super) left_out: Vec<String>,
}

impl<'a> Picture<'a> {
    /// Picture with this much detail.
    pub(crate) fn new(heading: &'a Heading, nodes: &'a [Node], detail: Detail) -> Self {
        let mut selection = Selection::new(detail);
        let inside = selection.inside(nodes, 1);
        let left_out = selection.omissions();
        Self {
            heading,
            counts: Counts::of(nodes),
            roots: inside.namespaces,
            rest: inside.rest,
            left_out,
        }
    }

    /// Picture with replicas folded, more so if there are many.
    pub(crate) fn folded(heading: &'a Heading, nodes: &'a [Node]) -> Self {
        let picture = Self::new(heading, nodes, Detail::FOLDED);
        if picture.shapes() < CROWDED {
            picture
        } else {
            Self::new(heading, nodes, Detail::TIGHT)
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

    fn shapes(&self) -> usize {
        fn inside(shapes: &[Shape<'_>]) -> usize {
            shapes
                .iter()
                .map(|shape| 1 + shape.processes.len() + inside(&shape.namespaces))
                .sum()
        }
        inside(&self.roots)
    }
}
