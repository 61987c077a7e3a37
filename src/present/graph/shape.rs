//! The parts of a picture: a namespace or a process, or several alike drawn as one.

use crate::present::node::Node;

/// A namespace or a process, or several alike drawn as one.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    /// Its number among all shapes of the picture.
    pub(super) number: usize,
    /// The one, or the first.
    pub(super) first: &'a Node,
    /// The last beside the first; the first itself if it is alone.
    pub(super) until: &'a Node,
    /// The last of all, in the last instance of everything around.
    pub(super) last: &'a Node,
    /// The number of those side by side.
    pub(super) alike: usize,
    /// The author's remarks, if they are the same about all.
    pub(super) remarks: Remarks,
    /// Declared processes.
    pub(super) processes: Vec<Shape<'a>>,
    /// Namespaces inside.
    pub(super) namespaces: Vec<Shape<'a>>,
    /// A line for each part inside that is not shown.
    pub(super) rest: Vec<String>,
}

/// The description and the labels: those of all, or of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remarks {
    OfAll,
    OfEach,
}

impl<'a> Shape<'a> {
    /// Adds another node that is alike, and everything in it in parallel.
    pub(super) fn absorb(&mut self, node: &'a Node) {
        self.last = node;
        let (one, other) = (&self.first.facts, &node.facts);
        if one.description != other.description || one.labels != other.labels {
            self.remarks = Remarks::OfEach;
        }
        let mut inside = node.children.iter();
        for child in self.processes.iter_mut().chain(&mut self.namespaces) {
            for next in inside
                .by_ref()
                .filter(|next| next.kind == child.first.kind)
                .take(child.alike)
            {
                child.absorb(next);
            }
        }
    }
}
