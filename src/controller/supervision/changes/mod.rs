//! Parts of the tree that are taken down or brought back while the rest goes on: by request, or by a restart policy.
//!
//! Nothing that ends in a change has failed, and nobody's end in it decides about the tree. Each goes through these phases:
//!
//! | phase | what happens | what follows |
//! |---|---|---|
//! | holding | the PID 1s around are called, so that they do not leave when they are empty | leaving |
//! | leaving | as in a stop: asked, waited for, killed at the deadline | over, or renewing |
//! | renewing | the keepers are told, one after the other, what to create | standing |
//! | standing | all have reported and wait; the kernel is compared with the plan; then they are let go | over |
//! | clearing | something has failed: what there was of it is killed | over |
//!
//! Changes that have nothing in common go on side by side; one that has waits for the other. A stop of the whole ends all.

mod comebacks;
mod holding;
mod leaving;
mod renewing;
mod requests;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::Supervision;
use crate::controller::control::message::{Force, Problem, Reply};
use crate::controller::journal::event::Caller;
use crate::controller::part::Part;
use crate::controller::trouble::Trouble;
use crate::controller::world::Asker;
use crate::engine::failure::Failure;
use crate::engine::farewell::Farewell;
use crate::engine::line::Answer;
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Subject};
use crate::sys::pidfd::Pidfd;

use comebacks::Comebacks;
use renewing::Renewal;

/// How long what is created again may take until all of it has reported.
const ARRIVAL: Duration = Duration::from_mins(1);
/// How long what is left of a failed creation may take to be reaped.
const CLEARANCE: Duration = Duration::from_secs(2);

/// Where a change leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// The parts are gone.
    Down,
    /// They are there anew.
    Again,
}

/// Who wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// Somebody on the control socket.
    Client,
    /// A restart policy.
    Policy,
}

/// What is wanted.
#[derive(Debug)]
struct Wish {
    aim: Aim,
    parts: Vec<Part>,
    author: Author,
    force: Force,
    askers: Vec<Asker>,
}

/// How far a change is.
#[derive(Debug)]
enum Phase {
    Holding,
    Leaving { farewell: Farewell, tell_again: Moment, give_up: Option<Moment> },
    Renewing(Renewal),
    Standing { subjects: Vec<Subject>, until: Moment },
    Clearing { trouble: Box<Trouble>, until: Moment },
    Over,
}

/// A change under way.
#[derive(Debug)]
struct Change {
    wish: Wish,
    began: Moment,
    phase: Phase,
    /// What is answered when it is over, and that is written.
    answer: Option<Reply>,
}

/// Whether a change has anything more to do at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    Wait,
    GoOn,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Changes {
    under_way: Vec<Change>,
    /// Those that have something in common with one under way.
    queued: VecDeque<Wish>,
    /// What was taken down and has not come back.
    absent: BTreeSet<Part>,
    /// PID 1s that have been told that nothing comes again by itself, and those that are still to be told.
    settled: BTreeSet<NamespaceIndex>,
    to_settle: BTreeSet<NamespaceIndex>,
    comebacks: Comebacks,
}

impl Changes {
    /// Whether none is under way, nor bound to come.
    pub(super) fn are_over(&self) -> bool {
        self.under_way.is_empty() && self.queued.is_empty() && !self.comebacks.are_awaited()
    }

    /// When something is next to be done.
    pub(super) fn next(&self) -> Option<Moment> {
        let phases = self.under_way.iter().flat_map(|change| match &change.phase {
            Phase::Leaving { farewell, tell_again, give_up } => [farewell.next(), Some(*tell_again), *give_up],
            Phase::Standing { until, .. } | Phase::Clearing { until, .. } => [Some(*until), None, None],
            Phase::Renewing(renewal) => [renewal.until(), None, None],
            Phase::Holding | Phase::Over => [None; 3],
        });
        phases.flatten().chain(self.comebacks.next()).min()
    }
}

