//! The channel between a namespace in creation and its parent.
//!
//! It exists from the fork until the namespace has taken all its numbers, and only if there are numbers to take or a
//! helper is in between. Messages: "my numbers are taken" (the parent may go on to the next sibling), and "it is this
//! joined process's turn" (the parent forks it and sends a pidfd). End of file is the other side's death.

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
pub enum Word {
    /// Child: it exists. The kernel adds its number, which a helper in between could not know.
    Born,
    /// Parent: it is the child's parent now, and the child is guarded.
    Go,
    /// Child: fork this joined process now.
    Join {
        /// Its slot.
        slot: Slot,
    },
    /// Parent: the process exists; a pidfd is sent along.
    Joined,
    /// Child: its subtree takes no further numbers by itself.
    Taken,
}

/// Message as received.
#[derive(Debug)]
pub struct Heard {
    /// The message.
    pub word: Word,
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
    let (keeper, child) = Channel::pair()?;
    keeper.pass_credentials()?;
    Ok((keeper.into_fd(), child.into_fd()))
}

/// Sends a message.
///
/// # Errors
///
/// `EPIPE` if the other side is gone.
pub fn say(channel: impl AsFd, word: Word, pidfd: Option<BorrowedFd<'_>>) -> Result<(), CallError> {
    let mut buffer = [0_u8; 16];
    let bytes = postcard::to_slice(&word, &mut buffer).map_err(|_| Errno::EMSGSIZE)?;
    Channel::from(channel).send_with_retry(bytes, pidfd.as_slice(), Wait::Allowed).map(drop).by(Call::Sendmsg)
}

/// Waits for a message; `None` at end of file, when the other side has died.
///
/// # Errors
///
/// Those of recvmsg(2).
pub fn hear(channel: impl AsFd) -> Result<Option<Heard>, CallError> {
    let mut buffer = [0_u8; 16];
    let received = match Channel::from(channel).receive(&mut buffer, Wait::Allowed) {
        Err(Errno::ECONNRESET) => return Ok(None),
        received => received.by(Call::Recvmsg)?,
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    let word = message::read(&buffer[..received.bytes]).ok_or(Errno::EPROTO)?;
    let sender = received.sender.unwrap_or(Pid::from_raw(0));
    let pidfd = received.descriptors.into_iter().map(Pidfd::from).next();
    Ok(Some(Heard { word, sender, pidfd }))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::errno::Errno;
    use nix::unistd::{Pid, getpid};

    use super::{Channel, Wait, Word, hear, pair, say};
    use crate::engine::plan::Slot;
    use nestns_sys::pidfd::Pidfd;

    #[test]
    fn the_keeper_is_told_who_speaks() {
        let (keeper, child) = pair().unwrap();
        say(&child, Word::Join { slot: Slot::Process(3) }, None).unwrap();
        let heard = hear(&keeper).unwrap().expect("a word has come");
        assert_eq!((heard.word, heard.sender), (Word::Join { slot: Slot::Process(3) }, getpid()));
        assert!(heard.pidfd.is_none());
    }

    #[test]
    fn the_child_is_handed_a_process() {
        let (keeper, child) = pair().unwrap();
        let own = Pidfd::open(getpid()).unwrap();
        say(&keeper, Word::Joined, Some(own.as_fd())).unwrap();
        let heard = hear(&child).unwrap().expect("a word has come");
        // Its end does not ask for credentials.
        assert_eq!((heard.word, heard.sender), (Word::Joined, Pid::from_raw(0)));
        assert!(heard.pidfd.is_some_and(|pidfd| !pidfd.has_ended()));
    }

    #[test]
    fn an_end_that_is_closed_is_a_death() {
        let (keeper, child) = pair().unwrap();
        drop(child);
        assert!(hear(&keeper).unwrap().is_none());
        assert_eq!(say(&keeper, Word::Go, None).map_err(|cause| cause.errno), Err(Errno::EPIPE));
    }

    #[test]
    fn what_is_no_word_is_an_error() {
        let (keeper, child) = pair().unwrap();
        Channel::from(&child).send(&[200, 1], &[], Wait::Never).unwrap();
        assert_eq!(hear(&keeper).map(drop).map_err(|cause| cause.errno), Err(Errno::EPROTO));
    }
}
