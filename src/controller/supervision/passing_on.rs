//! The signals of `run`: each is passed on to the command as itself, as tini, dumb-init and catatonit do.
//!
//! Three things cannot be left to the command. A PID 1 has no default action (R5): what would end any other process stops the
//! tree instead. A stop from the terminal has no effect on an orphaned process group, which a session of its own is
//! (setpgid(2)): unless the command handles it, all of its session is stopped by STOP, and nestns stops as well, so that the
//! caller's shell sees it. And who presses Ctrl-C twice means it.

use nix::libc;
use nix::unistd::Pid;

use super::Supervision;
use crate::controller::audience::Cause;
use crate::controller::world::passing::Passed;
use crate::engine::plan::Subject;
use crate::observe::session;
use crate::observe::signals::{self, Fate, Role};
use crate::sys::pidfd::Pidfd;

impl Supervision<'_> {
    /// Passes on what has come since the last round.
    pub(super) fn pass_signals_on(&mut self) {
        if !self.world.passing.is_asked_for() {
            return;
        }
        let command = self.running_command();
        self.world.passing.is_running = command.is_some();
        let Some((subject, pid)) = command else { return };
        for passed in std::mem::take(&mut self.world.passing.waiting) {
            self.pass_on(subject, pid, passed);
        }
    }

    /// The command that runs: a child that this controller has not reaped, or one that it has looked at.
    fn running_command(&self) -> Option<(Subject, Pid)> {
        let subject = if let Some(visitor) = &self.world.tree.visitor {
            visitor.subject
        } else {
            let path = self.status_from.as_deref()?;
            self.world.tree.roster.subjects().find(|&subject| self.world.tree.roster.path(subject) == path)?
        };
        if !self.started.contains(&subject) {
            return None;
        }
        if subject.is_visitor() {
            return self.keeper.find(subject).map(|kid| (subject, kid.pid));
        }
        let record = self.world.tree.roster.get(subject).filter(|record| !record.state.is_over())?;
        Some((subject, record.pid()?))
    }

    fn pass_on(&mut self, subject: Subject, pid: Pid, Passed { signal, by_kernel }: Passed) {
        match signal {
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {
                self.stop_command(subject, pid, signal);
                self.world.suspend();
                return;
            }
            libc::SIGCONT => {
                self.world.attach_terminal();
                signal_all(pid, libc::SIGCONT);
                return;
            }
            libc::SIGINT | libc::SIGQUIT if by_kernel => {
                self.interruptions += 1;
                if self.interruptions > 1 {
                    self.world.tree.request_stop(Cause::Signal(signal));
                    self.world.tree.stop_again = true;
                    return;
                }
            }
            _ => {}
        }
        if would_be_lost(subject, pid, signal) {
            self.world.tree.request_stop(Cause::Signal(signal));
        } else {
            self.send_to_command(subject, pid, signal);
        }
    }

    fn send_to_command(&mut self, subject: Subject, pid: Pid, signal: i32) {
        if subject.is_visitor() {
            // It has not been reaped, so that the number is its own. It may have ended a moment ago.
            let _ = Pidfd::open(pid).and_then(|pidfd| pidfd.signal(signal));
        } else {
            self.world.signal_member(subject, signal);
            self.world.record_signal(subject, signal);
        }
    }

    fn stop_command(&mut self, subject: Subject, pid: Pid, signal: i32) {
        if signals::is_caught(pid, signal).unwrap_or(false) {
            self.send_to_command(subject, pid, signal);
        } else {
            signal_all(pid, libc::SIGSTOP);
        }
    }
}

/// Signals every process of the command's session, each after its identity is confirmed.
fn signal_all(leader: Pid, signal: i32) {
    for member in session::members(leader).unwrap_or_default() {
        // It may have ended since.
        let _ = member.pidfd.signal(signal);
    }
}

/// Whether a request to end has no effect only because the command is a PID 1.
fn would_be_lost(subject: Subject, pid: Pid, signal: i32) -> bool {
    let is_request = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT].contains(&signal);
    let fate = |role| signals::fate(pid, role, signal).ok();
    is_request
        && subject.is_init()
        && fate(Role::First) == Some(Fate::Dropped)
        && fate(Role::Member) == Some(Fate::Taken)
}
