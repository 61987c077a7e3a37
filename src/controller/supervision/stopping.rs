//! The stop: requests, whom to ask, the countdown, the kill.

use std::time::Duration;

use super::Supervision;
use crate::controller::audience::{Cause, Note, Waiting};
use crate::controller::journal::event::{Event as Noted, Stage as Halt, WHOLE};
use crate::controller::life::COLLAPSE;
use crate::controller::life::{Event, Reaction};
use crate::controller::roster::State;
use crate::controller::world::World;
use crate::engine::farewell::{self, Action, Farewell};
use crate::engine::keeper::{Keeper, Reaped};
use crate::engine::moment::Moment;
use crate::engine::plan::Subject;
use crate::engine::report::Ending;
use crate::observe::signals::{self, Fate, Role};
use crate::sys::pidfd::Pidfd;
use crate::topology::Signal;
use nix::libc;

/// How often people are told for whom a stop waits.
const COUNTDOWN: Duration = Duration::from_secs(1);
/// How long the command of `run` has to end, when the tree is stopped around it.
const VISIT_GRACE: Duration = Duration::from_secs(5);

/// A stop in progress.
#[derive(Debug)]
pub(super) struct Stopping {
    pub(super) began: Moment,
    pub(super) farewell: Farewell,
    pub(super) tell_again: Moment,
    /// After a kill of everything: when to give up waiting for the kernel.
    pub(super) give_up: Option<Moment>,
}

