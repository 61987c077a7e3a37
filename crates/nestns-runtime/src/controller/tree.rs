//! The tree as the controller knows it: its plan, a record of each process, and what is still to be
//! decided.
//!
//! Data alone, without a descriptor: the reactor writes down here what the kernel, processes and
//! clients say, also in the middle of a creation; the supervisor reads it and decides.

use std::collections::{HashSet, VecDeque};

use nix::errno::Errno;
use nix::unistd::Pid;

use super::SignalsFor;
use super::asker::Asker;
use super::control::server::Heard;
use super::event_sink::Cause;
use super::exec_records::ExecRecords;
use super::life::Life;
use super::passing::Passing;
use super::readiness::{Readiness, Sender};
use super::roster::{Roster, State};
use super::target::Target;
use super::truth_file::Revision;
use super::undeclared_watch::UndeclaredWatch;
use crate::engine::control_channel::Answer;
use crate::engine::exec_error::ExecError;
use crate::engine::failure::Failure;
use crate::engine::plan::{NamespaceIndex, Plan, ProcessKey, TreePart};
use crate::engine::report::Ending;
use nestns_client::journal::record;
use nestns_observe::process;
use nestns_observe::signals::{self, Fate, Role};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Notifier, Probe, Signal, StopReach};

/// Number of failures of what comes again that are kept: the first of each counts.
const SETBACKS: usize = 1024;

/// Something that the supervisor has to weigh.
#[derive(Debug)]
pub(super) enum Incident {
    Started(ProcessKey),
    /// The probe of a process says that it is ready.
    Hint(ProcessKey),
    /// A command that asks about readiness, or that is run before a stop, could not become itself.
    ServiceRefused(ProcessKey, ExecError),
    Refused(ProcessKey),
    /// The PID 1 of a namespace has begun to stop it.
    Stopping(NamespaceIndex),
    /// A process is about to be asked to stop, once the command before that has ended.
    Preparing(ProcessKey),
    /// A stop has sent this signal to a process whose stop does not end with that.
    Signalled(ProcessKey, Signal),
    Ended(ProcessKey, Ending, Moment),
    /// A program of `exec` could not become itself, or not even begin to.
    SessionRefused(ProcessKey, ExecError),
    SessionFailed(Failure),
    /// The PID 1 of a namespace has answered a command.
    Answered(NamespaceIndex, Answer, Option<Pidfd>),
    /// The line to it has ended.
    Closed(NamespaceIndex),
    /// Processes that the PID 1 of a namespace has inherited have ended, and were reaped.
    Orphan {
        namespace: NamespaceIndex,
        orphan: Orphan,
    },
}

/// A process without a name of its own, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphan {
    /// One, by its number in the namespace.
    One { number: i32, ending: Ending },
    /// Number of further incidents, too many at once to be told one by one.
    More(u32),
}

/// Request that gives up the wait for a process that is being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// Any request to stop the tree.
    Stop,
    /// Only one to kill it: the process belongs to a stop.
    Kill,
}

/// The command of `run`.
#[derive(Debug)]
pub(super) struct RunRecord {
    pub(super) subject: ProcessKey,
    pub(super) path: String,
    pub(super) ending: Option<Ending>,
}

/// Progress of a tree towards being ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    Awaited,
    /// Everything has been as far as it gets by itself, and the service manager was told.
    Told,
}

/// State of a tree.
#[derive(Debug)]
pub(super) struct Tree {
    /// The topology's name.
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) roster: Roster,
    pub(super) life: Life,
    pub(super) arrival: Arrival,
    pub(super) readiness: Readiness,
    /// Processes that have become their programs.
    pub(super) started: HashSet<ProcessKey>,
    pub(super) exec_records: ExecRecords,
    pub(super) run_command: Option<RunRecord>,
    /// The first failure of the creation: the others follow from it.
    pub(super) failure: Option<Failure>,
    /// Reason why the tree is to be stopped; `stop_again` is true if that was asked again.
    pub(super) stop: Option<Cause>,
    pub(super) stop_again: bool,
    /// Moment at which the client that has asked for the stop will have everything killed, if it
    /// was given.
    pub(super) stop_end: Option<Moment>,
    /// Clients that wait for the end of the stop.
    pub(super) stop_waiters: Vec<Asker>,
    /// Incidents that are still to be decided about.
    pub(super) incidents: VecDeque<Incident>,
    /// Parts that have started or become ready since dependencies were last looked at.
    pub(super) changes: Vec<TreePart>,
    /// Requests of clients that are still to be served.
    pub(super) pending: VecDeque<Heard>,
    /// Signals on their way to the command.
    pub(super) passing: Passing,
    pub(super) undeclared: UndeclaredWatch,
    /// Failures of what is being created again, which are not those of the tree.
    pub(super) setbacks: Vec<Failure>,
    /// Target that the controller itself creates at this moment.
    pub(super) raising: Option<Target>,
    /// Reason to give up the wait for a new process.
    pub(super) interruption: Interruption,
}

