//! From open gates to the end: reaping, output, `after`, the verdict, the stop.
//!
//! One loop, one wait. Each round takes in what has happened, decides, acts, and waits for the next thing or deadline.

mod attachments;
mod awaiting;
mod changes;
mod clients;
mod conditions;
mod fixture;
mod judging;
mod noting;
mod opening;
mod passing_on;
mod pausing;
mod readying;
mod sessions;
mod stopping;
mod visiting;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::io;
use std::time::Duration;

use nix::libc;

use super::audience::{Cause, Note};
use super::herald::FailedProcess;
use super::journal::event::{Event, WHOLE};
use super::left_behind::{Left, tell_of_remains};
use super::life::COLLAPSE;
use super::life::Life;
use super::readiness::Readiness;
use super::relay::Relay;
use super::roster::State;
use super::timeline::Timeline;
use super::verdict::Verdict;
use super::tree::{Incident, Orphan};
use super::world::World;
use super::{Command, Fixture, Gates};
use crate::controller::audience::Loss;
use crate::engine::keeper::{Keeper, Reaped};
use crate::engine::moment::Moment;
use crate::engine::plan::{Plan, Subject};
use crate::engine::report::Ending;
use crate::observe::namespaces::Standpoint;
use crate::sys::fault;
use crate::sys::pidfd::Pidfd;
use crate::topology::{OnExit, Terminal};
use attachments::Attachments;
use awaiting::Awaiting;
use changes::Changes;
use pausing::Pausing;
use sessions::Sessions;
use stopping::Stopping;

pub(super) use opening::{Arrival, Opening};
pub(super) use stopping::kill_and_reap;

/// How long the last output of all programs may be read; a program outside the tree may hold a pipe and go on writing.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a member's death by KILL may wait for that of its PID 1, which would explain it.
const EXPLANATION: Duration = Duration::from_millis(200);
/// How long where a PID 1 around it is seen to be ending: that takes as long as the kernel and whoever reaps need.
const CERTAIN_EXPLANATION: Duration = Duration::from_secs(30);

/// A death whose meaning is not clear yet.
#[derive(Debug)]
struct Unexplained {
    subject: Subject,
    ending: Ending,
    until: Moment,
}

/// The status, how long it took until the gates were open, the timeline of the stop if there was one, and whether anything
/// could not be removed.
type End = (u8, Option<Duration>, Option<Timeline>, Left);

/// By what the topology is judged.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) on_exit: OnExit,
    /// Whose status is that of the whole.
    pub(super) status_from: Option<String>,
    /// For whom the tree is there.
    pub(super) fixture: Option<Fixture>,
    /// Whether it is not over before that is asked for.
    pub(super) stays: bool,
}

pub(super) struct Supervision<'a> {
    world: World<'a>,
    keeper: Keeper,
    plan: Plan,
    life: Life,
    verdict: Verdict,
    status_from: Option<String>,
    stays: bool,
    fixture: Option<Fixture>,
    /// What has failed by the rules of the topology, while whoever uses it as a fixture decides.
    failed: Vec<FailedProcess>,
    /// Processes that wait for a word, by what they wait for.
    waiting: Vec<Subject>,
    started: HashSet<Subject>,
    unexplained: Vec<Unexplained>,
    stopping: Option<Stopping>,
    command: Option<Command>,
    visit_deadline: Option<Moment>,
    /// The processes in the session of the command of `run` at the time when it was asked to end.
    company: Vec<Pidfd>,
    /// How often Ctrl-C was passed on to the command.
    interruptions: u32,
    opening: Opening,
    sessions: Sessions,
    awaiting: Awaiting,
    changes: Changes,
    pausing: Pausing,
    attachments: Attachments,
    standpoint: OnceCell<Standpoint>,
}

