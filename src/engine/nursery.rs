//! The channel between a namespace in creation and its keeper.
//!
//! It exists from the fork until the namespace has taken all its numbers, and only where there are numbers to take or a
//! helper is in between. What travels: "my numbers are taken" (the keeper may go on to the next sibling), and "now it is
//! this joined process's turn" (the keeper forks it and hands a pidfd over). End of file is the other side's death.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, sendmsg, setsockopt, socketpair, sockopt,
};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::message;
use super::shortage::outlast;
use crate::sys::call::{Call, CallError, Named};
use crate::sys::pidfd::Pidfd;
use crate::sys::rights;

/// One message, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// Child: I exist. The kernel adds the number, which a helper in between could not know.
    Born,
    /// Keeper: I am your parent now, and you are guarded.
    Go,
    /// Child: fork this joined process now.
    Join {
        /// Its slot.
        slot: u32,
    },
    /// Keeper: it is there; a pidfd comes along.
    Joined,
    /// Child: my subtree takes no further numbers by itself.
    Taken,
}

/// A word as received.
#[derive(Debug)]
pub struct Heard {
    /// What was said.
    pub word: Word,
    /// Who said it, in the receiver's numbering.
    pub sender: Pid,
    /// What came along.
    pub pidfd: Option<Pidfd>,
}

/// Makes the pair: the keeper's end, the child's end.
///
/// # Errors
///
/// Those of socketpair(2) and setsockopt(2).
pub fn pair() -> Result<(OwnedFd, OwnedFd), CallError> {
    let (keeper, child) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).by(Call::Socketpair)?;
    setsockopt(&keeper, sockopt::PassCred, &true).by(Call::Setsockopt)?;
    Ok((keeper, child))
}

/// Says a word.
///
/// # Errors
///
/// `EPIPE` when the other side is gone.
pub fn say(channel: impl AsFd, word: Word, pidfd: Option<BorrowedFd<'_>>) -> Result<(), CallError> {
    let mut buffer = [0_u8; 16];
    let bytes = postcard::to_slice(&word, &mut buffer).map_err(|_| Errno::EMSGSIZE)?;
    let number = [pidfd.as_ref().map_or(-1, AsRawFd::as_raw_fd)];
    let rights = [ControlMessage::ScmRights(&number)];
    let rights = if pidfd.is_some() { &rights[..] } else { &rights[..0] };
    let channel = channel.as_fd().as_raw_fd();
    let send = || sendmsg::<UnixAddr>(channel, &[IoSlice::new(bytes)], rights, MsgFlags::MSG_NOSIGNAL, None).map(drop);
    outlast(send).by(Call::Sendmsg)
}

/// Waits for a word; `None` at end of file, when the other side has died.
///
/// # Errors
///
/// Those of recvmsg(2).
pub fn hear(channel: impl AsFd) -> Result<Option<Heard>, CallError> {
    let mut buffer = [0_u8; 16];
    let piece = match rights::receive(channel, &mut buffer) {
        Err(Errno::ECONNRESET) => return Ok(None),
        piece => piece.by(Call::Recvmsg)?,
    };
    let (length, sender) = (piece.bytes, piece.sender.unwrap_or(Pid::from_raw(0)));
    let pidfd = piece.descriptors.into_iter().map(Pidfd::from).next();
    if length == 0 {
        return Ok(None);
    }
    let word = message::read(&buffer[..length]).ok_or(Errno::EPROTO)?;
    Ok(Some(Heard { word, sender, pidfd }))
}
