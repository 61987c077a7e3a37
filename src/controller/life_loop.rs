//! The loop of a tree that stands: one wait, one turn. Each turn takes in what has happened, decides, acts, and waits for the
//! next thing or deadline.

use std::time::Duration;

use super::Gates;
use super::audience::Loss;
use super::journal::event::{Event, WHOLE};
use super::left_behind::{Left, tell_of_remains};
use super::life::Life;
use super::supervision::{Conclusion, Supervisor};
use super::world::{Console, Guarding, Host, World};
use crate::engine::keeper::Reaped;
use crate::engine::moment::Moment;
use crate::sys::fault;

/// How long the last output of all programs may be read; a program outside the tree may hold a pipe and go on writing.
const DRAIN: Duration = Duration::from_secs(10);
/// How long what was said last may still come.
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
        if std::mem::take(&mut supervisor.edge.world.home.has_moved) {
            supervisor.note_paused_again();
        }
        supervisor.take_turn();
        if supervisor.is_over() {
            return finish(supervisor);
        }
        supervisor.announce();
        let idle = idle_time(&supervisor);
        supervisor.edge.world.pump(idle);
    }
}

fn idle_time(supervisor: &Supervisor<'_, Host<'_>>) -> Option<Duration> {
    let world = &supervisor.edge.world;
    if world.child_ended {
        return Some(Duration::ZERO);
    }
    let lines = world.lines.next().map(|next| next.since(Moment::now()));
    lines.into_iter().chain(supervisor.idle_time()).min()
}

fn reap(supervisor: &mut Supervisor<'_, Host<'_>>) {
    let world = &mut supervisor.edge.world;
    if world.tree.guests.are_unread() {
        if !world.child_ended {
            // One of them could end between the question and the reaping; SIGCHLD will tell.
            return;
        }
        world.tree.guests.read();
    }
    world.child_ended = false;
    loop {
        let Host { world, keeper, .. } = &mut supervisor.edge;
        match keeper.reap() {
            Reaped::Kid(subject, ending) => {
                // Whatever a PID 1 has said before it left was said before it could be reaped.
                world.drain_inherited();
                world.drain_ended(subject);
                world.note_ended(subject, ending, Moment::now());
                if subject.is_init()
                    && let Some(kid) = keeper.kids().iter().find(|kid| kid.subject == subject)
                {
                    let gone = kid.pid;
                    world.guarding.roots.retain(|&root| root != gone);
                }
                supervisor.on_reaped(subject);
            }
            Reaped::Orphan(pid, ending) => {
                world.drain_inherited();
                if pid == world.guarding.guardian.pid {
                    // Without a guardian the roots still end with the controller, by their parent-death signal.
                    let _ = world.guarding.replace(world.console.audience, Loss::Killed);
                } else if !supervisor.on_helper_ended(pid, ending) {
                    let exit = Some(ending.into());
                    let event = Event::Reparent { path: "host", pid: Some(pid.as_raw()), count: None, exit };
                    supervisor.edge.world.console.journal.record(&event);
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
        supervisor.edge.world.pump(Some(left));
    }
}

/// Everything has ended: takes in what was said last, and lets the guardian go.
fn finish(mut supervisor: Supervisor<'_, Host<'_>>) -> (Conclusion, Left) {
    let end = Moment::now();
    // It is about to be removed.
    supervisor.edge.world.truth.end();
    bury_helpers(&mut supervisor);
    let last = end.plus(LAST);
    let world = &mut supervisor.edge.world;
    world.drain_reports();
    world.drain_programs(end.plus(DRAIN));
    // With all writers dead the pipes are at their end, but for one that was passed out of the tree.
    while world.streams.open() > 0 && Moment::now() < last {
        world.pump(Some(last.since(Moment::now())));
    }
    let conclusion = supervisor.conclude(end);
    if let Some(timeline) = &conclusion.timeline {
        supervisor.edge.world.console.audience.stopped(timeline);
    }
    supervisor.answer_waiting();
    let Host { mut world, keeper, .. } = supervisor.edge;
    world.console.journal.record(&Event::Gone { path: WHOLE });
    world.console.journal.flush();
    world.tree.life = Life::Gone;
    world.take_leave(conclusion.timeline.as_ref());
    let World { guarding: Guarding { guardian, .. }, console, events, remains, .. } = world;
    let Console { audience, output, .. } = console;
    output.finish(&events);
    if keeper.living() > 0 {
        // Whatever comes next is to know of what still lives.
        remains.leave();
    }
    remains.let_go();
    // It removes what there is, unless a root still lives.
    guardian.dismiss();
    let left = tell_of_remains(remains.remove(), audience);
    (conclusion, left)
}
