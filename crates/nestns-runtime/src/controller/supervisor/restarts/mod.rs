//! Targets in the tree that are taken down or brought back while the rest goes on: by request, or
//! by a restart policy.
//!
//! Nothing that ends in a change has failed, and no end in it decides about the tree. Each goes
//! through these phases:
//!
//! | phase | what happens | what follows |
//! |---|---|---|
//! | holding | the PID 1s around are called, so that they do not leave when they are empty | leaving |
//! | leaving | as in a stop: asked, waited for, killed at the deadline | over, or renewing |
//! | renewing | the keepers are told, one after the other, what to create | standing |
//! | standing | all have reported and wait; the kernel is compared with the plan; then they are let go | over |
//! | clearing | something has failed: what there was of it is killed | over |
//!
//! Changes that have nothing in common go on side by side; one that has waits for the other. A stop
//! of the whole ends all.

mod backoff;
mod change;
mod rebuild;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::edge::Edge;
use super::pausing::Pausing;
use super::rules;
use crate::controller::asker::Asker;
use crate::controller::control_channels::Reach;
use crate::controller::event_sink::Note;
use crate::controller::life::Life;
use crate::controller::target::{self, Target};
use crate::engine::control_channel::{Answer, Command};
use crate::engine::plan::{HoldIndex, InitPlan, NamespaceIndex, Plan, ProcessKey, RestartNeed};
use crate::engine::report::Ending;
use nestns_client::protocol::message::{Force, Reply, RequestError};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::RestartWhen;

use backoff::Backoff;
pub(super) use change::Peers;
use change::{Change, Outcome, Pace};

/// Interval between looks whether a namespace goes on in which something is to be started again.
const PAUSED: Duration = Duration::from_millis(500);

/// Aim of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// The targets are gone.
    Down,
    /// The targets are there anew.
    Again,
}

/// Author of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Author {
    /// A client on the control socket.
    Client,
    /// A restart policy, for the how-manieth time in a row.
    Policy { attempt: Option<u32> },
    /// The end of the main process of the namespace.
    Main,
}

/// Demand of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand<'a> {
    pub(super) paths: &'a [String],
    pub(super) aim: Aim,
    pub(super) force: Force,
}

/// A wanted change.
#[derive(Debug)]
struct Wish {
    aim: Aim,
    targets: Vec<Target>,
    author: Author,
    force: Force,
    askers: Vec<Asker>,
}

/// A restart by policy that has itself failed.
#[derive(Debug)]
pub(super) struct FailedRestart {
    pub(super) part: Target,
    /// Reason, as people are told it.
    pub(super) reason: String,
}

/// A change that is over.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) failed: Vec<FailedRestart>,
    /// Namespaces that have ended with their main processes.
    pub(super) ended: Vec<NamespaceIndex>,
    askers: Vec<Asker>,
    reply: Reply,
}

/// All changes, and what is started again by itself.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    under_way: Vec<Change>,
    /// Wishes that have something in common with a change under way.
    queued: VecDeque<Wish>,
    /// Targets that were taken down and have not come back.
    absent: BTreeSet<Target>,
    /// PID 1s that have been told that nothing comes again by itself, and those that are still to
    /// be told.
    settled: BTreeSet<NamespaceIndex>,
    to_release: BTreeSet<NamespaceIndex>,
    /// Namespaces whose main processes have ended.
    to_end: Vec<NamespaceIndex>,
    backoff: Backoff,
}

impl Restarts {
    /// True if no change is under way, nor bound to come.
    pub(super) fn are_over(&self) -> bool {
        self.under_way.is_empty()
            && self.queued.is_empty()
            && self.to_end.is_empty()
            && !self.backoff.are_awaited()
    }

    /// Moment of the next thing to do.
    pub(super) fn next(&self) -> Option<Moment> {
        self.under_way
            .iter()
            .filter_map(Change::next)
            .chain(self.backoff.next())
            .min()
    }

