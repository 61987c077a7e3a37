//! Reports of the processes of the tree, taken into the roster.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::Reactor;
use super::channels::Scope;
use crate::controller::event_sink::Note;
use crate::controller::life::Life;
use crate::controller::roster::{KillCause, Record, State};
use crate::controller::tree::{Incident, Orphan};
use crate::controller::verification;
use crate::engine::exec_error::ExecError;
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use crate::engine::report::{Received, Report, StopManner, StopRequest};
use nestns_client::journal::Stream;
use nestns_client::journal::event::{Event, Stage as Halt};
use nestns_sys::descriptor::{is_pipe, is_socket};
use nestns_topology::Signal;

/// Number of times that a process that hides for a moment is looked at again, and the time in
/// between.
const HIDDEN: usize = 20;
const MOMENT: std::time::Duration = std::time::Duration::from_micros(500);

/// Descriptors that came with a message, in the order of its reports.
type Attached = std::vec::IntoIter<OwnedFd>;

impl Reactor<'_> {
    pub(super) fn on_received(&mut self, scope: Scope, received: Received) {
        let Received {
            sender,
            reports,
            descriptors,
        } = received;
        let mut attached = descriptors.into_iter();
        for report in reports {
            self.prepare_for(scope, &report);
            if self.tree.may_report(scope, sender, &report) {
                self.on_report(scope, sender, report, &mut attached);
            } else {
                self.refuse_report(scope, sender);
            }
        }
    }

    /// Takes in one report that its sender is entitled to, with the descriptors that belong to it.
    fn on_report(&mut self, scope: Scope, sender: Pid, report: Report, attached: &mut Attached) {
        match report {
            Report::Channel { subject } => match attached.next().filter(is_socket) {
                Some(end) => self.open_channel(subject, end),
                None if self.tree.roster.is_released() => self.refuse_report(scope, sender),
                // The kernel drops what exceeds the limit on descriptors.
                None => self
                    .tree
                    .fail(Failure::new(subject, Stage::Channel, Errno::EMFILE)),
            },
            Report::Created { namespace } => {
                self.arrived(ProcessKey::init(namespace), sender, scope);
            }
            Report::AtGate { subject } => self.arrived(subject, sender, scope),
            Report::Starting {
                subject,
                stdout,
                stderr,
                ready,
            } => {
                let is_believable = self.begins_to_start(subject)
                    && attached.as_slice().iter().take(1).all(is_pipe);
                if !is_believable {
                    return self.refuse_report(scope, sender);
                }
                self.starting(subject, [stdout, stderr, ready], attached);
            }
            Report::Failed(failure) => self.on_failed(scope, sender, failure),
            Report::Refused { subject, refusal } if self.begins_to_start(subject) => {
                self.on_refusal(subject, refusal);
            }
            Report::Refused { .. } => self.refuse_report(scope, sender),
            Report::Line { namespace } => {
                let is_init = self.tree.roster.is_init(namespace, sender);
                if let Some(end) = attached.next().filter(|_| is_init) {
                    self.lines.on_line(namespace, end, &self.events);
                }
            }
            Report::Orphan {
                namespace,
                number,
                ending,
            } => self
                .tree
                .add_orphan(namespace, Orphan::One { number, ending }),
            Report::Orphans { namespace, count } => {
                self.tree.add_orphan(namespace, Orphan::More(count));
            }
            Report::Asked {
                subject,
                signal,
                at,
            } => {
                self.tree.doubt_deafness(subject, signal);
                self.on_signalled(subject, signal, |record| record.record_request(signal, at));
            }
            Report::Preparing { subject, at } => self.tree.begin_preparation(subject, at),
            Report::NotAsked { namespace, count } => self.tree.note_unasked(namespace, count),
            Report::Killed { subject, at } => {
                self.on_signalled(subject, libc::SIGKILL, |record| {
                    record.record_kill(at, KillCause::Deadline)
                });
            }
            Report::Ended {
                subject,
                ending,
                at,
            } => {
                // What it has said, and of a PID 1 what everything inside has, was said before.
                self.drain_ended(subject);
                self.note_ended(subject, ending, at);
            }
            Report::Stopping {
                namespace,
                request,
                manner,
            } => self.on_stopping(namespace, request, manner),
        }
    }

    /// Records a signal of a stop, by what says whether it is the first of its kind: once in a life,
    /// because a program that takes the place of its PID 1 could else fill the log of events.
    fn on_signalled(
        &mut self,
        subject: ProcessKey,
        signal: i32,
        record: impl FnOnce(&mut Record) -> bool,
    ) {
        if self.tree.roster.get_mut(subject).is_some_and(record) {
            self.tree.extend_request(subject, signal);
            self.console.record_signal(&self.tree.path(subject), signal);
        }
    }

    fn on_stopping(&mut self, namespace: NamespaceIndex, request: StopRequest, manner: StopManner) {
        let record = self.tree.roster.namespace_mut(namespace);
        let before = record.and_then(|record| record.stopped_by.replace(request));
        if before.is_none() {
            self.tree.incidents.push_back(Incident::Stopping(namespace));
        }
        // A pause init may leave while it is being stopped: once as well, because it is gone then.
        let StopRequest { sender, signal, .. } = request;
        let (stage, cause) = match manner {
            StopManner::Asking if sender == 0 || before.is_some() => return,
            StopManner::Asking => (Halt::Ask, None),
            StopManner::Leaving => {
                let signal = Signal::from_number(signal);
                let cause = format!("its PID 1 has got {signal}, on which a pause init leaves");
                (Halt::Kill, Some(cause))
            }
        };
        let path = self.tree.roster.path(ProcessKey::init(namespace));
        self.console.event_sink.note(&match manner {
            StopManner::Asking => Note::StopInside {
                path: &path,
                sender,
            },
            StopManner::Leaving => Note::PauseLeaves {
                path: &path,
                sender,
                signal,
            },
        });
        let inside = self.tree.plan.namespace(namespace).path.clone();
        self.console.journal.record(&Event::Stopping {
            path: &inside,
            stage,
            cause: cause.as_deref(),
            by: None,
            by_pid: Some(sender).filter(|&sender| sender != 0),
        });
    }

    /// Notes that a process is about to start; says whether it may be. Once in a life of it,
    /// because descriptors come along.
    fn begins_to_start(&mut self, subject: ProcessKey) -> bool {
        if subject.is_from_outside() {
            let is_first = self.channels.launch(subject);
            if is_first {
                self.tree.exec_records.launched(subject);
            }
            return is_first;
        }
        // Whatever it is asked meanwhile, it may be on its way.
        self.tree
            .roster
            .get_mut(subject)
            .is_some_and(|record| !std::mem::replace(&mut record.has_launched, true))
    }

    /// A process is about to become its program; `expected` says which of standard output, standard
    /// error and a descriptor to be ready on come behind the one that tells how exec went.
    fn starting(&mut self, subject: ProcessKey, expected: [bool; 3], descriptors: &mut Attached) {
        self.tree.exec_records.read();
        let path = self.tree.path(subject);
        let [stdout, stderr, ready] = expected;
        if descriptors.len() != 1 + expected.into_iter().map(usize::from).sum::<usize>() {
            // The kernel drops what exceeds the limit on descriptors.
            self.console
                .event_sink
                .note(&Note::OutputLost { path: &path });
            self.troubles.unheard.push(path.clone());
        }
        if let Some(fd) = descriptors.next() {
            self.streams.add_outcome(subject, fd, &self.events);
        }
        for (captured, kind) in [(stdout, Stream::Stdout), (stderr, Stream::Stderr)] {
            // Anything but a pipe could not be read without waiting for another process.
            if captured && let Some(fd) = descriptors.next().filter(is_pipe) {
                self.streams
                    .add_output(subject, path.clone(), kind, fd, &self.events);
            }
        }
        if ready && let Some(fd) = descriptors.next() {
            let namespace = self.tree.plan.namespace(subject.namespace);
            let probe = namespace
                .process(subject.slot)
                .and_then(|process| process.ready.as_deref());
            self.listeners.add_for(subject, probe, fd, &self.events);
        }
    }

    /// Something has failed: what is being created, or a process on its way to its program.
    fn on_failed(&mut self, scope: Scope, sender: Pid, failure: Failure) {
        let subject = failure.subject;
        if subject.served().is_some() {
            // Its end follows: it is asked again, or given up.
            return;
        }
        if subject.exec_number().is_some() {
            if self
                .tree
                .exec_records
                .get(subject)
                .is_some_and(|exec| exec.pid.is_none())
            {
                self.tree.exec_records.set_back(failure);
                return;
            }
            // Nothing of the tree has failed.
            self.tree
                .incidents
                .push_back(Incident::SessionFailed(failure));
            return;
        }
        if !self.tree.roster.is_released() || subject.is_run_command() {
            // The one around it has only noticed.
            self.drain_below(scope);
            self.tree.fail(failure);
            return;
        }
        let state = self.tree.roster.get(subject).map(|record| record.state);
        match state {
            Some(State::Creating | State::Created) if self.tree.is_renewed(subject) => {
                self.tree.set_back(failure);
            }
            None | Some(State::Creating) => self.tree.set_back(failure),
            // When others run already: its end follows, and is judged as any other.
            Some(State::Created) => {
                let Failure {
                    stage,
                    call,
                    errno,
                    detail,
                    ..
                } = failure;
                self.on_refusal(
                    subject,
                    ExecError {
                        stage,
                        call,
                        errno,
                        detail: detail.unwrap_or_default(),
                    },
                );
            }
            // A copy of nestns that panics as PID 1 says so; how that ends, its parent says.
            Some(State::Running | State::Ready | State::Stopping)
                if subject.is_init() && failure.stage == Stage::Panic =>
            {
                let path = self.tree.path(subject);
                self.console.event_sink.note(&Note::LateFailure {
                    path: &path,
                    failure: &failure,
                });
                self.refuse_report(scope, sender);
            }
            Some(State::Running | State::Ready) => self.refuse_report(scope, sender),
            // It is being ended, whatever it has failed at.
            Some(_) => {}
        }
    }

    fn arrived(&mut self, subject: ProcessKey, pid: Pid, scope: Scope) {
        if self.tree.roster.is_released() && !self.tree.is_as_deep(subject, pid) {
            self.refuse_report(scope, pid);
            return;
        }
        if !self.tree.roster.arrived(subject) {
            return;
        }
        let mut taken = verification::take_down(&mut self.tree.roster, subject, pid);
        for _ in 0..HIDDEN {
            // It is about to fork into a namespace where programs run, and hides for that moment.
            if !taken
                .as_ref()
                .is_err_and(|cause| matches!(cause.errno, Errno::EACCES | Errno::EPERM))
            {
                break;
            }
            std::thread::sleep(MOMENT);
            taken = verification::take_down(&mut self.tree.roster, subject, pid);
        }
        if let Err(cause) = taken {
            // It has died since: its parent says of what.
            if cause.errno != Errno::ENOENT && cause.errno != Errno::ESRCH {
                let failure = Failure::with(subject, Stage::Observe, cause, format!("/proc/{pid}"));
                if self.tree.is_renewed(subject) {
                    self.tree.set_back(failure);
                } else {
                    self.tree.fail(failure);
                }
            }
        }
        let (path, pids) = (self.tree.roster.path(subject), self.tree.pids(subject));
        self.console.journal.record(&Event::Created {
            path: &path,
            pids: &pids,
        });
        if self.tree.life == Life::Creating {
            self.progress += 1;
            self.console.event_sink.progress(
                self.progress,
                self.progress + self.tree.roster.outstanding(),
            );
        }
    }
}
