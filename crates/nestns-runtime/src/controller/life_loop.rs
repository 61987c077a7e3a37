//! The loop of a tree that stands: one wait, one turn. Each turn takes in what has happened,
//! decides, acts, and waits for the next thing or deadline.

use std::time::Duration;

use super::Gates;
use super::event_sink::Loss;
use super::left_behind::{Left, tell_of_remains};
use super::life::Life;
use super::reactor::{Console, Guarding, Host, Reactor, end_record};
use super::supervisor::{Conclusion, Supervisor};
use crate::engine::children::Reaped;
use nestns_client::journal::event::{Event, WHOLE};
use nestns_sys::fault;
use nestns_sys::moment::Moment;

/// Time that the last output of all programs may be read; a program outside the tree may hold a
/// pipe and go on writing.
const DRAIN: Duration = Duration::from_secs(10);
/// Time that the last messages may take to come.
const LAST: Duration = Duration::from_secs(1);

/// Stays until everything has ended.
pub(super) fn live(mut supervisor: Supervisor<'_, Host<'_>>, gates: Gates) -> (Conclusion, Left) {
    if gates == Gates::Open {
        supervisor.open_gates();
        fault::point("released");
    }
    supervisor.announce();
    loop {
        reap(&mut supervisor);
        if std::mem::take(&mut supervisor.edge.reactor.home.has_moved) {
            supervisor.note_paused_again();
        }
        supervisor.take_turn();
        if supervisor.is_over() {
            return finish(supervisor);
        }
        supervisor.announce();
        let idle = idle_time(&supervisor);
        supervisor.edge.reactor.pump(idle);
    }
}

fn idle_time(supervisor: &Supervisor<'_, Host<'_>>) -> Option<Duration> {
    let reactor = &supervisor.edge.reactor;
    if reactor.child_ended {
        return Some(Duration::ZERO);
    }
    let lines = reactor.lines.next().map(|next| next.since(Moment::now()));
    lines.into_iter().chain(supervisor.idle_time()).min()
}

fn reap(supervisor: &mut Supervisor<'_, Host<'_>>) {
    let reactor = &mut supervisor.edge.reactor;
    if reactor.tree.exec_records.are_unread() {
        if !reactor.child_ended {
            // One of them could end between the question and the reaping; SIGCHLD will tell.
            return;
        }
        reactor.tree.exec_records.read();
    }
    reactor.child_ended = false;
    loop {
        let Host {
            reactor, children, ..
        } = &mut supervisor.edge;
        match children.reap() {
            Reaped::Child(subject, ending) => {
                // Whatever a PID 1 has said before it left was said before it could be reaped.
                reactor.drain_inherited();
                reactor.drain_ended(subject);
                reactor.note_ended(subject, ending, Moment::now());
                if subject.is_init()
                    && let Some(child) = children
                        .list()
                        .iter()
                        .find(|child| child.subject == subject)
                {
                    let gone = child.pid;
                    reactor.guarding.roots.retain(|&root| root != gone);
                }
                supervisor.on_reaped(subject);
            }
            Reaped::Orphan(pid, ending) => {
                reactor.drain_inherited();
                if pid == reactor.guarding.guardian.pid {
                    // Without a guardian the roots still end with the controller, by their
                    // parent-death signal.
                    let _ = reactor
                        .guarding
                        .replace(reactor.console.event_sink, Loss::Killed);
                } else if !supervisor.on_helper_ended(pid, ending) {
                    let exit = Some(ending.into());
                    let event = Event::Reparent {
                        path: "host",
                        pid: Some(pid.as_raw()),
                        count: None,
                        exit,
                    };
                    supervisor.edge.reactor.console.journal.record(&event);
                }
            }
            Reaped::Nothing | Reaped::Childless => return,
        }
    }
}

/// Reaps helpers that were called off before the controller leaves: nothing is left behind.
fn bury_helpers(supervisor: &mut Supervisor<'_, Host<'_>>) {
    supervisor.end_probes();
    let end = Moment::now().plus(LAST);
    loop {
        reap(supervisor);
        let left = end.since(Moment::now());
        if !supervisor.end_probes() || left.is_zero() {
            return;
        }
        supervisor.edge.reactor.pump(Some(left));
    }
}

/// Everything has ended: takes in what was said last, and lets the guardian go.
fn finish(mut supervisor: Supervisor<'_, Host<'_>>) -> (Conclusion, Left) {
    let end = Moment::now();
    // It is about to be removed, or to be written for the last time.
    supervisor.edge.reactor.truth.end();
    bury_helpers(&mut supervisor);
    let last = end.plus(LAST);
    let reactor = &mut supervisor.edge.reactor;
    reactor.drain_reports();
    reactor.drain_programs(end.plus(DRAIN));
    // With all writers dead the pipes are at their end, but for one that was passed out of the
    // tree.
    while reactor.streams.open() > 0 && Moment::now() < last {
        reactor.pump(Some(last.since(Moment::now())));
    }
    let conclusion = supervisor.conclude(end);
    if let Some(timeline) = &conclusion.timeline {
        supervisor.edge.reactor.console.event_sink.stopped(timeline);
    }
    supervisor.answer_waiting();
    let Host {
        mut reactor,
        children,
        ..
    } = supervisor.edge;
    reactor.console.journal.record(&Event::Gone {
        path: WHOLE,
        not_asked: None,
    });
    reactor.console.journal.flush();
    reactor.tree.life = Life::Gone;
    if children.alive() == 0 {
        end_record::write(&mut reactor, &conclusion);
    }
    reactor.take_leave(conclusion.timeline.as_ref());
    let Reactor {
        guarding: Guarding { guardian, .. },
        console,
        events,
        remains,
        ..
    } = reactor;
    let Console {
        event_sink, output, ..
    } = console;
    output.finish(&events);
    if children.alive() > 0 {
        // Whatever comes next is to know of what still lives.
        remains.leave();
    }
    remains.let_go();
    // It removes what there is, unless a root still lives.
    guardian.dismiss();
    let left = tell_of_remains(remains.remove(), event_sink);
    (conclusion, left)
}
