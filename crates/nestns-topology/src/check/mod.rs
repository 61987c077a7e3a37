//! The door: namespaces as they are read go in, a [`Topology`] comes out, or everything that stands against it.
//!
//! Each namespace is checked and added as it comes, parents before children; what depends on several of them is checked
//! when all are there. Only a tree without an error is handed out.

mod build;
mod dependencies;
mod expectations;
mod forest;
mod grace;
mod instance;
mod limits;
mod namespace;
mod pid_one;
mod repetition;
mod terminal;

use super::tree::{NamespaceId, Topology};
use crate::diagnostic::{Diagnostics, Label, Sources};
use build::Builder;
use dependencies::Dependencies;

pub(super) use build::{name_from, position};
pub(super) use expectations::check_expectations;
pub(super) use forest::{no_parent, shared_name};
pub(super) use instance::{Instance, ProcessInstance};
pub(super) use limits::{Count, too_many};
pub(super) use repetition::Repetition;

/// Checks namespaces and makes a tree of them.
#[derive(Debug)]
pub(super) struct Checker<'s> {
    builder: Builder<'s>,
    terminal: terminal::Owner,
    graces: grace::Places,
    topology: Topology,
}

impl<'s> Checker<'s> {
    /// Begins with an empty tree.
    pub(super) fn new(topology: Topology, sources: &'s Sources) -> Self {
        Self {
            builder: Builder { sources },
            terminal: terminal::Owner::default(),
            graces: grace::Places::new(),
            topology,
        }
    }

    /// Checks a namespace and adds it as the last inside its parent. One that is the same as one before, apart from
    /// its path, has nothing wrong with it that was not said. `used` has the places that use a value written elsewhere.
    pub(super) fn add(
        &mut self,
        parent: Option<NamespaceId>,
        instance: &Instance,
        is_same: bool,
        used: impl Fn(u32) -> Vec<Label>,
        out: &mut Diagnostics,
    ) -> NamespaceId {
        if !is_same {
            namespace::check(instance, out);
        }
        self.terminal.check(instance, out);
        let dependencies = Dependencies::resolve(instance, out);
        let (namespace, places) = self.builder.namespace(instance, dependencies);
        let id = self.topology.add(parent, namespace);
        for (process, span) in places {
            self.graces
                .insert((id, process), (span.in_layer(0), used(span.layer)));
        }
        id
    }

    /// The tree, or nothing if there is an error.
    pub(super) fn finish(
        mut self,
        repetition: &mut Repetition,
        out: &mut Diagnostics,
    ) -> Option<Topology> {
        grace::derive(&mut self.topology, &self.graces, repetition, out);
        if out.has_errors() {
            None
        } else {
            Some(self.topology)
        }
    }
}
