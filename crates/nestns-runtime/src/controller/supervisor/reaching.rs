//! The signals of a stop that reach everything that comes from a process (`stop.to = "all"`).
//!
//! The process itself gets its signal from its init or from the controller; the rest is found here, in
//! the moment in which that is known. Declared processes and those of `exec` have requests of their own.

use std::collections::BTreeSet;

use nix::unistd::Pid;

use super::edge::Edge;
use crate::engine::plan::ProcessKey;
use nestns_observe::offspring::Extent;
use nestns_topology::{Signal, StopReach};

/// Sends a signal that a process has got to everything that comes from it, if its stop reaches that. A
/// report says which signal it was; any but the one of the file, and KILL, is not passed on.
pub(super) fn extend(edge: &mut dyn Edge, subject: ProcessKey, signal: Signal) {
    let tree = edge.tree();
    let namespace = tree.plan.namespace(subject.namespace);
    let Some(process) = namespace.process(subject.slot) else {
        return;
    };
    let is_meant = signal == process.stop.signal || signal == Signal::KILL;
    if process.stop_reach != StopReach::All || !is_meant {
        return;
    }
    let Some((pid, _)) = tree.identity(subject) else {
        return;
    };
    let alive = |subject: ProcessKey| {
        let record = tree.roster.get(subject)?;
        record.pid().filter(|_| record.ending.is_none())
    };
    let heir = alive(ProcessKey::init(subject.namespace));
    let extent = if subject.is_init() {
        Extent::Namespace
    } else {
        Extent::Offspring {
            heir: heir.filter(|_| namespace.forks_its_members()),
        }
    };
    let executed = tree.exec_records.facts();
    let executed = executed.filter_map(|facts| facts.numbers.first().copied());
    let mut known: BTreeSet<Pid> = tree.roster.subjects().filter_map(alive).collect();
    known.extend(executed.map(Pid::from_raw));
    known.remove(&pid);
    for member in edge.kernel().offspring(pid, extent, &known) {
        edge.send_request(&member, signal.number());
    }
}
