//! The controller's ends of the lines to PID 1s: called for, spoken into, hung up.
//!
//! One command is on its way at a time on each, so that an answer needs no number.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::epoll::EpollFlags;

use crate::controller::event_loop::{EventLoop, Token};
use crate::controller::tree::{Incident, Tree};
use crate::engine::control_channel::{Answer, Command, Line, Look, OPEN, STREAMS};
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use nestns_sys::descriptor_layout;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Time that a PID 1 has to answer a call. One that was stopped or frozen does not.
const ANSWER: Duration = Duration::from_secs(5);

/// A line, or the wish for one.
#[derive(Debug)]
enum Wire {
    /// Called, and not answered yet.
    Called { until: Moment },
    /// No call is on its way.
    Idle(Line),
    /// A command is, and its answer.
    Busy(Line),
}

/// Readiness of a PID 1 to be told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) enum Reach {
    /// Reachable now.
    Ready,
    /// Reachable when it has answered, at the latest at this moment.
    Waiting(Moment),
    /// Reachable when it has done what it was told before.
    Busy,
    /// The PID 1 has ended, or does not answer.
    Unreachable,
}

/// Control channels, by namespace.
#[derive(Debug, Default)]
pub(in crate::controller) struct ControlChannels(BTreeMap<NamespaceIndex, Wire>);

impl ControlChannels {
    /// Moment at which a call is next given up.
    pub(in crate::controller) fn next(&self) -> Option<Moment> {
        let deadline = |wire: &Wire| {
            if let Wire::Called { until } = wire {
                Some(*until)
            } else {
                None
            }
        };
        self.0.values().filter_map(deadline).min()
    }

    /// Namespaces to which there are lines.
    pub(in crate::controller) fn namespaces(&self) -> Vec<NamespaceIndex> {
        self.0.keys().copied().collect()
    }

    /// Looks whether the PID 1 of a namespace can be told something, and calls it where it has not
    /// been.
    pub(super) fn reach(&mut self, tree: &Tree, namespace: NamespaceIndex) -> Reach {
        match self.0.get(&namespace) {
            Some(Wire::Idle(_)) => Reach::Ready,
            Some(Wire::Busy(_)) => Reach::Busy,
            Some(Wire::Called { until }) if *until <= Moment::now() => {
                self.0.remove(&namespace);
                Reach::Unreachable
            }
            Some(Wire::Called { until }) => Reach::Waiting(*until),
            None => {
                let called = tree
                    .open_member(ProcessKey::init(namespace))
                    .and_then(|pidfd| pidfd.signal(OPEN as i32));
                if called.is_err() {
                    return Reach::Unreachable;
                }
                let until = Moment::now().plus(ANSWER);
                self.0.insert(namespace, Wire::Called { until });
                Reach::Waiting(until)
            }
        }
    }

    /// Takes the line by which a PID 1 has answered a call. A line without a call is closed.
    pub(super) fn on_line(&mut self, namespace: NamespaceIndex, end: OwnedFd, events: &EventLoop) {
        let Some(wire @ Wire::Called { .. }) = self.0.get_mut(&namespace) else {
            return;
        };
        if events
            .add(&end, Token::Line(namespace), EpollFlags::EPOLLIN)
            .is_ok()
        {
            *wire = Wire::Idle(Line::from(end));
        }
    }

    /// Tells a PID 1 that can be reached something; the answer is an [`Incident::Answered`].
    pub(super) fn command(
        &mut self,
        namespace: NamespaceIndex,
        command: Command,
        luggage: Option<BorrowedFd<'_>>,
        events: &EventLoop,
    ) -> Option<Incident> {
        let Some(Wire::Idle(line)) = self.0.remove(&namespace) else {
            return None;
        };
        let streams: &[i32] = if command.takes_streams() {
            &STREAMS
        } else {
            &[]
        };
        let mut descriptors: Vec<BorrowedFd<'_>> = luggage.into_iter().collect();
        for &number in streams {
            descriptors.push(descriptor_layout::fd(number));
        }
        if line.say(&command, &descriptors).is_ok() {
            self.0.insert(namespace, Wire::Busy(line));
            return None;
        }
        events.remove(&line, Token::Line(namespace));
        Some(Incident::Closed(namespace))
    }

    /// Something has come up a line, or its end.
    pub(super) fn on_wire(
        &mut self,
        namespace: NamespaceIndex,
        events: &EventLoop,
    ) -> Option<Incident> {
        let Some(Wire::Idle(line) | Wire::Busy(line)) = self.0.get(&namespace) else {
            return None;
        };
        match line.look::<Answer>() {
            Look::Nothing => None,
            Look::Heard(heard) => {
                let pidfd = heard.descriptors.into_iter().next().map(Pidfd::from);
                if let Some(Wire::Busy(line)) = self.0.remove(&namespace) {
                    self.0.insert(namespace, Wire::Idle(line));
                }
                Some(Incident::Answered(namespace, heard.said, pidfd))
            }
            Look::Closed => {
                self.close(namespace, events);
                Some(Incident::Closed(namespace))
            }
        }
    }

    /// Closes a line: its PID 1 goes by its own rules again.
    pub(super) fn close(&mut self, namespace: NamespaceIndex, events: &EventLoop) {
        if let Some(Wire::Idle(line) | Wire::Busy(line)) = self.0.remove(&namespace) {
            events.remove(line.as_fd(), Token::Line(namespace));
        }
    }
}
