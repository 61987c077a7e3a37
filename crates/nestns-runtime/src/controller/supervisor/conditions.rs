//! `after`: processes and namespaces that wait for others, and the signal that lets a process through.

use nix::libc;

use super::dependencies::{self, Dependencies};
use super::edge::Edge;
use super::readying;
use super::restarts::Restarts;
use crate::controller::event_sink::Note;
use crate::controller::life::Life;
use crate::controller::tree::Tree;
use crate::controller::verdict;
use crate::engine::gate;
use crate::engine::plan::{NamespaceIndex, ProcessKey, Slot, TreePart};
use nestns_client::journal::event::Event;
use nestns_topology::{Condition, Keeps};

/// The conditions of a part, taken together.
#[derive(Debug, PartialEq, Eq)]
enum Met {
    Yes,
    NotYet,
    /// Unfulfillable: this dependency has ended otherwise.
    Never(String),
}

/// Lets those through whose conditions are met, and gives up those whose never will be.
pub(super) fn release(waiting: &mut Dependencies, edge: &mut dyn Edge, restarts: &Restarts) {
    if edge.tree().life != Life::Running {
        return;
    }
    waiting.take_changes(edge.tree_mut());
    while let Some(waiter) = waiting.take_changed() {
        let met = conditions(waiting, edge.tree(), restarts, waiter);
        match (met, waiter) {
            (Met::NotYet, _) => {}
            (Met::Yes, TreePart::Process(subject)) => {
                waiting.release(waiter);
                let path = edge.tree().path(subject);
                edge.record(&Event::Release { path: &path });
                // It may have ended since, which its parent reports.
                let _ = edge.signal(subject, gate::RELEASE as i32);
            }
            (Met::Yes, TreePart::Namespace(index)) => {
                waiting.release(waiter);
                let path = edge.tree().plan.namespace(index).path.clone();
                edge.record(&Event::Release { path: &path });
                let inside = index..index + edge.tree().plan.subtree(index);
                readying::open(edge, waiting, |index| inside.contains(&index));
                waiting.take_changes(edge.tree_mut());
            }
            (Met::Never(dependency), _) => give_up(waiting, edge, waiter, &dependency),
        }
    }
}

/// Gives up what waits in vain: a process is killed behind its gate. What is in a namespace that
/// waits in vain follows.
fn give_up(waiting: &mut Dependencies, edge: &mut dyn Edge, waiter: TreePart, dependency: &str) {
    let plan = edge.tree().plan;
    let governor = waiting.governor(waiter, &plan);
    let is_told = governor.is_some_and(|governor| waiting.vain_hope(governor).is_some());
    waiting.give_up(waiter, dependency);
    let path = match waiter {
        TreePart::Process(subject) => edge.tree().path(subject),
        TreePart::Namespace(index) => plan.namespace(index).path.clone(),
    };
    if !is_told {
        edge.note(&Note::Unreachable {
            path: &path,
            dependency,
        });
    }
    if let TreePart::Process(subject) = waiter {
        edge.record_signal(subject, libc::SIGKILL);
        let _ = edge.signal(subject, libc::SIGKILL);
    }
}

fn conditions(waiting: &Dependencies, tree: &Tree, restarts: &Restarts, waiter: TreePart) -> Met {
    let mut met = Met::Yes;
    if let Some(governor) = waiting.governor(waiter, &tree.plan) {
        if let Some(dependency) = waiting.vain_hope(governor) {
            return Met::Never(dependency.to_owned());
        }
        if waiting.is_held(governor) {
            met = Met::NotYet;
        }
    }
    for (awaited, condition) in dependencies::conditions(&tree.plan, waiter) {
        let is_fulfilled = match awaited {
            TreePart::Process(subject) => is_fulfilled(tree, restarts, subject, condition),
            TreePart::Namespace(index) => {
                is_fulfilled_by_namespace(waiting, tree, restarts, (index, condition))
            }
        };
        match is_fulfilled {
            Some(true) => {}
            Some(false) => return Met::Never(name(tree, waiter, awaited)),
            None => met = Met::NotYet,
        }
    }
    met
}

