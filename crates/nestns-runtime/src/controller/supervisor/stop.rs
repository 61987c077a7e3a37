//! The driver of a stop, of the whole tree or of a target in it: the requests, the countdown, the
//! kill.
//!
//! The order is the plan's ([`StopPlan`]); here is what each step of it does. The controller asks
//! what no PID 1 of nestns asks.

use std::time::Duration;

use nix::libc;

use super::edge::Edge;
use crate::controller::event_sink::Waiting;
use crate::controller::life::COLLAPSE;
use crate::controller::roster::{KillCause, State};
use crate::controller::tree::Tree;
use crate::engine::plan::{HoldIndex, ProcessKey};
use crate::engine::stop_plan::{Action, MARGIN, StopPlan};
use nestns_observe::signals::{Fate, Role};
use nestns_sys::moment::Moment;
use nestns_topology::Signal;

/// Interval between reports of the processes that a stop waits for.
const COUNTDOWN: Duration = Duration::from_secs(1);

/// A stop under way.
#[derive(Debug)]
pub(super) struct Stop {
    began: Moment,
    /// Moment at which a client will have all of it killed.
    end: Option<Moment>,
    steps: StopPlan,
    tell_again: Moment,
    /// Moment at which to give up waiting for the kernel, after everything has been killed.
    give_up: Option<Moment>,
}

impl Stop {
    /// Begins to stop what the controller itself has to ask. `end` is when a client will have all
    /// of it killed.
    pub(super) fn begin(edge: &dyn Edge, asked: &[ProcessKey], end: Option<Moment>) -> Self {
        let now = edge.now();
        let steps = StopPlan::begin(&edge.tree().plan, None, asked, now, end);
        Self {
            began: now,
            end,
            steps,
            tell_again: now,
            give_up: None,
        }
    }

    /// The same without a countdown at its begin.
    #[must_use]
    pub(super) fn with_late_countdown(self) -> Self {
        Self {
            tell_again: self.began.plus(COUNTDOWN),
            ..self
        }
    }

    /// Moment at which it began.
    pub(super) fn began(&self) -> Moment {
        self.began
    }

    /// Does what is due.
    pub(super) fn advance(&mut self, edge: &mut dyn Edge) {
        for action in self.steps.due(edge.now()) {
            carry_out(edge, action, KillCause::Deadline);
        }
    }

    /// Kills at once those of the rest that are to be.
    pub(super) fn kill(&mut self, edge: &mut dyn Edge, is_killed: impl Fn(ProcessKey) -> bool) {
        let is_over = |end: Moment| end.since(edge.now()) < MARGIN;
        // The client that has set the time measures it by its own clock.
        let cause = if self.end.is_some_and(is_over) {
            KillCause::Deadline
        } else {
            KillCause::Order
        };
        for action in self.steps.kill_all() {
            if matches!(action, Action::Kill(subject) if is_killed(subject)) {
                carry_out(edge, action, cause);
            }
        }
        self.give_up = Some(edge.now().plus(COLLAPSE));
    }

    /// Lifts a hold.
    pub(super) fn lift(&mut self, hold: HoldIndex) {
        self.steps.lift(hold);
    }

    /// Notes that a process has ended.
    pub(super) fn left(&mut self, subject: ProcessKey) {
        self.steps.gone(subject);
    }

    /// The processes that have not ended.
    pub(super) fn rest(&self) -> Vec<ProcessKey> {
        self.steps
            .waiting_for()
            .map(|(subject, _)| subject)
            .collect()
    }

    /// True if the kernel does not let go of what has been killed.
    pub(super) fn is_stuck(&mut self, now: Moment) -> bool {
        if self.give_up.is_none() && self.steps.next().is_none() {
            // Everything has been killed: the rest is the kernel's, for a bounded time.
            self.give_up = Some(now.plus(COLLAPSE));
        }
        self.give_up.is_some_and(|give_up| give_up <= now)
    }

    /// True once a second: it is told for which processes it waits.
    pub(super) fn takes_countdown(&mut self, now: Moment) -> bool {
        let is_due = self.tell_again <= now;
        if is_due {
            self.tell_again = now.plus(COUNTDOWN);
        }
        is_due
    }

