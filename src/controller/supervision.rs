//! From open gates to the end: reaping, output, `after`, the verdict, the stop.
//!
//! One loop, one wait. Each round takes in what has happened, decides, acts, and waits for the next thing or deadline.

use std::collections::HashSet;
use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::Command;
use super::audience::{Cause, Note, Waiting};
use super::creation::COLLAPSE;
use super::life::{Event, Life, Reaction};
use super::roster::State;
use super::timeline::Timeline;
use super::verdict::{self, Course, Verdict};
use super::world::{Incident, Visitor, World};
use crate::engine::farewell::{Action, Farewell};
use crate::engine::gate;
use crate::engine::keeper::{Keeper, Reaped, Setback};
use crate::engine::moment::Moment;
use crate::engine::plan::{Plan, Subject};
use crate::engine::report::Ending;
use crate::observe::process;
use crate::observe::signals::{self, Reception};
use crate::sys::pidfd::Pidfd;
use crate::topology::{Condition, Entry, OnExit, Signal, Terminal};

/// How long a member's death by KILL may wait for that of its PID 1, which would explain it.
const EXPLANATION: Duration = Duration::from_millis(200);
/// How often people are told for whom a stop waits.
const COUNTDOWN: Duration = Duration::from_secs(1);
/// How long the command of `run` has to end, when the tree is stopped around it.
const VISIT_GRACE: Duration = Duration::from_secs(5);

/// A death whose meaning is not clear yet.
#[derive(Debug)]
struct Unexplained {
    subject: Subject,
    ending: Ending,
    until: Moment,
}

/// A stop in progress.
#[derive(Debug)]
struct Stopping {
    began: Moment,
    farewell: Farewell,
    tell_again: Moment,
    /// After a kill of everything: when to give up waiting for the kernel.
    give_up: Option<Moment>,
}

pub(super) struct Supervision<'a> {
    world: World<'a>,
    keeper: Keeper,
    plan: Plan,
    life: Life,
    verdict: Verdict,
    status_from: Option<String>,
    /// Processes that wait for a word, by what they wait for.
    waiting: Vec<Subject>,
    started: HashSet<Subject>,
    unexplained: Vec<Unexplained>,
    stopping: Option<Stopping>,
    command: Option<Command>,
    visit_deadline: Option<Moment>,
}

impl<'a> Supervision<'a> {
    pub(super) fn new(
        world: World<'a>,
        keeper: Keeper,
        life: Life,
        on_exit: OnExit,
        status_from: Option<String>,
    ) -> Self {
        let plan = world.plan;
        let conditional = |subject: &Subject| {
            let namespace = plan.namespace(subject.namespace);
            namespace.process(subject.slot).is_some_and(|process| !process.is_unconditional())
        };
        let waiting = world.roster.subjects().filter(conditional).collect();
        Self {
            world,
            keeper,
            plan,
            life,
            verdict: Verdict::new(on_exit),
            status_from,
            waiting,
            started: HashSet::new(),
            unexplained: Vec::new(),
            stopping: None,
            command: None,
            visit_deadline: None,
        }
    }

    /// Stays until everything has ended. Returns the status, and the timeline of the stop, if there was one.
    pub(super) fn live(mut self, command: Option<Command>, name: &str) -> (u8, Option<Timeline>) {
        self.command = command;
        self.release_waiting();
        self.start_command();
        loop {
            self.reap();
            self.weigh();
            self.start_command();
            self.stop_if_told();
            self.act();
            if self.is_over() {
                break;
            }
            self.world.pump(self.timeout());
        }
        self.finish(name)
    }

    fn reap(&mut self) {
        self.world.child_ended = false;
        loop {
            let reaped = self.keeper.reap();
            // Whatever a PID 1 has said before it left was said before it could be reaped.
            if reaped != Reaped::Nothing && reaped != Reaped::Childless {
                self.world.drain_reports();
            }
            match reaped {
                Reaped::Kid(subject, ending) => {
                    self.world.incidents.push_back(Incident::Ended(subject, ending, Moment::now()));
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
                    let _ = self.world.replace_guardian();
                }
                Reaped::Orphan(..) => {}
                Reaped::Nothing | Reaped::Childless => return,
            }
        }
    }

