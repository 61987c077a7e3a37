//! What the processes of the tree report, taken into the roster.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::{Incident, Orphan, World};
use crate::controller::audience::{Note, Stream};
use crate::controller::journal::event::{Event, Stage as Halt};
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::verification;
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::Subject;
use crate::engine::report::{Received, Report};
use crate::observe::signals::{self, Fate, Role};
use crate::topology::Signal;

/// How many failures of what comes again are kept: the first of each counts.
const SETBACKS: usize = 1024;

impl World<'_> {
    pub(super) fn on_received(&mut self, received: Received) {
        let Received { sender, reports, descriptors } = received;
        let mut descriptors = descriptors.into_iter();
        for report in reports {
            match report {
                Report::Created { namespace } => self.arrived(Subject::init(namespace), sender),
                Report::AtGate { subject } => self.arrived(subject, sender),
                Report::Starting { subject, stdout, stderr, ready } => {
                    self.guests.read();
                    let path = self.path(subject);
                    let expected = 1 + usize::from(stdout) + usize::from(stderr) + usize::from(ready);
                    if descriptors.len() != expected {
                        // The kernel drops what exceeds the limit on descriptors.
                        self.audience.note(&Note::OutputLost { path: &path });
                        self.troubles.unheard.push(path.clone());
                    }
                    if let Some(fd) = descriptors.next() {
                        self.streams.add_outcome(subject, fd, &self.events);
                    }
                    for (captured, kind) in [(stdout, Stream::Stdout), (stderr, Stream::Stderr)] {
                        if captured && let Some(fd) = descriptors.next() {
                            self.streams.add_output(subject, path.clone(), kind, fd, &self.events);
                        }
                    }
                    if ready && let Some(fd) = descriptors.next() {
                        self.listen_to(subject, fd);
                    }
                }
                // It is asked again.
                Report::Failed(failure) if failure.subject.probed().is_some() => {}
                // Nothing of the tree has failed.
                Report::Failed(failure) if failure.subject.session_number().is_some() => {
                    self.incidents.push_back(Incident::SessionFailed(failure));
                }
                Report::Failed(failure) if self.is_renewed(failure.subject) => self.set_back(failure),
                Report::Failed(failure) => self.fail(failure),
                Report::Refused { subject, refusal } => self.on_refusal(subject, refusal),
                Report::Line { namespace } => {
                    if let Some(end) = descriptors.next() {
                        self.on_line(namespace, sender, end);
                    }
                }
                Report::Orphan { namespace, number, ending } => {
                    let orphan = Orphan::One { number, ending };
                    self.incidents.push_back(Incident::Orphan { namespace, orphan });
                }
                Report::Orphans { namespace, count } => {
                    let orphan = Orphan::More(count);
                    self.incidents.push_back(Incident::Orphan { namespace, orphan });
                }
                Report::Asked { subject, signal, at } => {
                    self.doubt_deafness(subject, signal);
                    if let Some(record) = self.roster.get_mut(subject) {
                        record.farewells.asked = Some((signal, at));
                        if !record.state.is_over() {
                            record.state = State::Stopping;
                        }
                    }
                    self.record_signal(subject, signal);
                }
                Report::Killed { subject, at } => {
                    if let Some(record) = self.roster.get_mut(subject) {
                        record.farewells.killed = Some(at);
                        if !record.state.is_over() {
                            record.state = State::Killing;
                        }
                    }
                    self.record_signal(subject, libc::SIGKILL);
                }
                Report::Ended { subject, ending, at } => {
                    self.note_ended(subject, ending, at);
                }
                Report::Stopping { namespace, sender, at } => {
                    if let Some(record) = self.roster.namespace_mut(namespace) {
                        record.stopped_by = Some((sender, at));
                    }
                    if sender != 0 {
                        let path = self.roster.path(Subject::init(namespace));
                        self.audience.note(&Note::StopInside { path: &path, sender });
                        let inside = self.plan.namespace(namespace).path.clone();
                        let by_pid = Some(sender);
                        self.record(&Event::Stopping {
                            path: &inside,
                            stage: Halt::Ask,
                            cause: None,
                            by: None,
                            by_pid,
                        });
                    }
                }
            }
        }
    }

    /// A process that was deaf when the stop began, and is not when it has been asked, may have heard it or not.
    fn doubt_deafness(&mut self, subject: Subject, signal: i32) {
        let role = if subject.is_init() { Role::First } else { Role::Member };
        let Some(record) = self.roster.get_mut(subject).filter(|record| record.farewells.handled == Some(false)) else {
            return;
        };
        if record.pid().is_some_and(|pid| signals::fate(pid, role, signal).is_ok_and(|fate| fate != Fate::Dropped)) {
            record.farewells.handled = None;
        }
    }

    /// Notes a signal of a stop.
    pub(in crate::controller) fn record_signal(&mut self, subject: Subject, signal: i32) {
        let path = self.path(subject);
        let signal = Signal::from_number(signal).to_string();
        self.record(&Event::Signal { path: &path, signal: &signal, by: None });
    }

    fn arrived(&mut self, subject: Subject, pid: Pid) {
        if !self.roster.arrived(subject) {
            return;
        }
        if let Err(cause) = verification::take_down(&mut self.roster, subject, pid) {
            // It has died since: its keeper says of what.
            if cause.errno != Errno::ENOENT && cause.errno != Errno::ESRCH {
                let failure = Failure::with(subject, Stage::Observe, cause, format!("/proc/{pid}"));
                if self.is_renewed(subject) {
                    self.set_back(failure);
                } else {
                    self.fail(failure);
                }
            }
        }
        let (path, pids) = (self.roster.path(subject), self.pids(subject));
        self.record(&Event::Created { path: &path, pids: &pids });
        if self.clients.life == Life::Creating {
            self.progress += 1;
            self.audience.progress(self.progress, self.progress + self.roster.outstanding());
        }
    }

    /// Takes note of a failure of something that has come again, for whoever has asked for it.
    fn set_back(&mut self, failure: Failure) {
        if self.setbacks.len() < SETBACKS {
            self.setbacks.push(failure);
        }
    }

    fn is_renewed(&self, subject: Subject) -> bool {
        self.roster.get(subject).is_some_and(|record| record.restarts > 0)
    }
}
