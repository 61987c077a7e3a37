//! Reports of the processes of a tree to the controller, and the channel that carries them.
//!
//! `SOCK_SEQPACKET` pairs. The kernel writes the sender's PID *as the controller sees it* beside
//! each message (`SCM_CREDENTIALS`, unix(7)), so that no process needs to know its number outside.
//! Messages are batches of small typed reports behind a version byte.
//!
//! A program can take the descriptors of every process of its own user that it sees
//! (`pidfd_getfd(2)`), its PID 1 included. So each namespace in which programs run has a channel of
//! its own, opened by its PID 1 before anything exists in it ([`open_own`]), and so has each
//! process that joins from outside. The channel determines the subjects that a report may be about;
//! a report on the first channel, which is inherited until then, is checked by the sender's number.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::exec_error::ExecError;
use super::failure::Failure;
use super::plan::{NamespaceIndex, ProcessKey};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout;
use nestns_sys::moment::Moment;

/// The version of the messages; both ends are copies of one program, so another one is a bug.
const VERSION: u8 = 1;
/// The most reports in one message, and thereby the size of the receiver's buffer.
const BATCH: usize = 64;
/// More bytes than any message has, so that one which fills the buffer is none; a report without
/// text takes less than
/// 32.
const LARGEST: usize = 16 * 1024;
/// Size of the send buffer: room for thousands of messages before a sender has to keep its reports.
const ROOM: usize = 8 * 1024 * 1024;

/// End of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Exit with this code.
    Exited(u8),
    /// Death by a signal.
    Signalled(i32),
}

impl Ending {
    /// Decodes a status as wait(2) encodes it, of a process that is gone.
    pub fn from_status(status: i32) -> Self {
        use nix::libc::{WEXITSTATUS, WIFSIGNALED, WTERMSIG};
        if WIFSIGNALED(status) {
            Self::Signalled(WTERMSIG(status))
        } else {
            // wait(2) gives the low byte.
            Self::Exited(u8::try_from(WEXITSTATUS(status)).unwrap_or(u8::MAX))
        }
    }

    /// Status that a shell would show: the code, or 128 and the signal's number.
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            // The number may come from an untrusted sender.
            Self::Signalled(signal) => {
                u8::try_from(128_i32.saturating_add(signal)).unwrap_or(u8::MAX)
            }
        }
    }
}

/// Request to stop, as the PID 1 of a namespace got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRequest {
    /// Sender: 0 for an ancestor, else the number of a process inside.
    pub sender: i32,
    /// Signal number.
    pub signal: i32,
    /// Moment at which it was read.
    pub at: Moment,
}

/// Manner in which a PID 1 takes a request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopManner {
    /// It asks what is inside to end, and leaves last.
    Asking,
    /// It leaves at once, and the kernel kills what is inside.
    Leaving,
}

/// Report of one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are what the variant's text names")]
pub enum Report {
    /// The reports of the sender, and of everything in its namespace if it is a PID 1, come through
    /// a channel of its own from now on, whose receiving end is sent along.
    Channel { subject: ProcessKey },
    /// The sender is PID 1 of a namespace, which is set up.
    Created { namespace: NamespaceIndex },
    /// The sender is this process, complete but for its program, and waits.
    AtGate { subject: ProcessKey },
    /// The sender is about to become its program. Descriptors are sent along: first the one that
    /// reports the outcome of exec, then standard output and standard error if they are captured,
    /// then the one for its readiness.
    Starting {
        subject: ProcessKey,
        stdout: bool,
        stderr: bool,
        ready: bool,
    },
    /// The creation has failed.
    Failed(Failure),
    /// The sender, this process, does not become its program, and could not send the pipe that
    /// reports it.
    Refused {
        subject: ProcessKey,
        refusal: ExecError,
    },
    /// The subject was asked to stop.
    Asked {
        subject: ProcessKey,
        signal: i32,
        at: Moment,
    },
    /// The subject is about to be asked to stop, when the command that is run before has ended.
    Preparing { subject: ProcessKey, at: Moment },
    /// The subject was killed because its time was over.
    Killed { subject: ProcessKey, at: Moment },
    /// The subject has ended and was reaped.
    Ended {
        subject: ProcessKey,
        ending: Ending,
        at: Moment,
    },
    /// The sender, PID 1 of a namespace, has been called: the controller's end of the control
    /// channel is sent along.
    Line { namespace: NamespaceIndex },
    /// A process that this PID 1 has inherited has ended: its number there, and its end.
    Orphan {
        namespace: NamespaceIndex,
        number: i32,
        ending: Ending,
    },
    /// More orphans have ended, too many at once to be reported one by one.
    Orphans {
        namespace: NamespaceIndex,
        count: u32,
    },
    /// The PID 1 of a namespace was told to stop, and what it does about it.
    Stopping {
        namespace: NamespaceIndex,
        request: StopRequest,
        manner: StopManner,
    },
    /// The PID 1 of a namespace leaves, and the kernel kills this number of processes in it that
    /// the stop has not asked, besides declared ones.
    NotAsked {
        namespace: NamespaceIndex,
        count: u32,
    },
}

