//! Descriptors on which processes say themselves that they are ready: pipes, and sockets of
//! `sd_notify(3)`.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;

use super::notification::{ends_line, says_ready};
use crate::controller::event_loop::{EventLoop, Token};
use crate::engine::plan::ProcessKey;
use nestns_observe::namespaces::Member;
use nestns_observe::process;
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::descriptor;
use nestns_topology::Probe;

/// The longest message that is read; what manages services takes no more either.
const LONGEST: usize = 4096;
/// Number of messages of one process that are read before others have their turn.
const TURN: usize = 16;

/// Kind of a readiness descriptor.
#[derive(Debug)]
enum Kind {
    /// A line, of which only its end counts.
    Pipe,
    /// Messages of `NAME=value` lines.
    Socket,
}

/// One descriptor.
#[derive(Debug)]
struct Listener {
    subject: ProcessKey,
    kind: Kind,
    fd: OwnedFd,
}

/// A message that a process is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Heard {
    pub(in crate::controller) subject: ProcessKey,
    /// Sender, as the kernel reports it; of a pipe, the process that has been given it.
    pub(in crate::controller) sender: Option<Sender>,
}

/// The process that has sent a message, looked at when the message was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Sender {
    pub(in crate::controller) pid: Pid,
    /// Start time; `None` of a process that has ended and was reaped.
    pub(in crate::controller) start_time: Option<u64>,
    /// The inode of its PID namespace; `None` where that cannot be told any more.
    pub(in crate::controller) namespace: Option<u64>,
}

impl Sender {
    /// The descriptor first, then what /proc says: what the number means cannot change in between
    /// any more, as long as the process has not ended afterwards.
    fn look(pid: Pid) -> Self {
        let start_time = process::start_time(pid).ok();
        let namespace = Member::open(pid).ok().and_then(|member| {
            let namespace = member.pid_namespace().ok()?;
            let is_the_same = start_time.is_some() && process::start_time(pid).ok() == start_time;
            is_the_same.then_some(namespace.inode)
        });
        Self {
            pid,
            start_time,
            namespace,
        }
    }
}

/// Readiness descriptors that are listened to.
#[derive(Debug, Default)]
pub(in crate::controller) struct ReadinessListeners {
    all: Vec<Option<Listener>>,
    free: Vec<u32>,
}

impl ReadinessListeners {
    /// Listens to what a process sends, that is about to become its program: a pipe or a socket, as
    /// its probe says.
    pub(in crate::controller) fn add_for(
        &mut self,
        subject: ProcessKey,
        probe: Option<&Probe>,
        fd: OwnedFd,
        events: &EventLoop,
    ) {
        let kind = match probe {
            Some(Probe::Descriptor(_)) => Kind::Pipe,
            Some(Probe::Notify(_)) => Kind::Socket,
            _ => return,
        };
        self.add(Listener { subject, kind, fd }, events);
    }

    fn add(&mut self, listener: Listener, events: &EventLoop) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        });
        // For want of memory it would go unheard, not the tree down.
        let _ = events.add(&listener.fd, Token::Voice(place), EpollFlags::EPOLLIN);
        self.all[place as usize] = Some(listener);
    }

    /// Takes in what has been said on one that can be read, and closes a pipe at its end.
    pub(in crate::controller) fn listen(&mut self, place: u32, events: &EventLoop) -> Vec<Heard> {
        let Some(Some(listener)) = self.all.get(place as usize) else {
            return Vec::new();
        };
        let (heard, is_over) = match listener.kind {
            Kind::Pipe => listener.read(),
            Kind::Socket => (listener.receive(), false),
        };
        if is_over {
            self.close(place, events);
        }
        heard
    }

    /// Closes those of a process that has ended. What it has said last is heard first.
    pub(in crate::controller) fn forget(
        &mut self,
        subject: ProcessKey,
        events: &EventLoop,
    ) -> Vec<Heard> {
        let mut heard = Vec::new();
        for place in 0..u32::try_from(self.all.len()).unwrap_or(u32::MAX) {
            if self.all[place as usize]
                .as_ref()
                .is_some_and(|listener| listener.subject == subject)
            {
                heard.extend(self.listen(place, events));
                self.close(place, events);
            }
        }
        heard
    }

    fn close(&mut self, place: u32, events: &EventLoop) {
        if let Some(listener) = self.all[place as usize].take() {
            events.remove(&listener.fd, Token::Voice(place));
            self.free.push(place);
        }
    }
}

impl Listener {
    /// A pipe stays open behind its line: a process that writes more would else be killed by
    /// SIGPIPE.
    fn read(&self) -> (Vec<Heard>, bool) {
        let mut buffer = [0_u8; LONGEST];
        match descriptor::read_now(&self.fd, &mut buffer) {
            Ok(0) => (Vec::new(), true),
            Ok(count) if ends_line(&buffer[..count]) => (
                vec![Heard {
                    subject: self.subject,
                    sender: None,
                }],
                false,
            ),
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => (Vec::new(), false),
            Err(_) => (Vec::new(), true),
        }
    }

    fn receive(&self) -> Vec<Heard> {
        let mut heard = Vec::new();
        let channel = Channel::from(&self.fd);
        for _ in 0..TURN {
            let mut buffer = [0_u8; LONGEST];
            // Closes any descriptors that were sent along.
            let Ok(message) = channel.receive_without_descriptors(&mut buffer, Wait::Never) else {
                break;
            };
            // What is cut off may be more of its last line: a message that is too long says
            // nothing.
            if message.is_cut {
                continue;
            }
            // One without a sender belongs to no process. It is looked at before the next message
            // is taken: a sender that waits until that happens, as systemd-notify(1) does, still
            // lives.
            if let Some(pid) = message.sender
                && says_ready(&buffer[..message.bytes])
            {
                heard.push(Heard {
                    subject: self.subject,
                    sender: Some(Sender::look(pid)),
                });
            }
        }
        heard
    }
}