impl Supervision<'_> {
    /// Whether something belongs to a part that is being taken down or brought back: its end means nothing else.
    pub(super) fn is_changing(&self, subject: Subject) -> bool {
        let parts = self.changes.under_way.iter().flat_map(|change| &change.wish.parts);
        parts.into_iter().any(|part| part.contains(&self.plan, subject))
    }

    /// Whether something that has ended is about to be started again.
    pub(super) fn comes_again(&self, subject: Subject) -> bool {
        let again = self.changes.under_way.iter().filter(|change| change.wish.aim == Aim::Again);
        self.changes.comebacks.is_awaited(subject)
            || again.flat_map(|change| &change.wish.parts).any(|part| part.contains(&self.plan, subject))
    }

    /// Whether it is, or was taken down and can be: an end after which nobody who waits for it has waited in vain.
    pub(super) fn may_come_again(&self, subject: Subject) -> bool {
        self.changes.comebacks.is_awaited(subject)
            || self.is_changing(subject)
            || self.changes.absent.iter().any(|part| part.contains(&self.plan, subject))
    }

    /// Takes a wish on: at once, or when what it has in common with another one is over.
    fn wish(&mut self, wish: Wish) {
        let Some(wish) = self.join_another(wish) else { return };
        let is_taken = |part: &Part| {
            let others = self.changes.under_way.iter().map(|change| &change.wish).chain(&self.changes.queued);
            others.flat_map(|other| &other.parts).any(|other| other.overlaps(&self.plan, *part))
        };
        if wish.parts.iter().any(is_taken) {
            self.changes.queued.push_back(wish);
        } else {
            self.begin(wish);
        }
    }

    /// Whoever wants taken down what is being taken down already waits with the others, and may lose patience for all.
    fn join_another(&mut self, wish: Wish) -> Option<Wish> {
        if wish.aim == Aim::Again {
            return Some(wish);
        }
        let plan = self.plan;
        let same = self.changes.under_way.iter_mut().find(|change| {
            change.wish.aim == Aim::Down
                && matches!(change.phase, Phase::Holding | Phase::Leaving { .. })
                && wish.parts.iter().all(|part| change.wish.parts.iter().any(|other| other.contains(&plan, part.0)))
        });
        let Some(change) = same else { return Some(wish) };
        change.wish.askers.extend(wish.askers);
        if wish.force == Force::Kill && change.wish.force != Force::Kill {
            change.wish.force = Force::Kill;
            if let Phase::Leaving { farewell, .. } = &mut change.phase {
                let actions = farewell.kill_all();
                self.take_leave_of(&actions);
            }
        }
        None
    }

    fn begin(&mut self, wish: Wish) {
        if wish.aim == Aim::Again
            && let Some(problem) = wish.parts.iter().find_map(|part| self.obstacle(*part))
        {
            for asker in wish.askers {
                self.world.refuse(asker, problem.clone());
            }
            return;
        }
        // A process is not let go on alone where all around it is frozen; a namespace as a whole is.
        let frozen = wish.parts.iter().filter(|part| !part.0.is_init());
        if let Some(problem) = frozen.map(|part| self.refuse_paused(part.0.namespace)).find_map(Result::err) {
            for asker in wish.askers {
                self.world.refuse(asker, problem.clone());
            }
            return;
        }
        for part in &wish.parts {
            if part.0.is_init() {
                self.thaw_part(part.0.namespace);
            }
            self.changes.comebacks.cancel(&self.plan, *part);
        }
        self.changes.under_way.push(Change { wish, began: Moment::now(), phase: Phase::Holding, answer: None });
    }

    /// Goes on with everything that is under way, as far as it gets without waiting.
    pub(super) fn advance_changes(&mut self) {
        self.begin_comebacks();
        self.settle_holders();
        // What has waited for another one begins when that is over.
        while self.advance_all() {}
        if self.changes.under_way.is_empty() {
            self.world.tree.setbacks.clear();
        }
        self.hang_up_lines();
    }

    /// Goes on with what is under way; says whether anything of it is over.
    fn advance_all(&mut self) -> bool {
        let before = self.changes.under_way.len();
        // One may have taken in, while it waited for its own creation, what another one waits for.
        while (0..before).map(|place| self.advance_one(place)).fold(Pace::Wait, Pace::max) == Pace::GoOn {}
        let is_over = |change: &mut Change| matches!(change.phase, Phase::Over);
        let over: Vec<Change> = self.changes.under_way.extract_if(.., is_over).collect();
        let is_any_over = !over.is_empty();
        if is_any_over {
            // Whoever is answered finds what waits for its conditions let go.
            self.release_waiting();
            for Change { wish, answer, .. } in over {
                let is_own =
                    |failure: &Failure| wish.parts.iter().any(|part| part.contains(&self.plan, failure.subject));
                self.world.tree.setbacks.retain(|failure| !is_own(failure));
                for asker in wish.askers {
                    self.world.reply(asker, answer.clone().unwrap_or(Reply::Done));
                }
            }
            for wish in std::mem::take(&mut self.changes.queued) {
                self.wish(wish);
            }
        }
        is_any_over
    }

    fn advance_one(&mut self, place: usize) -> Pace {
        let mut step = Pace::Wait;
        loop {
            // The phase is taken out for a step, and put back; whose change it is stays visible to the rest.
            let mut phase = std::mem::replace(&mut self.changes.under_way[place].phase, Phase::Holding);
            let next = self.advance(place, &mut phase);
            self.changes.under_way[place].phase = phase;
            if next == Pace::Wait {
                return step;
            }
            step = next;
        }
    }

    fn advance(&mut self, place: usize, phase: &mut Phase) -> Pace {
        match phase {
            Phase::Holding => self.advance_holding(place, phase),
            Phase::Leaving { .. } => self.advance_leaving(place, phase),
            Phase::Renewing(_) => self.advance_renewing(place, phase),
            Phase::Standing { .. } => self.advance_standing(place, phase),
            Phase::Clearing { .. } => self.advance_clearing(place, phase),
            Phase::Over => Pace::Wait,
        }
    }

    fn parts(&self, place: usize) -> Vec<Part> {
        self.changes.under_way[place].wish.parts.clone()
    }

    fn subjects_of(&self, place: usize) -> Vec<Subject> {
        self.changes.under_way[place].wish.parts.iter().flat_map(|part| part.subjects(&self.plan)).collect()
    }

    /// A PID 1 has answered a command.
    pub(super) fn on_answered(&mut self, namespace: NamespaceIndex, answer: Answer, pidfd: Option<Pidfd>) {
        for change in &mut self.changes.under_way {
            if let Phase::Renewing(renewal) = &mut change.phase
                && renewal.awaits(namespace)
            {
                renewal.take(answer, pidfd);
                return;
            }
        }
    }

    /// A line has ended before its time.
    pub(super) fn on_hung_up(&mut self, namespace: NamespaceIndex) {
        for change in &mut self.changes.under_way {
            if let Phase::Renewing(renewal) = &mut change.phase
                && renewal.awaits(namespace)
            {
                renewal.lose();
            }
        }
    }

    /// A PID 1 has ended, and everything inside with it: nothing of that comes back by itself.
    pub(super) fn forget_inside(&mut self, index: NamespaceIndex) {
        let whole = Part(Subject::init(index));
        let plan = self.plan;
        self.changes.comebacks.forget_inside(&plan, whole);
        self.changes.absent.retain(|part| *part == whole || !whole.contains(&plan, part.0));
        let inside = whole.namespaces(&plan);
        self.changes.settled.retain(|index| !inside.contains(index));
        self.changes.to_settle.retain(|index| !inside.contains(index));
    }

    /// The whole tree is being stopped: there is nothing to bring back any more, and who waits for an end waits for that.
    pub(super) fn cancel_changes(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for wish in changes.under_way.into_iter().map(|change| change.wish).chain(changes.queued) {
            for asker in wish.askers {
                match wish.aim {
                    Aim::Down => self.world.tree.mourners.push(asker),
                    Aim::Again => {
                        let problem = Problem::no("the topology is being stopped; nothing can start in it any more");
                        self.world.refuse(asker, problem);
                    }
                }
            }
        }
    }

    /// Who has asked for a change first.
    fn caller(&self, place: usize) -> Option<Caller> {
        self.changes.under_way[place].wish.askers.first().map(|asker| asker.by)
    }

    fn answer(&mut self, place: usize, reply: Reply) {
        self.changes.under_way[place].answer = Some(reply);
    }
}
