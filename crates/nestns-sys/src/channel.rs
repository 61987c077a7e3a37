//! Messages with descriptors and credentials over Unix sockets: `SCM_RIGHTS` and `SCM_CREDENTIALS` of unix(7).
//!
//! One type for all of them, most of which are `SOCK_SEQPACKET` pairs; the control socket is a stream, that of `sd_notify(3)`
//! takes datagrams. A call that a signal has interrupted is made again.
//!
//! Receiving is not `nix::sys::socket::recvmsg`: when more descriptors come than there is room or a limit for, that one reports
//! an error and leaves those that the kernel has installed open for good. A stranger could fill the table so.

use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    sendmsg, setsockopt, socketpair, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::{Pid, getgid, getuid};

use super::call::{Call, CallError, Named};
use super::descriptor;

/// The most descriptors that the kernel carries with one message (`SCM_MAX_FD`).
const MOST: usize = 253;
/// The size of the control messages with that many descriptors and the sender, in words.
const CONTROL: usize = (MOST * 4 + 64) / 8;
/// The size of the control message with the sender alone, in words.
const SENDER: usize = 4;

/// Time between two attempts of [`Channel::send_with_retry`], and their number: two seconds in all.
const PAUSE: Duration = Duration::from_millis(1);
const ATTEMPTS: usize = 2000;

/// Behaviour of a call that would have to wait for the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Waits, unless the socket itself is non-blocking.
    Allowed,
    /// Fails with `EAGAIN`, whether or not a sharer of the socket has set `O_NONBLOCK`.
    Never,
}

impl Wait {
    fn flags(self) -> MsgFlags {
        match self {
            Self::Allowed => MsgFlags::empty(),
            Self::Never => MsgFlags::MSG_DONTWAIT,
        }
    }
}

/// One message as received, or one piece of a stream.
#[derive(Debug, Default)]
pub struct Received {
    /// The number of bytes; 0 at end of file, and of an empty message.
    pub bytes: usize,
    /// The descriptors with them, close-on-exec.
    pub descriptors: Vec<OwnedFd>,
    /// True if the buffer was too small for the message.
    pub is_cut: bool,
    /// True if descriptors are missing: there were more than this process may have open, or than
    /// were wanted.
    pub lacks_descriptors: bool,
    /// The number of the sender in the receiver's PID namespace, where the socket asks for credentials
    /// ([`Channel::pass_credentials`]); the kernel writes it beside every message, and nothing beside end of file.
    pub sender: Option<Pid>,
}

/// One end of a channel: a socket of its own, or one at an agreed number.
#[derive(Debug)]
pub struct Channel<Fd = OwnedFd>(Fd);

impl Channel {
    /// `socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)`
    ///
    /// # Errors
    ///
    /// `EMFILE` and `ENFILE`.
    pub fn pair() -> Result<(Self, Self), CallError> {
        let kind = SockType::SeqPacket;
        let (one, other) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)
            .by(Call::Socketpair)?;
        Ok((Self(one), Self(other)))
    }

    /// The socket.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl<Fd: AsFd> From<Fd> for Channel<Fd> {
    fn from(socket: Fd) -> Self {
        Self(socket)
    }
}

impl<Fd: AsFd> AsFd for Channel<Fd> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl<Fd: AsFd> Channel<Fd> {
    /// `setsockopt(SO_PASSCRED)`: messages that are sent from now on come with their sender.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2) for what is no socket.
    pub fn pass_credentials(&self) -> Result<(), CallError> {
        setsockopt(&self.0, sockopt::PassCred, &true).by(Call::Setsockopt)
    }

    /// `setsockopt(SO_RCVTIMEO)`: receiving fails with `EAGAIN` after so many seconds.
    ///
    /// # Errors
    ///
    /// Those of setsockopt(2) for what is no socket.
    pub fn limit_waiting(&self, limit: Duration) -> Result<(), CallError> {
        let limit = TimeVal::seconds(limit.as_secs().cast_signed());
        setsockopt(&self.0, sockopt::ReceiveTimeout, &limit).by(Call::Setsockopt)
    }

