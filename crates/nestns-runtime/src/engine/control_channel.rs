//! Control channel between the controller and the PID 1 of a namespace, made on demand.
//!
//! It does not exist while a tree is built and idle: ten thousand namespaces would be ten thousand
//! descriptors. The controller sends [`OPEN`]; the init makes a socket pair and sends one end up
//! the report channel ([`Report::Line`]). From then on commands arrive on it, one at a time, each
//! with one answer. The init never waits for it: it reads a bounded number of pending messages a
//! turn, and an answer that does not fit means that the other end is not reading. As long as its
//! channel is open the init does not end by itself; end of file means that the controller has
//! closed it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::message;
use super::plan::{NamespaceIndex, Slot};
use super::report::{self, Report};
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::{FIRST_FREE, TERMINAL};
use nestns_sys::pidfd::Pidfd;

/// Signal by which the controller requests a channel. It means something only from an ancestor, is
/// ignored by default, and is never forwarded.
pub const OPEN: Signal = Signal::SIGURG;

/// Greatest size of a message in bytes: a failure names a path.
const LARGEST: usize = 16 * 1024;

/// The descriptors that programs may inherit, as the controller has them: standard input, output,
/// error, the terminal.
pub const STREAMS: [RawFd; 4] = [0, 1, 2, TERMINAL];

/// Command for a PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Fork one of its own processes again. [`STREAMS`] are sent along.
    Fork {
        /// Slot of the process.
        slot: Slot,
    },
    /// Fork a process and move it into a namespace whose processes this PID 1 reaps. [`STREAMS`]
    /// are sent along; a pidfd comes back.
    Join {
        /// The namespace.
        namespace: NamespaceIndex,
        /// The process's slot there.
        slot: Slot,
    },
    /// Adopt this process, which has joined again from outside; its pidfd is sent along.
    Member {
        /// Slot of the process.
        slot: Slot,
    },
    /// Create a namespace again with everything in it. [`STREAMS`] are sent along.
    Raise {
        /// The namespace.
        namespace: NamespaceIndex,
    },
    /// Expect no more restarts: end once the namespace is empty and the channel closed.
    EndWhenEmpty,
}

impl Command {
    /// True if [`STREAMS`] are sent along.
    pub fn takes_streams(self) -> bool {
        matches!(
            self,
            Self::Fork { .. } | Self::Join { .. } | Self::Raise { .. }
        )
    }
}

/// Answer of a PID 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Done. With [`Command::Join`] a pidfd is sent along.
    Done,
    /// Failed; everything made of it is being ended.
    Failed(Failure),
}

/// Message with the descriptors sent along.
#[derive(Debug)]
pub struct Heard<T> {
    /// The message.
    pub said: T,
    /// The descriptors.
    pub descriptors: Vec<OwnedFd>,
}

/// Result of a receive.
#[derive(Debug)]
pub enum Look<T> {
    /// A message.
    Heard(Heard<T>),
    /// No message at this moment.
    Nothing,
    /// The other side has closed its end, or is no copy of this program.
    Closed,
}

/// One end of a control channel.
#[derive(Debug)]
pub struct Line(Channel);

