//! Bringing a part back: created by its keeper as it was at first, compared with the kernel, and only then let go.

use std::collections::VecDeque;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use super::{ARRIVAL, Author, CLEARANCE, Pace, Phase, Supervision};
use crate::controller::control::message::{Problem, Reply};
use crate::controller::diagnosis::describe;
use crate::controller::journal::event::Event;
use crate::controller::part::Part;
use crate::controller::roster::State;
use crate::controller::trouble::Trouble;
use crate::controller::verification;
use crate::controller::world::Reach;
use crate::engine::failure::{Failure, Stage};
use crate::engine::gate;
use crate::engine::keeper::Setback;
use crate::engine::line::{Answer, Command};
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Plan, Subject};
use crate::sys::call::{Call, Named};
use crate::sys::pidfd::Pidfd;
use std::os::fd::AsFd;

/// How long a PID 1 may take to carry a command out: longer than it gives itself.
const EXECUTION: Duration = Duration::from_secs(70);

/// A command and who is to carry it out: the controller itself where there is nobody.
#[derive(Debug, Clone, Copy)]
struct Order {
    to: Option<NamespaceIndex>,
    command: Command,
    of: Subject,
}

/// What is still to be ordered.
#[derive(Debug)]
pub(super) struct Renewal {
    orders: VecDeque<Order>,
    /// Until when the first of them, which has been given, may take.
    given: Option<Moment>,
    answer: Option<Answer>,
    /// What came along with the last answer.
    luggage: Option<Pidfd>,
}

impl Renewal {
    fn of(plan: &Plan, parts: &[Part]) -> Self {
        let mut orders = VecDeque::new();
        for part in parts {
            let of = part.0;
            let Subject { namespace, slot } = of;
            let keeper = plan.keeper_of_subject(of);
            let mut order = |to, command| orders.push_back(Order { to, command, of });
            if of.is_init() {
                order(keeper, Command::Raise { namespace });
            } else if keeper == Some(namespace) {
                order(keeper, Command::Fork { slot });
            } else {
                order(keeper, Command::Join { namespace, slot });
                if plan.namespace(namespace).has_own_keeper() {
                    order(Some(namespace), Command::Member { slot });
                }
            }
        }
        Self { orders, given: None, answer: None, luggage: None }
    }

    /// Whether this PID 1 has been given an order.
    pub(super) fn awaits(&self, namespace: NamespaceIndex) -> bool {
        self.given.is_some() && self.orders.front().is_some_and(|order| order.to == Some(namespace))
    }

    pub(super) fn take(&mut self, answer: Answer, pidfd: Option<Pidfd>) {
        self.answer = Some(answer);
        self.luggage = pidfd;
    }

    /// Whoever was to do it has hung up.
    pub(super) fn lose(&mut self) {
        if let Some(order) = self.orders.front() {
            self.answer = Some(Answer::Failed(Failure::of_no_call(order.of, Stage::Call, Errno::EPIPE)));
        }
    }

    /// When it is given up.
    pub(super) fn until(&self) -> Option<Moment> {
        self.given
    }
}