    fn weigh(&mut self) {
        while let Some(incident) = self.world.incidents.pop_front() {
            match incident {
                Incident::Started(subject) => self.on_started(subject),
                // Its end follows, with the status that a shell would give.
                Incident::Refused(subject) => {
                    if self.owns_terminal(subject) {
                        self.end_terminal();
                    }
                }
                Incident::Ended(subject, ending, at) => self.on_ended(subject, ending, at),
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
        if let Some(record) = self.world.roster.get_mut(subject)
            && record.state == State::Created
        {
            record.state = State::Running;
        }
        self.started.insert(subject);
        if self.owns_terminal(subject)
            && let Some(relay) = &mut self.world.relay
        {
            relay.begin(self.world.saved, &self.world.events);
        }
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
        if let Some(relay) = &mut self.world.relay {
            // What it has written last is still to be shown.
            while let Some(bytes) = relay.take_output().filter(|bytes| !bytes.is_empty()) {
                self.world.output.push(&bytes, &self.world.events);
            }
            relay.end(self.world.saved, &self.world.events);
        }
    }

    fn on_ended(&mut self, subject: Subject, ending: Ending, at: Moment) {
        if self.owns_terminal(subject) {
            self.end_terminal();
        }
        if subject.is_visitor() {
            if let Some(visitor) = &mut self.world.visitor {
                visitor.ending = Some(ending);
            }
            self.verdict.adopt(ending);
            let path = self.world.path(subject);
            self.world.request_stop(Cause::Ended { path });
            return;
        }
        let was_over = match self.world.roster.get_mut(subject) {
            Some(record) => {
                record.ending.get_or_insert((ending, at));
                std::mem::replace(&mut record.state, State::Exited).is_over()
            }
            None => return,
        };
        if subject.is_init() {
            self.world.roster.collapse(subject.namespace, at);
            self.unexplained.retain(|unexplained| {
                let inside = subject.namespace..subject.namespace + self.plan.subtree(subject.namespace);
                let explained = inside.contains(&unexplained.subject.namespace);
                if explained && let Some(record) = self.world.roster.get_mut(unexplained.subject) {
                    record.state = State::Gone;
                }
                !explained
            });
        }
        if was_over && !subject.is_init() {
            // Its PID 1 was first, and has taken it along.
            self.mark(subject, State::Gone);
        } else if self.may_be_collapse(subject, ending) {
            self.mark(subject, State::Gone);
            self.unexplained.push(Unexplained { subject, ending, until: at.plus(EXPLANATION) });
        } else {
            self.judge(subject, ending);
        }
        self.release_waiting();
    }

    fn mark(&mut self, subject: Subject, state: State) {
        if let Some(record) = self.world.roster.get_mut(subject) {
            record.state = state;
        }
    }

    /// Whether a death by KILL may be that of the namespace: its PID 1 is reaped only after its members.
    fn may_be_collapse(&self, subject: Subject, ending: Ending) -> bool {
        let killed = self.world.roster.get(subject).is_some_and(|record| record.farewells.killed.is_some());
        if subject.is_init() || killed || ending != Ending::Signalled(libc::SIGKILL) {
            return false;
        }
        let namespace = self.plan.namespace(subject.namespace);
        let joined = namespace.process(subject.slot).is_some_and(|process| process.entry == Entry::Join);
        let init = self.world.roster.get(Subject::init(subject.namespace));
        joined && init.is_some_and(|init| !init.state.is_over())
    }

    /// Decides what an end means.
    fn judge(&mut self, subject: Subject, ending: Ending) {
        let namespace = self.plan.namespace(subject.namespace);
        let path = namespace.path_of(subject.slot);
        let record = self.world.roster.get(subject);
        let asked = record.is_some_and(|record| record.farewells.asked.is_some() || record.farewells.killed.is_some());
        let killed = record.is_some_and(|record| record.farewells.killed.is_some());
        let refused = record.is_some_and(|record| record.refusal.is_some());
        let Some(process) = namespace.process(subject.slot) else {
            // A PID 1 of ours ends with 0, or was killed from outside.
            let lost = ending != Ending::Exited(0) && !asked && self.life == Life::Running;
            self.mark(subject, if ending == Ending::Exited(0) { State::Exited } else { State::Killed });
            if lost {
                self.world.audience.note(&Note::InitLost { path: &path, ending });
                self.verdict.adopt(ending);
                self.world.request_stop(Cause::Ended { path });
            }
            return;
        };
        let success = verdict::is_success(process, ending);
        let state = match ending {
            _ if killed => State::Killed,
            _ if success => State::Exited,
            Ending::Signalled(_) if asked => State::Killed,
            _ => State::Failed,
        };
        self.mark(subject, state);
        if self.status_from.as_deref() == Some(path.as_str()) {
            self.verdict.adopt(ending);
            self.world.request_stop(Cause::Ended { path });
            return;
        }
        // What ends because it was asked to has not failed.
        if asked || self.life != Life::Running {
            return;
        }
        if !success && !refused {
            self.world.audience.note(&Note::Failed { path: &path, position: process.position, ending });
        }
        if self.verdict.ended(process, ending) == Course::Stop {
            self.world.request_stop(Cause::Ended { path });
        }
    }

    /// Lets those processes through whose conditions are met, and gives up those whose never will be.
    fn release_waiting(&mut self) {
        if self.life != Life::Running {
            return;
        }
        let mut kept = Vec::new();
        for subject in std::mem::take(&mut self.waiting) {
            match self.conditions(subject) {
                Met::Yes => self.signal_member(subject, gate::RELEASE as i32),
                Met::NotYet => kept.push(subject),
                Met::Never(dependency) => {
                    let path = self.world.path(subject);
                    self.world.audience.note(&Note::Unreachable { path: &path, dependency: &dependency });
                    self.signal_member(subject, libc::SIGKILL);
                }
            }
        }
        self.waiting = kept;
    }

    fn conditions(&self, subject: Subject) -> Met {
        let namespace = self.plan.namespace(subject.namespace);
        let Some(process) = namespace.process(subject.slot) else { return Met::Yes };
        let mut met = Met::Yes;
        for after in &process.after {
            let Ok(slot) = u32::try_from(after.process + 1) else { continue };
            let other = Subject { slot, ..subject };
            let (Some(record), Some(dependency)) = (self.world.roster.get(other), namespace.process(slot)) else {
                continue;
            };
            let started = self.started.contains(&other);
            let ended = record.ending.map(|(ending, _)| ending);
            let succeeded = ended.map(|ending| verdict::is_success(dependency, ending) && record.refusal.is_none());
            let fulfilled = match after.condition {
                Condition::Created => Some(true),
                Condition::Ready if dependency.oneshot => succeeded,
                Condition::Started | Condition::Ready => match (started, ended) {
                    (true, _) => Some(true),
                    (false, None) => None,
                    (false, Some(_)) => Some(false),
                },
                Condition::Exited => ended.map(|_| true),
                Condition::Ok => succeeded,
            };
            match fulfilled {
                Some(true) => {}
                Some(false) => return Met::Never(dependency.name.clone()),
                None => met = Met::NotYet,
            }
        }
        met
    }

    /// Signals a process that is not the controller's child, after its identity is confirmed.
    fn signal_member(&self, subject: Subject, signal: i32) {
        let Some(facts) = self.world.roster.get(subject).and_then(|record| record.facts.as_ref()) else { return };
        let Some(&number) = facts.numbers.first() else { return };
        let pid = Pid::from_raw(number);
        // The descriptor first, then the start time: what the number means cannot change in between any more.
        if let Ok(pidfd) = Pidfd::open(pid)
            && process::start_time(pid).is_ok_and(|start| start == facts.start_time)
        {
            // It may have ended since, which its keeper reports.
            let _ = pidfd.signal(signal);
        }
    }

    /// Starts the command of `run FILE`, when everything that is released at once has started.
    fn start_command(&mut self) {
        if self.command.is_none() || self.life != Life::Running || self.world.stop.is_some() {
            return;
        }
        let all_started = self.world.roster.subjects().all(|subject| {
            let namespace = self.plan.namespace(subject.namespace);
            let record = self.world.roster.get(subject);
            let ended = record.is_some_and(|record| record.ending.is_some() || record.refusal.is_some());
            match namespace.process(subject.slot) {
                Some(process) if process.oneshot => ended,
                Some(_) => ended || self.started.contains(&subject),
                None => true,
            }
        });
        if !all_started {
            return;
        }
        let Some(Command { process, namespace }) = self.command.take() else { return };
        let index =
            namespace.and_then(|path| self.plan.indices().find(|&index| self.plan.namespace(index).path == path));
        let subject = Subject::visitor(index);
        let path = process.name.clone();
        self.world.visitor = Some(Visitor { subject, path, ending: None });
        let init =
            index.and_then(|index| self.world.roster.get(Subject::init(index))).and_then(super::roster::Record::pid);
        match self.keeper.visit(subject, process, init, &mut self.world) {
            Ok(()) => {}
            Err(Setback::Interrupted) => self.world.visitor = None,
            Err(Setback::Failed(failure)) => {
                self.world.fail(failure);
                self.verdict.adopt(Ending::Exited(125));
                self.world.request_stop(Cause::Ended { path: "the command".to_owned() });
            }
        }
    }

    fn stop_if_told(&mut self) {
        if let Some(failure) = self.world.failure.take() {
            // After the release only the visitor's creation can fail.
            self.world.audience.note(&Note::CommandFailed { failure: &failure });
            self.verdict.adopt(Ending::Exited(125));
            self.world.request_stop(Cause::Ended { path: "the command".to_owned() });
        }
        self.stop_at_first_request();
        // Both requests may have come since the last round: the second is one only after the first.
        if self.world.stop_again {
            self.world.stop_again = false;
            let (life, reaction) = self.life.on(Event::StopAgain);
            self.life = life;
            if reaction == Reaction::Kill {
                self.world.audience.note(&Note::Killing);
                self.kill_everything();
            }
        }
    }

    fn stop_at_first_request(&mut self) {
        let Some(cause) = &self.world.stop else { return };
        let (life, reaction) = self.life.on(Event::Stop);
        if reaction != Reaction::Ask {
            return;
        }
        self.life = life;
        self.world.audience.note(&Note::Stopping { cause });
        if self.visitor_lives() {
            // He is a guest of the tree: he leaves first.
            self.signal_visitor(Signal::TERM);
            self.visit_deadline = Some(Moment::now().plus(VISIT_GRACE));
        } else {
            self.begin_to_stop();
        }
    }

    fn visitor_lives(&self) -> bool {
        self.world.visitor.as_ref().is_some_and(|visitor| visitor.ending.is_none())
    }

    fn signal_visitor(&self, signal: Signal) {
        if let Some(visitor) = &self.world.visitor
            && let Some(kid) = self.keeper.find(visitor.subject)
            && let Ok(pidfd) = Pidfd::open(kid.pid)
        {
            let _ = pidfd.signal(signal.number());
        }
    }

    fn begin_to_stop(&mut self) {
        self.visit_deadline = None;
        self.note_receptions();
        let now = Moment::now();
        let own = self.keeper.kids().iter().filter(|kid| !kid.gone && !kid.subject.is_visitor()).map(|kid| kid.subject);
        let asked: Vec<Subject> = own
            .filter(|subject| subject.is_init() || !self.plan.namespace(subject.namespace).has_own_keeper())
            .collect();
        let farewell = Farewell::begin(&self.plan, &asked, now);
        self.stopping = Some(Stopping { began: now, farewell, tell_again: now, give_up: None });
    }

    /// Looks, before anybody is asked, at who will act on the request. A `kill` that succeeds proves nothing (R5).
    fn note_receptions(&mut self) {
        let subjects: Vec<Subject> = self.world.roster.subjects().collect();
        for subject in subjects {
            let namespace = self.plan.namespace(subject.namespace);
            let Some(record) = self.world.roster.get_mut(subject) else { continue };
            if record.state.is_over() {
                continue;
            }
            let handled = match (namespace.process(subject.slot), record.pid()) {
                (None, _) => Some(true),
                (Some(process), Some(pid)) => {
                    let reception = signals::reception(pid, process.stop.signal.number()).ok();
                    reception.map(|reception| match reception {
                        Reception::Handled => true,
                        Reception::Ignored => false,
                        Reception::Default => !subject.is_init() || process.stop.signal == Signal::KILL,
                    })
                }
                (Some(_), None) => None,
            };
            record.farewells.handled = handled;
        }
    }

    fn act(&mut self) {
        if let Some(deadline) = self.visit_deadline {
            if !self.visitor_lives() {
                self.begin_to_stop();
            } else if deadline <= Moment::now() {
                self.signal_visitor(Signal::KILL);
                self.visit_deadline = Some(Moment::now().plus(VISIT_GRACE));
            }
        }
        let now = Moment::now();
        let Some(stopping) = &mut self.stopping else { return };
        let actions = stopping.farewell.due(now);
        for action in actions {
            match action {
                Action::Ask(subject, signal) => {
                    self.signal_kid(subject, signal);
                    self.signal_kid(subject, Signal::from_number(libc::SIGCONT));
                    if let Some(record) = self.world.roster.get_mut(subject) {
                        record.farewells.asked = Some((signal.number(), now));
                        record.state = State::Stopping;
                    }
                }
                Action::Kill(subject) => self.kill_kid(subject, now),
            }
        }
        self.tell_whom_it_waits_for(now);
    }

    fn tell_whom_it_waits_for(&mut self, now: Moment) {
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.tell_again > now {
            return;
        }
        stopping.tell_again = now.plus(COUNTDOWN);
        let mut waiting = Vec::new();
        for subject in self.world.roster.subjects() {
            let namespace = self.plan.namespace(subject.namespace);
            let Some(record) = self.world.roster.get(subject).filter(|record| !record.state.is_over()) else {
                continue;
            };
            let Some(process) = namespace.process(subject.slot) else { continue };
            let time = record.farewells.asked.map(|(_, at)| (now.since(at), process.stop.grace));
            waiting.push(Waiting { path: namespace.path_of(subject.slot), time });
        }
        self.world.audience.waiting(&waiting);
    }

    fn signal_kid(&self, subject: Subject, signal: Signal) {
        if let Some(kid) = self.keeper.find(subject)
            && let Ok(pidfd) = Pidfd::open(kid.pid)
        {
            // It may have ended a moment ago, and then wants nothing more.
            let _ = pidfd.signal(signal.number());
        }
    }

    fn kill_kid(&mut self, subject: Subject, now: Moment) {
        self.signal_kid(subject, Signal::KILL);
        if let Some(record) = self.world.roster.get_mut(subject) {
            record.farewells.killed = Some(now);
            if !record.state.is_over() {
                record.state = State::Killing;
            }
        }
    }

    fn kill_everything(&mut self) {
        if self.stopping.is_none() {
            self.begin_to_stop();
        }
        self.signal_visitor(Signal::KILL);
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

    fn is_over(&mut self) -> bool {
        if self.keeper.living() == 0 && self.world.incidents.is_empty() && self.unexplained.is_empty() {
            return true;
        }
        let now = Moment::now();
        let over = self.stopping.as_ref().and_then(|stopping| stopping.give_up).is_some_and(|give_up| give_up <= now);
        if over {
            let living = self.keeper.kids().iter().filter(|kid| !kid.gone);
            let paths: Vec<String> = living.map(|kid| self.world.path(kid.subject)).collect();
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
        let now = Moment::now();
        let stopping = self.stopping.as_ref();
        let moments = [
            stopping.and_then(|stopping| stopping.farewell.next()),
            stopping.map(|stopping| stopping.tell_again),
            stopping.and_then(|stopping| stopping.give_up),
            self.visit_deadline,
            self.unexplained.iter().map(|unexplained| unexplained.until).min(),
        ];
        moments.into_iter().flatten().min().map(|next| next.since(now))
    }

    /// Everything has ended: takes in what was said last, and lets the guardian go.
    fn finish(mut self, name: &str) -> (u8, Option<Timeline>) {
        let end = Moment::now();
        let last = end.plus(Duration::from_secs(1));
        self.world.drain_reports();
        // With all writers dead the pipes are at their end, but for one that was passed out of the tree.
        while self.world.streams.open() > 0 && Moment::now() < last {
            self.world.pump(Some(last.since(Moment::now())));
        }
        self.weigh();
        self.end_terminal();
        let status = match &self.world.stop {
            None | Some(Cause::Ended { .. }) => self.verdict.status(),
            Some(_) if self.world.visitor.is_some() => self.verdict.status(),
            Some(Cause::Timeout) => 124,
            Some(Cause::Signal(_)) if self.life == Life::Killing => 128 + 9,
            Some(Cause::Signal(signal)) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Some(Cause::OutputClosed) => 128 + u8::try_from(libc::SIGHUP).unwrap_or(1),
        };
        let timeline =
            self.stopping.as_ref().map(|stopping| Timeline::new(&self.world.roster, name, stopping.began, end));
        if let Some(timeline) = &timeline {
            self.world.audience.stopped(timeline);
        }
        let World { guardian, output, events, remains, .. } = self.world;
        output.finish(&events);
        remains.remove();
        guardian.dismiss();
        (status, timeline)
    }
}

/// Whether a process's conditions are met.
enum Met {
    Yes,
    NotYet,
    /// This dependency has ended otherwise.
    Never(String),
}

/// Kills the roots and reaps until nothing is left, or the time is over; then who is left is named.
pub(super) fn kill_and_reap(keeper: &mut Keeper, world: &mut World<'_>, until: Moment) -> Vec<String> {
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
                    return keeper.kids().iter().filter(|kid| !kid.gone).map(|kid| world.path(kid.subject)).collect();
                }
                world.pump(Some(left));
            }
        }
    }
}
