//! The channel between a namespace in creation and its parent.
//!
//! It exists from the fork until the namespace has taken all its numbers, and only if there are
//! numbers to take or a helper is in between. Messages: "my numbers are taken" (the parent may go
//! on to the next sibling), and "it is this joined process's turn" (the parent forks it and sends a
//! pidfd). End of file is the other side's death.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::message;
use super::plan::Slot;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::pidfd::Pidfd;

/// Message, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncMessage {
    /// Child: it exists. The kernel adds its number, which a helper in between could not know.
    Ready,
    /// Parent: it is the child's parent now, and the child is guarded.
    Continue,
    /// Child: fork this joined process now.
    Fork {
        /// Slot of the process.
        slot: Slot,
    },
    /// Parent: the process exists; a pidfd is sent along.
    Forked,
    /// Child: its subtree takes no further numbers by itself.
    NumbersTaken,
}

/// Message as received.
#[derive(Debug)]
pub struct Received {
    /// The message.
    pub message: SyncMessage,
    /// Sender, in the receiver's numbering.
    pub sender: Pid,
    /// The pidfd sent along.
    pub pidfd: Option<Pidfd>,
}

/// Makes the pair: the parent's end, the child's end.
///
/// # Errors
///
/// Those of socketpair(2) and setsockopt(2).
pub fn pair() -> Result<(OwnedFd, OwnedFd), CallError> {
    let (children, child) = Channel::pair()?;
    children.pass_credentials()?;
    Ok((children.into_fd(), child.into_fd()))
}

/// Sends a message.
///
/// # Errors
///
/// `EPIPE` if the other side is gone.
pub fn send(
    channel: impl AsFd,
    message: SyncMessage,
    pidfd: Option<BorrowedFd<'_>>,
) -> Result<(), CallError> {
    let mut buffer = [0_u8; 16];
    let bytes = postcard::to_slice(&message, &mut buffer).map_err(|_| Errno::EMSGSIZE)?;
    Channel::from(channel)
        .send_with_retry(bytes, pidfd.as_slice(), Wait::Allowed)
        .map(drop)
        .by(Call::Sendmsg)
}

/// Waits for a message; `None` at end of file, when the other side has died.
///
/// # Errors
///
/// Those of recvmsg(2).
pub fn receive(channel: impl AsFd) -> Result<Option<Received>, CallError> {
    let mut buffer = [0_u8; 16];
    let received = match Channel::from(channel).receive(&mut buffer, Wait::Allowed) {
        Err(Errno::ECONNRESET) => return Ok(None),
        received => received.by(Call::Recvmsg)?,
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    let message = message::read(&buffer[..received.bytes]).ok_or(Errno::EPROTO)?;
    let sender = received.sender.unwrap_or(Pid::from_raw(0));
    let pidfd = received.descriptors.into_iter().map(Pidfd::from).next();
    Ok(Some(Received {
        message,
        sender,
        pidfd,
    }))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::unistd::{Pid, getpid};

    use super::{Channel, SyncMessage, Wait, pair, receive, send};
    use crate::engine::plan::Slot;
    use nestns_sys::pidfd::Pidfd;

    #[test]
    fn the_parent_is_told_the_sender() {
        let (children, child) = pair().unwrap();
        send(
            &child,
            SyncMessage::Fork {
                slot: Slot::Process(3),
            },
            None,
        )
        .unwrap();
        let received = receive(&children).unwrap().expect("a word has come");
        assert_eq!(
            (received.message, received.sender),
            (
                SyncMessage::Fork {
                    slot: Slot::Process(3)
                },
                getpid()
            )
        );
        assert!(received.pidfd.is_none());
    }

    #[test]
    fn the_child_is_handed_a_process() {
        let (children, child) = pair().unwrap();
        let own = Pidfd::open(getpid()).unwrap();
        send(&children, SyncMessage::Forked, Some(own.as_fd())).unwrap();
        let received = receive(&child).unwrap().expect("a word has come");
        // Its end does not ask for credentials.
        assert_eq!(
            (received.message, received.sender),
            (SyncMessage::Forked, Pid::from_raw(0))
        );
        assert!(received.pidfd.is_some_and(|pidfd| !pidfd.has_ended()));
    }

    #[test]
    fn an_end_that_is_closed_is_a_death() {
        let (children, child) = pair().unwrap();
        drop(child);
        assert!(receive(&children).unwrap().is_none());
        assert_eq!(
            send(&children, SyncMessage::Continue, None).map_err(|cause| cause.errno),
            Err(Errno::EPIPE)
        );
    }

    #[test]
    fn what_is_no_word_is_an_error() {
        let (children, child) = pair().unwrap();
        Channel::from(&child)
            .send(&[200, 1], &[], Wait::Never)
            .unwrap();
        assert_eq!(
            receive(&children).map(drop).map_err(|cause| cause.errno),
            Err(Errno::EPROTO)
        );
    }
}
