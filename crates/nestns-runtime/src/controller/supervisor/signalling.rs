//! `kill`: signals that clients have sent to processes of the tree.

use std::collections::HashMap;

use super::edge::Edge;
use crate::controller::roster::KillCause;
use crate::controller::roster::State;
use crate::controller::tree::Tree;
use crate::engine::gate;
use crate::engine::plan::ProcessKey;
use nestns_client::journal::event::{Caller, Event};
use nestns_client::protocol::message::{Reply, Target};
use nestns_observe::signals::{Fate, Role};
use nestns_sys::errno::spelled;
use nestns_topology::Signal;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// Sends a signal to processes, of which each is looked at first: whether it is still the one that
/// was meant, and whether the kernel would drop the signal (R5), which a `kill` that succeeds does
/// not tell. What one of them comes to is no reason to leave out another.
pub(super) fn signal_targets(
    edge: &mut dyn Edge,
    targets: &[Target],
    signal: i32,
    by: Caller,
) -> Reply {
    let (mut reached, mut ended, mut paused) = (Vec::new(), Vec::new(), Vec::new());
    let (mut dropped, mut refused) = (Vec::new(), Vec::new());
    let alive = alive(edge.tree());
    for target in targets {
        let path = || target.path.clone();
        let is_alive = alive
            .get(&target.pid)
            .is_some_and(|&(start, _)| start == target.start_time);
        let pidfd = match edge
            .kernel()
            .open(Pid::from_raw(target.pid), target.start_time)
        {
            Ok(pidfd) if is_alive => pidfd,
            Ok(_) | Err(Errno::ESRCH) => {
                ended.push(path());
                continue;
            }
            Err(errno) => {
                refused.push((path(), spelled(errno)));
                continue;
            }
        };
        if is_dropped(edge, target, signal) {
            dropped.push(path());
            continue;
        }
        let subject = alive.get(&target.pid).and_then(|&(_, subject)| subject);
        if signal == gate::RELEASE as i32
            && subject.is_some_and(|subject| is_at_gate(edge.tree(), subject))
        {
            refused.push((
                path(),
                "it has not started yet, so it can only be told to end".to_owned(),
            ));
            continue;
        }
        match edge.kernel().signal(&pidfd, signal) {
            Ok(()) => {
                note_signalled(edge, (target, subject), signal, by);
                reached.push(path());
                // What is frozen dies at once, and does nothing else.
                if signal != libc::SIGKILL && signal != 0 && is_in_paused(edge.tree(), &target.path)
                {
                    paused.push(path());
                }
            }
            Err(Errno::ESRCH) => ended.push(path()),
            Err(errno) => refused.push((path(), spelled(errno))),
        }
    }
    Reply::Signalled {
        reached,
        ended,
        dropped,
        refused,
        paused,
    }
}

/// True if a process waits for its release: the signal that it takes for that is the controller's
/// alone to send.
fn is_at_gate(tree: &Tree, subject: ProcessKey) -> bool {
    tree.roster
        .get(subject)
        .is_some_and(|record| record.state == State::Created)
}

fn note_signalled(
    edge: &mut dyn Edge,
    (target, subject): (&Target, Option<ProcessKey>),
    signal: i32,
    by: Caller,
) {
    let word = Signal::from_number(signal).to_string();
    edge.record(&Event::Signal {
        path: &target.path,
        signal: &word,
        by: Some(by),
    });
    let now = edge.now();
    let Some(subject) = subject.filter(|_| signal != 0) else {
        return;
    };
    let tree = edge.tree_mut();
    let is_init_of_ours = tree
        .plan
        .namespace(subject.namespace)
        .process(subject.slot)
        .is_none();
    let Some(record) = tree.roster.get_mut(subject) else {
        return;
    };
    record.sent = Some(signal);
    if signal == libc::SIGKILL && is_init_of_ours {
        // A client that kills a PID 1 of ours means it: it was not lost.
        record
            .stop_record
            .killed
            .get_or_insert((now, KillCause::Order));
    }
}

/// Every process of the tree that lives, by number on the host, with the time of its begin.
fn alive(tree: &Tree) -> HashMap<i32, (u64, Option<ProcessKey>)> {
    let roster = &tree.roster;
    let members = roster
        .subjects()
        .filter_map(|subject| Some((subject, roster.get(subject)?)))
        .filter(|(_, record)| record.ending.is_none() && !record.state.is_over())
        .filter_map(|(subject, record)| Some((Some(subject), record.facts.as_ref()?)));
    let all = members.chain(tree.exec_records.facts().map(|facts| (None, facts)));
    all.filter_map(|(subject, facts)| Some((*facts.numbers.first()?, (facts.start_time, subject))))
        .collect()
}

/// True if a process of this path is in a paused namespace.
fn is_in_paused(tree: &Tree, path: &str) -> bool {
    tree.roster.paused().into_iter().any(|index| {
        let namespace = tree.plan.namespace(index).path.clone();
        path.strip_prefix(&*namespace)
            .is_some_and(|rest| rest.starts_with('/'))
    })
}

/// True if the kernel would certainly drop a signal for a PID 1. For any other process to ignore
/// one is its own decision, and a signal with an unknown effect is tried.
fn is_dropped(edge: &dyn Edge, target: &Target, signal: i32) -> bool {
    let pid = Pid::from_raw(target.pid);
    edge.kernel().is_first(pid)
        && edge.kernel().fate(pid, Role::First, signal) == Some(Fate::Dropped)
}
