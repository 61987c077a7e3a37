//! The reactor and the parent together: the supervisor's edge to the real kernel.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::Pid;
use std::time::Duration;

use super::{Reactor, portrait};
use crate::controller::asker::Asker;
use crate::controller::channels::Gate;
use crate::controller::control::server::ClientId;
use crate::controller::control_channels::Reach;
use crate::controller::event_sink::{Note, Waiting};
use crate::controller::readiness::connection::{self, Attempt};
use crate::controller::readiness::file_watch::{self, Watched};
use crate::controller::startup_report::{ReportChannel, StartupReport};
use crate::controller::supervisor::{
    Edge, HelperTask, Kernel, LastLines, Said, Source, Terminals, Truth,
};
use crate::controller::target::Target;
use crate::controller::tree::{Interruption, Tree};
use crate::controller::verification::{self, Mismatch};
use crate::engine::children::{BuildError, Children, OutsideProcess};
use crate::engine::control_channel::Command;
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{HoldIndex, NamespaceIndex, ProcessKey};
use crate::engine::{reach, stop_plan};
use nestns_client::journal::event::Event;
use nestns_client::journal::log_reader::last_lines;
use nestns_client::protocol::message::{Reply, Snapshot};
use nestns_client::state_directory::truth_in;
use nestns_observe::namespaces::Standpoint;
use nestns_observe::offspring::Extent;
use nestns_observe::session::{self, Company};
use nestns_observe::signals::{self, Fate, Role};
use nestns_observe::{offspring, process};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::Signal;

/// Number of lines that are shown of a process that has failed.
const SHOWN: usize = 10;

/// The controller's place outside of all namespaces.
pub(in crate::controller) struct Host<'a> {
    pub(in crate::controller) reactor: Reactor<'a>,
    pub(in crate::controller) children: Children,
    gate: Gate,
    standpoint: OnceCell<Standpoint>,
}

impl<'a> Host<'a> {
    pub(in crate::controller) fn new(reactor: Reactor<'a>, children: Children, gate: Gate) -> Self {
        Self {
            reactor,
            children,
            gate,
            standpoint: OnceCell::new(),
        }
    }

    /// A descriptor of a process: of a child, whose number is its own until it is reaped, or of one
    /// whose identity is confirmed.
    fn find(&self, subject: ProcessKey) -> nix::Result<Pidfd> {
        match self.children.find(subject) {
            Some(child) => Pidfd::open(child.pid),
            None => self.reactor.tree.open_member(subject),
        }
    }
}

