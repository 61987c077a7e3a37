//! Interface between components and the outside: the tree as it is known, and the edge towards the
//! kernel, the clients and the files.
//!
//! The reactor implements it ([`Host`](super::super::host::Host)); a recording fake does in unit
//! tests, so that orders of events are tested without namespaces.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::Pid;

use crate::controller::asker::Asker;
use crate::controller::control::server::ClientId;
use crate::controller::control_channels::Reach;
use crate::controller::event_sink::{Note, Waiting};
use crate::controller::roster::{ExitEvent, State};
use crate::controller::start_error::exec_error_sentence;
use crate::controller::startup_report::{ReportChannel, StartupReport};
use crate::controller::tree::Tree;
use crate::controller::truth_file::Revision;
use crate::controller::verification::Mismatch;
use crate::engine::children::{BuildError, OutsideProcess};
use crate::engine::control_channel::Command;
use crate::engine::failure::Failure;
use crate::engine::plan::{HoldIndex, NamespaceIndex, ProcessKey};
use crate::engine::report::Ending;
use nestns_client::journal::event::Event;
use nestns_client::protocol::message::{Reply, RequestError, Snapshot};
use nestns_observe::offspring::Extent;
use nestns_observe::session::Company;
use nestns_observe::signals::{Fate, Role};
use nestns_sys::call::CallError;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::Signal;

/// Reports and output that are to be taken in at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Source {
    /// The inherited channel.
    Inherited,
    /// Every channel of reports.
    Reports,
    /// Output of programs, until this moment.
    Programs(Moment),
}

/// Occasions of writing the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Truth {
    /// A client is about to be told something: it is written if it is out of date.
    Due,
    /// A program may compare at once what it sees: it is written anew.
    Compared,
    /// Something that was there first with this revision is gone: the truth is written if it may
    /// tell of that.
    Withdrawn(Revision),
}

/// Change of the terminal of the one process that has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum TerminalChange {
    /// The process runs.
    Begin(ProcessKey),
    /// The process has ended: what it has written last is shown, and the caller's terminal is as it
    /// was.
    End,
    /// The process is started again, and takes a new terminal.
    Renew,
    /// The controller stops as any job does.
    Suspend,
    /// The controller goes on.
    Resume,
}

/// The edge of the supervisor.
pub(in crate::controller) trait Edge {
    /// The tree as it is known.
    fn tree(&self) -> &Tree;
    /// The same, to be changed.
    fn tree_mut(&mut self) -> &mut Tree;
    /// The present moment.
    fn now(&self) -> Moment;
    /// Facts of processes that only the kernel knows.
    fn kernel(&self) -> &dyn Kernel;
    /// Terminals of processes.
    fn terminals(&mut self) -> &mut dyn Terminals;

