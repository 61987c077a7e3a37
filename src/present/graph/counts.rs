//! Numbers of namespaces and processes in a part of a tree.

use std::ops::AddAssign;

use crate::present::count::count;
use crate::present::node::{Kind, Node, Runs};

/// The numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) namespaces: usize,
    /// Declared ones, and programs that are PID 1.
    pub(super) processes: usize,
    /// Depth of the nesting of namespaces.
    pub(super) depth: usize,
}

impl Counts {
    /// Counts nodes and everything in them.
    pub(super) fn of(nodes: &[Node]) -> Self {
        let mut counts = Self::default();
        for node in nodes {
            let inside = Self::of(&node.children);
            counts += inside;
            match node.kind {
                Kind::Namespace => {
                    counts.namespaces += 1;
                    counts.processes += usize::from(matches!(node.facts.runs, Runs::Program(_)));
                    counts.depth = counts.depth.max(inside.depth + 1);
                }
                Kind::Process => counts.processes += 1,
            }
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.namespaces += other.namespaces;
        self.processes += other.processes;
        self.depth = self.depth.max(other.depth);
    }
}

impl Counts {
    /// `3 more namespaces with 7 processes`, the adjective being `more `; a number of zero is not mentioned.
    pub(super) fn words(self, adjective: &str) -> String {
        let noun = format!("{adjective}namespace");
        let namespaces = count(self.namespaces, &noun);
        match self.processes {
            0 => namespaces.to_string(),
            processes => format!("{namespaces} with {}", count(processes, "process")),
        }
    }
}
