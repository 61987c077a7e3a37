//! Holds: parts of the tree that are asked to stop only when what waits for them has ended.

use std::ops::Range;

use nestns_topology::{Part, StopOrder, Target, Topology};

use super::{NamespaceIndex, ProcessKey, Slot};

/// A hold of a plan, by its place.
pub type HoldIndex = u32;

/// Part of a tree that others wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TreePart {
    /// A namespace with everything in it.
    Namespace(NamespaceIndex),
    /// One process, or a program that is PID 1.
    Process(ProcessKey),
}

impl TreePart {
    /// The namespace, or the one that the process is in.
    pub fn namespace(self) -> NamespaceIndex {
        match self {
            Self::Namespace(index) => index,
            Self::Process(subject) => subject.namespace,
        }
    }

    /// The process, or the PID 1 of the namespace.
    pub fn first(self) -> ProcessKey {
        match self {
            Self::Namespace(index) => ProcessKey::init(index),
            Self::Process(subject) => subject,
        }
    }
}

/// All holds of a tree: what is held, in order, and the processes that have to end first. A namespace
/// has ended when its PID 1 has.
#[derive(Debug, Default)]
pub struct Holds {
    held: Vec<TreePart>,
    waiters: Vec<Vec<ProcessKey>>,
    /// The processes with a command that is run before they are asked, in order. Their holds are
    /// numbered behind those of what others wait for.
    commanded: Vec<ProcessKey>,
}

impl Holds {
    /// The holds that follow from the dependencies of a topology.
    pub(super) fn of(topology: &Topology) -> Self {
        let mut pairs: Vec<(TreePart, ProcessKey)> = topology
            .dependencies()
            .flat_map(|(waiter, after)| {
                let ordering = after
                    .iter()
                    .filter(|after| after.stop_order == StopOrder::Reverse);
                ordering.map(move |after| (part(after.target), key(waiter)))
            })
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut holds = Self::default();
        for (held, waiter) in pairs {
            if holds.held.last() != Some(&held) {
                holds.held.push(held);
                holds.waiters.push(Vec::new());
            }
            if let Some(waiters) = holds.waiters.last_mut() {
                waiters.push(waiter);
            }
        }
        holds.commanded = commanded(topology);
        holds
    }

    /// The hold of a process until the command has ended that is run before it is asked.
    pub fn command_of(&self, subject: ProcessKey) -> Option<HoldIndex> {
        let place = self.commanded.binary_search(&subject).ok()?;
        HoldIndex::try_from(self.held.len() + place).ok()
    }

    /// The hold of a part.
    pub(super) fn find(&self, held: TreePart) -> Option<HoldIndex> {
        let place = self.held.binary_search(&held).ok()?;
        HoldIndex::try_from(place).ok()
    }

    /// Part of the tree that a hold holds.
    pub fn held(&self, hold: HoldIndex) -> Option<TreePart> {
        self.held.get(hold as usize).copied()
    }

    /// The processes that have to end before a hold is lifted.
    pub fn waiters(&self, hold: HoldIndex) -> &[ProcessKey] {
        self.waiters
            .get(hold as usize)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The holds on what is in a range of namespaces.
    pub fn inside(&self, range: Range<NamespaceIndex>) -> Vec<HoldIndex> {
        let indices = (0..).zip(&self.held);
        indices
            .filter(|(_, held)| range.contains(&held.namespace()))
            .map(|(hold, _)| hold)
            .collect()
    }

    /// All holds, each with the processes that have to end first.
    pub fn iter(&self) -> impl Iterator<Item = (HoldIndex, &[ProcessKey])> {
        (0..).zip(self.waiters.iter().map(Vec::as_slice))
    }
}

/// The processes with a `stop.exec`, in order.
fn commanded(topology: &Topology) -> Vec<ProcessKey> {
    let mut commanded = Vec::new();
    for (namespace, &id) in (0..).zip(&topology.pre_order()) {
        let declared = topology.namespace(id);
        let program = declared.init.program().map(|program| (Slot::Init, program));
        let processes = (0..).map(Slot::Process).zip(&declared.processes);
        commanded.extend(
            program
                .into_iter()
                .chain(processes)
                .filter(|(_, process)| process.stop_exec.is_some())
                .map(|(slot, _)| ProcessKey { namespace, slot }),
        );
    }
    commanded
}

/// The process that a part of a tree stands for: of a namespace its PID 1.
pub fn key(target: Target) -> ProcessKey {
    ProcessKey {
        namespace: target.namespace,
        slot: match target.part {
            Part::Namespace | Part::Init => Slot::Init,
            Part::Process(place) => Slot::Process(place),
        },
    }
}

/// The part of a tree that a process is.
pub fn target(subject: ProcessKey) -> Target {
    Target {
        namespace: subject.namespace,
        part: match subject.slot {
            Slot::Process(place) => Part::Process(place),
            _ => Part::Init,
        },
    }
}

/// The part of the plan that is the target of a dependency.
pub fn part(target: Target) -> TreePart {
    match target.part {
        Part::Namespace => TreePart::Namespace(target.namespace),
        Part::Init | Part::Process(_) => TreePart::Process(key(target)),
    }
}
