//! `after`: processes that wait for others, and the signal that lets them through.

use nix::libc;

use super::dependencies::Dependencies;
use super::edge::Edge;
use super::restarts::Restarts;
use crate::controller::event_sink::Note;
use crate::controller::life::Life;
use crate::controller::tree::Tree;
use crate::controller::verdict;
use crate::engine::gate;
use crate::engine::plan::{ProcessKey, Slot};
use nestns_client::journal::event::Event;
use nestns_topology::Condition;

/// The conditions of a process, taken together.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    Yes,
    NotYet,
    /// Unfulfillable: this dependency has ended otherwise.
    Never(String),
}

/// Lets those processes through whose conditions are met, and gives up those whose never will be.
pub(super) fn release(dependencies: &mut Dependencies, edge: &mut dyn Edge, restarts: &Restarts) {
    if edge.tree().life != Life::Running {
        return;
    }
    for subject in dependencies.take() {
        match conditions(edge.tree(), restarts, subject) {
            Met::Yes => {
                let path = edge.tree().path(subject);
                edge.record(&Event::Release { path: &path });
                // It may have ended since, which its parent reports.
                let _ = edge.signal(subject, gate::RELEASE as i32);
            }
            Met::NotYet => dependencies.hold(subject),
            Met::Never(dependency) => {
                let path = edge.tree().path(subject);
                edge.note(&Note::Unreachable {
                    path: &path,
                    dependency: &dependency,
                });
                edge.record_signal(subject, libc::SIGKILL);
                let _ = edge.signal(subject, libc::SIGKILL);
            }
        }
    }
}

fn conditions(tree: &Tree, restarts: &Restarts, subject: ProcessKey) -> Met {
    let namespace = tree.plan.namespace(subject.namespace);
    let Some(process) = namespace.process(subject.slot) else {
        return Met::Yes;
    };
    let mut met = Met::Yes;
    for after in &process.after {
        let other = ProcessKey {
            slot: Slot::declared(after.process),
            ..subject
        };
        let Some(dependency) = namespace.process(other.slot) else {
            continue;
        };
        match is_fulfilled(tree, restarts, other, after.condition) {
            Some(true) => {}
            Some(false) => return Met::Never(dependency.name.clone()),
            None => met = Met::NotYet,
        }
    }
    met
}

/// True if a process has come so far; `None`: not yet, `false`: it never will any more.
pub(super) fn is_fulfilled(
    tree: &Tree,
    restarts: &Restarts,
    subject: ProcessKey,
    condition: Condition,
) -> Option<bool> {
    let namespace = tree.plan.namespace(subject.namespace);
    // What the plan does not have keeps nothing waiting.
    let (Some(record), Some(process)) = (tree.roster.get(subject), namespace.process(subject.slot))
    else {
        return Some(true);
    };
    // An end after which it may be started again is none yet.
    let ended = record
        .ending
        .map(|(ending, _)| ending)
        .filter(|_| !restarts.may_bring_back(&tree.plan, subject));
    match condition {
        Condition::Created => Some(true),
        Condition::Started | Condition::Ready => {
            let is_met = if condition == Condition::Ready {
                tree.readiness.is_ready(subject)
            } else {
                tree.started.contains(&subject)
            };
            match (is_met, ended) {
                (true, _) => Some(true),
                (false, None) => None,
                (false, Some(_)) => Some(false),
            }
        }
        Condition::Exited => ended.map(|_| true),
        Condition::Ok => {
            ended.map(|ending| verdict::is_success(process, ending) && record.refusal.is_none())
        }
    }
}