impl From<OwnedFd> for Line {
    fn from(end: OwnedFd) -> Self {
        Self(Channel::from(end))
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Line {
    /// Sends a message, without waiting.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if the other side does not read, `EPIPE` if it is gone.
    pub fn say<T: Serialize>(&self, word: &T, descriptors: &[BorrowedFd<'_>]) -> nix::Result<()> {
        let bytes = postcard::to_extend(word, Vec::new()).map_err(|_| Errno::EMSGSIZE)?;
        self.0.send(&bytes, descriptors, Wait::Never).map(drop)
    }

    /// Takes one message, without waiting.
    ///
    /// Not inlined: the pages of the buffer would be those of the loop of every init, most of which are never told anything.
    #[inline(never)]
    pub fn look<T: DeserializeOwned>(&self) -> Look<T> {
        let mut buffer = [0_u8; LARGEST];
        let (length, descriptors) = match self.0.receive(&mut buffer, Wait::Never) {
            Ok(received) => (received.bytes, received.descriptors),
            Err(Errno::EAGAIN) => return Look::Nothing,
            Err(_) => return Look::Closed,
        };
        if length == 0 {
            return Look::Closed;
        }
        message::read(&buffer[..length]).map_or(Look::Closed, |said| {
            Look::Heard(Heard { said, descriptors })
        })
    }
}

/// The init's side of its control channel.
#[derive(Debug, Default)]
pub struct ControlChannel {
    line: Option<Line>,
    /// The controller's end, until the report channel takes it.
    offer: Option<OwnedFd>,
}

impl ControlChannel {
    /// Makes a channel, unless there is one that the controller holds: signals of other senders
    /// outside, as of `kill -URG -1`, change nothing. Without a free descriptor there is none, and
    /// the controller, which waits for it a bounded time, says so.
    pub fn open(&mut self) {
        if self.is_held() {
            return;
        }
        let Ok((mine, theirs)) = Channel::pair() else {
            return;
        };
        // Out of the way of the agreed numbers, at which a later fork puts its own.
        if let Ok(mine) = descriptor::above(&mine, FIRST_FREE) {
            self.line = Some(Line::from(mine));
            self.offer = Some(theirs.into_fd());
        }
    }

    /// True if there is a channel.
    pub fn is_open(&self) -> bool {
        self.line.is_some()
    }

    /// True if the other end is open in some process.
    fn is_held(&self) -> bool {
        let Some(line) = &self.line else { return false };
        let mut hung_up = [PollFd::new(line.as_fd(), PollFlags::empty())];
        // POLLHUP is reported without being requested.
        poll(&mut hung_up, PollTimeout::ZERO) == Ok(0)
    }

    /// True if the report channel has not yet taken the controller's end.
    pub fn offers(&self) -> bool {
        self.offer.is_some()
    }

    /// Sends the controller's end up, if there is room.
    pub fn hand_up(&mut self, namespace: NamespaceIndex) {
        let Some(offer) = &self.offer else { return };
        match report::try_send(&[Report::Line { namespace }], &[offer.as_fd()]) {
            Err(Errno::EAGAIN) => {}
            // Taken, or there is no taker: then end of file follows on the line.
            _ => self.offer = None,
        }
    }

    /// Takes one command; closes the channel if the controller has.
    pub fn take(&mut self) -> Option<Heard<Command>> {
        match self.line.as_ref()?.look() {
            Look::Heard(heard) => Some(heard),
            Look::Nothing => None,
            Look::Closed => {
                self.close();
                None
            }
        }
    }

    /// Answers the last command.
    pub fn answer(&mut self, answer: &Answer, pidfd: Option<&Pidfd>) {
        let descriptors: Vec<_> = pidfd.iter().map(AsFd::as_fd).collect();
        if self
            .line
            .as_ref()
            .is_some_and(|line| line.say(answer, &descriptors).is_err())
        {
            self.close();
        }
    }

    /// Closes the channel.
    pub fn close(&mut self) {
        *self = Self::default();
    }

    /// Descriptor to poll.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.line.as_ref().map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::errno::Errno;

    use super::{Answer, Channel, Command, ControlChannel, Failure, Line, Look, Slot};
    use crate::engine::failure::Stage;
    use crate::engine::plan::ProcessKey;

    fn pair() -> (ControlChannel, Line) {
        let (mine, theirs) = Channel::pair().unwrap();
        (
            ControlChannel {
                line: Some(Line(mine)),
                offer: None,
            },
            Line(theirs),
        )
    }

    #[test]
    fn a_command_and_its_answer() {
        let (mut control_channel, line) = pair();
        assert!(control_channel.take().is_none());
        line.say(
            &Command::Fork {
                slot: Slot::Process(3),
            },
            &[],
        )
        .unwrap();
        assert_eq!(
            control_channel.take().unwrap().said,
            Command::Fork {
                slot: Slot::Process(3)
            }
        );
        control_channel.answer(&Answer::Done, None);
        assert!(matches!(line.look::<Answer>(), Look::Heard(heard) if heard.said == Answer::Done));
        assert!(matches!(line.look::<Answer>(), Look::Nothing));
    }

    #[test]
    fn nobody_is_waited_for() {
        let (mut control_channel, line) = pair();
        // Unread answers fill the buffer, and then the channel is given up.
        for _ in 0..100_000 {
            control_channel.answer(&Answer::Done, None);
        }
        assert!(!control_channel.is_open());
        while matches!(line.look::<Answer>(), Look::Heard(_)) {}
        assert!(matches!(line.look::<Answer>(), Look::Closed));
    }

    #[test]
    fn a_line_that_is_held_stays_the_one() {
        let (mut control_channel, line) = pair();
        control_channel.open();
        line.say(&Command::EndWhenEmpty, &[]).unwrap();
        assert_eq!(control_channel.take().unwrap().said, Command::EndWhenEmpty);
        drop(line);
        control_channel.open();
        assert!(control_channel.is_open() && control_channel.offers());
    }

    #[test]
    fn what_is_no_command_is_no_line() {
        let (mut control_channel, line) = pair();
        line.say(&[0xff_u8; 20].as_slice(), &[]).unwrap();
        assert!(control_channel.take().is_none());
        assert!(!control_channel.is_open());
    }
    #[test]
    fn descriptors_travel_with_what_they_are_for() {
        let (mut control_channel, line) = pair();
        let create = Command::Raise { namespace: 2 };
        assert!(create.takes_streams());
        line.say(&create, &[line.as_fd(), line.as_fd()]).unwrap();
        line.say(
            &Command::Member {
                slot: Slot::Process(0),
            },
            &[],
        )
        .unwrap();
        assert_eq!(
            control_channel
                .take()
                .map(|heard| (heard.said, heard.descriptors.len())),
            Some((create, 2))
        );
        let member = control_channel.take().unwrap();
        assert!(!member.said.takes_streams() && member.descriptors.is_empty());
    }

    #[test]
    fn a_failure_is_an_answer_with_all_that_it_says() {
        let (mut control_channel, line) = pair();
        let subject = ProcessKey {
            namespace: 1,
            slot: Slot::Process(7),
        };
        let failure = Failure::with(
            subject,
            Stage::WorkingDirectory,
            Errno::ENOENT,
            "/nowhere".repeat(500),
        );
        control_channel.answer(&Answer::Failed(failure.clone()), None);
        let Look::Heard(heard) = line.look::<Answer>() else {
            panic!("it is an answer")
        };
        assert_eq!(heard.said, Answer::Failed(failure));
    }
}