    /// True if something belongs to a target that is being taken down or brought back: its end
    /// means nothing else.
    pub(super) fn is_changing(&self, plan: &Plan, subject: ProcessKey) -> bool {
        let targets = self
            .under_way
            .iter()
            .flat_map(|change| &change.wish.targets);
        targets.into_iter().any(|part| part.contains(plan, subject))
    }

    /// Targets that have begun to leave since the last time.
    pub(super) fn take_begun(&mut self) -> Vec<Target> {
        let changes = self.under_way.iter_mut();
        changes
            .flat_map(|change| change.take_begun().to_vec())
            .collect()
    }

    /// Has a namespace end, because its main process has.
    pub(super) fn end_namespace(&mut self, namespace: NamespaceIndex) {
        self.to_end.push(namespace);
    }

    /// Lifts a hold on what is being taken down.
    pub(super) fn lift(&mut self, hold: HoldIndex) {
        for change in &mut self.under_way {
            change.lift(hold);
        }
    }

    /// True if something that has ended is about to be started again.
    pub(super) fn brings_back(&self, plan: &Plan, subject: ProcessKey) -> bool {
        let again = self
            .under_way
            .iter()
            .filter(|change| change.wish.aim == Aim::Again);
        self.backoff.is_awaited(subject)
            || self.may_rebuild_around(plan, subject)
            || again
                .flat_map(|change| &change.wish.targets)
                .any(|part| part.contains(plan, subject))
    }

    /// True if a namespace that something is in is about to be rebuilt by its policy, or to end with
    /// its main process, which decides about that.
    fn may_rebuild_around(&self, plan: &Plan, subject: ProcessKey) -> bool {
        let mut around = std::iter::successors(Some(subject.namespace), |&index| {
            plan.namespace(index).parent
        });
        around.any(|index| {
            let init = ProcessKey::init(index);
            plan.namespace(index).restart_of(init.slot).is_some()
                && (self.backoff.is_awaited(init) || self.is_ending_with_main(init))
        })
    }

    fn is_ending_with_main(&self, init: ProcessKey) -> bool {
        let mut wishes = self
            .under_way
            .iter()
            .map(|change| &change.wish)
            .chain(&self.queued)
            .filter(|wish| wish.author == Author::Main);
        self.to_end.contains(&init.namespace)
            || wishes.any(|wish| wish.targets.contains(&Target(init)))
    }

    /// True if it is, or was taken down and can be: an end after which nothing that waits for it
    /// has waited in vain.
    pub(super) fn may_bring_back(&self, plan: &Plan, subject: ProcessKey) -> bool {
        self.backoff.is_awaited(subject)
            || self.may_rebuild_around(plan, subject)
            || self.is_changing(plan, subject)
            || self.absent.iter().any(|part| part.contains(plan, subject))
    }

    /// Takes targets down for a client, or brings them back, running or not.
    pub(super) fn ask(
        &mut self,
        edge: &mut dyn Edge,
        pausing: &mut Pausing<'_>,
        asker: Asker,
        demand: Demand<'_>,
    ) {
        let Demand { paths, aim, force } = demand;
        let targets = target::find(&edge.tree().plan, paths)
            .map_err(|path| RequestError::Undeclared { path });
        match rules::refuse_unless_running(edge.tree()).and(targets) {
            Ok(targets) if targets.is_empty() => edge.refuse(asker, RequestError::Nothing),
            Ok(targets) => {
                let wish = Wish {
                    aim,
                    targets,
                    author: Author::Client,
                    force,
                    askers: vec![asker],
                };
                self.take_on(edge, pausing, wish);
            }
            Err(problem) => edge.refuse(asker, problem),
        }
    }

    /// Takes a wish on: at once, or when what it has in common with another one is over.
    fn take_on(&mut self, edge: &mut dyn Edge, pausing: &mut Pausing<'_>, wish: Wish) {
        let Some(wish) = self.join_another(edge, wish) else {
            return;
        };
        let plan = edge.tree().plan;
        let is_taken = |part: &Target| {
            let others = self
                .under_way
                .iter()
                .map(|change| &change.wish)
                .chain(&self.queued);
            others
                .flat_map(|other| &other.targets)
                .any(|other| other.overlaps(&plan, *part))
        };
        if wish.targets.iter().any(is_taken) {
            self.queued.push_back(wish);
        } else {
            self.begin(edge, pausing, wish);
        }
    }

