//! The door: namespaces as they are read go in, a [`Topology`] comes out, or everything that stands against it.
//!
//! Each namespace is checked and added as it comes, parents before children; what depends on several of them is checked
//! when all are there. Only a tree without an error is handed out.

mod build;
mod cycles;
mod dependencies;
mod ends;
mod expectations;
mod forest;
mod grace;
mod instance;
mod limits;
mod namespace;
mod nodes;
mod numbers;
mod pid_one;
mod repetition;
mod stop_schedule;
mod terminal;

use super::tree::{NamespaceId, Topology};
use crate::diagnostic::{Diagnostics, Label, Sources};
use build::Builder;
use dependencies::Dependencies;
use stop_schedule::StopOrders;

pub(super) use build::{name_from, position};
pub(super) use ends::set_main;
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
    dependencies: Dependencies,
    numbers: numbers::Places,
    topology: Topology,
}

impl<'s> Checker<'s> {
    /// Begins with an empty tree.
    pub(super) fn new(topology: Topology, sources: &'s Sources) -> Self {
        Self {
            builder: Builder { sources },
            terminal: terminal::Owner::default(),
            graces: grace::Places::new(),
            dependencies: Dependencies::default(),
            numbers: numbers::Places::default(),
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
        let (namespace, places) = self.builder.namespace(instance);
        let id = self.topology.add(parent, namespace);
        self.dependencies.add(id, instance);
        self.numbers.add(id, instance);
        for (process, span) in places {
            self.graces
                .insert((id, process), (span.in_layer(0), used(span.layer)));
        }
        id
    }

    /// Notes a namespace that is declared and has a count of 0: nothing waits for it in vain.
    pub(super) fn leave_out(&mut self, around: Option<NamespaceId>, name: String) {
        self.dependencies.leave_out(around, name);
    }

    /// The tree, or nothing if there is an error.
    pub(super) fn finish(
        mut self,
        repetition: &mut Repetition,
        out: &mut Diagnostics,
    ) -> Option<Topology> {
        let topology = &mut self.topology;
        let dependencies = self.dependencies.resolve(topology, repetition, out);
        self.numbers.check(topology, repetition, out);
        let before = out.len();
        cycles::check(topology, &dependencies, out);
        if out.len() == before {
            let orders = StopOrders::derive(topology, &dependencies);
            grace::derive(topology, &orders, &self.graces, repetition, out);
        }
        if out.has_errors() {
            None
        } else {
            Some(self.topology)
        }
    }
}