impl Tree {
    /// A tree of which nothing exists yet.
    pub(super) fn new(name: &str, plan: Plan, signals_for: SignalsFor) -> Self {
        Self {
            name: name.to_owned(),
            plan,
            roster: Roster::new(plan),
            life: Life::default(),
            arrival: Arrival::Awaited,
            // Made when the tree stands: before the first fork it would be memory that every
            // process copies.
            readiness: Readiness::default(),
            started: HashSet::new(),
            exec_records: ExecRecords::default(),
            run_command: None,
            failure: None,
            stop: None,
            stop_again: false,
            stop_end: None,
            stop_waiters: Vec::new(),
            incidents: VecDeque::new(),
            changes: Vec::new(),
            pending: VecDeque::new(),
            passing: Passing::new(signals_for),
            undeclared: UndeclaredWatch::default(),
            setbacks: Vec::new(),
            raising: None,
            interruption: Interruption::Stop,
        }
    }

    /// Asks for a stop; a second request by a signal is one to hurry.
    pub(super) fn request_stop(&mut self, cause: Cause) {
        if self.stop.is_none() {
            self.stop = Some(cause);
        } else if matches!(cause, Cause::Signal(_)) {
            // Only a user asks twice: a time-out or a closed pipe changes nothing any more.
            self.stop_again = true;
        }
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    /// Takes note of a failure of something that has come again, for the client that has asked for
    /// it.
    pub(super) fn set_back(&mut self, failure: Failure) {
        if self.setbacks.len() < SETBACKS {
            self.setbacks.push(failure);
        }
    }

    /// Takes note of processes that a PID 1 has inherited and that have ended.
    pub(super) fn add_orphan(&mut self, namespace: NamespaceIndex, orphan: Orphan) {
        self.incidents
            .push_back(Incident::Orphan { namespace, orphan });
    }

    /// True if the creation has to be given up.
    pub(super) fn is_interrupted(&self) -> bool {
        let has_failed = |part: &Target| {
            self.setbacks
                .iter()
                .any(|failure| part.contains(&self.plan, failure.subject))
        };
        self.failure.is_some()
            || match self.interruption {
                Interruption::Stop => self.stop.is_some(),
                Interruption::Kill => self.stop_again || self.life == Life::Killing,
            }
            || self.raising.as_ref().is_some_and(has_failed)
    }

    /// The numbers of a process of the plan or of `exec`, as far as the kernel was asked.
    pub(super) fn pids(&self, subject: ProcessKey) -> Vec<i32> {
        let facts = match self.exec_records.get(subject) {
            Some(exec) => exec.facts.as_ref(),
            None => self
                .roster
                .get(subject)
                .and_then(|record| record.facts.as_ref()),
        };
        facts.map(|facts| facts.numbers.clone()).unwrap_or_default()
    }

    /// The path of a process of the plan or of `exec`.
    pub(super) fn path(&self, subject: ProcessKey) -> String {
        if let Some(exec) = self.exec_records.get(subject) {
            return exec.path.clone();
        }
        if let Some((path, _)) = self.exec_records.exit_of(subject) {
            return path.to_owned();
        }
        if let Some(served) = subject.served() {
            return self.roster.path(served);
        }
        match &self.run_command {
            Some(run_command) if subject.is_run_command() => run_command.path.clone(),
            _ => self.roster.path(subject),
        }
    }

    /// Notes how many processes the end of a PID 1 kills that were not asked.
    pub(super) fn note_unasked(&mut self, namespace: NamespaceIndex, count: u32) {
        if let Some(record) = self.roster.namespace_mut(namespace) {
            record.not_asked = Some(count);
        }
    }

    /// Notes that a process is about to be asked to stop, once the command before that has ended.
    pub(super) fn begin_preparation(&mut self, subject: ProcessKey, at: Moment) {
        if let Some(record) = self.roster.get_mut(subject) {
            record.record_preparation(at);
            self.incidents.push_back(Incident::Preparing(subject));
        }
    }

    /// Notes that a stop has sent a signal to a process, if more follows from that: the end of a
    /// command, or the same signal to others.
    pub(super) fn extend_request(&mut self, subject: ProcessKey, signal: i32) {
        let namespace = self.plan.namespace(subject.namespace);
        let is_more = namespace.process(subject.slot).is_some_and(|process| {
            process.stop_exec.is_some() || process.stop_reach == StopReach::All
        });
        if is_more {
            let signal = Signal::from_number(signal);
            self.incidents
                .push_back(Incident::Signalled(subject, signal));
        }
    }

    /// A number that is another one after each change.
    pub(super) fn revision(&self) -> Revision {
        self.roster.revision() + self.exec_records.revision() + self.undeclared.revision()
    }

    /// The number of a process on the host, and when it began.
    pub(super) fn identity(&self, subject: ProcessKey) -> Option<(Pid, u64)> {
        let facts = self.roster.get(subject)?.facts.as_ref()?;
        Some((Pid::from_raw(*facts.numbers.first()?), facts.start_time))
    }

    /// A descriptor of a process that need not be the controller's child, after its identity is
    /// confirmed.
    pub(super) fn open_member(&self, subject: ProcessKey) -> nix::Result<Pidfd> {
        let (pid, start_time) = self.identity(subject).ok_or(Errno::ESRCH)?;
        // The descriptor first, then the start time: what the number means cannot change in between
        // any more.
        let pidfd = Pidfd::open(pid)?;
        if process::start_time(pid).is_ok_and(|start| start == start_time) {
            Ok(pidfd)
        } else {
            Err(Errno::ESRCH)
        }
    }

    /// True if a process has been created again.
    pub(super) fn is_renewed(&self, subject: ProcessKey) -> bool {
        self.roster
            .get(subject)
            .is_some_and(|record| record.restarts > 0)
    }

    /// The namespace of the plan that the kernel knows by this inode.
    pub(super) fn namespace_of(&self, inode: u64) -> Option<NamespaceIndex> {
        self.plan.indices().find(|&index| {
            let known = self
                .roster
                .namespace(index)
                .and_then(|record| record.facts.as_ref());
            // The kernel gives the inode of one that has ended to the next one.
            let is_over = self
                .roster
                .get(ProcessKey::init(index))
                .is_some_and(|record| record.state.is_over());
            !is_over && known.is_some_and(|known| known.inode == inode)
        })
    }

    /// Looks for the line by which a process says that it is ready.
    pub(super) fn look_at_lines(&mut self, subject: ProcessKey, output: &[u8]) {
        let Some(pattern) = self.readiness.awaited_line(subject) else {
            return;
        };
        if record::lines(output).any(|piece| pattern.is_in(piece.text)) {
            self.incidents.push_back(Incident::Hint(subject));
        }
    }

    /// True if the sender of a message may speak for a process: it is the process itself, or, where
    /// the file says so, one of the same PID namespace, as the children of a script are. Of one
    /// that has ended before it was looked at nothing is known but a number.
    pub(super) fn speaks_for(&self, subject: ProcessKey, sender: Sender) -> bool {
        let own = self
            .roster
            .get(subject)
            .and_then(|record| record.facts.as_ref());
        // One that has ended in the meantime has not been followed by another with its number, or
        // that would be read.
        let is_itself = own.is_some_and(|own| {
            own.numbers.first() == Some(&sender.pid.as_raw())
                && sender
                    .start_time
                    .is_none_or(|start_time| start_time == own.start_time)
        });
        let namespace = self.plan.namespace(subject.namespace);
        match namespace
            .process(subject.slot)
            .and_then(|process| process.ready.as_deref())
        {
            _ if is_itself => true,
            Some(Probe::Notify(Notifier::All)) => {
                let home = self
                    .roster
                    .namespace(subject.namespace)
                    .and_then(|namespace| namespace.facts.as_ref());
                home.is_some_and(|home| sender.namespace == Some(home.inode))
            }
            _ => false,
        }
    }

    /// A process that was deaf when the stop began, and is not when it has been asked, may have
    /// heard it or not.
    pub(super) fn doubt_deafness(&mut self, subject: ProcessKey, signal: i32) {
        let role = if subject.is_init() {
            Role::First
        } else {
            Role::Member
        };
        let Some(record) = self
            .roster
            .get_mut(subject)
            .filter(|record| record.stop_record.handled == Some(false))
        else {
            return;
        };
        if record.pid().is_some_and(|pid| {
            signals::fate(pid, role, signal).is_ok_and(|fate| fate != Fate::Dropped)
        }) {
            record.stop_record.handled = None;
        }
    }

    pub(super) fn mark(&mut self, subject: ProcessKey, state: State) {
        if let Some(record) = self.roster.get_mut(subject) {
            record.state = state;
        }
    }

    /// True if a process exists and has not ended.
    pub(super) fn lives(&self, subject: ProcessKey) -> bool {
        self.roster
            .get(subject)
            .is_some_and(|record| !record.state.is_over() && record.state != State::Creating)
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::libc;

    use super::{SETBACKS, Tree};
    use crate::controller::SignalsFor;
    use crate::controller::event_sink::Cause;
    use crate::controller::exec_records::ExecRecord;
    use crate::controller::supervisor::plan_of;
    use crate::controller::target::Target;
    use crate::engine::failure::{Failure, Stage};
    use crate::engine::plan::{ProcessKey, Slot};
    use nestns_client::journal::event::Caller;

    const ONE: ProcessKey = ProcessKey {
        namespace: 0,
        slot: Slot::Process(0),
    };

    fn tree() -> Tree {
        Tree::new(
            "tree",
            plan_of("[ns.a]\nproc.one = { actor = 'idle' }\n"),
            SignalsFor::Tree,
        )
    }

    fn failure(subject: ProcessKey) -> Failure {
        Failure::new(subject, Stage::Fork, Errno::EAGAIN)
    }

    #[test]
    fn the_first_request_is_the_cause_and_only_a_person_asks_twice() {
        let mut tree = tree();
        tree.request_stop(Cause::Timeout);
        tree.request_stop(Cause::OutputClosed);
        assert_eq!(
            (tree.stop.clone(), tree.stop_again),
            (Some(Cause::Timeout), false)
        );
        tree.request_stop(Cause::Signal(libc::SIGINT));
        assert_eq!((tree.stop, tree.stop_again), (Some(Cause::Timeout), true));
    }

    #[test]
    fn the_first_failure_is_kept() {
        let mut tree = tree();
        tree.fail(failure(ONE));
        tree.fail(failure(ProcessKey::init(0)));
        assert_eq!(tree.failure.map(|failure| failure.subject), Some(ONE));
    }

    #[test]
    fn a_creation_is_given_up_for_its_own_failures() {
        let mut tree = tree();
        tree.raising = Some(Target(ONE));
        tree.set_back(failure(ProcessKey::init(0)));
        assert!(!tree.is_interrupted(), "that is about something else");
        tree.set_back(failure(ONE));
        assert!(tree.is_interrupted());
    }

    #[test]
    fn failures_are_bounded() {
        let mut tree = tree();
        (0..2 * SETBACKS).for_each(|_| tree.set_back(failure(ONE)));
        assert_eq!(tree.setbacks.len(), SETBACKS);
    }

    #[test]
    fn paths_outlive_processes_of_exec() {
        let mut tree = tree();
        let (exec, by) = (ProcessKey::session(0, 7), Caller { pid: 1, uid: 0 });
        tree.exec_records.add(
            exec,
            ExecRecord::new("a/exec.7".to_owned(), "a".to_owned(), Vec::new(), by),
        );
        assert_eq!(
            (tree.path(exec), tree.pids(exec)),
            ("a/exec.7".to_owned(), Vec::new())
        );
        let before = tree.revision();
        tree.exec_records
            .end(exec, nestns_client::documents::ExitDocument::Code(0));
        assert_ne!(tree.revision(), before);
        assert_eq!(tree.path(exec), "a/exec.7");
        assert_eq!(
            tree.path(ONE.probe_of().expect("a declared process")),
            "a/one",
            "a probe goes by the process that it asks about"
        );
    }
}