    /// Lets a client that wants taken down what is being taken down already wait with the others;
    /// it may give up for all.
    fn join_another(&mut self, edge: &mut dyn Edge, wish: Wish) -> Option<Wish> {
        if wish.aim == Aim::Again {
            return Some(wish);
        }
        let plan = edge.tree().plan;
        let same = self.under_way.iter_mut().find(|change| {
            change.wish.aim == Aim::Down
                && change.is_leaving()
                && wish.targets.iter().all(|part| {
                    change
                        .wish
                        .targets
                        .iter()
                        .any(|other| other.contains(&plan, part.0))
                })
        });
        let Some(change) = same else {
            return Some(wish);
        };
        change.wish.askers.extend(wish.askers);
        if wish.force == Force::Kill {
            change.kill(edge);
        }
        None
    }

    fn begin(&mut self, edge: &mut dyn Edge, pausing: &mut Pausing<'_>, wish: Wish) {
        let tree = edge.tree();
        let mut obstacles = wish.targets.iter().filter(|_| wish.aim == Aim::Again);
        let obstacle = obstacles.find_map(|part| rules::obstacle(tree, *part));
        // A process is not let go on alone where all around it is frozen; a namespace as a whole
        // is.
        let processes = wish.targets.iter().filter(|part| !part.0.is_init());
        let frozen = processes
            .map(|part| rules::refuse_paused(tree, part.0.namespace))
            .find_map(Result::err);
        if let Some(problem) = obstacle.or(frozen) {
            for asker in wish.askers {
                edge.refuse(asker, problem.clone());
            }
            return;
        }
        for part in &wish.targets {
            if part.0.is_init() {
                pausing.thaw_inside(edge, part.0.namespace);
            }
            self.backoff.cancel(&edge.tree().plan, *part);
        }
        self.under_way.push(Change::new(wish, edge.now()));
    }

    /// True if something that has ended by itself is started again; then its end is no more than a
    /// note.
    pub(super) fn comes_back(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        success: bool,
        ending: Ending,
    ) -> bool {
        let tree = edge.tree();
        let plan = tree.plan;
        let Some(policy) = plan.namespace(subject.namespace).restart_of(subject.slot) else {
            return false;
        };
        if tree.life != Life::Running || tree.stop.is_some() {
            return false;
        }
        let part = Target(subject);
        // What was never started would only wait in vain again.
        let has_run = tree
            .roster
            .get(subject)
            .is_none_or(|record| record.unmet.is_none());
        let is_wanted = has_run
            && match policy.when {
                RestartWhen::OnFailure => !success,
                RestartWhen::Always => true,
                RestartWhen::On(endings) => match ending {
                    Ending::Exited(status) => endings.has_status(status),
                    Ending::Signalled(number) => endings.has_signal(number),
                },
            };
        let planned = if is_wanted && rules::obstacle(tree, part).is_none() {
            self.backoff.plan(subject, policy, edge.now())
        } else {
            None
        };
        let Some((count, delay)) = planned else {
            self.release_holder_of(edge, part);
            return false;
        };
        let path = part.path(&plan);
        edge.note(&Note::Restarting {
            path: &path,
            ending,
            delay,
            count,
            most: policy.max,
        });
        true
    }