    /// `sendmsg(socket, { bytes, SCM_RIGHTS }, MSG_NOSIGNAL)`; the number of bytes that were sent, which is all of them but on
    /// a stream.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when the other side does not read, `EPIPE` and `ECONNRESET` when it is gone.
    pub fn send(
        &self,
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        wait: Wait,
    ) -> nix::Result<usize> {
        let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&numbers)];
        self.send_message(bytes, if numbers.is_empty() { &[] } else { &rights }, wait)
    }

    /// The same, tried again for two seconds while the kernel has no memory for a message or too many descriptors are on their
    /// way: seen where a machine under load builds a wide tree, and not to be waited for with poll(2).
    ///
    /// # Errors
    ///
    /// Those of [`Channel::send`], and the shortage itself when it lasts.
    pub fn send_with_retry(
        &self,
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        wait: Wait,
    ) -> nix::Result<usize> {
        retry(|| self.send(bytes, descriptors, wait))
    }

    /// `sendmsg(socket, { bytes, SCM_CREDENTIALS = { sender } })`: sends in the name of another process.
    ///
    /// # Errors
    ///
    /// `ESRCH` when there is no such process, `EPERM` without `CAP_SYS_ADMIN` over its PID namespace, and those of
    /// [`Channel::send`].
    pub fn send_as(&self, sender: Pid, bytes: &[u8]) -> nix::Result<()> {
        let (pid, uid, gid) = (sender.as_raw(), getuid().as_raw(), getgid().as_raw());
        let credentials = UnixCredentials::from(libc::ucred { pid, uid, gid });
        self.send_message(
            bytes,
            &[ControlMessage::ScmCredentials(&credentials)],
            Wait::Allowed,
        )
        .map(drop)
    }

    fn send_message(
        &self,
        bytes: &[u8],
        control: &[ControlMessage<'_>],
        wait: Wait,
    ) -> nix::Result<usize> {
        let flags = wait.flags() | MsgFlags::MSG_NOSIGNAL;
        loop {
            match sendmsg::<UnixAddr>(
                self.0.as_fd().as_raw_fd(),
                &[IoSlice::new(bytes)],
                control,
                flags,
                None,
            ) {
                Err(Errno::EINTR) => {}
                result => return result,
            }
        }
    }

    /// `recvmsg(socket, { buffer }, MSG_CMSG_CLOEXEC)`
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is nothing, `ECONNRESET` when the other side is gone and has not read everything.
    pub fn receive(&self, buffer: &mut [u8], wait: Wait) -> nix::Result<Received> {
        self.receive_message(buffer, &mut [0; CONTROL], wait)
    }

    /// The same with room for the sender alone: descriptors are closed by the kernel.
    ///
    /// # Errors
    ///
    /// Those of [`Channel::receive`].
    pub fn receive_without_descriptors(
        &self,
        buffer: &mut [u8],
        wait: Wait,
    ) -> nix::Result<Received> {
        self.receive_message(buffer, &mut [0; SENDER], wait)
    }

    /// `control` is of u64, because a control message header has to be aligned.
    fn receive_message(
        &self,
        buffer: &mut [u8],
        control: &mut [u64],
        wait: Wait,
    ) -> nix::Result<Received> {
        let flags = wait.flags().bits() | libc::MSG_CMSG_CLOEXEC;
        let mut slice = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        // SAFETY: an all-zero msghdr is a valid value. The kernel writes into the buffer and the control area within the sizes
        // given; both live until the headers have been walked through. Each number under SCM_RIGHTS is of a descriptor that
        // the kernel has just installed, and is taken over once.
        unsafe {
            let mut header: libc::msghdr = std::mem::zeroed();
            header.msg_iov = &raw mut slice;
            header.msg_iovlen = 1;
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = std::mem::size_of_val(control) as _;
            let bytes = loop {
                let bytes = libc::recvmsg(self.0.as_fd().as_raw_fd(), &raw mut header, flags);
                match Errno::result(bytes) {
                    Err(Errno::EINTR) => {}
                    result => break result?,
                }
            };
            let mut received = Received {
                bytes: bytes.cast_unsigned(),
                is_cut: header.msg_flags & libc::MSG_TRUNC != 0,
                lacks_descriptors: header.msg_flags & libc::MSG_CTRUNC != 0,
                ..Received::default()
            };
            let mut message = libc::CMSG_FIRSTHDR(&raw const header);
            while !message.is_null() {
                match ((*message).cmsg_level, (*message).cmsg_type) {
                    (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                        #[expect(
                            clippy::cast_ptr_alignment,
                            reason = "it is read as what need not be aligned"
                        )]
                        let data = libc::CMSG_DATA(message).cast::<libc::c_int>();
                        let length = (*message).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                        for place in 0..length / std::mem::size_of::<libc::c_int>() {
                            received
                                .descriptors
                                .push(descriptor::received(data.add(place).read_unaligned()));
                        }
                    }
                    (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                        let credentials = libc::CMSG_DATA(message)
                            .cast::<libc::ucred>()
                            .read_unaligned();
                        received.sender = Some(Pid::from_raw(credentials.pid));
                    }
                    _ => {}
                }
                message = libc::CMSG_NXTHDR(&raw const header, message);
            }
            Ok(received)
        }
    }
}

/// Makes a call again as long as a passing shortage is what is the matter.
fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    let mut last = Errno::ENOBUFS;
    for _ in 0..ATTEMPTS {
        match call() {
            Err(errno) if is_passing(errno) => last = errno,
            result => return result,
        }
        std::thread::sleep(PAUSE);
    }
    Err(last)
}