impl Edge for Host<'_> {
    fn tree(&self) -> &Tree {
        &self.reactor.tree
    }

    fn tree_mut(&mut self) -> &mut Tree {
        &mut self.reactor.tree
    }

    fn now(&self) -> Moment {
        Moment::now()
    }

    fn kernel(&self) -> &dyn Kernel {
        &ProcFs
    }

    fn terminals(&mut self) -> &mut dyn Terminals {
        &mut self.reactor.console
    }

    fn record(&mut self, event: &Event<'_>) {
        self.reactor.console.journal.record(event);
    }

    fn note(&mut self, note: &Note<'_>) {
        self.reactor.console.event_sink.note(note);
    }

    fn waiting(&mut self, waiting: &[Waiting]) {
        self.reactor.console.event_sink.waiting(waiting);
    }

    fn is_connected(&self, asker: Asker) -> bool {
        self.reactor.clients.server.is_there(asker.client)
    }

    fn reply_with(&mut self, asker: Asker, reply: Reply, descriptors: Vec<OwnedFd>) {
        self.reactor.reply_with(asker, reply, descriptors);
    }

    fn snapshot(&mut self) -> Snapshot {
        portrait::snapshot(&mut self.reactor)
    }

    fn take_up(&mut self, client: ClientId) {
        self.reactor
            .clients
            .server
            .take_up(client, &self.reactor.events);
    }

    fn announce(&mut self, report_channel: ReportChannel, news: &StartupReport) {
        self.reactor.console.journal.flush();
        self.reactor.truth.flush(&self.reactor.tree);
        // With `--timeout` it is the start that has so long.
        self.reactor.limit = None;
        report_channel.announce(news, &self.reactor.remains.handle());
        self.reactor.home.has_log();
    }

    fn open_gates(&mut self) {
        self.gate.open();
        self.children.expect_latecomers();
    }

    fn signal(&mut self, subject: ProcessKey, signal: i32) -> nix::Result<()> {
        self.find(subject)?.signal(signal)
    }

    fn ask(&mut self, subject: ProcessKey, signal: Signal, left: Option<Duration>) {
        // It may have ended a moment ago, and then wants nothing more.
        let plan = self.reactor.tree.plan;
        let _ = self.find(subject).and_then(|pidfd| {
            let namespace = plan.namespace(subject.namespace);
            if subject.is_init() && namespace.forks_its_members() {
                stop_plan::ask(&pidfd, &namespace.init, signal, left)
            } else {
                reach::signal(&pidfd, namespace.stop_reach(subject.slot), signal)
            }
        });
    }

    fn signal_reached(&mut self, subject: ProcessKey, signal: Signal) {
        let namespace = self.reactor.tree.plan.namespace(subject.namespace);
        // It may have ended a moment ago, and then wants nothing more.
        let _ = self
            .find(subject)
            .and_then(|pidfd| reach::signal(&pidfd, namespace.stop_reach(subject.slot), signal));
    }

    fn lift(&mut self, init: ProcessKey, hold: HoldIndex) {
        // Without it the hold ends by the times of the stop plan.
        let _ = self
            .find(init)
            .and_then(|pidfd| stop_plan::lift(&pidfd, hold));
    }

    fn child(&self, subject: ProcessKey) -> Option<Pid> {
        self.children.find(subject).map(|child| child.pid)
    }

    fn alive(&self) -> usize {
        self.children.alive()
    }

    fn children(&self) -> Vec<ProcessKey> {
        self.children
            .list()
            .iter()
            .filter(|child| !child.gone)
            .map(|child| child.subject)
            .collect()
    }

    fn start(&mut self, exec: OutsideProcess) -> Result<Pid, BuildError> {
        if exec.subject.stopped().is_some() {
            self.reactor.tree.interruption = Interruption::Kill;
        }
        let started = self.children.start(exec, &mut self.reactor);
        self.reactor.tree.interruption = Interruption::Stop;
        started
    }

    fn create(&mut self, subject: ProcessKey) -> Result<Option<Pidfd>, Failure> {
        self.reactor.tree.raising = Some(Target(subject));
        let result = if subject.is_init() {
            self.children
                .create_again(subject.namespace, &mut self.reactor)
                .map(|()| None)
        } else {
            self.children
                .join_again(subject, &mut self.reactor)
                .map(Some)
        };
        self.reactor.tree.raising = None;
        match result {
            Ok(None) => Ok(None),
            Ok(Some(pid)) => {
                let failed = |cause| Failure::new(subject, Stage::Channel, cause);
                Pidfd::open(pid)
                    .by(Call::PidfdOpen)
                    .map(Some)
                    .map_err(failed)
            }
            Err(BuildError::Failed(failure)) => Err(failure),
            Err(BuildError::Interrupted) => {
                Err(Failure::of_no_call(subject, Stage::Leaving, Errno::EINTR))
            }
        }
    }

    fn to_enter(&self, pid: Pid, only: Option<&[String]>) -> io::Result<CloneFlags> {
        // Where those stand that the parent moves in is found out once: neither it nor its helpers
        // ever stand elsewhere.
        let standpoint = if let Some(known) = self.standpoint.get() {
            known
        } else {
            let own = Standpoint::own(self.children.user_namespace())?;
            self.standpoint.get_or_init(|| own)
        };
        standpoint.to_enter(pid, only)
    }

    fn namespaces_of(&self, index: NamespaceIndex) -> CloneFlags {
        self.children.namespaces_of(index)
    }

    fn start_helper(&mut self, subject: ProcessKey, task: HelperTask) -> nix::Result<Pid> {
        let tree = &self.reactor.tree;
        let (pid, start_time) = tree.identity(subject).ok_or(Errno::ESRCH)?;
        let path = tree.path(subject);
        let (port, timeout) = match task {
            HelperTask::AwaitFile(file) => {
                let watched = Watched {
                    path: &path,
                    pid,
                    start_time,
                    file,
                };
                return file_watch::send(&tree.plan, &watched);
            }
            HelperTask::Connect { port, timeout } => (port, timeout),
        };
        let network = self
            .to_enter(pid, Some(&["net".to_owned()]))
            .map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        connection::send(
            &self.reactor.tree.plan,
            &Attempt {
                path: &path,
                pid,
                start_time,
                gateway: self.children.user_namespace().map(AsFd::as_fd),
                network,
                port,
                timeout,
            },
        )
    }

    fn reach(&mut self, namespace: NamespaceIndex) -> Reach {
        self.reactor.lines.reach(&self.reactor.tree, namespace)
    }

    fn command(
        &mut self,
        namespace: NamespaceIndex,
        command: Command,
        luggage: Option<BorrowedFd<'_>>,
    ) {
        let incident =
            self.reactor
                .lines
                .command(namespace, command, luggage, &self.reactor.events);
        self.reactor.tree.incidents.extend(incident);
    }

    fn close(&mut self, namespace: NamespaceIndex) {
        self.reactor.lines.close(namespace, &self.reactor.events);
    }

    fn lines(&self) -> Vec<NamespaceIndex> {
        self.reactor.lines.namespaces()
    }

    fn drain(&mut self, source: Source) {
        match source {
            Source::Inherited => self.reactor.drain_inherited(),
            Source::Reports => self.reactor.drain_reports(),
            Source::Programs(until) => self.reactor.drain_programs(until),
        }
    }

    fn truth_path(&self) -> PathBuf {
        truth_in(&self.reactor.remains.directory())
    }

    fn write_truth(&mut self, occasion: Truth) {
        match occasion {
            Truth::Due => self.reactor.truth.flush(&self.reactor.tree),
            Truth::Compared => self.reactor.truth.refresh(&self.reactor.tree),
            Truth::Withdrawn(since) => self.reactor.truth.withdraw(&self.reactor.tree, since),
        }
    }

    fn awaits_outcome(&self, subject: ProcessKey) -> bool {
        self.reactor.streams.outcome_of(subject).is_some()
    }

    fn forget(&mut self, subject: ProcessKey, said: Said) {
        match said {
            Said::Outcome => self
                .reactor
                .streams
                .forget_outcome(subject, &self.reactor.events),
            Said::Readiness => drop(self.reactor.listeners.forget(subject, &self.reactor.events)),
        }
    }

    fn last_lines(&self, subject: ProcessKey) -> LastLines {
        let name = crate::controller::journal::log_name(subject);
        let directory = self.reactor.remains.directory();
        // What cannot be read back has been told when it could not be written.
        let lines = name.and_then(|name| last_lines(&directory, name, SHOWN).ok());
        LastLines {
            lines: lines.unwrap_or_default(),
            is_shown: !self.reactor.console.output.is_closed(),
        }
    }

    fn forget_ended_roots(&mut self) {
        // A guardian that has been killed is replaced when it is reaped, and told of the live
        // only.
        let _ = self.reactor.guarding.guardian.forget_the_dead();
    }
}