    /// Begins with what is due: restarts by policy, and PID 1s that need not stay.
    pub(super) fn begin_due(&mut self, edge: &mut dyn Edge, pausing: &mut Pausing<'_>) {
        for namespace in std::mem::take(&mut self.to_end) {
            let target = Target(ProcessKey::init(namespace));
            if rules::refuse_unless_running(edge.tree()).is_ok() && edge.tree().lives(target.0) {
                let wish = Wish {
                    aim: Aim::Down,
                    targets: vec![target],
                    author: Author::Main,
                    force: Force::Ask,
                    askers: Vec::new(),
                };
                self.take_on(edge, pausing, wish);
            }
        }
        let now = edge.now();
        for subject in self.backoff.take_due(now) {
            let tree = edge.tree();
            let parent = tree.plan.namespace(subject.namespace).parent;
            let around = if subject.is_init() {
                parent
            } else {
                Some(subject.namespace)
            };
            if around.is_some_and(|around| tree.roster.paused_by(around).is_some()) {
                // What is to create it is frozen: it comes when that is over.
                self.backoff.postpone(subject, now.plus(PAUSED));
                continue;
            }
            let author = Author::Policy {
                attempt: self.backoff.row(subject),
            };
            let targets = vec![Target(subject)];
            self.take_on(
                edge,
                pausing,
                Wish {
                    aim: Aim::Again,
                    targets,
                    author,
                    force: Force::Ask,
                    askers: Vec::new(),
                },
            );
        }
        self.release_holders(edge);
    }

    /// Goes on with what is under way, as far as it gets without waiting; hands out what is over.
    pub(super) fn advance(&mut self, edge: &mut dyn Edge, peers: &mut Peers<'_>) -> Vec<Finished> {
        let Self {
            under_way, absent, ..
        } = self;
        // One may have taken in, while it waited for its own creation, what another one waits for.
        let mut pace = Pace::GoOn;
        while pace == Pace::GoOn {
            pace = under_way
                .iter_mut()
                .map(|change| change.advance(edge, peers, absent))
                .fold(Pace::Wait, Pace::max);
        }
        let over: Vec<Change> = self
            .under_way
            .extract_if(.., |change| change.is_over())
            .collect();
        over.into_iter()
            .map(|change| self.finish(edge, change))
            .collect()
    }

    fn finish(&mut self, edge: &mut dyn Edge, change: Change) -> Finished {
        let (
            Wish {
                targets,
                author,
                askers,
                ..
            },
            outcome,
            reply,
        ) = change.into_outcome(edge);
        let plan = edge.tree().plan;
        let ended = if author == Author::Main {
            targets.iter().map(|target| target.0.namespace).collect()
        } else {
            Vec::new()
        };
        edge.tree_mut().setbacks.retain(|failure| {
            !targets
                .iter()
                .any(|part| part.contains(&plan, failure.subject))
        });
        let mut failed = Vec::new();
        match outcome {
            Some(Outcome::Back) => targets
                .iter()
                .for_each(|part| self.backoff.began(part.0, edge.now())),
            Some(Outcome::Failed(trouble)) if author != Author::Client => {
                let help = trouble
                    .help()
                    .map(|help| format!("; {help}"))
                    .unwrap_or_default();
                let reason = format!("{trouble}{help}");
                failed = targets
                    .into_iter()
                    .map(|part| FailedRestart {
                        part,
                        reason: reason.clone(),
                    })
                    .collect();
            }
            Some(Outcome::Failed(_)) => self.absent.extend(targets),
            Some(Outcome::Down(_) | Outcome::Stuck(_)) | None => {}
        }
        Finished {
            failed,
            ended,
            askers,
            reply,
        }
    }

    /// Answers what is over, and begins with what has waited for it.
    pub(super) fn answer(
        &mut self,
        edge: &mut dyn Edge,
        pausing: &mut Pausing<'_>,
        finished: Vec<Finished>,
    ) {
        for Finished { askers, reply, .. } in finished {
            for asker in askers {
                edge.reply(asker, reply.clone());
            }
        }
        for wish in std::mem::take(&mut self.queued) {
            self.take_on(edge, pausing, wish);
        }
    }

    /// Comes to the end of a turn: closes the channels to PID 1s that need not stay any more.
    pub(super) fn end_turn(&self, edge: &mut dyn Edge) {
        if self.under_way.is_empty() {
            edge.tree_mut().setbacks.clear();
        }
        let plan = edge.tree().plan;
        for namespace in edge.lines() {
            let is_held = |part: &Target| part.holder(&plan) == Some(namespace);
            let changing = self.under_way.iter().flat_map(|change| {
                let keepers = change
                    .wish
                    .targets
                    .iter()
                    .map(|part| plan.parent_of(part.0));
                change
                    .wish
                    .targets
                    .iter()
                    .map(|part| part.holder(&plan))
                    .chain(keepers)
            });
            let is_needed = self.absent.iter().any(is_held)
                || self.to_release.contains(&namespace)
                || changing.flatten().any(|holder| holder == namespace)
                || (self.settled.contains(&namespace)
                    && self.may_anything_come_to(edge, namespace));
            if !is_needed && edge.reach(namespace) != Reach::Busy {
                edge.close(namespace);
            }
        }
    }

