//! Receiving descriptors from a stranger: `SCM_RIGHTS` of unix(7), with none of them lost.
//!
//! Not `nix::sys::socket::recvmsg`: when more descriptors come than there is room or a limit for, it reports an error and
//! leaves those that the kernel has installed open for good. A stranger could fill the table so.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::descriptor;

/// The most descriptors that the kernel carries with one message (`SCM_MAX_FD`).
const MOST: usize = 253;

/// What came in one piece.
#[derive(Debug, Default)]
pub struct Piece {
    /// How many bytes; none at end of file.
    pub bytes: usize,
    /// The descriptors with them, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
    /// Whether there were more than this process may have open.
    pub is_truncated: bool,
    /// The number of the sender in the receiver's PID namespace, where the socket asks for credentials (`SO_PASSCRED`); the
    /// kernel writes it beside every message, and nothing beside end of file.
    pub sender: Option<Pid>,
}

/// `recvmsg(socket, { buffer }, MSG_CMSG_CLOEXEC)`
///
/// # Errors
///
/// `EAGAIN` when there is nothing and the socket does not wait, `ECONNRESET` when the other side is gone.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> nix::Result<Piece> {
    receive_with(socket, buffer, 0)
}

/// The same with `MSG_DONTWAIT`, whatever whoever shares the socket has made of `O_NONBLOCK`.
///
/// # Errors
///
/// Those of [`receive`].
pub fn receive_now(socket: impl AsFd, buffer: &mut [u8]) -> nix::Result<Piece> {
    receive_with(socket, buffer, libc::MSG_DONTWAIT)
}

fn receive_with(socket: impl AsFd, buffer: &mut [u8], flags: libc::c_int) -> nix::Result<Piece> {
    // Of u64, because a control message header has to be aligned.
    let mut control = [0_u64; (MOST * 4 + 64) / 8];
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: an all-zero msghdr is a valid value. The kernel writes into the buffer and the control area within the sizes
    // given; both live until the headers have been walked through. Each number under SCM_RIGHTS is of a descriptor that the
    // kernel has just installed, and is taken over once.
    unsafe {
        let mut header: libc::msghdr = std::mem::zeroed();
        header.msg_iov = &raw mut slice;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = std::mem::size_of_val(&control) as _;
        let bytes = loop {
            let bytes = libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, flags | libc::MSG_CMSG_CLOEXEC);
            match Errno::result(bytes) {
                Err(Errno::EINTR) => {}
                result => break result?,
            }
        };
        let mut descriptors = Vec::new();
        let mut sender = None;
        let mut message = libc::CMSG_FIRSTHDR(&raw const header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_RIGHTS {
                #[expect(clippy::cast_ptr_alignment, reason = "it is read as what need not be aligned")]
                let data = libc::CMSG_DATA(message).cast::<libc::c_int>();
                let length = (*message).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                for place in 0..length / std::mem::size_of::<libc::c_int>() {
                    descriptors.push(descriptor::received(data.add(place).read_unaligned()));
                }
            }
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_CREDENTIALS {
                let credentials = libc::CMSG_DATA(message).cast::<libc::ucred>().read_unaligned();
                sender = Some(Pid::from_raw(credentials.pid));
            }
            message = libc::CMSG_NXTHDR(&raw const header, message);
        }
        let is_truncated = header.msg_flags & libc::MSG_CTRUNC != 0;
        Ok(Piece { bytes: bytes.cast_unsigned(), descriptors, is_truncated, sender })
    }
}