    /// Writes an event.
    fn record(&mut self, event: &Event<'_>);
    /// Tells people something.
    fn note(&mut self, note: &Note<'_>);
    /// Tells people for which processes a stop waits.
    fn waiting(&mut self, waiting: &[Waiting]);

    /// True if a client is still there to be answered.
    fn is_connected(&self, asker: Asker) -> bool;
    /// Answers a request, with descriptors.
    fn reply_with(&mut self, asker: Asker, reply: Reply, descriptors: Vec<OwnedFd>);
    /// Snapshot of the tree, as a client is told.
    fn snapshot(&mut self) -> Snapshot;
    /// Lets a client be heard again.
    fn take_up(&mut self, client: ClientId);
    /// Tells the client that has started the topology that it stands.
    fn announce(&mut self, report_channel: ReportChannel, news: &StartupReport);

    /// Opens the gates.
    fn open_gates(&mut self);
    /// Signals a process: a child that is not reaped, or one whose identity is confirmed.
    fn signal(&mut self, subject: ProcessKey, signal: i32) -> nix::Result<()>;
    /// Asks a process to end; an init of nestns is told how long it has at most.
    fn ask(&mut self, subject: ProcessKey, signal: Signal, left: Option<Duration>);
    /// Signals a process, and with it the process group that it leads where its stop reaches that.
    fn signal_reached(&mut self, subject: ProcessKey, signal: Signal);
    /// Tells an init that a hold of its stop is lifted.
    fn lift(&mut self, init: ProcessKey, hold: HoldIndex);
    /// The child with this role, if it is not reaped.
    fn child(&self, subject: ProcessKey) -> Option<Pid>;
    /// The number of children with a role that are not reaped.
    fn alive(&self) -> usize;
    /// These children.
    fn children(&self) -> Vec<ProcessKey>;
    /// Forks a process that no plan declares; takes in meanwhile what happens.
    fn start(&mut self, exec: OutsideProcess) -> Result<Pid, BuildError>;
    /// Creates what is the controller's to create again; hands out a descriptor of a process that
    /// was moved in.
    fn create(&mut self, subject: ProcessKey) -> Result<Option<Pidfd>, Failure>;
    /// The namespaces, besides PID, that a process is entered by; `None` stands for those of the
    /// plan.
    fn to_enter(&self, pid: Pid, only: Option<&[String]>) -> io::Result<CloneFlags>;
    /// The namespaces, besides PID, of a namespace of the plan.
    fn namespaces_of(&self, index: NamespaceIndex) -> CloneFlags;
    /// Starts a helper for the readiness of a process.
    fn start_helper(&mut self, subject: ProcessKey, task: HelperTask) -> nix::Result<Pid>;

    /// Looks whether the PID 1 of a namespace can be told something, and calls it where it has not
    /// been.
    fn reach(&mut self, namespace: NamespaceIndex) -> Reach;
    /// Gives it a command; the answer is an incident.
    fn command(
        &mut self,
        namespace: NamespaceIndex,
        command: Command,
        luggage: Option<BorrowedFd<'_>>,
    );
    /// Closes the channel to it.
    fn close(&mut self, namespace: NamespaceIndex);
    /// The namespaces to whose PID 1s there are channels.
    fn lines(&self) -> Vec<NamespaceIndex>;

    /// Takes in what has come by now.
    fn drain(&mut self, source: Source);
    /// The file of the truth.
    fn truth_path(&self) -> PathBuf;
    /// Writes the truth.
    fn write_truth(&mut self, occasion: Truth);
    /// True if it is not known yet how the execution of a process's program went.
    fn awaits_outcome(&self, subject: ProcessKey) -> bool;
    /// Forgets what a process has not said yet of its readiness, or of its execution.
    fn forget(&mut self, subject: ProcessKey, said: Said);
    /// The lines that a process has written last.
    fn last_lines(&self, subject: ProcessKey) -> LastLines;
    /// Has the guardian let go of roots that have ended.
    fn forget_ended_roots(&mut self);
}

/// Task of a helper process of the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) enum HelperTask {
    /// Waits for a file of the process.
    AwaitFile(PathBuf),
    /// Tries to connect to a port in the network namespace of the process.
    Connect {
        /// The TCP port.
        port: u16,
        /// Time that the connection may take.
        timeout: Duration,
    },
}

/// The lines that a process has written last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) struct LastLines {
    pub(in crate::controller) lines: Vec<String>,
    /// True if people have been shown what programs write.
    pub(in crate::controller) is_shown: bool,
}

impl LastLines {
    /// The lines that people have not been shown.
    pub(in crate::controller) fn unseen(&self) -> &[String] {
        if self.is_shown { &[] } else { &self.lines }
    }
}

/// Message of a process about itself through a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Said {
    /// Outcome of the execution of its program.
    Outcome,
    /// Readiness.
    Readiness,
}

/// Facts of processes that only the kernel knows.
pub(in crate::controller) trait Kernel {
    /// A descriptor of every process of a session or a process group.
    fn company(&self, company: Company) -> Vec<Pidfd>;
    /// A descriptor of everything that comes from a process, but for itself and for these.
    fn offspring(&self, process: Pid, extent: Extent, known: &BTreeSet<Pid>) -> Vec<Pidfd>;
    /// A descriptor of a process, `ESRCH` where it is not the one that began then.
    fn open(&self, pid: Pid, start_time: u64) -> nix::Result<Pidfd>;
    /// Reaction of a process to a signal, if it is known.
    fn fate(&self, pid: Pid, role: Role, signal: i32) -> Option<Fate>;
    /// Kills a helper that is not reaped, which is reaped like any child.
    fn end_helper(&self, helper: Pid);
    /// Signals by a descriptor.
    fn signal(&self, pidfd: &Pidfd, signal: i32) -> nix::Result<()>;
    /// True if a process is PID 1 of its namespace.
    fn is_first(&self, pid: Pid) -> bool;
    /// True if a process is on its way out, or has left.
    fn is_ending(&self, pid: Pid) -> bool;
    /// Differences between the tree and what the kernel says of these processes.
    fn compare(&self, tree: &Tree, subjects: &[ProcessKey]) -> Result<Vec<Mismatch>, CallError>;
}

/// Terminals of processes.
pub(in crate::controller) trait Terminals {
    /// True if there is a terminal for the one declared process, or the command of `run`, that has
    /// one.
    fn has_any(&self) -> bool;
    /// Does what follows from a change.
    fn change(&mut self, change: TerminalChange);
    /// The other side of that terminal, or of one of a process of `exec` that was left alone, for a
    /// client that types into it.
    fn lend(&self, exec: Option<ProcessKey>) -> Option<OwnedFd>;
    /// Keeps the terminal of a process of `exec` that is left alone.
    fn keep(&mut self, subject: ProcessKey, terminal: OwnedFd) -> nix::Result<()>;
    /// Reads what a process of `exec` has written last, and lets go of its terminal.
    fn end(&mut self, subject: ProcessKey);
}