    /// Takes in what a PID 1 has answered to a command.
    pub(super) fn on_answered(
        &mut self,
        namespace: NamespaceIndex,
        answer: Answer,
        pidfd: Option<Pidfd>,
    ) {
        let mut answer = Some((answer, pidfd));
        for change in &mut self.under_way {
            answer = answer.and_then(|answer| change.take(namespace, answer));
        }
    }

    /// Takes in that a channel to a PID 1 has ended before its time.
    pub(super) fn on_hung_up(&mut self, namespace: NamespaceIndex) {
        for change in &mut self.under_way {
            change.lose(namespace);
        }
    }

    /// Takes in that a PID 1 has ended, and everything inside with it: nothing of that comes back
    /// by itself.
    pub(super) fn forget_inside(&mut self, plan: &Plan, index: NamespaceIndex) {
        let whole = Target(ProcessKey::init(index));
        self.backoff.forget_inside(plan, whole);
        self.absent
            .retain(|part| *part == whole || !whole.contains(plan, part.0));
        let inside = whole.namespaces(plan);
        self.to_end.retain(|index| !inside.contains(index));
        self.settled.retain(|index| !inside.contains(index));
        self.to_release.retain(|index| !inside.contains(index));
    }

    /// Ends all changes, because the whole tree is being stopped: nothing comes back any more, and
    /// a client that waits for an end waits for that of the whole.
    pub(super) fn cancel(&mut self, edge: &mut dyn Edge) {
        let restarts = std::mem::take(self);
        for wish in restarts
            .under_way
            .into_iter()
            .map(|change| change.wish)
            .chain(restarts.queued)
        {
            for asker in wish.askers {
                match wish.aim {
                    Aim::Down => edge.tree_mut().stop_waiters.push(asker),
                    Aim::Again => edge.refuse(asker, RequestError::TopologyStopping),
                }
            }
        }
    }

    /// Has the holder of something with a restart policy, which has ended for good, leave when it
    /// is empty, where nothing else of that kind is left in it.
    fn release_holder_of(&mut self, edge: &dyn Edge, part: Target) {
        let plan = edge.tree().plan;
        let Some(holder) = part.holder(&plan) else {
            return;
        };
        let namespace = plan.namespace(holder);
        // A pause init stays whatever ends.
        if matches!(namespace.init, InitPlan::Builtin)
            && namespace.restart_need == RestartNeed::Possible
            && !self.may_anything_come_to(edge, holder)
        {
            self.to_release.insert(holder);
        }
    }

    fn may_anything_come_to(&self, edge: &dyn Edge, holder: NamespaceIndex) -> bool {
        let tree = edge.tree();
        let plan = tree.plan;
        let inside = Target(ProcessKey::init(holder));
        inside.subjects(&plan).into_iter().any(|subject| {
            let part = Target(subject);
            part != inside
                && part.holder(&plan) == Some(holder)
                && plan
                    .namespace(subject.namespace)
                    .restart_of(subject.slot)
                    .is_some()
                && (tree.lives(subject) || self.may_bring_back(&plan, subject))
        })
    }

    fn release_holders(&mut self, edge: &mut dyn Edge) {
        for holder in self.to_release.clone() {
            match edge.reach(holder) {
                Reach::Ready => {
                    edge.command(holder, Command::EndWhenEmpty, None);
                    self.to_release.remove(&holder);
                    self.settled.insert(holder);
                }
                Reach::Waiting(_) | Reach::Busy => {}
                Reach::Unreachable => drop(self.to_release.remove(&holder)),
            }
        }
    }
}
