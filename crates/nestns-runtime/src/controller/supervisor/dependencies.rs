//! Processes that wait for others.

use crate::controller::tree::Tree;
use crate::engine::plan::Subject;

/// Processes that wait for a signal, by what they wait for.
#[derive(Debug)]
pub(super) struct Dependencies {
    waiting: Vec<Subject>,
}

impl Dependencies {
    /// Those of a tree that stands behind its gates.
    pub(super) fn of(tree: &Tree) -> Self {
        let conditional = |subject: &Subject| {
            let namespace = tree.plan.namespace(subject.namespace);
            namespace.process(subject.slot).is_some_and(|process| !process.is_unconditional())
        };
        Self { waiting: tree.roster.subjects().filter(conditional).collect() }
    }

    /// Has a process wait that has been created again.
    pub(super) fn hold(&mut self, subject: Subject) {
        self.waiting.push(subject);
    }

    /// Forgets what is about to be created again.
    pub(super) fn forget(&mut self, is_forgotten: impl Fn(Subject) -> bool) {
        self.waiting.retain(|&subject| !is_forgotten(subject));
    }

    /// Takes all out, of which those that still wait are held again.
    pub(super) fn take(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.waiting)
    }
}