impl<'a> Supervision<'a> {
    pub(super) fn new(mut world: World<'a>, keeper: Keeper, life: Life, rules: Rules, opening: Opening) -> Self {
        let plan = world.tree.plan;
        world.tree.readiness = Readiness::of(&plan);
        let conditional = |subject: &Subject| {
            let namespace = plan.namespace(subject.namespace);
            namespace.process(subject.slot).is_some_and(|process| !process.is_unconditional())
        };
        let waiting = world.tree.roster.subjects().filter(conditional).collect();
        Self {
            world,
            keeper,
            plan,
            life,
            verdict: Verdict::new(rules.on_exit),
            status_from: rules.status_from,
            stays: rules.stays,
            fixture: rules.fixture,
            failed: Vec::new(),
            waiting,
            started: HashSet::new(),
            unexplained: Vec::new(),
            stopping: None,
            command: None,
            visit_deadline: None,
            company: Vec::new(),
            interruptions: 0,
            opening,
            sessions: Sessions::default(),
            awaiting: Awaiting::default(),
            changes: Changes::default(),
            pausing: Pausing::default(),
            attachments: Attachments::default(),
            standpoint: OnceCell::new(),
        }
    }

    /// Where those stand whom the keeper moves in: found out once, as neither he nor his helpers ever stand elsewhere.
    fn standpoint(&self) -> io::Result<&Standpoint> {
        if let Some(known) = self.standpoint.get() {
            return Ok(known);
        }
        let own = Standpoint::own(self.keeper.user_namespace())?;
        Ok(self.standpoint.get_or_init(|| own))
    }

    /// Stays until everything has ended. Returns the status, how long it took until the gates were open, and the timeline
    /// of the stop, if there was one.
    pub(super) fn live(mut self, command: Option<Command>) -> End {
        self.command = command;
        if self.opening.gates == Gates::Open {
            self.open_gates();
            fault::point("released");
        }
        self.announce();
        loop {
            self.reap();
            self.weigh();
            self.start_command();
            self.serve_clients();
            self.answer_waiting();
            self.pass_signals_on();
            self.stop_if_told();
            self.act();
            self.advance_changes();
            self.end_sessions();
            self.look_after_paused();
            self.inquire();
            if self.is_over() {
                break;
            }
            self.announce();
            self.world.tree.life = self.life;
            self.world.pump(self.timeout());
        }
        self.finish()
    }

    fn reap(&mut self) {
        if self.world.tree.guests.are_unread() {
            if !self.world.child_ended {
                // One of them could end between the question and the reaping; SIGCHLD will tell.
                return;
            }
            self.world.tree.guests.read();
        }
        self.world.child_ended = false;
        loop {
            let reaped = self.keeper.reap();
            // Whatever a PID 1 has said before it left was said before it could be reaped.
            match reaped {
                Reaped::Kid(subject, _) => {
                    self.world.drain_inherited();
                    self.world.drain_ended(subject);
                }
                Reaped::Orphan(..) => self.world.drain_inherited(),
                Reaped::Nothing | Reaped::Childless => {}
            }
            match reaped {
                Reaped::Kid(subject, ending) => {
                    self.world.note_ended(subject, ending, Moment::now());
                    if let Some(stopping) = &mut self.stopping {
                        stopping.farewell.gone(subject);
                    }
                    if subject.is_init()
                        && let Some(kid) = self.keeper.kids().iter().find(|kid| kid.subject == subject)
                    {
                        let gone = kid.pid;
                        self.world.roots.retain(|&root| root != gone);
                    }
                }
                Reaped::Orphan(pid, _) if pid == self.world.guardian.pid => {
                    // Without a guardian the roots still end with the controller, by their parent-death signal.
                    let _ = self.world.replace_guardian(Loss::Killed);
                }
                Reaped::Orphan(pid, ending) if self.on_lookout_ended(pid, ending) => {}
                Reaped::Orphan(pid, ending) => {
                    let exit = Some(ending.into());
                    self.world.record(&Event::Reparent { path: "host", pid: Some(pid.as_raw()), count: None, exit });
                }
                Reaped::Nothing | Reaped::Childless => return,
            }
        }
    }