    /// Moment of the next thing to do.
    pub(super) fn next(&self) -> Option<Moment> {
        [self.steps.next(), Some(self.tell_again), self.give_up]
            .into_iter()
            .flatten()
            .min()
    }
}

fn carry_out(edge: &mut dyn Edge, action: Action, cause: KillCause) {
    let now = edge.now();
    let subject = match action {
        Action::Prepare(subject) => {
            edge.tree_mut().begin_preparation(subject, now);
            return;
        }
        Action::Ask { subject, .. } | Action::Kill(subject) => subject,
    };
    match action {
        Action::Ask { signal, until, .. } => {
            note_receptions(edge, &[subject]);
            let is_init = subject.is_init()
                && edge
                    .tree()
                    .plan
                    .namespace(subject.namespace)
                    .forks_its_members();
            let left = until.map(|until| until.since(now)).filter(|_| is_init);
            edge.ask(subject, signal, left);
            edge.record_signal(subject, signal.number());
            if signal != Signal::KILL {
                // A stopped process takes the request only when it goes on.
                edge.signal_reached(subject, Signal::from_number(libc::SIGCONT));
            }
            edge.tree_mut().extend_request(subject, signal.number());
        }
        Action::Kill(_) => {
            edge.signal_reached(subject, Signal::KILL);
            edge.record_signal(subject, libc::SIGKILL);
            edge.tree_mut().extend_request(subject, libc::SIGKILL);
        }
        Action::Prepare(_) => {}
    }
    let roster = &mut edge.tree_mut().roster;
    let Some(record) = roster
        .get_mut(subject)
        .filter(|record| !record.state.is_over())
    else {
        return;
    };
    match action {
        Action::Ask { signal, .. } => {
            record.stop_record.asked = Some((signal.number(), now));
            record.state = State::Stopping;
        }
        Action::Kill(_) => {
            record.stop_record.killed.get_or_insert((now, cause));
            record.state = State::Killing;
        }
        Action::Prepare(_) => {}
    }
}

/// Looks, before anything is asked, at what will act on the request. A `kill` that succeeds proves
/// nothing (R5).
pub(super) fn note_receptions(edge: &mut dyn Edge, subjects: &[ProcessKey]) {
    for &subject in subjects {
        let tree = edge.tree();
        let Some(record) = tree
            .roster
            .get(subject)
            .filter(|record| !record.state.is_over())
        else {
            continue;
        };
        let handled = match (
            tree.plan.namespace(subject.namespace).process(subject.slot),
            record.pid(),
        ) {
            (None, _) => Some(true),
            (Some(process), Some(pid)) => {
                let role = if subject.is_init() {
                    Role::First
                } else {
                    Role::Member
                };
                match edge.kernel().fate(pid, role, process.stop.signal.number()) {
                    Some(Fate::Taken) => Some(true),
                    Some(Fate::Dropped) => Some(false),
                    Some(Fate::Unknown) | None => None,
                }
            }
            (Some(_), None) => None,
        };
        if let Some(record) = edge.tree_mut().roster.get_mut(subject) {
            record.stop_record.handled = handled;
        }
    }
}

/// Processes among these that have not ended, with their time.
pub(super) fn waiting_among(tree: &Tree, subjects: &[ProcessKey], now: Moment) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    for &subject in subjects {
        let namespace = tree.plan.namespace(subject.namespace);
        let Some(record) = tree
            .roster
            .get(subject)
            .filter(|record| !record.state.is_over())
        else {
            continue;
        };
        let Some(process) = namespace.process(subject.slot) else {
            continue;
        };
        let time = record
            .stop_record
            .began()
            .map(|at| (now.since(at), process.stop.grace));
        waiting.push(Waiting {
            path: namespace.path_of(subject.slot),
            time,
        });
    }
    waiting
}

/// The same, as a client is told.
pub(super) fn countdown(waiting: &[Waiting]) -> Vec<(String, Option<(f64, f64)>)> {
    let seconds =
        |(passed, grace): (Duration, Duration)| (passed.as_secs_f64(), grace.as_secs_f64());
    waiting
        .iter()
        .map(|one| (one.path.clone(), one.time.map(seconds)))
        .collect()
}
