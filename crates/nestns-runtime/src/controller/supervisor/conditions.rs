//! `after`: processes and namespaces that wait for others, and the signal that lets a process through.

use nix::libc;

use super::dependencies::{self, Dependencies};
use super::edge::Edge;
use super::readying;
use super::restarts::Restarts;
use crate::controller::event_sink::Note;
use crate::controller::life::Life;
use crate::controller::roster::ExitEvent;
use crate::controller::target::Target;
use crate::controller::tree::Tree;
use crate::controller::verdict;
use crate::engine::gate;
use crate::engine::plan::{InitPlan, NamespaceIndex, ProcessKey, Slot, TreePart};
use crate::engine::report::Ending;
use nestns_client::journal::event::Event;
use nestns_topology::{Condition, Keeps, RestartWhen};

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
    let plan = edge.tree().plan;
    while let Some(waiter) = waiting.take_changed() {
        if let TreePart::Namespace(index) = waiter
            && waiting.is_given_up(index)
        {
            continue;
        }
        let met = conditions(waiting, edge.tree(), restarts, waiter);
        match (met, waiter) {
            (Met::NotYet, _) => {}
            (Met::Yes, TreePart::Process(subject)) => {
                waiting.release(waiter, &plan);
                let path = edge.tree().path(subject);
                edge.record(&Event::Release { path: &path });
                // It may have ended since, which its parent reports.
                let _ = edge.signal(subject, gate::RELEASE as i32);
            }
            (Met::Yes, TreePart::Namespace(index)) => {
                waiting.release(waiter, &plan);
                let path = plan.namespace(index).path.clone();
                edge.record(&Event::Release { path: &path });
                let inside = index..index + plan.subtree(index);
                let released = inside.clone().filter(|&index| !waiting.is_held(index));
                mark_inits(edge.tree_mut(), released, None);
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
    waiting.give_up(waiter, &plan, dependency);
    let path = edge.tree().roster.path_of(waiter);
    if !is_told {
        edge.note(&Note::Unreachable {
            path: &path,
            dependency,
        });
    }
    match waiter {
        TreePart::Process(subject) => {
            if let Some(record) = edge.tree_mut().roster.get_mut(subject) {
                record.unmet = Some(dependency.to_owned());
            }
            edge.record_signal(subject, libc::SIGKILL);
            let _ = edge.signal(subject, libc::SIGKILL);
        }
        TreePart::Namespace(index) => {
            let inside = index..index + plan.subtree(index);
            mark_inits(edge.tree_mut(), inside, Some(dependency));
        }
    }
}

/// Marks the PID 1s of namespaces that have waited in vain for something, or do not any more.
fn mark_inits(
    tree: &mut Tree,
    namespaces: impl Iterator<Item = NamespaceIndex>,
    unmet: Option<&str>,
) {
    for index in namespaces {
        if let Some(record) = tree.roster.get_mut(ProcessKey::init(index)) {
            record.unmet = unmet.map(str::to_owned);
        }
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
    let path = tree.roster.path_of(awaited);
    match (awaited, path.rsplit_once('/')) {
        (TreePart::Process(subject), Some((_, name)))
            if waiter.namespace() == subject.namespace =>
        {
            name.to_owned()
        }
        _ => path,
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
fn ending(tree: &Tree, restarts: &Restarts, subject: ProcessKey) -> Option<Ending> {
    let record = tree.roster.get(subject)?;
    let is_undecided = record.exit_event == ExitEvent::Unexplained
        || restarts.may_bring_back(&tree.plan, subject)
        || is_in_one_that_leaves(tree, subject);
    if is_undecided {
        return None;
    }
    match record.ending {
        Some((ending, _)) => Some(ending),
        // It could not be created again.
        None => record.state.is_over().then_some(Ending::Exited(1)),
    }
}

/// True if a namespace that a process was in is about to leave, because nothing runs in it any more,
/// and its policy has it rebuilt after that.
fn is_in_one_that_leaves(tree: &Tree, subject: ProcessKey) -> bool {
    let plan = &tree.plan;
    let mut around = std::iter::successors(Some(subject.namespace), |&index| {
        plan.namespace(index).parent
    });
    around.any(|index| {
        let namespace = plan.namespace(index);
        let is_rebuilt = namespace
            .restart_of(Slot::Init)
            .is_some_and(|policy| match policy.when {
                RestartWhen::Always => true,
                RestartWhen::OnFailure => false,
                RestartWhen::On(endings) => endings.has_status(0),
            });
        is_rebuilt
            && matches!(namespace.init, InitPlan::Builtin)
            && tree.lives(ProcessKey::init(index))
            && !runs_anything(tree, index)
    })
}

/// True if something that keeps a namespace open runs in it.
fn runs_anything(tree: &Tree, index: NamespaceIndex) -> bool {
    let plan = &tree.plan;
    let inside = Target(ProcessKey::init(index)).subjects(plan);
    inside.into_iter().any(|subject| {
        let namespace = plan.namespace(subject.namespace);
        let process = namespace.process(subject.slot);
        process.is_some_and(|process| process.keeps != Keeps::Nothing)
            && tree.lives(subject)
            && tree.started.contains(&subject)
    })
}

/// The same of a namespace.
pub(super) fn is_fulfilled_by_namespace(
    waiting: &Dependencies,
    tree: &Tree,
    restarts: &Restarts,
    (index, condition): (NamespaceIndex, Condition),
) -> Option<bool> {
    let init = ProcessKey::init(index);
    let is_over = ending(tree, restarts, init).is_some();
    let is_decided = |init| !restarts.may_bring_back(&tree.plan, init);
    let is_vain = waiting.vain_hope(index).is_some() && is_decided(init);
    match condition {
        Condition::Created => Some(true),
        Condition::Started => {
            let is_running = !waiting.is_held(index)
                && (tree.readiness.has_own_init(index) || tree.started.contains(&init));
            match (is_running, is_over) {
                (true, _) => Some(true),
                (false, false) => is_vain.then_some(false),
                (false, true) => Some(false),
            }
        }
        Condition::Ready => {
            if !waiting.is_held(index) && !tree.readiness.lacks_something(index) {
                return Some(true);
            }
            let range = index..index + tree.plan.subtree(index);
            let is_lost = waiting
                .lost_inside(range.clone())
                .any(|lost| is_given_up(tree, lost) || ending(tree, restarts, lost).is_some());
            let is_vain = is_vain
                || waiting
                    .given_up_inside(range)
                    .any(|inner| is_decided(ProcessKey::init(inner)));
            (is_over || is_lost || is_vain).then_some(false)
        }
        Condition::Exited => is_over.then_some(true),
        Condition::Ok if is_vain => Some(false),
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
