//! The stop of a part: the controller asks everybody whom no PID 1 of nestns asks, each by a descriptor whose identity is
//! confirmed, and kills at the deadline.

use std::time::Duration;

use nix::libc;

use super::{Aim, Pace, Phase, Supervision};
use crate::controller::audience::Waiting;
use crate::controller::control::message::{Force, Problem, Reply};
use crate::controller::journal::event::{Event, Stage as Halt};
use crate::controller::life::COLLAPSE;
use crate::controller::roster::State;
use crate::controller::timeline::Timeline;
use crate::engine::farewell::{Action, Farewell};
use crate::engine::moment::Moment;
use crate::engine::plan::Subject;
use crate::topology::Signal;

/// How often it is told for whom a change waits.
const COUNTDOWN: Duration = Duration::from_secs(1);

impl Supervision<'_> {
    pub(super) fn begin_leaving(&mut self, place: usize) -> Phase {
        let now = Moment::now();
        let subjects = self.subjects_of(place);
        self.note_receptions_of(&subjects);
        let parts = self.parts(place);
        for part in &parts {
            self.tell_sessions_inside(&part.namespaces(&self.plan));
        }
        if self.changes.under_way[place].wish.aim == Aim::Down {
            let by = self.caller(place);
            for part in &parts {
                let path = part.path(&self.plan);
                let stage =
                    if self.changes.under_way[place].wish.force == Force::Kill { Halt::Kill } else { Halt::Ask };
                self.world.record(&Event::Stopping { path: &path, stage, cause: None, by, by_pid: None });
            }
        }
        let asked: Vec<Subject> = parts.iter().flat_map(|part| part.asked(&self.plan)).collect();
        let asked: Vec<Subject> = asked.into_iter().filter(|&subject| self.lives(subject)).collect();
        let end = match self.changes.under_way[place].wish.force {
            Force::AskWithin(milliseconds) => Some(now.plus(Duration::from_millis(milliseconds))),
            Force::Ask | Force::Kill => None,
        };
        let mut farewell = Farewell::begin(&self.plan, &asked, now, end);
        if self.changes.under_way[place].wish.force == Force::Kill {
            let actions = farewell.kill_all();
            self.take_leave_of(&actions);
        }
        Phase::Leaving { farewell, tell_again: now.plus(COUNTDOWN), give_up: None }
    }

    pub(super) fn advance_leaving(&mut self, place: usize, phase: &mut Phase) -> Pace {
        let Phase::Leaving { farewell, tell_again, give_up } = phase else { return Pace::Wait };
        let now = Moment::now();
        let ended: Vec<Subject> =
            farewell.waiting_for().map(|(subject, _)| subject).filter(|&subject| !self.lives(subject)).collect();
        for subject in ended {
            farewell.gone(subject);
        }
        if farewell.waiting_for().next().is_none() {
            *phase = self.end_leaving(place);
            return Pace::GoOn;
        }
        let actions = farewell.due(now);
        self.take_leave_of(&actions);
        if farewell.next().is_none() {
            // Everybody has been killed: the rest is the kernel's, for a bounded time.
            let limit = *give_up.get_or_insert(now.plus(COLLAPSE));
            if limit <= now {
                let stuck: Vec<String> = farewell.waiting_for().map(|(subject, _)| self.world.tree.path(subject)).collect();
                let message = format!("killed, but still there: {}", stuck.join(", "));
                let problem = Problem::no(message)
                    .help("a debugger that traces it, a frozen cgroup or a file system that does not answer keeps it");
                self.answer(place, Reply::Problem(problem));
                *phase = Phase::Over;
                return Pace::Wait;
            }
        }
        if *tell_again <= now {
            *tell_again = now.plus(COUNTDOWN);
            self.tell_askers(place, now);
        }
        Pace::Wait
    }

    fn end_leaving(&mut self, place: usize) -> Phase {
        if self.changes.under_way[place].wish.aim == Aim::Again {
            return self.begin_renewing(place);
        }
        self.note_absent(place);
        let subjects = self.subjects_of(place);
        let began = self.changes.under_way[place].began;
        let name = self.world.clients.name().to_owned();
        let timeline = Timeline::of_these(&self.world.tree.roster, subjects.into_iter(), &name, began, Moment::now());
        self.answer(place, Reply::Stopped(Box::new(timeline)));
        self.forget_ended_roots(place);
        Phase::Over
    }

    /// Does what a farewell has to do.
    pub(super) fn take_leave_of(&mut self, actions: &[Action]) {
        let now = Moment::now();
        for action in actions {
            let subject = match *action {
                Action::Ask { subject, signal, until } => {
                    self.note_receptions_of(&[subject]);
                    let is_ours = subject.is_init() && self.plan.namespace(subject.namespace).has_own_keeper();
                    let left = until.map(|until| until.since(now)).filter(|_| is_ours);
                    self.world.ask_member(subject, signal, left);
                    self.world.record_signal(subject, signal.number());
                    if signal != Signal::KILL {
                        // A stopped process takes the request only when it goes on.
                        self.world.signal_member(subject, libc::SIGCONT);
                    }
                    subject
                }
                Action::Kill(subject) => {
                    self.world.signal_member(subject, libc::SIGKILL);
                    self.world.record_signal(subject, libc::SIGKILL);
                    subject
                }
            };
            let Some(record) = self.world.tree.roster.get_mut(subject).filter(|record| !record.state.is_over()) else {
                continue;
            };
            match *action {
                Action::Ask { signal, .. } => {
                    record.farewells.asked = Some((signal.number(), now));
                    record.state = State::Stopping;
                }
                Action::Kill(_) => {
                    record.farewells.killed = Some(now);
                    record.state = State::Killing;
                }
            }
        }
    }

    fn tell_askers(&mut self, place: usize, now: Moment) {
        let askers = self.changes.under_way[place].wish.askers.clone();
        if askers.is_empty() {
            return;
        }
        let waiting = self.waiting_among(self.subjects_of(place).into_iter(), now);
        let seconds = |(passed, grace): (Duration, Duration)| (passed.as_secs_f64(), grace.as_secs_f64());
        let list: Vec<_> = waiting.into_iter().map(|Waiting { path, time }| (path, time.map(seconds))).collect();
        for asker in askers {
            self.world.reply(asker, Reply::Waiting(list.clone()));
        }
    }

    /// The guardian keeps a descriptor of every root: of those that have ended none is needed.
    pub(super) fn forget_ended_roots(&mut self, place: usize) {
        let is_root = |subject: Subject| subject.is_init() && self.plan.namespace(subject.namespace).parent.is_none();
        if self.changes.under_way[place].wish.parts.iter().any(|part| is_root(part.0)) {
            // One that has been killed is replaced when it is reaped, and told of the living only.
            let _ = self.world.guardian.forget_the_dead();
        }
    }
}