/// True of what others have used up for a moment: memory for messages (`ENOBUFS` of send(2)), or the descriptors that one user
/// may have on their way through sockets, in whatever topologies (`ETOOMANYREFS`, unix(7)).
fn is_passing(errno: Errno) -> bool {
    matches!(errno, Errno::ENOBUFS | Errno::ETOOMANYREFS)
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, AsRawFd};

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use nix::unistd::Pid;

    use super::{Channel, Wait, retry};

    #[test]
    fn bytes_descriptors_and_the_sender_come_together() {
        let (ours, theirs) = Channel::pair().unwrap();
        theirs.pass_credentials().unwrap();
        ours.send(b"two", &[ours.as_fd(), theirs.as_fd()], Wait::Never)
            .unwrap();
        let mut buffer = [0; 8];
        let received = theirs.receive(&mut buffer, Wait::Never).unwrap();
        assert_eq!(&buffer[..received.bytes], b"two");
        assert_eq!(received.sender, Some(Pid::this()));
        assert!(!received.is_cut && !received.lacks_descriptors);
        assert_eq!(received.descriptors.len(), 2);
        for descriptor in &received.descriptors {
            let flags = fcntl(descriptor, FcntlArg::F_GETFD).unwrap();
            assert!(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC));
        }
    }

    #[test]
    fn what_has_no_room_is_told_apart() {
        let (ours, theirs) = Channel::pair().unwrap();
        theirs.pass_credentials().unwrap();
        ours.send(b"long", &[], Wait::Never).unwrap();
        let cut = theirs.receive(&mut [0; 2], Wait::Never).unwrap();
        assert!(cut.is_cut && !cut.lacks_descriptors);
        assert_eq!(cut.bytes, 2);
        ours.send(b"long", &[ours.as_fd()], Wait::Never).unwrap();
        let without = theirs
            .receive_without_descriptors(&mut [0; 4], Wait::Never)
            .unwrap();
        assert!(!without.is_cut && without.lacks_descriptors);
        assert!(without.descriptors.is_empty());
        assert_eq!(without.sender, Some(Pid::this()));
    }

    #[test]
    fn an_empty_message_has_a_sender_and_the_end_has_none() {
        let (ours, theirs) = Channel::pair().unwrap();
        theirs.pass_credentials().unwrap();
        assert_eq!(
            theirs.receive(&mut [0; 1], Wait::Never).unwrap_err(),
            Errno::EAGAIN
        );
        ours.send(b"", &[], Wait::Never).unwrap();
        drop(ours);
        let empty = theirs.receive(&mut [0; 1], Wait::Never).unwrap();
        assert_eq!((empty.bytes, empty.sender), (0, Some(Pid::this())));
        let end = theirs.receive(&mut [0; 1], Wait::Never).unwrap();
        assert_eq!((end.bytes, end.sender), (0, None));
    }

    #[test]
    fn a_reader_that_is_gone_is_an_error_and_no_signal() {
        let (ours, theirs) = Channel::pair().unwrap();
        drop(theirs);
        assert_eq!(ours.send(b"x", &[], Wait::Never), Err(Errno::EPIPE));
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for() {
        let (ours, _theirs) = Channel::pair().unwrap();
        let sent = (0..1_000_000).find_map(|_| ours.send(&[0; 1024], &[], Wait::Never).err());
        assert_eq!(sent, Some(Errno::EAGAIN));
    }

    #[test]
    fn one_sends_in_its_own_name() {
        let (ours, theirs) = Channel::pair().unwrap();
        theirs.pass_credentials().unwrap();
        ours.send_as(Pid::this(), b"me").unwrap();
        assert_eq!(
            theirs.receive(&mut [0; 2], Wait::Never).unwrap().sender,
            Some(Pid::this())
        );
        // No process has a number above the kernel's largest `pid_max`.
        assert!(ours.send_as(Pid::from_raw(i32::MAX), b"me").is_err());
    }

    #[test]
    fn a_borrowed_end_is_the_same_channel() {
        let (ours, theirs) = Channel::pair().unwrap();
        let number = ours.as_fd().as_raw_fd();
        let borrowed = Channel::from(ours.as_fd());
        assert_eq!(borrowed.as_fd().as_raw_fd(), number);
        borrowed.send(b"x", &[], Wait::Never).unwrap();
        assert_eq!(theirs.receive(&mut [0; 1], Wait::Never).unwrap().bytes, 1);
    }

    #[test]
    fn a_shortage_is_outlasted_and_nothing_else_is() {
        let mut answers = [Err(Errno::ENOBUFS), Err(Errno::ETOOMANYREFS), Ok(7)].into_iter();
        assert_eq!(retry(|| answers.next().expect("no more is asked")), Ok(7));
        let mut answers = [Err::<(), _>(Errno::EPIPE)].into_iter();
        assert_eq!(
            retry(|| answers.next().expect("no more is asked")),
            Err(Errno::EPIPE)
        );
    }
}