/// Message as the controller receives it.
#[derive(Debug)]
pub struct Received {
    /// The sender, as numbered in the receiver's namespace.
    pub sender: Pid,
    /// The reports.
    pub reports: Vec<Report>,
    /// The descriptors sent along.
    pub descriptors: Vec<OwnedFd>,
}

/// Makes the channel: the controller's end, and the one to inherit.
///
/// # Errors
///
/// Those of socketpair(2).
pub fn channel() -> Result<(OwnedFd, OwnedFd), CallError> {
    let (receiver, sender) = pair()?;
    // The larger room needs privilege; without it senders keep their reports a little longer.
    if setsockopt(&sender, sockopt::SndBufForce, &ROOM).is_err() {
        let _ = setsockopt(&sender, sockopt::SndBuf, &ROOM);
    }
    Ok((receiver.into_fd(), sender.into_fd()))
}

/// A pair, whose first end is told the sender.
fn pair() -> Result<(Channel, Channel), CallError> {
    let (receiver, sender) = Channel::pair()?;
    receiver.pass_credentials()?;
    Ok((receiver, sender))
}

/// Opens a channel of its own for a process that has just been forked, and for all that it will
/// fork: the receiving end is sent up the inherited one, which is then closed.
///
/// # Errors
///
/// Those of socketpair(2) and of [`send`].
pub fn open_own(subject: ProcessKey) -> Result<(), CallError> {
    let (receiver, sender) = pair()?;
    send(Report::Channel { subject }, &[receiver.as_fd()]).by(Call::Sendmsg)?;
    descriptor::place_at(&sender, descriptor_layout::REPORTS).by(Call::Dup3)
}

/// Result of a receive.
#[derive(Debug)]
pub enum Look {
    /// A message.
    Received(Received),
    /// A message that no copy of this program has sent.
    Malformed {
        /// The sender, as numbered in the receiver's namespace.
        sender: Pid,
    },
    /// No message at this moment.
    Nothing,
    /// All senders are gone.
    Closed,
}

/// Receives one message, without waiting. Descriptors that come with a malformed one are closed.
pub fn receive(channel: BorrowedFd<'_>) -> Look {
    let mut buffer = [0_u8; LARGEST];
    let channel = Channel::from(channel);
    let mut received = channel.receive(&mut buffer, Wait::Never);
    if matches!(received, Err(Errno::ECONNRESET)) {
        // Told once, before what is still to be read.
        received = channel.receive(&mut buffer, Wait::Never);
    }
    let received = match received {
        Ok(received) => received,
        // For want of memory: what is there stays there.
        Err(Errno::EAGAIN | Errno::ENOMEM | Errno::ENOBUFS) => return Look::Nothing,
        // The other side is gone, or it is no such channel.
        Err(_) => return Look::Closed,
    };
    // The kernel adds the sender to every message, an empty one included, and to nothing else.
    let Some(sender) = received.sender else {
        return Look::Closed;
    };
    // Descriptors may be missing: the kernel drops what exceeds the limit on them, regardless of
    // the sender.
    match read(&buffer[..received.bytes]) {
        Some(reports) => Look::Received(Received {
            sender,
            reports,
            descriptors: received.descriptors,
        }),
        None => Look::Malformed { sender },
    }
}

/// Encodes a message.
///
/// # Errors
///
/// `EMSGSIZE` if it cannot be encoded.
pub fn write(reports: &[Report]) -> nix::Result<Vec<u8>> {
    postcard::to_extend(reports, vec![VERSION]).map_err(|_| Errno::EMSGSIZE)
}

/// The reports of a message of this version: as many as one may have, and nothing behind them.
/// `None` for anything else, which no copy of this program has sent.
pub fn read(message: &[u8]) -> Option<Vec<Report>> {
    let (&VERSION, body) = message.split_first().filter(|_| message.len() < LARGEST)? else {
        return None;
    };
    let (count, mut rest) = postcard::take_from_bytes::<usize>(body).ok()?;
    if count > BATCH {
        return None;
    }
    let mut reports = Vec::with_capacity(count);
    for _ in 0..count {
        let (report, behind) = postcard::take_from_bytes(rest).ok()?;
        reports.push(report);
        rest = behind;
    }
    rest.is_empty().then_some(reports)
}