impl Supervision<'_> {
    pub(super) fn begin_renewing(&mut self, place: usize) -> Phase {
        let parts = self.parts(place);
        let plan = self.plan;
        self.changes.absent.retain(|absent| !parts.iter().any(|part| part.contains(&plan, absent.0)));
        self.world.tree.setbacks.retain(|failure| !parts.iter().any(|part| part.contains(&plan, failure.subject)));
        self.waiting.retain(|subject| !parts.iter().any(|part| part.contains(&plan, *subject)));
        let by = self.caller(place);
        for part in &parts {
            let path = part.path(&plan);
            let is_policy = self.changes.under_way[place].wish.author == Author::Policy;
            let attempt = if is_policy { self.changes.comebacks.row(part.0) } else { None };
            self.world.record(&Event::Restart { path: &path, attempt, by });
        }
        for subject in self.subjects_of(place) {
            self.renew_readiness(subject);
            self.world.tree.roster.renew(subject);
            self.world.streams.forget_outcome(subject, &self.world.events);
            self.started.remove(&subject);
            if self.owns_terminal(subject)
                && let Some(relay) = &mut self.world.relay
            {
                // Without one it fails when it takes it, and says so.
                let _ = relay.renew();
            }
        }
        Phase::Renewing(Renewal::of(&self.plan, &parts))
    }

    pub(super) fn advance_renewing(&mut self, place: usize, phase: &mut Phase) -> Pace {
        let Phase::Renewing(renewal) = phase else { return Pace::Wait };
        if let Some(failure) = self.setback(place) {
            *phase = self.begin_clearing(place, self.trouble(failure));
            return Pace::GoOn;
        }
        let Some(&order) = renewal.orders.front() else {
            *phase = Phase::Standing { subjects: self.subjects_of(place), until: Moment::now().plus(ARRIVAL) };
            return Pace::GoOn;
        };
        let result = match (order.to, renewal.given) {
            (None, _) => self.carry_out(order).map(|pidfd| renewal.luggage = pidfd),
            (Some(_), Some(until)) => match renewal.answer.take() {
                Some(Answer::Done) => Ok(()),
                Some(Answer::Failed(failure)) => Err(failure),
                None if until <= Moment::now() => Err(Failure::of_no_call(order.of, Stage::Call, Errno::ETIMEDOUT)),
                None => return Pace::Wait,
            },
            (Some(keeper), None) => match self.world.reach(keeper) {
                Reach::Ready => {
                    let luggage = renewal.luggage.take();
                    renewal.given = Some(Moment::now().plus(EXECUTION));
                    self.world.command(keeper, order.command, luggage.as_ref().map(AsFd::as_fd));
                    return Pace::Wait;
                }
                Reach::Waiting(_) | Reach::Busy => return Pace::Wait,
                Reach::Unreachable => Err(Failure::of_no_call(order.of, Stage::Call, Errno::ETIMEDOUT)),
            },
        };
        renewal.given = None;
        match result {
            Ok(()) => drop(renewal.orders.pop_front()),
            Err(failure) => {
                // Whoever has failed first has said so before; its keeper has only noticed.
                self.world.drain_reports();
                let failure = self.setback(place).unwrap_or(failure);
                *phase = self.begin_clearing(place, self.trouble(failure));
            }
        }
        Pace::GoOn
    }

    /// Does what no PID 1 can be told to do.
    fn carry_out(&mut self, order: Order) -> Result<Option<Pidfd>, Failure> {
        self.world.tree.raising = Some(Part(order.of));
        let result = match order.command {
            Command::Raise { namespace } => self.keeper.raise_again(namespace, &mut self.world).map(|()| None),
            Command::Join { .. } => self.keeper.join_again(order.of, &mut self.world).and_then(|pid| {
                let failed = |cause| Failure::new(order.of, Stage::Channel, cause);
                Ok(Some(Pidfd::open(pid).by(Call::PidfdOpen).map_err(failed)?))
            }),
            // These are for the PID 1 of a namespace.
            Command::Fork { .. } | Command::Member { .. } | Command::Settle => Ok(None),
        };
        self.world.tree.raising = None;
        result.map_err(|setback| match setback {
            Setback::Failed(failure) => failure,
            Setback::Interrupted => Failure::of_no_call(order.of, Stage::Leaving, Errno::EINTR),
        })
    }

    /// Waits until everything is there, makes sure that it is what it should be, and lets it go.
    pub(super) fn advance_standing(&mut self, place: usize, phase: &mut Phase) -> Pace {
        let Phase::Standing { subjects, until } = phase else { return Pace::Wait };
        let state = |subject: Subject| self.world.tree.roster.get(subject).map(|record| record.state).unwrap_or_default();
        let trouble = if let Some(failure) = self.setback(place) {
            Some(self.trouble(failure))
        } else if let Some(&dead) = subjects.iter().find(|&&subject| state(subject).is_over()) {
            Some(self.trouble(Failure::new(dead, Stage::Died, Errno::UnknownErrno)))
        } else if let Some(&missing) = subjects.iter().find(|&&subject| state(subject) == State::Creating) {
            if *until > Moment::now() {
                return Pace::Wait;
            }
            Some(self.trouble(Failure::of_no_call(missing, Stage::Observe, Errno::ETIMEDOUT)))
        } else {
            match verification::compare_these(&self.world.tree.roster, subjects.iter().copied()) {
                Ok(mismatches) if mismatches.is_empty() => None,
                Ok(mismatches) => Some(Trouble::Mismatch(mismatches)),
                Err(cause) => Some(Trouble::System { what: "compare the tree with the kernel's view of it", cause }),
            }
        };
        if let Some(trouble) = trouble {
            *phase = self.begin_clearing(place, trouble);
            return Pace::GoOn;
        }
        let parts = self.parts(place);
        if parts.iter().any(|part| part.0.is_init()) {
            // As at the start: it is known what would be left of it before anything of the user's runs.
            self.world.flush_truth();
        }
        for subject in std::mem::take(subjects) {
            let namespace = self.plan.namespace(subject.namespace);
            match namespace.process(subject.slot) {
                Some(process) if process.is_unconditional() => {
                    self.world.signal_member(subject, gate::RELEASE as i32);
                    let path = namespace.path_of(subject.slot);
                    self.world.record(&Event::Release { path: &path });
                }
                Some(_) => self.waiting.push(subject),
                None => {}
            }
        }
        for part in &parts {
            self.changes.comebacks.began(part.0, Moment::now());
        }
        let paths = parts.iter().map(|part| part.path(&self.plan)).collect();
        self.answer(place, Reply::Restarted(paths));
        self.forget_ended_roots(place);
        *phase = Phase::Over;
        Pace::Wait
    }

    /// The first failure in what is being created.
    fn setback(&self, place: usize) -> Option<Failure> {
        let parts = &self.changes.under_way[place].wish.parts;
        let is_own = |failure: &&Failure| parts.iter().any(|part| part.contains(&self.plan, failure.subject));
        self.world.tree.setbacks.iter().find(is_own).cloned()
    }

    fn trouble(&self, failure: Failure) -> Trouble {
        describe(&self.world.tree.roster, failure)
    }

    /// Kills what there is of a part that could not be created whole.
    fn begin_clearing(&mut self, place: usize, trouble: Trouble) -> Phase {
        for subject in self.parts(place).iter().flat_map(|part| part.asked(&self.plan)) {
            // One that has not been verified yet is known to its keeper, who has done the same.
            self.world.signal_member(subject, libc::SIGKILL);
            self.signal_kid(subject, crate::topology::Signal::KILL);
        }
        Phase::Clearing { trouble: Box::new(trouble), until: Moment::now().plus(CLEARANCE) }
    }

    pub(super) fn advance_clearing(&mut self, place: usize, phase: &mut Phase) -> Pace {
        let Phase::Clearing { trouble, until } = phase else { return Pace::Wait };
        let parts = self.parts(place);
        let is_over = |part: &Part| self.world.tree.roster.get(part.0).is_some_and(|record| record.state.is_over());
        if !parts.iter().all(is_over) && *until > Moment::now() {
            return Pace::Wait;
        }
        for subject in self.subjects_of(place) {
            self.world.tree.roster.give_up(subject);
        }
        for part in &parts {
            self.mark(part.0, State::Failed);
            self.changes.absent.insert(*part);
        }
        self.forget_ended_roots(place);
        let paths: Vec<String> = parts.iter().map(|part| format!("`{}`", part.path(&self.plan))).collect();
        let message = format!("could not bring {} back: {trouble}", paths.join(", "));
        let problem = Problem { message, help: trouble.help(), status: trouble.status(), code: None };
        self.answer(place, Reply::Problem(problem));
        if self.changes.under_way[place].wish.author == Author::Policy {
            for part in parts {
                self.changes.absent.remove(&part);
                self.on_failed_comeback(part, trouble);
            }
        }
        *phase = Phase::Over;
        Pace::Wait
    }
}
