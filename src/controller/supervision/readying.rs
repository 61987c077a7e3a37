//! Readiness: from a probe that comes true, or a start that needs none, to whoever waits for it.
//!
//! A process is ready once, until it ends. What asks about it is bounded (one command or one helper a process, a command for
//! [`PATIENCE`] at most), is called off when the process ends or a stop begins, and its failure is no failure of the tree.

use std::time::Duration;

use super::Supervision;
use crate::controller::audience::Note;
use crate::controller::journal::event::{Event, WHOLE};
use crate::controller::life::Life;
use crate::controller::readiness::{Client, Inquiry, Lookout, Watched, Way};
use crate::controller::roster::State;
use crate::engine::keeper::{Entrance, Guest};
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, ProcessPlan, Subject};
use crate::engine::refusal::Refusal;
use crate::engine::report::Ending;
use crate::observe::process;
use crate::sys::call::{Call, CallError};
use crate::sys::pidfd::Pidfd;
use crate::topology::{Entry, Output, ProcessSpec, Program, RestartPolicy, Stdin, Terminal, Weight};
use nix::libc;
use nix::unistd::Pid;

/// How long a command may take to answer, before it is killed and asked again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a helper that was killed may take to end.
const BURIAL: Duration = Duration::from_secs(1);

impl Supervision<'_> {
    /// The gates are open: where there is nothing inside, a namespace is ready with that.
    pub(super) fn begin_readiness(&mut self) {
        for index in self.world.tree.readiness.empty() {
            self.on_namespace_ready(index);
            if let Some(around) = self.world.tree.readiness.around(index) {
                self.fill(around);
            }
        }
    }

    /// A program runs: it is ready with that, or is asked whether it is.
    pub(super) fn begin_probe(&mut self, subject: Subject) {
        if !self.world.tree.readiness.is_declared(subject) {
            return;
        }
        let Some(way) = self.world.tree.readiness.way(subject).cloned() else {
            self.become_ready(subject);
            return;
        };
        if self.world.tree.readiness.take_early(subject) {
            self.become_ready(subject);
            return;
        }
        match way {
            Way::File(file) => self.send_lookout(subject, file),
            Way::Command { .. } => {
                self.world.tree.readiness.inquiries.insert(subject, Inquiry::Pending(Moment::now()));
                self.inquire();
            }
            Way::End | Way::Line(_) | Way::Voice => {}
        }
    }

    /// The probe of a process has come true.
    pub(super) fn on_hint(&mut self, subject: Subject) {
        let is_alive = self.world.tree.roster.get(subject).is_some_and(|record| record.ending.is_none());
        if !is_alive {
            return;
        }
        if self.started.contains(&subject) {
            self.become_ready(subject);
            self.release_waiting();
        } else {
            // What it says may be read before it is known that it runs.
            self.world.tree.readiness.note_early(subject);
        }
    }

    /// Somebody is ready. The caller looks whether that lets others through.
    pub(super) fn become_ready(&mut self, subject: Subject) {
        if !self.world.tree.readiness.add(subject) {
            return;
        }
        self.call_off(subject);
        if let Some(record) = self.world.tree.roster.get_mut(subject)
            && record.state == State::Running
        {
            record.state = State::Ready;
        }
        self.on_ready(subject);
        self.fill(subject.namespace);
    }

    /// A namespace lacks one thing less.
    fn fill(&mut self, index: NamespaceIndex) {
        for whole in self.world.tree.readiness.fill(index) {
            self.on_namespace_ready(whole);
        }
    }

    /// Every process is ready, of the declared ones and of the programs that are PID 1, passes here once in its life.
    pub(super) fn on_ready(&mut self, subject: Subject) {
        let path = self.world.tree.path(subject);
        self.world.record(&Event::Ready { path: &path });
    }

    /// And so does every namespace, when all that is in it is ready.
    fn on_namespace_ready(&mut self, index: NamespaceIndex) {
        let has_own_init = self.world.tree.readiness.has_own_init(index);
        if let Some(namespace) = self.world.tree.roster.namespace_mut(index) {
            namespace.is_ready = true;
            if has_own_init && namespace.members[0].state == State::Running {
                namespace.members[0].state = State::Ready;
            }
        }
        let path = self.plan.namespace(index).path.clone();
        self.world.record(&Event::Ready { path: &path });
        if self.world.tree.readiness.is_complete() {
            self.world.record(&Event::Ready { path: WHOLE });
        }
    }

    /// A process has ended: nobody asks any more, and a one-shot that has done its work is ready.
    pub(super) fn end_readiness(&mut self, subject: Subject) {
        self.call_off(subject);
        // What it has said last was said before it ended, and makes nobody ready any more.
        let _ = self.world.voices.forget(subject, &self.world.events);
        self.world.tree.readiness.take_early(subject);
        let is_done = self.world.tree.roster.get(subject).is_some_and(|record| {
            record.state == State::Exited && record.refusal.is_none() && record.farewells.asked.is_none()
        });
        if is_done && matches!(self.world.tree.readiness.way(subject), Some(Way::End)) {
            self.become_ready(subject);
        }
    }

    /// Begins anew with a process that is about to be started again, and with the namespaces around it. An init of nestns is
    /// no more than its namespace: what is inside makes the difference.
    pub(super) fn renew_readiness(&mut self, subject: Subject) {
        if !self.world.tree.readiness.is_declared(subject) {
            return;
        }
        self.world.tree.readiness.forget(subject);
        let mut around = Some(subject.namespace);
        while let Some(index) = around {
            if self.world.tree.readiness.lacks_something(index)
                && let Some(namespace) = self.world.tree.roster.namespace_mut(index)
            {
                namespace.is_ready = false;
                if namespace.members[0].state == State::Ready && self.world.tree.readiness.has_own_init(index) {
                    namespace.members[0].state = State::Running;
                }
            }
            around = self.world.tree.readiness.around(index);
        }
    }

    /// Whether a process is as far as it will get by itself: ready, or beyond hope without having ended the topology.
    pub(super) fn is_settled(&self, subject: Subject) -> bool {
        if self.world.tree.readiness.is_ready(subject) {
            return true;
        }
        let is_unexplained = self.unexplained.iter().any(|unexplained| unexplained.subject == subject);
        let record = self.world.tree.roster.get(subject);
        !is_unexplained
            && !self.comes_again(subject)
            && record.is_some_and(|record| record.ending.is_some() && record.state.is_over())
    }

    /// Whether everybody is.
    pub(super) fn all_settled(&mut self) -> bool {
        while let Some(subject) = self.world.tree.readiness.first_pending() {
            if !self.is_settled(subject) {
                return false;
            }
            self.world.tree.readiness.is_no_longer_pending(subject);
        }
        true
    }

    fn send_lookout(&mut self, subject: Subject, file: std::path::PathBuf) {
        let Some((pid, start_time)) = self.identity(subject) else { return };
        let path = self.world.tree.path(subject);
        match Lookout::send(&self.plan, &Watched { path: &path, pid, start_time, file }) {
            Ok(lookout) => self.world.tree.readiness.lookouts.push((lookout, Client::Process(subject))),
            Err(errno) => {
                let cause = CallError { call: Call::Fork, errno };
                self.world.audience.note(&Note::ProbeLost { path: &path, cause });
            }
        }
    }

    /// A child of the controller has ended that is nobody's; says whether it was a lookout.
    pub(super) fn on_lookout_ended(&mut self, pid: Pid, ending: Ending) -> bool {
        let Some(client) = self.world.tree.readiness.take_lookout(pid) else { return false };
        let Client::Process(subject) = client else { return true };
        if ending == Ending::Exited(0) {
            self.on_hint(subject);
        } else if self.life == Life::Running && ending != Ending::Exited(1) && self.started.contains(&subject) {
            // Somebody has killed it.
            let file = match self.world.tree.readiness.way(subject) {
                Some(Way::File(file)) if !self.world.tree.readiness.is_ready(subject) => file.clone(),
                _ => return true,
            };
            if self.world.tree.roster.get(subject).is_some_and(|record| record.ending.is_none()) {
                self.send_lookout(subject, file);
            }
        }
        true
    }

    /// Runs the commands whose time has come, and kills those that do not answer.
    pub(super) fn inquire(&mut self) {
        if self.life != Life::Running || self.world.tree.stop.is_some() {
            return;
        }
        let now = Moment::now();
        let due = |inquiry: &Inquiry| match inquiry {
            Inquiry::Pending(at) | Inquiry::Running(_, at) => *at <= now,
        };
        let all = self.world.tree.readiness.inquiries.iter();
        let due: Vec<_> =
            all.filter(|(_, inquiry)| due(inquiry)).map(|(&subject, &inquiry)| (subject, inquiry)).collect();
        for (subject, inquiry) in due {
            let next = match inquiry {
                Inquiry::Running(leader, _) => {
                    super::sessions::signal_session(leader, libc::SIGKILL);
                    // It is reaped soon; what has escaped by forking is looked for once more.
                    Inquiry::Running(leader, now.plus(PATIENCE))
                }
                Inquiry::Pending(_) => match self.ask(subject) {
                    Some(leader) => Inquiry::Running(leader, now.plus(PATIENCE)),
                    None => self.pause_after(subject, now),
                },
            };
            // Forking takes in what happens meanwhile, which may be its end.
            if let Some(inquiry) = self.world.tree.readiness.inquiries.get_mut(&subject) {
                *inquiry = next;
            }
        }
    }

    fn pause_after(&self, subject: Subject, now: Moment) -> Inquiry {
        let every = match self.world.tree.readiness.way(subject) {
            Some(Way::Command { every, .. }) => *every,
            _ => PATIENCE,
        };
        Inquiry::Pending(now.plus(every))
    }

    /// Runs the command of a process beside it. Where that cannot be, as when the process is about to end, it is tried again.
    fn ask(&mut self, subject: Subject) -> Option<Pid> {
        let Some(Way::Command { argv, .. }) = self.world.tree.readiness.way(subject) else { return None };
        let argv = argv.clone();
        let (pid, start_time) = self.identity(subject)?;
        let beside = Pidfd::open(pid).ok()?;
        if !process::start_time(pid).is_ok_and(|start| start == start_time) {
            return None;
        }
        let namespaces = self.standpoint().ok()?.to_enter(pid, None).ok()?;
        let namespace = self.plan.namespace(subject.namespace);
        let process = command(namespace.process(subject.slot)?, namespace.path_of(subject.slot), argv);
        let entrance = Entrance::Beside { process: beside, namespaces };
        let guest = Guest { subject: subject.probe_of()?, process, entrance, streams: None };
        self.keeper.invite(guest, &mut self.world).ok()
    }

    /// The command has ended.
    pub(super) fn on_answer(&mut self, subject: Subject, ending: Ending) {
        if !self.world.tree.readiness.inquiries.contains_key(&subject) {
            return;
        }
        if ending == Ending::Exited(0) {
            self.on_hint(subject);
            return;
        }
        let next = self.pause_after(subject, Moment::now());
        self.world.tree.readiness.inquiries.insert(subject, next);
    }

    /// The command could not be executed. It may appear later, so that it is asked again; that it is not there is said once.
    pub(super) fn on_probe_refused(&mut self, subject: Subject, refusal: &Refusal) {
        if self.world.tree.readiness.inquiries.contains_key(&subject) && self.world.tree.readiness.refused.insert(subject) {
            let namespace = self.plan.namespace(subject.namespace);
            let position = namespace.process(subject.slot).map(|process| process.position).unwrap_or_default();
            let path = namespace.path_of(subject.slot);
            self.world.audience.note(&Note::ProbeRefused { path: &path, position, refusal });
        }
    }

    /// Nobody asks about a process any more.
    fn call_off(&mut self, subject: Subject) {
        // It stays known until it is reaped.
        let lookouts = self.world.tree.readiness.lookouts.iter_mut();
        for (lookout, client) in lookouts.filter(|(_, client)| *client == Client::Process(subject)) {
            lookout.call_off();
            *client = Client::Nobody;
        }
        if let Some(Inquiry::Running(leader, _)) = self.world.tree.readiness.inquiries.remove(&subject)
            && subject.probe_of().is_some_and(|probe| self.keeper.find(probe).is_some())
        {
            super::sessions::signal_session(leader, libc::SIGKILL);
        }
    }

    /// A stop has begun: nobody asks about anybody any more. Members of the namespaces end with them.
    pub(super) fn call_everybody_off(&mut self) {
        for (lookout, client) in &mut self.world.tree.readiness.lookouts {
            lookout.call_off();
            *client = Client::Nobody;
        }
        for (subject, _) in std::mem::take(&mut self.world.tree.readiness.inquiries) {
            if let Some(kid) = subject.probe_of().and_then(|probe| self.keeper.find(probe))
                && let Ok(pidfd) = Pidfd::open(kid.pid)
            {
                let _ = pidfd.signal(libc::SIGKILL);
            }
        }
    }

    /// Nothing is left behind: helpers that were called off are reaped before the controller leaves.
    pub(super) fn bury_lookouts(&mut self) {
        self.call_everybody_off();
        let end = Moment::now().plus(BURIAL);
        loop {
            self.reap();
            let left = end.since(Moment::now());
            if self.world.tree.readiness.lookouts.is_empty() || left.is_zero() {
                return;
            }
            self.world.pump(Some(left));
        }
    }

    fn identity(&self, subject: Subject) -> Option<(Pid, u64)> {
        let facts = self.world.tree.roster.get(subject)?.facts.as_ref()?;
        Some((Pid::from_raw(*facts.numbers.first()?), facts.start_time))
    }
}

/// The command as a guest beside the process: in its place and with its means, heard by nobody.
fn command(process: &ProcessPlan, path: String, argv: Vec<String>) -> ProcessPlan {
    let spec = ProcessSpec {
        name: path,
        program: Program::Command(argv),
        entry: Entry::Join,
        terminal: Terminal::None,
        stdin: Stdin::Null,
        stdout: Output::Null,
        stderr: Output::Null,
        after: Vec::new(),
        ready: None,
        ok: vec![0],
        oneshot: true,
        weight: Weight::Expendable,
        restart: RestartPolicy::NEVER,
        ..process.spec.clone()
    };
    ProcessPlan { spec, identity: process.identity.clone() }
}
