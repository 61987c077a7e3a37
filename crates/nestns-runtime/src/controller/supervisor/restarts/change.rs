//! One change: targets that are taken down or brought back, from the first call to the answer.

use std::collections::BTreeSet;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use super::rebuild::{Progress, Rebuild};
use super::{Aim, Author, Wish};
use crate::controller::control_channels::Reach;
use crate::controller::diagnosis::describe;
use crate::controller::roster::State;
use crate::controller::start_error::StartError;
use crate::controller::supervisor::dependencies::Dependencies;
use crate::controller::supervisor::edge::{Edge, Said, Source, TerminalChange, Truth};
use crate::controller::supervisor::exec_processes::ExecProcesses;
use crate::controller::supervisor::readying::Probes;
use crate::controller::supervisor::stop::{self, Stop};
use crate::controller::target::Target;
use crate::engine::control_channel::Answer;
use crate::engine::failure::{Failure, Stage};
use crate::engine::gate;
use crate::engine::plan::{HoldIndex, NamespaceIndex, ProcessKey};
use nestns_client::documents::Timeline;
use nestns_client::journal::event::{Caller, Event, Stage as Halt};
use nestns_client::protocol::message::{Force, Reply, RequestError};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::Terminal;

/// Time that targets created again may take until all of them have reported.
const ARRIVAL: Duration = Duration::from_mins(1);
/// Time that what is left of a failed creation may take to be reaped.
const CLEARANCE: Duration = Duration::from_secs(2);

/// State that a change touches besides its own.
pub(in crate::controller::supervisor) struct Peers<'a> {
    pub(in crate::controller::supervisor) exec: &'a ExecProcesses,
    pub(in crate::controller::supervisor) probes: &'a mut Probes,
    pub(in crate::controller::supervisor) dependencies: &'a mut Dependencies,
}

/// Phase of a change.
#[derive(Debug)]
enum Phase {
    Holding,
    Leaving(Stop),
    Renewing(Rebuild),
    Standing {
        subjects: Vec<ProcessKey>,
        until: Moment,
    },
    Clearing {
        trouble: Box<StartError>,
        until: Moment,
    },
    Over(Outcome),
}

/// Outcome of a change.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The targets are gone.
    Down(Box<Timeline>),
    /// The targets are there anew.
    Back,
    /// The targets were killed, and do not end.
    Stuck(RequestError),
    /// The targets could not be created again.
    Failed(Box<StartError>),
}

/// Next step of a change at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pace {
    Wait,
    GoOn,
}

/// A change under way.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) wish: Wish,
    began: Moment,
    phase: Phase,
    /// True if the holds on its targets have been looked at.
    is_begin_told: bool,
}

impl Change {
    /// Begins one.
    pub(super) fn new(wish: Wish, began: Moment) -> Self {
        Self {
            wish,
            began,
            phase: Phase::Holding,
            is_begin_told: false,
        }
    }

    /// True if something belongs to its targets.
    pub(super) fn concerns(&self, edge: &dyn Edge, subject: ProcessKey) -> bool {
        self.wish
            .targets
            .iter()
            .any(|part| part.contains(&edge.tree().plan, subject))
    }

    /// Moment of the next thing to do.
    pub(super) fn next(&self) -> Option<Moment> {
        match &self.phase {
            Phase::Leaving(stop) => stop.next(),
            Phase::Standing { until, .. } | Phase::Clearing { until, .. } => Some(*until),
            Phase::Renewing(rebuild) => rebuild.until(),
            Phase::Holding | Phase::Over(_) => None,
        }
    }

