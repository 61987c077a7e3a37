//! Processes that wait for others.

use crate::controller::tree::Tree;
use crate::engine::plan::ProcessKey;

/// Processes that wait for a signal, by what they wait for.
#[derive(Debug)]
pub(super) struct Dependencies {
    waiting: Vec<ProcessKey>,
}

impl Dependencies {
    /// Dependencies of a tree that stands behind its gates.
    pub(super) fn of(tree: &Tree) -> Self {
        let conditional = |subject: &ProcessKey| {
            let namespace = tree.plan.namespace(subject.namespace);
            namespace
                .process(subject.slot)
                .is_some_and(|process| !process.is_unconditional())
        };
        Self {
            waiting: tree.roster.subjects().filter(conditional).collect(),
        }
    }

    /// Has a process wait that has been created again.
    pub(super) fn hold(&mut self, subject: ProcessKey) {
        self.waiting.push(subject);
    }

    /// Forgets what is about to be created again.
    pub(super) fn forget(&mut self, is_forgotten: impl Fn(ProcessKey) -> bool) {
        self.waiting.retain(|&subject| !is_forgotten(subject));
    }

    /// Takes all out, of which those that still wait are held again.
    pub(super) fn take(&mut self) -> Vec<ProcessKey> {
        std::mem::take(&mut self.waiting)
    }
}
