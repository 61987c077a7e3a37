//! The controller's ends of the lines to PID 1s: called for, spoken into, hung up.
//!
//! One command is on its way at a time on each, so that an answer needs no number.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;

use super::World;
use crate::controller::event_loop::Token;
use crate::controller::roster::Record;
use crate::controller::tree::Incident;
use crate::engine::inheritance;
use crate::engine::line::{Answer, CALL, Command, Line, Look, STREAMS};
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Subject};
use crate::observe::process;
use crate::sys::pidfd::Pidfd;

/// How long a PID 1 has to answer a call. One that was stopped or frozen does not.
const ANSWER: Duration = Duration::from_secs(5);

/// A line, or the wish for one.
#[derive(Debug)]
enum Wire {
    /// Called, and not answered yet.
    Called { until: Moment },
    /// Nothing is on its way.
    Idle(Line),
    /// A command is, and its answer.
    Busy(Line),
}

/// Whether a PID 1 can be told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Reach {
    /// Now.
    Ready,
    /// When it has answered, at the latest at this moment.
    Waiting(Moment),
    /// When it has done what it was told before.
    Busy,
    /// It has ended, or does not answer.
    Unreachable,
}

/// All of them, by namespace.
#[derive(Debug, Default)]
pub(in crate::controller) struct Lines(BTreeMap<NamespaceIndex, Wire>);

impl Lines {
    /// When a call is next given up.
    pub(in crate::controller) fn next(&self) -> Option<Moment> {
        let deadline = |wire: &Wire| if let Wire::Called { until } = wire { Some(*until) } else { None };
        self.0.values().filter_map(deadline).min()
    }

    /// To whom there are lines.
    pub(in crate::controller) fn namespaces(&self) -> Vec<NamespaceIndex> {
        self.0.keys().copied().collect()
    }
}

impl World<'_> {
    /// A descriptor of a process that need not be the controller's child, after its identity is confirmed.
    pub(super) fn member(&self, subject: Subject) -> nix::Result<Pidfd> {
        let (pid, start_time) = self.tree.identity(subject).ok_or(Errno::ESRCH)?;
        // The descriptor first, then the start time: what the number means cannot change in between any more.
        let pidfd = Pidfd::open(pid)?;
        if process::start_time(pid).is_ok_and(|start| start == start_time) { Ok(pidfd) } else { Err(Errno::ESRCH) }
    }

    /// Looks whether the PID 1 of a namespace can be told something, and calls it where it has not been.
    pub(in crate::controller) fn reach(&mut self, namespace: NamespaceIndex) -> Reach {
        match self.lines.0.get(&namespace) {
            Some(Wire::Idle(_)) => Reach::Ready,
            Some(Wire::Busy(_)) => Reach::Busy,
            Some(Wire::Called { until }) if *until <= Moment::now() => {
                self.lines.0.remove(&namespace);
                Reach::Unreachable
            }
            Some(Wire::Called { until }) => Reach::Waiting(*until),
            None => {
                let called = self.member(Subject::init(namespace)).and_then(|pidfd| pidfd.signal(CALL as i32));
                if called.is_err() {
                    return Reach::Unreachable;
                }
                let until = Moment::now().plus(ANSWER);
                self.lines.0.insert(namespace, Wire::Called { until });
                Reach::Waiting(until)
            }
        }
    }

    /// A PID 1 has answered a call. What nobody has called for is closed.
    pub(super) fn on_line(&mut self, namespace: NamespaceIndex, sender: Pid, end: OwnedFd) {
        let is_itself = self.tree.roster.get(Subject::init(namespace)).and_then(Record::pid) == Some(sender);
        let Some(wire @ Wire::Called { .. }) = self.lines.0.get_mut(&namespace).filter(|_| is_itself) else { return };
        if self.events.add(&end, Token::Line(namespace), EpollFlags::EPOLLIN).is_ok() {
            *wire = Wire::Idle(Line::from(end));
        }
    }

    /// Tells a PID 1 that can be reached something; the answer is an [`Incident::Answered`].
    pub(in crate::controller) fn command(
        &mut self,
        namespace: NamespaceIndex,
        command: Command,
        luggage: Option<BorrowedFd<'_>>,
    ) {
        let Some(Wire::Idle(line)) = self.lines.0.remove(&namespace) else { return };
        let streams: &[i32] = if command.takes_streams() { &STREAMS } else { &[] };
        let mut descriptors: Vec<BorrowedFd<'_>> = luggage.into_iter().collect();
        for &number in streams {
            descriptors.push(inheritance::fd(number));
        }
        if line.say(&command, &descriptors).is_ok() {
            self.lines.0.insert(namespace, Wire::Busy(line));
        } else {
            self.events.remove(&line, Token::Line(namespace));
            self.tree.incidents.push_back(Incident::HungUp(namespace));
        }
    }

    /// Something has come up a line, or its end.
    pub(super) fn on_wire(&mut self, namespace: NamespaceIndex) {
        let Some(Wire::Idle(line) | Wire::Busy(line)) = self.lines.0.get(&namespace) else { return };
        match line.look::<Answer>() {
            Look::Nothing => {}
            Look::Heard(heard) => {
                let pidfd = heard.descriptors.into_iter().next().map(Pidfd::from);
                if let Some(Wire::Busy(line)) = self.lines.0.remove(&namespace) {
                    self.lines.0.insert(namespace, Wire::Idle(line));
                }
                self.tree.incidents.push_back(Incident::Answered(namespace, heard.said, pidfd));
            }
            Look::HungUp => {
                self.hang_up(namespace);
                self.tree.incidents.push_back(Incident::HungUp(namespace));
            }
        }
    }

    /// Closes a line: its PID 1 goes by its own rules again.
    pub(in crate::controller) fn hang_up(&mut self, namespace: NamespaceIndex) {
        if let Some(Wire::Idle(line) | Wire::Busy(line)) = self.lines.0.remove(&namespace) {
            self.events.remove(line.as_fd(), Token::Line(namespace));
        }
    }
}
