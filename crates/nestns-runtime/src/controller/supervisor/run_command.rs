//! The command of `run FILE`: a command from outside the tree, which comes when everything is ready and leaves
//! first.
//!
//! A signal that nestns gets is passed on to it as itself, as tini, dumb-init and catatonit do.
//! Three things cannot be left to the command. A PID 1 has no default action (R5): what would end
//! any other process stops the tree instead. A stop from the terminal has no effect on an orphaned
//! process group, which a session of its own is (setpgid(2)): unless the command handles it, all of
//! its session is stopped by STOP, and nestns stops as well, so that the caller's shell sees it.
//! And a user that presses Ctrl-C twice means it.

use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::edge::{Edge, Source, TerminalChange, Truth};
use crate::controller::Command;
use crate::controller::event_sink::Cause;
use crate::controller::passing::Passed;
use crate::controller::roster::Record;
use crate::controller::target::Target;
use crate::controller::tree::RunRecord;
use crate::engine::children::{BuildError, Entrance, OutsideProcess};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::ProcessKey;
use nestns_observe::session::Company;
use nestns_observe::signals::{self, Fate, Role};
use nestns_sys::call::{Call, CallError};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Time that the command has to end, when the tree is stopped around it.
const GRACE: Duration = Duration::from_secs(5);

/// The command.
#[derive(Debug)]
pub(super) struct RunCommand {
    /// The command to run, until it runs.
    command: Option<Command>,
    /// Path of the process whose status is asked for, if it stands for the command.
    status_from: Option<String>,
    /// Moment at which it is killed, while the stop waits for it.
    deadline: Option<Moment>,
    /// The processes in its session at the time when it was asked to end.
    company: Vec<Pidfd>,
    /// Number of times that Ctrl-C was passed on to it.
    interruptions: u32,
}

/// Progress of the stop of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// Not asked to leave, or the stop of the tree has begun.
    No,
    /// The stop of the tree waits for it.
    Yes,
    /// The command has left.
    Over,
}

impl RunCommand {
    /// A command that is still to be run, or none.
    pub(super) fn new(command: Option<Command>, status_from: Option<String>) -> Self {
        Self {
            command,
            status_from,
            deadline: None,
            company: Vec::new(),
            interruptions: 0,
        }
    }

    /// True if there is one that was not started yet.
    pub(super) fn is_to_start(&self) -> bool {
        self.command.is_some()
    }

    /// Moment at which it is to be killed.
    pub(super) fn next(&self) -> Option<Moment> {
        self.deadline
    }

    /// Starts it, when everything is ready. A failure is the end of the tree, with the status that
    /// the caller adopts.
    pub(super) fn start(&mut self, edge: &mut dyn Edge) -> Result<(), ()> {
        let Some(Command { process, namespace }) = self.command.take() else {
            return Ok(());
        };
        // It may compare at once what it sees.
        edge.write_truth(Truth::Compared);
        let index = namespace.and_then(|path| edge.tree().plan.find(&path));
        let subject = ProcessKey::run_command(index);
        let path = process.name.clone();
        edge.tree_mut().run_command = Some(RunRecord {
            subject,
            path,
            ending: None,
        });
        edge.tree_mut().raising = Some(Target(subject));
        let init = index
            .and_then(|index| edge.tree().roster.get(ProcessKey::init(index)))
            .and_then(Record::pid);
        let entrance = match init.map(Pidfd::open).transpose() {
            Ok(None) => Ok(Entrance::Host),
            Ok(Some(process)) => Ok(Entrance::Beside {
                process,
                namespaces: edge.namespaces_of(subject.namespace),
            }),
            Err(errno) => {
                let cause = CallError {
                    call: Call::PidfdOpen,
                    errno,
                };
                Err(BuildError::Failed(Failure::new(
                    subject,
                    Stage::EnterPid,
                    cause,
                )))
            }
        };
        let started = entrance.and_then(|entrance| {
            edge.start(OutsideProcess {
                subject,
                process,
                entrance,
                streams: None,
            })
        });
        if started.is_err() {
            // A helper that has failed has said why before; its parent has only noticed.
            edge.drain(Source::Inherited);
        }
        let tree = edge.tree_mut();
        tree.raising = None;
        match started {
            Ok(_) => Ok(()),
            Err(BuildError::Interrupted) => {
                tree.run_command = None;
                Ok(())
            }
            Err(BuildError::Failed(failure)) => {
                tree.fail(failure);
                Err(())
            }
        }
    }