/// The dependency as a message calls it: by its name alone if it is in the same namespace.
fn name(tree: &Tree, waiter: TreePart, awaited: TreePart) -> String {
    match awaited {
        TreePart::Namespace(index) => tree.plan.namespace(index).path.clone(),
        TreePart::Process(subject) => {
            let path = tree.path(subject);
            match path.rsplit_once('/') {
                Some((_, name)) if waiter.namespace() == subject.namespace => name.to_owned(),
                _ => path,
            }
        }
    }
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
    let ended = ending(tree, restarts, subject);
    match condition {
        Condition::Created => Some(true),
        Condition::Started | Condition::Ready => {
            let is_met = if condition == Condition::Ready {
                tree.readiness.is_ready(subject)
            } else {
                tree.started.contains(&subject)
            };
            let is_lost = condition == Condition::Ready && is_given_up(tree, subject);
            match (is_met, ended) {
                (true, _) => Some(true),
                (false, None) => is_lost.then_some(false),
                (false, Some(_)) => Some(false),
            }
        }
        Condition::Exited => ended.map(|_| true),
        Condition::Ok => {
            ended.map(|ending| verdict::is_success(process, ending) && record.refusal.is_none())
        }
    }
}

/// True if a process will never be ready although it runs.
fn is_given_up(tree: &Tree, subject: ProcessKey) -> bool {
    let record = tree.roster.get(subject);
    record.is_some_and(|record| record.given_up.is_some() && record.ending.is_none())
}

/// The end of a process, unless it may be started again after it: then it is none yet.
fn ending(
    tree: &Tree,
    restarts: &Restarts,
    subject: ProcessKey,
) -> Option<crate::engine::report::Ending> {
    let (ending, _) = tree.roster.get(subject)?.ending?;
    (!restarts.may_bring_back(&tree.plan, subject)).then_some(ending)
}

/// The same of a namespace.
fn is_fulfilled_by_namespace(
    waiting: &Dependencies,
    tree: &Tree,
    restarts: &Restarts,
    (index, condition): (NamespaceIndex, Condition),
) -> Option<bool> {
    let init = ProcessKey::init(index);
    let is_over = ending(tree, restarts, init).is_some();
    match condition {
        Condition::Created => Some(true),
        Condition::Started => {
            let is_running = !waiting.is_held(index)
                && (tree.readiness.has_own_init(index) || tree.started.contains(&init));
            match (is_running, is_over) {
                (true, _) => Some(true),
                (false, false) => waiting.vain_hope(index).map(|_| false),
                (false, true) => Some(false),
            }
        }
        Condition::Ready => {
            if !waiting.is_held(index) && !tree.readiness.lacks_something(index) {
                return Some(true);
            }
            let range = index..index + tree.plan.subtree(index);
            let is_lost = waiting
                .lost_inside(range)
                .any(|lost| is_given_up(tree, lost) || ending(tree, restarts, lost).is_some());
            (is_over || is_lost).then_some(false)
        }
        Condition::Exited => is_over.then_some(true),
        Condition::Ok => is_over.then(|| has_ended_well(tree, index)),
    }
}

/// True if a namespace has succeeded: its main process has, or every process in it that keeps it
/// open.
fn has_ended_well(tree: &Tree, index: NamespaceIndex) -> bool {
    let end = index + tree.plan.subtree(index);
    let mut next = index;
    while next < end {
        let namespace = tree.plan.namespace(next);
        let has_succeeded = |slot| {
            let subject = ProcessKey {
                namespace: next,
                slot,
            };
            let (Some(process), Some(record)) = (namespace.process(slot), tree.roster.get(subject))
            else {
                return true;
            };
            let success = record
                .ending
                .is_some_and(|(ending, _)| verdict::is_success(process, ending));
            process.keeps == Keeps::Nothing || (success && record.refusal.is_none())
        };
        let (is_well, size) = match namespace.main {
            // What is inside ends with it.
            Some(main) => (has_succeeded(Slot::Process(main)), tree.plan.subtree(next)),
            None => (namespace.slots().all(has_succeeded), 1),
        };
        if !is_well {
            return false;
        }
        next += size;
    }
    true
}