/// The sending end of the nearest channel.
fn upward() -> Channel<BorrowedFd<'static>> {
    Channel::from(descriptor_layout::fd(descriptor_layout::REPORTS))
}

/// Sends reports without waiting.
///
/// # Errors
///
/// `EAGAIN` if the controller is slow, `EPIPE` if it is gone.
pub fn try_send(reports: &[Report], descriptors: &[BorrowedFd<'_>]) -> nix::Result<()> {
    upward()
        .send(&write(reports)?, descriptors, Wait::Never)
        .map(drop)
}

/// Sends one report, and waits while the channel is full: for processes on which nothing depends
/// yet.
///
/// # Errors
///
/// `EPIPE` if the controller is gone.
pub fn send(report: Report, descriptors: &[BorrowedFd<'_>]) -> nix::Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let message = write(&[report])?;
    loop {
        match upward().send_with_retry(&message, descriptors, Wait::Never) {
            Err(Errno::EAGAIN) => {
                let mut writable = [PollFd::new(
                    descriptor_layout::fd(descriptor_layout::REPORTS),
                    PollFlags::POLLOUT,
                )];
                let _ = poll(&mut writable, PollTimeout::NONE);
            }
            result => return result.map(drop),
        }
    }
}

/// Reports to be sent by a process that must not wait.
///
/// Unsent reports are kept and go out in batches. Their number is bounded: each subject of a parent
/// is asked, killed and reaped at most once, and is created again only when a controller that reads
/// has commanded it; of orphans, of which there may be any number, only so many are reported one by
/// one.
#[derive(Debug, Default)]
pub struct Outbox(Vec<Report>);

/// Number of unsent reports from which on orphans are only counted.
const ORPHANS: usize = 256;

impl Outbox {
    /// Adds the end of an orphan.
    pub fn push_orphan(&mut self, namespace: NamespaceIndex, number: i32, ending: Ending) {
        if self.0.len() < ORPHANS {
            self.0.push(Report::Orphan {
                namespace,
                number,
                ending,
            });
        } else if let Some(Report::Orphans { count, .. }) = self
            .0
            .iter_mut()
            .rev()
            .find(|report| matches!(report, Report::Orphans { .. }))
        {
            *count = count.saturating_add(1);
        } else {
            self.0.push(Report::Orphans {
                namespace,
                count: 1,
            });
        }
    }

    /// Adds a report; [`Outbox::flush`] sends it.
    pub fn push(&mut self, report: Report) {
        self.0.push(report);
    }

    /// True if nothing is left to send.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends as many reports as the channel takes. If the controller is gone they are dropped.
    pub fn flush(&mut self) {
        while !self.0.is_empty() {
            let batch = self.0.len().min(BATCH);
            match try_send(&self.0[..batch], &[]) {
                Ok(()) => drop(self.0.drain(..batch)),
                // Without memory for a message it is kept as well; the next wake-up tries again.
                Err(Errno::EAGAIN | Errno::ENOBUFS) => return,
                Err(_) => self.0.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use std::os::fd::AsFd;

    use nix::unistd::Pid;

    use super::{
        BATCH, Channel, Ending, Look, ORPHANS, Outbox, Report, Wait, read, receive, write,
    };
    use crate::engine::exec_error::ExecError;
    use crate::engine::failure::{Failure, Stage};
    use crate::engine::plan::{ProcessKey, Slot};
    use nestns_sys::call::Call;
    use nestns_sys::moment::Moment;

    #[test]
    fn a_status_is_a_byte_whatever_the_signal() {
        for (signal, status) in [
            (9, 137),
            (0, 128),
            (-1, 127),
            (i32::MAX, 255),
            (i32::MIN, 255),
        ] {
            assert_eq!(Ending::Signalled(signal).status(), status, "{signal}");
        }
    }

    /// A report of every kind that carries data.
    fn report() -> impl Strategy<Value = Report> {
        let number = any::<u32>;
        let slot = prop_oneof![
            Just(Slot::Init),
            number().prop_map(Slot::Process),
            number().prop_map(Slot::Exec),
            number().prop_map(Slot::Probe),
            number().prop_map(Slot::StopCommand),
            Just(Slot::RunCommand),
        ];
        let subject = (number(), slot).prop_map(|(namespace, slot)| ProcessKey { namespace, slot });
        let stage = any::<Index>().prop_map(|place| *place.get(Stage::ALL));
        let text = "\\PC{0,40}";
        prop_oneof![
            (subject.clone(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
                |(subject, stdout, stderr, ready)| Report::Starting {
                    subject,
                    stdout,
                    stderr,
                    ready
                }
            ),
            (
                subject.clone(),
                stage.clone(),
                any::<i32>(),
                proptest::option::of(text)
            )
                .prop_map(|(subject, stage, errno, detail)| {
                    Report::Failed(Failure {
                        subject,
                        stage,
                        call: Call::Fork,
                        errno,
                        detail,
                    })
                }),
            (subject.clone(), stage, any::<i32>(), text).prop_map(
                |(subject, stage, errno, detail)| {
                    Report::Refused {
                        subject,
                        refusal: ExecError {
                            stage,
                            call: Call::Execve,
                            errno,
                            detail,
                        },
                    }
                }
            ),
            (subject, any::<i32>()).prop_map(|(subject, signal)| Report::Ended {
                subject,
                ending: Ending::Signalled(signal),
                at: Moment::now()
            }),
            (any::<u32>(), any::<u32>())
                .prop_map(|(namespace, count)| Report::Orphans { namespace, count }),
        ]
    }

    /// Asserts that reading any bytes and writing the result gives no more bytes.
    fn is_read_again(message: &[u8]) -> Result<(), TestCaseError> {
        if let Some(reports) = read(message) {
            prop_assert!(reports.len() <= BATCH);
            let written = write(&reports).expect("what was read can be written");
            prop_assert!(written.len() <= message.len());
            prop_assert_eq!(read(&written), Some(reports));
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reports_are_read_as_they_were_written_and_only_whole(
            reports in proptest::collection::vec(report(), 0..=BATCH),
            place: Index,
            byte: u8,
        ) {
            let mut message = write(&reports).expect("it can be written");
            let place = place.index(message.len());
            prop_assert_eq!(read(&message), Some(reports));
            prop_assert_eq!(read(&message[..place]), None);
            message[place] = byte;
            is_read_again(&message)?;
            message.push(byte);
            is_read_again(&message)?;
        }

        #[test]
        fn anything_is_a_message_or_none(mut message in proptest::collection::vec(any::<u8>(), 1..200), count in 0_u8..70) {
            message[0] = super::VERSION;
            is_read_again(&message)?;
            message.insert(1, count);
            is_read_again(&message)?;
        }
    }

    #[test]
    fn more_than_a_batch_is_none() {
        let one = Report::Orphans {
            namespace: 0,
            count: 1,
        };
        assert!(read(&write(&vec![one.clone(); BATCH]).unwrap()).is_some());
        assert!(read(&write(&vec![one; BATCH + 1]).unwrap()).is_none());
        assert!(read(b"").is_none());
    }
    #[test]
    fn a_status_is_told_as_it_ended() {
        assert_eq!(Ending::from_status(3 << 8), Ending::Exited(3));
        assert_eq!(Ending::from_status(9), Ending::Signalled(9));
        // 128 says that there is a core file.
        assert_eq!(Ending::from_status(0x80 + 11), Ending::Signalled(11));
        assert_eq!(
            Ending::from_status(64),
            Ending::Signalled(64),
            "a real-time signal"
        );
    }

    #[test]
    fn what_comes_through_a_channel_is_told_apart() {
        let (ours, theirs) = super::channel().unwrap();
        let reports = vec![Report::Created { namespace: 3 }];
        assert!(matches!(receive(ours.as_fd()), Look::Nothing));
        let channel = Channel::from(&theirs);
        channel
            .send(&write(&reports).unwrap(), &[theirs.as_fd()], Wait::Never)
            .unwrap();
        channel.send(b"\x01\xff", &[], Wait::Never).unwrap();
        channel.send(b"", &[], Wait::Never).unwrap();
        let Look::Received(received) = receive(ours.as_fd()) else {
            panic!("it is a message")
        };
        assert_eq!((received.sender, received.reports), (Pid::this(), reports));
        assert_eq!(received.descriptors.len(), 1);
        drop(received.descriptors);
        for _ in 0..2 {
            assert!(
                matches!(receive(ours.as_fd()), Look::Malformed { sender } if sender == Pid::this())
            );
        }
        drop(theirs);
        assert!(matches!(receive(ours.as_fd()), Look::Closed));
    }

    #[test]
    fn orphans_are_counted_when_there_are_too_many() {
        let mut outbox = Outbox::default();
        for number in 0..300 {
            outbox.push_orphan(4, number, Ending::Exited(0));
        }
        outbox.push(Report::Created { namespace: 9 });
        outbox.push_orphan(4, 300, Ending::Exited(0));
        assert_eq!(outbox.0.len(), ORPHANS + 2);
        assert_eq!(
            outbox.0[ORPHANS],
            Report::Orphans {
                namespace: 4,
                count: 45
            }
        );
        assert!(!outbox.is_empty());
    }

    #[test]
    fn a_message_of_another_version_is_none() {
        let mut message = write(&[Report::Created { namespace: 0 }]).unwrap();
        message[0] += 1;
        assert!(read(&message).is_none());
    }
}