    /// Asks the command to end, with everything in its session; says whether there is one to wait
    /// for.
    pub(super) fn ask(&mut self, edge: &mut dyn Edge) -> bool {
        if !is_alive(edge) {
            return false;
        }
        self.find_company(edge);
        for member in &self.company {
            edge.send_request(member, libc::SIGTERM);
        }
        self.deadline = Some(edge.now().plus(GRACE));
        true
    }

    /// Kills it when its time is over, and what it has left behind when it has ended.
    pub(super) fn advance(&mut self, edge: &mut dyn Edge) -> Leaving {
        let Some(deadline) = self.deadline else {
            return Leaving::No;
        };
        if !is_alive(edge) {
            self.kill(edge);
            return Leaving::Over;
        }
        if deadline <= edge.now() {
            self.kill(edge);
            self.deadline = Some(edge.now().plus(GRACE));
        }
        Leaving::Yes
    }

    /// Kills the command and what there was in its session when it was asked to end.
    pub(super) fn kill(&mut self, edge: &mut dyn Edge) {
        self.deadline = None;
        self.find_company(edge);
        for member in self.company.drain(..) {
            edge.send_request(&member, libc::SIGKILL);
        }
    }

    /// Finds what is in the session of the command, as long as that has not been reaped: its number
    /// is its own until then.
    fn find_company(&mut self, edge: &dyn Edge) {
        let subject = edge
            .tree()
            .run_command
            .as_ref()
            .map(|run_command| run_command.subject);
        if let Some(leader) = subject.and_then(|subject| edge.child(subject)) {
            self.company
                .extend(edge.kernel().company(Company::Session(leader)));
        }
    }

    /// The command that runs: a child that this controller has not reaped, or one that it has
    /// looked at.
    pub(super) fn running(&self, edge: &dyn Edge) -> Option<(ProcessKey, Pid)> {
        let tree = edge.tree();
        let subject = if let Some(run_command) = &tree.run_command {
            run_command.subject
        } else {
            let path = self.status_from.as_deref()?;
            tree.roster
                .subjects()
                .find(|&subject| tree.roster.path(subject) == path)?
        };
        if !tree.started.contains(&subject) {
            return None;
        }
        if subject.is_run_command() {
            return edge.child(subject).map(|pid| (subject, pid));
        }
        let record = tree
            .roster
            .get(subject)
            .filter(|record| !record.state.is_over())?;
        Some((subject, record.pid()?))
    }

    /// Passes a signal on.
    pub(super) fn pass_on(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        pid: Pid,
        passed: Passed,
    ) {
        let Passed { signal, by_kernel } = passed;
        match signal {
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {
                if signals::is_caught(pid, signal).unwrap_or(false) {
                    send(edge, subject, signal);
                } else {
                    edge.signal_session(pid, libc::SIGSTOP);
                }
                edge.terminals().change(TerminalChange::Suspend);
                return;
            }
            libc::SIGCONT => {
                edge.terminals().change(TerminalChange::Resume);
                edge.signal_session(pid, libc::SIGCONT);
                return;
            }
            libc::SIGINT | libc::SIGQUIT if by_kernel => {
                self.interruptions += 1;
                if self.interruptions > 1 {
                    edge.tree_mut().request_stop(Cause::Signal(signal));
                    edge.tree_mut().stop_again = true;
                    return;
                }
            }
            _ => {}
        }
        if would_be_lost(edge, subject, pid, signal) {
            edge.tree_mut().request_stop(Cause::Signal(signal));
        } else {
            send(edge, subject, signal);
        }
    }
}

/// True if the command runs.
pub(super) fn is_alive(edge: &dyn Edge) -> bool {
    edge.tree()
        .run_command
        .as_ref()
        .is_some_and(|run_command| run_command.ending.is_none())
}

fn send(edge: &mut dyn Edge, subject: ProcessKey, signal: i32) {
    // It may have ended a moment ago.
    let _ = edge.signal(subject, signal);
    if !subject.is_run_command() {
        edge.record_signal(subject, signal);
    }
}

/// True if a request to end has no effect only because the command is a PID 1.
fn would_be_lost(edge: &dyn Edge, subject: ProcessKey, pid: Pid, signal: i32) -> bool {
    let is_request = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT].contains(&signal);
    let fate = |role| edge.kernel().fate(pid, role, signal);
    is_request
        && subject.is_init()
        && fate(Role::First) == Some(Fate::Dropped)
        && fate(Role::Member) == Some(Fate::Taken)
}