impl dyn Edge + '_ {
    /// Answers a request.
    pub(in crate::controller) fn reply(&mut self, asker: Asker, reply: Reply) {
        self.reply_with(asker, reply, Vec::new());
    }

    /// Refuses a request.
    pub(in crate::controller) fn refuse(&mut self, asker: Asker, problem: RequestError) {
        self.reply(asker, Reply::RequestError(problem));
    }

    /// Writes the event of a signal of a stop.
    pub(in crate::controller) fn record_signal(&mut self, subject: ProcessKey, signal: i32) {
        let path = self.tree().path(subject);
        let signal = Signal::from_number(signal).to_string();
        self.record(&Event::Signal {
            path: &path,
            signal: &signal,
            by: None,
        });
    }

    /// Writes that a program runs, or could not be executed.
    pub(in crate::controller) fn record_exec(&mut self, subject: ProcessKey, error: Option<&str>) {
        let tree = self.tree();
        let (path, pids) = (tree.path(subject), tree.pids(subject));
        let (argv, by) = match tree.exec_records.get(subject) {
            Some(exec) => (exec.argv.clone(), Some(exec.by)),
            None if subject.is_run_command() => return,
            None => {
                let namespace = tree.plan.namespace(subject.namespace);
                (
                    namespace
                        .process(subject.slot)
                        .map(|process| process.program.words())
                        .unwrap_or_default(),
                    None,
                )
            }
        };
        self.record(&Event::Exec {
            path: &path,
            pids: &pids,
            argv: &argv,
            by,
            error,
        });
    }

    /// Writes that a process has become its program.
    pub(in crate::controller) fn record_start(&mut self, subject: ProcessKey) {
        self.record_exec(subject, None);
        let (path, pids) = (self.tree().path(subject), self.tree().pids(subject));
        self.record(&Event::Started {
            path: &path,
            pids: &pids,
        });
    }

    /// Writes that a declared process could not become its program.
    pub(in crate::controller) fn record_refusal(&mut self, subject: ProcessKey) {
        let Some(refusal) = self
            .tree()
            .roster
            .get(subject)
            .and_then(|record| record.refusal.clone())
        else {
            return;
        };
        let error = exec_error_sentence(&refusal);
        self.record_exec(subject, Some(&error));
    }

    /// Writes that a process has ended, by itself or `with` a PID 1. That of a PID 1 is the end of
    /// its namespace.
    pub(in crate::controller) fn record_exit(
        &mut self,
        subject: ProcessKey,
        ending: Ending,
        with: Option<&str>,
    ) {
        let state = match self.tree_mut().roster.get_mut(subject) {
            Some(record) if record.exit_event == ExitEvent::Written => return,
            Some(record) => {
                record.exit_event = ExitEvent::Written;
                record.state
            }
            None => match ending {
                Ending::Exited(0) => State::Exited,
                Ending::Exited(_) => State::Failed,
                Ending::Signalled(_) => State::Killed,
            },
        };
        let (path, pids) = (self.tree().path(subject), self.tree().pids(subject));
        let state = state.word();
        self.record(&Event::Exit {
            path: &path,
            pids: &pids,
            exit: ending.into(),
            state,
            with,
        });
        if subject.is_init() {
            let namespace = self.tree().plan.namespace(subject.namespace).path.clone();
            let record = self.tree().roster.namespace(subject.namespace);
            let not_asked = record.and_then(|record| record.not_asked);
            self.record(&Event::Gone {
                path: &namespace,
                not_asked,
            });
        }
    }

    /// Writes that the kernel has taken these along with a PID 1.
    pub(in crate::controller) fn record_collapse(
        &mut self,
        init: ProcessKey,
        taken: &[ProcessKey],
    ) {
        let with = self.tree().path(init);
        for &subject in taken.iter().filter(|&&subject| subject != init) {
            self.record_exit(subject, Ending::Signalled(libc::SIGKILL), Some(&with));
        }
    }

    /// Signals every process of a session, each after its identity is confirmed; returns how many
    /// there were.
    pub(in crate::controller) fn signal_session(&mut self, leader: Pid, signal: i32) -> usize {
        self.signal_company(Company::Session(leader), signal)
    }

    /// Signals every process of a session or a process group; see [`Self::signal_session`].
    pub(in crate::controller) fn signal_company(&mut self, company: Company, signal: i32) -> usize {
        let members = self.kernel().company(company);
        for member in &members {
            self.send_request(member, signal);
        }
        members.len()
    }

    /// Signals a process, and lets a stopped one go on, which takes the request only then.
    pub(in crate::controller) fn send_request(&mut self, pidfd: &Pidfd, signal: i32) {
        let is_request = ![libc::SIGKILL, libc::SIGSTOP, libc::SIGCONT].contains(&signal);
        // It may have ended since.
        if self.kernel().signal(pidfd, signal).is_ok() && is_request {
            let _ = self.kernel().signal(pidfd, libc::SIGCONT);
        }
    }
}