    fn weigh(&mut self) {
        while let Some(incident) = self.world.tree.incidents.pop_front() {
            match incident {
                Incident::Started(subject) => self.on_started(subject),
                Incident::Hint(subject) => self.on_hint(subject),
                Incident::ProbeRefused(probe, refusal) => {
                    if let Some(subject) = probe.probed() {
                        self.on_probe_refused(subject, &refusal);
                    }
                }
                // Its end follows, with the status that a shell would give.
                Incident::Refused(subject) => {
                    self.record_refusal(subject);
                    if self.owns_terminal(subject) {
                        self.end_terminal();
                    }
                }
                Incident::Ended(subject, ending, at) => self.on_ended(subject, ending, at),
                Incident::Answered(namespace, answer, pidfd) => self.on_answered(namespace, answer, pidfd),
                Incident::HungUp(namespace) => self.on_hung_up(namespace),
                Incident::Orphan { namespace, orphan } => {
                    // Nothing is decided about a process without a name.
                    let path = self.world.tree.roster.path(Subject::init(namespace));
                    let (pid, count, exit) = match orphan {
                        Orphan::One { number, ending } => (Some(number), None, Some(ending.into())),
                        Orphan::More(count) => (None, Some(count), None),
                    };
                    self.world.record(&Event::Reparent { path: &path, pid, count, exit });
                }
                Incident::SessionRefused(subject, refusal) => self.on_session_refused(subject, &refusal),
                Incident::SessionFailed(failure) => self.on_session_failed(&failure),
            }
        }
        let now = Moment::now();
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unexplained).into_iter().partition(|unexplained| unexplained.until <= now);
        self.unexplained = later;
        for Unexplained { subject, ending, .. } in due {
            self.judge(subject, ending);
        }
    }

    fn on_started(&mut self, subject: Subject) {
        if subject.session_number().is_some() {
            self.on_session_started(subject);
            return;
        }
        if subject.probed().is_some() {
            return;
        }
        if let Some(record) = self.world.tree.roster.get_mut(subject)
            && record.state == State::Created
        {
            record.state = State::Running;
        }
        self.record_start(subject);
        self.started.insert(subject);
        if self.owns_terminal(subject)
            && let Some(relay) = &mut self.world.relay
        {
            relay.begin(self.world.saved, &self.world.events);
            self.world.terminal = Some(subject);
        }
        self.begin_probe(subject);
        self.release_waiting();
    }

    fn owns_terminal(&self, subject: Subject) -> bool {
        if subject.is_visitor() {
            return self.world.relay.is_some();
        }
        let namespace = self.plan.namespace(subject.namespace);
        namespace.process(subject.slot).is_some_and(|process| process.terminal == Terminal::Own)
    }

    fn end_terminal(&mut self) {
        // What it has written last is still to be shown.
        while let Some(bytes) = self.world.relay.as_mut().and_then(Relay::take_output).filter(|bytes| !bytes.is_empty())
        {
            self.world.output.push(&bytes, &self.world.events);
            self.world.log_terminal(&bytes);
        }
        if let Some(relay) = &mut self.world.relay {
            relay.end(self.world.saved, &self.world.events);
        }
    }

    fn is_over(&mut self) -> bool {
        let is_quiet = self.world.tree.incidents.is_empty() && self.unexplained.is_empty() && self.changes.are_over();
        if self.keeper.living() == 0 && is_quiet {
            let is_asked = self.world.tree.stop.is_some() || self.world.tree.failure.is_some();
            return is_asked || !self.stays;
        }
        let now = Moment::now();
        let over = self.stopping.as_ref().and_then(|stopping| stopping.give_up).is_some_and(|give_up| give_up <= now);
        if over {
            let living = self.keeper.kids().iter().filter(|kid| !kid.gone);
            let paths: Vec<String> = living.map(|kid| self.world.tree.path(kid.subject)).collect();
            self.world.audience.note(&Note::Stuck { paths: &paths });
        } else if let Some(stopping) = &mut self.stopping
            && stopping.give_up.is_none()
            && stopping.farewell.next().is_none()
        {
            // Everybody has been killed: the rest is the kernel's, for a bounded time.
            stopping.give_up = Some(now.plus(COLLAPSE));
        }
        over
    }

    fn timeout(&self) -> Option<Duration> {
        // What waited for a creation has taken in more than that, and what is over may decide about the whole.
        let is_told_to_stop = self.life == Life::Running && (self.world.tree.stop.is_some() || self.world.tree.failure.is_some());
        let has_news = self.world.child_ended || !self.world.tree.incidents.is_empty();
        if has_news || is_told_to_stop || !self.world.clients.pending.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = Moment::now();
        let stopping = self.stopping.as_ref();
        let moments = [
            stopping.and_then(|stopping| stopping.farewell.next()),
            stopping.map(|stopping| stopping.tell_again),
            stopping.and_then(|stopping| stopping.give_up),
            self.visit_deadline,
            self.sessions.next(),
            self.changes.next(),
            self.world.lines.next(),
            self.pausing.next(),
            self.world.tree.readiness.next().filter(|_| self.life == Life::Running && self.world.tree.stop.is_none()),
            self.unexplained.iter().map(|unexplained| unexplained.until).min(),
        ];
        moments.into_iter().flatten().min().map(|next| next.since(now))
    }

    /// Everything has ended: takes in what was said last, and lets the guardian go.
    fn finish(mut self) -> End {
        let end = Moment::now();
        // It is about to be removed.
        self.world.truth.keep(false);
        self.bury_lookouts();
        let last = end.plus(Duration::from_secs(1));
        self.world.drain_reports();
        self.world.drain_programs(end.plus(DRAIN));
        // With all writers dead the pipes are at their end, but for one that was passed out of the tree.
        while self.world.streams.open() > 0 && Moment::now() < last {
            self.world.pump(Some(last.since(Moment::now())));
        }
        self.weigh();
        self.end_terminal();
        self.tell_what_failed();
        let status = match &self.world.tree.stop {
            None | Some(Cause::Ended { .. }) if self.has_failed_as_fixture() => self.fixture_status(),
            None | Some(Cause::Ended { .. }) => self.verdict.status(),
            Some(Cause::Timeout) => 124,
            Some(_) if self.world.tree.visitor.is_some() => self.verdict.status(),
            Some(Cause::Asked | Cause::Untied) => self.verdict.status(),
            Some(Cause::Signal(_)) if self.life == Life::Killing => 128 + 9,
            Some(Cause::Signal(signal)) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Some(Cause::OutputClosed) => 128 + u8::try_from(libc::SIGHUP).unwrap_or(1),
        };
        let name = self.world.clients.name().to_owned();
        let timeline =
            self.stopping.as_ref().map(|stopping| Timeline::new(&self.world.tree.roster, &name, stopping.began, end));
        if let Some(timeline) = &timeline {
            self.world.audience.stopped(timeline);
        }
        self.answer_waiting();
        self.world.record(&Event::Gone { path: WHOLE });
        self.world.journal.flush();
        self.world.tree.life = Life::Gone;
        self.world.take_leave(timeline.as_ref());
        let is_stuck = self.keeper.living() > 0;
        let World { guardian, output, events, remains, audience, .. } = self.world;
        output.finish(&events);
        if is_stuck {
            // Whoever comes next is to know of what still lives.
            remains.leave();
        }
        remains.let_go();
        // It removes what there is, unless a root still lives.
        guardian.dismiss();
        let left = tell_of_remains(remains.remove(), audience);
        (status, self.opening.release, timeline, left)
    }
}