impl Supervision<'_> {
    pub(super) fn stop_if_told(&mut self) {
        if let Some(failure) = self.world.tree.failure.take() {
            let path = self.world.tree.path(failure.subject);
            self.world.audience.note(&Note::LateFailure { path: &path, failure: &failure });
            self.verdict.adopt(Ending::Exited(125));
            self.world.tree.request_stop(Cause::Ended { path });
        }
        self.stop_at_first_request();
        // Both requests may have come since the last round: the second is one only after the first.
        if self.world.tree.stop_again {
            self.world.tree.stop_again = false;
            let (life, reaction) = self.life.on(Event::StopAgain);
            self.life = life;
            if reaction == Reaction::Kill {
                self.world.audience.note(&Note::Killing);
                self.world.record(&Noted::Stopping {
                    path: WHOLE,
                    stage: Halt::Kill,
                    cause: None,
                    by: None,
                    by_pid: None,
                });
                self.kill_everything();
            }
        }
    }

    pub(super) fn stop_at_first_request(&mut self) {
        let Some(cause) = self.world.tree.stop.clone() else { return };
        let (life, reaction) = self.life.on(Event::Stop);
        if reaction == Reaction::RollBack {
            self.life = life;
            self.record_stop(&cause);
            self.roll_back(&cause);
        }
        if reaction != Reaction::Ask {
            return;
        }
        self.life = life;
        self.cancel_changes();
        self.opening.manager.say_stopping();
        self.call_everybody_off();
        self.world.audience.note(&Note::Stopping { cause: &cause });
        self.record_stop(&cause);
        self.thaw_all();
        self.tell_sessions_to_leave();
        if self.visitor_lives() {
            // He is a guest of the tree: he leaves first.
            self.ask_visitor();
            self.visit_deadline = Some(Moment::now().plus(VISIT_GRACE));
        } else {
            self.begin_to_stop();
        }
    }

    pub(super) fn begin_to_stop(&mut self) {
        self.visit_deadline = None;
        self.note_receptions();
        let now = Moment::now();
        let own = self.keeper.kids().iter().filter(|kid| !kid.gone && !kid.subject.is_guest()).map(|kid| kid.subject);
        let asked: Vec<Subject> = own
            .filter(|subject| subject.is_init() || !self.plan.namespace(subject.namespace).has_own_keeper())
            .collect();
        let farewell = Farewell::begin(&self.plan, &asked, now, self.world.tree.stop_end);
        self.stopping = Some(Stopping { began: now, farewell, tell_again: now, give_up: None });
    }

    /// Looks, before anybody is asked, at who will act on the request. A `kill` that succeeds proves nothing (R5).
    pub(super) fn note_receptions(&mut self) {
        let subjects: Vec<Subject> = self.world.tree.roster.subjects().collect();
        self.note_receptions_of(&subjects);
    }

    pub(super) fn note_receptions_of(&mut self, subjects: &[Subject]) {
        for &subject in subjects {
            let namespace = self.plan.namespace(subject.namespace);
            let Some(record) = self.world.tree.roster.get_mut(subject) else { continue };
            if record.state.is_over() {
                continue;
            }
            record.farewells.handled = match (namespace.process(subject.slot), record.pid()) {
                (None, _) => Some(true),
                (Some(process), Some(pid)) => {
                    let role = if subject.is_init() { Role::First } else { Role::Member };
                    match signals::fate(pid, role, process.stop.signal.number()) {
                        Ok(Fate::Taken) => Some(true),
                        Ok(Fate::Dropped) => Some(false),
                        Ok(Fate::Unknown) | Err(_) => None,
                    }
                }
                (Some(_), None) => None,
            };
        }
    }

    pub(super) fn act(&mut self) {
        if let Some(deadline) = self.visit_deadline {
            if !self.visitor_lives() {
                self.kill_visitor();
                self.begin_to_stop();
            } else if deadline <= Moment::now() {
                self.kill_visitor();
                self.visit_deadline = Some(Moment::now().plus(VISIT_GRACE));
            }
        }
        let now = Moment::now();
        let Some(stopping) = &mut self.stopping else { return };
        let actions = stopping.farewell.due(now);
        for action in actions {
            match action {
                Action::Ask { subject, signal, until } => {
                    self.note_receptions_of(&[subject]);
                    self.ask_kid(subject, signal, until.map(|until| until.since(now)));
                    self.signal_kid(subject, Signal::from_number(libc::SIGCONT));
                    self.world.record_signal(subject, signal.number());
                    if let Some(record) = self.world.tree.roster.get_mut(subject) {
                        record.farewells.asked = Some((signal.number(), now));
                        record.state = State::Stopping;
                    }
                }
                Action::Kill(subject) => self.kill_kid(subject, now),
            }
        }
        self.tell_whom_it_waits_for(now);
    }

    pub(super) fn tell_whom_it_waits_for(&mut self, now: Moment) {
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.tell_again > now {
            return;
        }
        stopping.tell_again = now.plus(COUNTDOWN);
        let waiting = self.waiting_among(self.world.tree.roster.subjects(), now);
        self.world.audience.waiting(&waiting);
        self.world.tell_mourners(&waiting);
    }

    /// Those of these that have not ended, with their time.
    pub(super) fn waiting_among(&self, subjects: impl Iterator<Item = Subject>, now: Moment) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for subject in subjects {
            let namespace = self.plan.namespace(subject.namespace);
            let Some(record) = self.world.tree.roster.get(subject).filter(|record| !record.state.is_over()) else {
                continue;
            };
            let Some(process) = namespace.process(subject.slot) else { continue };
            let time = record.farewells.asked.map(|(_, at)| (now.since(at), process.stop.grace));
            waiting.push(Waiting { path: namespace.path_of(subject.slot), time });
        }
        waiting
    }

    /// Asks a child to end; an init of ours is told how long it has at most.
    fn ask_kid(&self, subject: Subject, signal: Signal, left: Option<Duration>) {
        let is_ours = subject.is_init() && self.plan.namespace(subject.namespace).has_own_keeper();
        match (self.keeper.find(subject), left.filter(|_| is_ours)) {
            (Some(kid), Some(left)) => {
                // It may have ended a moment ago, and then wants nothing more.
                let _ = Pidfd::open(kid.pid).and_then(|pidfd| farewell::ask(&pidfd, signal, left));
            }
            _ => self.signal_kid(subject, signal),
        }
    }

    pub(super) fn signal_kid(&self, subject: Subject, signal: Signal) {
        if let Some(kid) = self.keeper.find(subject)
            && let Ok(pidfd) = Pidfd::open(kid.pid)
        {
            // It may have ended a moment ago, and then wants nothing more.
            let _ = pidfd.signal(signal.number());
        }
    }

    pub(super) fn kill_kid(&mut self, subject: Subject, now: Moment) {
        self.signal_kid(subject, Signal::KILL);
        self.world.record_signal(subject, libc::SIGKILL);
        if let Some(record) = self.world.tree.roster.get_mut(subject) {
            record.farewells.killed = Some(now);
            if !record.state.is_over() {
                record.state = State::Killing;
            }
        }
    }

    pub(super) fn kill_everything(&mut self) {
        self.thaw_all();
        if self.stopping.is_none() {
            self.begin_to_stop();
        }
        self.kill_visitor();
        let now = Moment::now();
        let kids: Vec<Subject> =
            self.keeper.kids().iter().filter(|kid| !kid.gone && kid.subject.is_init()).map(|kid| kid.subject).collect();
        if let Some(stopping) = &mut self.stopping {
            stopping.farewell.kill_all();
            stopping.give_up = Some(now.plus(COLLAPSE));
        }
        for subject in kids {
            self.kill_kid(subject, now);
        }
    }
}

/// Kills the roots and reaps until nothing is left, or the time is over; then who is left is named.
pub(in crate::controller) fn kill_and_reap(keeper: &mut Keeper, world: &mut World<'_>, until: Moment) -> Vec<String> {
    for kid in keeper.kids().iter().filter(|kid| !kid.gone) {
        if let Ok(pidfd) = Pidfd::open(kid.pid) {
            let _ = pidfd.signal(libc::SIGKILL);
        }
    }
    loop {
        match keeper.reap() {
            Reaped::Kid(..) | Reaped::Orphan(..) => {}
            Reaped::Childless => return Vec::new(),
            Reaped::Nothing if keeper.living() == 0 => return Vec::new(),
            Reaped::Nothing => {
                let left = until.since(Moment::now());
                if left.is_zero() {
                    return keeper.kids().iter().filter(|kid| !kid.gone).map(|kid| world.tree.path(kid.subject)).collect();
                }
                world.pump(Some(left));
            }
        }
    }
}