    /// True if its targets have not left yet.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.phase, Phase::Holding | Phase::Leaving(_))
    }

    /// True if it has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    /// The end of the change, its wish, and the reply.
    pub(super) fn into_outcome(self, edge: &dyn Edge) -> (Wish, Option<Outcome>, Reply) {
        let Self { wish, phase, .. } = self;
        let Phase::Over(outcome) = phase else {
            return (wish, None, Reply::Done);
        };
        let plan = edge.tree().plan;
        let paths = || wish.targets.iter().map(|part| part.path(&plan));
        let reply = match &outcome {
            Outcome::Down(timeline) => Reply::Stopped(timeline.clone()),
            Outcome::Back => Reply::Restarted(paths().collect()),
            Outcome::Stuck(problem) => Reply::RequestError(problem.clone()),
            Outcome::Failed(trouble) => {
                let paths: Vec<String> = paths().map(|path| format!("`{path}`")).collect();
                let what = format!("could not restart {}", paths.join(", "));
                let reason = trouble.to_string();
                Reply::RequestError(RequestError::Failed {
                    what,
                    reason,
                    help: trouble.help(),
                    status: trouble.status(),
                })
            }
        };
        (wish, Some(outcome), reply)
    }

    /// Its targets, once when they have begun to leave.
    pub(super) fn take_begun(&mut self) -> &[Target] {
        let is_news = matches!(self.phase, Phase::Leaving(_))
            && !std::mem::replace(&mut self.is_begin_told, true);
        if is_news { &self.wish.targets } else { &[] }
    }

    /// Lifts a hold, if its targets are leaving.
    pub(super) fn lift(&mut self, hold: HoldIndex) {
        if let Phase::Leaving(stop) = &mut self.phase {
            stop.lift(hold);
        }
    }

    /// Kills at once what it has asked to leave.
    pub(super) fn kill(&mut self, edge: &mut dyn Edge) {
        if self.wish.force == Force::Kill {
            return;
        }
        self.wish.force = Force::Kill;
        if let Phase::Leaving(stop) = &mut self.phase {
            stop.kill(edge, |_| true);
        }
    }

    /// Takes in what a PID 1 has answered; hands it back if that was not for this change.
    pub(super) fn take(
        &mut self,
        namespace: NamespaceIndex,
        answer: (Answer, Option<Pidfd>),
    ) -> Option<(Answer, Option<Pidfd>)> {
        match &mut self.phase {
            Phase::Renewing(rebuild) if rebuild.awaits(namespace) => {
                rebuild.take(answer.0, answer.1);
                None
            }
            _ => Some(answer),
        }
    }

    /// Takes in that a PID 1 has hung up.
    pub(super) fn lose(&mut self, namespace: NamespaceIndex) {
        if let Phase::Renewing(rebuild) = &mut self.phase
            && rebuild.awaits(namespace)
        {
            rebuild.lose();
        }
    }

    /// Goes on as far as it gets without waiting.
    pub(super) fn advance(
        &mut self,
        edge: &mut dyn Edge,
        peers: &mut Peers<'_>,
        absent: &mut BTreeSet<Target>,
    ) -> Pace {
        let mut pace = Pace::Wait;
        loop {
            let next = match &mut self.phase {
                Phase::Holding => self.hold(edge, peers.exec),
                Phase::Leaving(_) => self.leave(edge, peers, absent),
                Phase::Renewing(_) => self.renew(edge),
                Phase::Standing { .. } => self.stand(edge, peers.dependencies),
                Phase::Clearing { .. } => self.clear(edge),
                Phase::Over(_) => None,
            };
            let Some(phase) = next else { return pace };
            self.phase = phase;
            pace = Pace::GoOn;
        }
    }

    /// Waits until the PID 1s around have answered, which then do not leave. One that does not
    /// answer hinders nothing.
    fn hold(&self, edge: &mut dyn Edge, exec: &ExecProcesses) -> Option<Phase> {
        let plan = edge.tree().plan;
        let mut is_held = true;
        for part in &self.wish.targets {
            if let Some(holder) = part.holder(&plan)
                && edge.tree().lives(ProcessKey::init(holder))
                && matches!(edge.reach(holder), Reach::Waiting(_))
            {
                is_held = false;
            }
        }
        is_held.then(|| self.begin_leaving(edge, exec))
    }

    fn begin_leaving(&self, edge: &mut dyn Edge, exec: &ExecProcesses) -> Phase {
        let plan = edge.tree().plan;
        let subjects = self.subjects(edge);
        stop::note_receptions(edge, &subjects);
        for part in &self.wish.targets {
            exec.close_inside(edge, &part.namespaces(&plan));
        }
        if self.wish.aim == Aim::Down {
            let by = self.caller();
            for part in &self.wish.targets {
                let path = part.path(&plan);
                let stage = if self.wish.force == Force::Kill {
                    Halt::Kill
                } else {
                    Halt::Ask
                };
                edge.record(&Event::Stopping {
                    path: &path,
                    stage,
                    cause: None,
                    by,
                    by_pid: None,
                });
            }
        }
        let asked = self.wish.targets.iter().flat_map(|part| part.asked(&plan));
        let asked: Vec<ProcessKey> = asked
            .filter(|&subject| edge.tree().lives(subject))
            .collect();
        let end = match self.wish.force {
            Force::AskWithin(milliseconds) => {
                Some(edge.now().plus(Duration::from_millis(milliseconds)))
            }
            Force::Ask | Force::Kill => None,
        };
        let mut stop = Stop::begin(edge, &asked, end).with_late_countdown();
        if self.wish.force == Force::Kill {
            stop.kill(edge, |_| true);
        }
        Phase::Leaving(stop)
    }

    fn leave(
        &mut self,
        edge: &mut dyn Edge,
        peers: &mut Peers<'_>,
        absent: &mut BTreeSet<Target>,
    ) -> Option<Phase> {
        let Phase::Leaving(stop) = &mut self.phase else {
            return None;
        };
        for subject in stop.rest() {
            if !edge.tree().lives(subject) {
                stop.left(subject);
            }
        }
        if stop.rest().is_empty() {
            return Some(self.end_leaving(edge, peers, absent));
        }
        stop.advance(edge);
        let now = edge.now();
        if stop.is_stuck(now) {
            let stuck: Vec<String> = stop
                .rest()
                .into_iter()
                .map(|subject| edge.tree().path(subject))
                .collect();
            return Some(Phase::Over(Outcome::Stuck(RequestError::Stuck {
                paths: stuck,
            })));
        }
        if stop.takes_countdown(now) && !self.wish.askers.is_empty() {
            let list =
                stop::countdown(&stop::waiting_among(edge.tree(), &self.subjects(edge), now));
            for &asker in &self.wish.askers {
                edge.reply(asker, Reply::Waiting(list.clone()));
            }
        }
        None
    }

    fn end_leaving(
        &self,
        edge: &mut dyn Edge,
        peers: &mut Peers<'_>,
        absent: &mut BTreeSet<Target>,
    ) -> Phase {
        if self.wish.aim == Aim::Again {
            let plan = edge.tree().plan;
            absent.retain(|absent| {
                !self
                    .wish
                    .targets
                    .iter()
                    .any(|part| part.contains(&plan, absent.0))
            });
            return self.begin_renewing(edge, peers);
        }
        if self.wish.author != Author::Main {
            absent.extend(self.wish.targets.iter().copied());
        }
        let tree = edge.tree();
        let subjects = self.subjects(edge).into_iter();
        let timeline = crate::controller::timeline::timeline_of(
            &tree.roster,
            subjects,
            &tree.name,
            self.began,
            edge.now(),
        );
        self.forget_ended_roots(edge);
        Phase::Over(Outcome::Down(Box::new(timeline)))
    }

    fn begin_renewing(&self, edge: &mut dyn Edge, peers: &mut Peers<'_>) -> Phase {
        let plan = edge.tree().plan;
        let targets = &self.wish.targets;
        let is_own = |subject: ProcessKey| targets.iter().any(|part| part.contains(&plan, subject));
        edge.tree_mut()
            .setbacks
            .retain(|failure| !is_own(failure.subject));
        peers.dependencies.forget(is_own);
        let by = self.caller();
        let attempt = if let Author::Policy { attempt } = self.wish.author {
            attempt
        } else {
            None
        };
        for part in targets {
            let path = part.path(&plan);
            edge.record(&Event::Restart {
                path: &path,
                attempt,
                by,
            });
        }
        for subject in self.subjects(edge) {
            peers.probes.renew(edge.tree_mut(), subject);
            edge.tree_mut().roster.renew(subject);
            edge.forget(subject, Said::Outcome);
            edge.tree_mut().started.remove(&subject);
            let namespace = plan.namespace(subject.namespace);
            if namespace
                .process(subject.slot)
                .is_some_and(|process| process.terminal == Terminal::Own)
            {
                edge.terminals().change(TerminalChange::Renew);
            }
        }
        Phase::Renewing(Rebuild::of(&plan, targets))
    }

    fn renew(&mut self, edge: &mut dyn Edge) -> Option<Phase> {
        loop {
            if let Some(failure) = self.build_error(edge) {
                return Some(self.begin_clearing(edge, failure));
            }
            let Phase::Renewing(rebuild) = &mut self.phase else {
                return None;
            };
            match rebuild.advance(edge) {
                Ok(Progress::Wait) => return None,
                Ok(Progress::GoOn) => {}
                Ok(Progress::Done) => {
                    return Some(Phase::Standing {
                        subjects: self.subjects(edge),
                        until: edge.now().plus(ARRIVAL),
                    });
                }
                Err(failure) => {
                    // The process that has failed first has said so before; its parent has only
                    // noticed.
                    edge.drain(Source::Reports);
                    let failure = self.build_error(edge).unwrap_or(failure);
                    return Some(self.begin_clearing(edge, failure));
                }
            }
        }
    }

    /// Waits until everything is there, makes sure that it is what it should be, and lets it go.
    fn stand(&mut self, edge: &mut dyn Edge, dependencies: &mut Dependencies) -> Option<Phase> {
        let build_error = self.build_error(edge);
        let Phase::Standing { subjects, until } = &mut self.phase else {
            return None;
        };
        let tree = edge.tree();
        let state = |subject: ProcessKey| {
            tree.roster
                .get(subject)
                .map(|record| record.state)
                .unwrap_or_default()
        };
        let trouble = |failure: Failure| Some(describe(&tree.roster, failure));
        let trouble = if let Some(failure) = build_error {
            trouble(failure)
        } else if let Some(&dead) = subjects.iter().find(|&&subject| state(subject).is_over()) {
            trouble(Failure::new(dead, Stage::Died, Errno::UnknownErrno))
        } else if let Some(&missing) = subjects
            .iter()
            .find(|&&subject| state(subject) == State::Creating)
        {
            if *until > edge.now() {
                return None;
            }
            trouble(Failure::of_no_call(
                missing,
                Stage::Observe,
                Errno::ETIMEDOUT,
            ))
        } else {
            match edge.kernel().compare(tree, subjects) {
                Ok(mismatches) if mismatches.is_empty() => None,
                Ok(mismatches) => Some(StartError::Mismatch(mismatches)),
                Err(cause) => Some(StartError::System {
                    what: "compare the tree with the kernel's view of it",
                    cause,
                }),
            }
        };
        if let Some(trouble) = trouble {
            return Some(self.clear_of(edge, trouble));
        }
        let subjects = std::mem::take(subjects);
        if self.wish.targets.iter().any(|part| part.0.is_init()) {
            // As at the start: it is known what would be left of it before anything of the user's
            // runs.
            edge.write_truth(Truth::Due);
        }
        let plan = edge.tree().plan;
        for subject in subjects {
            let namespace = plan.namespace(subject.namespace);
            match namespace.process(subject.slot) {
                Some(process) if process.is_unconditional() => {
                    // It may have ended since, which its parent reports.
                    let _ = edge.signal(subject, gate::RELEASE as i32);
                    let path = namespace.path_of(subject.slot);
                    edge.record(&Event::Release { path: &path });
                }
                Some(_) => dependencies.hold(subject, &plan),
                None => {}
            }
            if subject.is_init() {
                dependencies.hold_namespace(subject.namespace, &plan);
            }
        }
        self.forget_ended_roots(edge);
        Some(Phase::Over(Outcome::Back))
    }

    /// Kills what there is of a target that could not be created whole.
    fn begin_clearing(&self, edge: &mut dyn Edge, failure: Failure) -> Phase {
        let trouble = describe(&edge.tree().roster, failure);
        self.clear_of(edge, trouble)
    }

    fn clear_of(&self, edge: &mut dyn Edge, trouble: StartError) -> Phase {
        let plan = edge.tree().plan;
        for subject in self.wish.targets.iter().flat_map(|part| part.asked(&plan)) {
            // One that has not been verified yet is known to its parent, which has done the same.
            let _ = edge.signal(subject, libc::SIGKILL);
        }
        Phase::Clearing {
            trouble: Box::new(trouble),
            until: edge.now().plus(CLEARANCE),
        }
    }

    fn clear(&mut self, edge: &mut dyn Edge) -> Option<Phase> {
        let subjects = self.subjects(edge);
        let Phase::Clearing { until, .. } = &self.phase else {
            return None;
        };
        let tree = edge.tree();
        let is_over = |part: &Target| {
            tree.roster
                .get(part.0)
                .is_some_and(|record| record.state.is_over())
        };
        if !self.wish.targets.iter().all(is_over) && *until > edge.now() {
            return None;
        }
        let tree = edge.tree_mut();
        for subject in subjects {
            tree.roster.give_up(subject);
        }
        for part in &self.wish.targets {
            tree.mark(part.0, State::Failed);
        }
        let Phase::Clearing { trouble, .. } = std::mem::replace(&mut self.phase, Phase::Holding)
        else {
            return None;
        };
        self.forget_ended_roots(edge);
        Some(Phase::Over(Outcome::Failed(trouble)))
    }

    fn subjects(&self, edge: &dyn Edge) -> Vec<ProcessKey> {
        self.wish
            .targets
            .iter()
            .flat_map(|part| part.subjects(&edge.tree().plan))
            .collect()
    }

    /// The first failure in what is being created.
    fn build_error(&self, edge: &dyn Edge) -> Option<Failure> {
        edge.tree()
            .setbacks
            .iter()
            .find(|failure| self.concerns(edge, failure.subject))
            .cloned()
    }

    /// The client that has asked first.
    fn caller(&self) -> Option<Caller> {
        self.wish.askers.first().map(|asker| asker.by)
    }

    /// Has the guardian, which keeps a descriptor of every root, let go of those that have ended.
    fn forget_ended_roots(&self, edge: &mut dyn Edge) {
        let plan = edge.tree().plan;
        let is_root = |subject: ProcessKey| {
            subject.is_init() && plan.namespace(subject.namespace).parent.is_none()
        };
        if self.wish.targets.iter().any(|part| is_root(part.0)) {
            edge.forget_ended_roots();
        }
    }
}