/// The kernel's facts, from /proc.
struct ProcFs;

impl Kernel for ProcFs {
    fn company(&self, company: Company) -> Vec<Pidfd> {
        session::members(company)
            .unwrap_or_default()
            .into_iter()
            .map(|member| member.pidfd)
            .collect()
    }

    fn offspring(&self, process: Pid, extent: Extent, known: &BTreeSet<Pid>) -> Vec<Pidfd> {
        offspring::find(process, extent, known).unwrap_or_default()
    }

    fn signal(&self, pidfd: &Pidfd, signal: i32) -> nix::Result<()> {
        pidfd.signal(signal)
    }

    fn open(&self, pid: Pid, start_time: u64) -> nix::Result<Pidfd> {
        // The descriptor first, then the start time: what the number means cannot change in between
        // any more.
        let pidfd = Pidfd::open(pid)?;
        if process::start_time(pid).is_ok_and(|start| start == start_time) {
            Ok(pidfd)
        } else {
            Err(Errno::ESRCH)
        }
    }

    fn fate(&self, pid: Pid, role: Role, signal: i32) -> Option<Fate> {
        signals::fate(pid, role, signal).ok()
    }

    fn end_helper(&self, helper: Pid) {
        // It is not reaped yet: its number is its own.
        if let Ok(pidfd) = Pidfd::open(helper) {
            let _ = pidfd.signal(libc::SIGKILL);
        }
    }

    fn is_first(&self, pid: Pid) -> bool {
        process::Process::read(pid).is_ok_and(|process| process.numbers.last() == Some(&1))
    }

    fn is_ending(&self, pid: Pid) -> bool {
        process::is_ending(pid).unwrap_or(true)
    }

    fn compare(&self, tree: &Tree, subjects: &[ProcessKey]) -> Result<Vec<Mismatch>, CallError> {
        verification::compare_these(&tree.roster, subjects.iter().copied())
    }
}
