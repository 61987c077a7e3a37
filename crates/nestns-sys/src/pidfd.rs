//! Descriptors of processes: the only way in which nestns signals a process.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::unistd::Pid;

/// A reference to one process, which a recycled number can never redirect.
#[derive(Debug)]
pub struct Pidfd(OwnedFd);

impl Pidfd {
    /// `int pidfd_open(pid_t pid, 0)`, since Linux 5.3. The descriptor is close-on-exec.
    ///
    /// The number is safe only while the process cannot have been reaped: for an unreaped child of the caller, or when the
    /// identity is verified after the descriptor is open. See `pidfd_open(2)`.
    ///
    /// # Errors
    ///
    /// `ESRCH` when the caller's PID namespace has no such process, `EMFILE` when the caller has too many descriptors.
    pub fn open(pid: Pid) -> nix::Result<Self> {
        // SAFETY: the call takes two integers; a result that is not an error is a new descriptor without another owner.
        unsafe {
            let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0))?;
            #[expect(clippy::cast_possible_truncation, reason = "a descriptor is an int")]
            Ok(Self(OwnedFd::from_raw_fd(fd as libc::c_int)))
        }
    }

    /// `getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD)`, since Linux 6.5: the process on the other side of a connected Unix socket;
    /// for a socket that has connected, the one that called listen(2) (R60).
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` on an older kernel, `ESRCH` when the process has been reaped.
    pub fn of_peer(socket: impl AsFd) -> nix::Result<Self> {
        let mut fd: libc::c_int = -1;
        let mut length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(4);
        // SAFETY: the kernel writes one int into a live local variable, and its length; on success that is a new
        // descriptor without another owner.
        unsafe {
            let result = libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERPIDFD,
                (&raw mut fd).cast(),
                &raw mut length,
            );
            Errno::result(result)?;
            Ok(Self(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// `int pidfd_open(pid_t tid, PIDFD_THREAD)`, since Linux 6.9: of a thread, which without the flag is refused (R70).
    ///
    /// # Errors
    ///
    /// Those of [`Pidfd::open`], and `EINVAL` on an older kernel.
    pub fn open_thread(tid: Pid) -> nix::Result<Self> {
        // SAFETY: the call takes two integers; a result that is not an error is a new descriptor without another owner.
        unsafe {
            let fd = Errno::result(libc::syscall(
                libc::SYS_pidfd_open,
                tid.as_raw(),
                libc::O_EXCL,
            ))?;
            #[expect(clippy::cast_possible_truncation, reason = "a descriptor is an int")]
            Ok(Self(OwnedFd::from_raw_fd(fd as libc::c_int)))
        }
    }

    /// A process, or a thread, which is refused without being asked for as one (R70).
    ///
    /// # Errors
    ///
    /// Those of [`Pidfd::open`].
    pub fn open_any(number: Pid) -> nix::Result<Self> {
        match Self::open(number) {
            Err(refused @ (Errno::ENOENT | Errno::EINVAL)) => {
                Self::open_thread(number).map_err(|_| refused)
            }
            result => result,
        }
    }

    /// `int pidfd_send_signal(int pidfd, int signal, NULL, 0)`, since Linux 5.1; signal 0 only asks. See
    /// `pidfd_send_signal(2)`.
    ///
    /// Success does not mean that a PID 1 has noticed: the kernel drops a signal that it does not handle (R5).
    ///
    /// # Errors
    ///
    /// `ESRCH` when the process has ended and been reaped, `EPERM` when the caller may not signal it, `EINVAL` when it is
    /// not visible in the caller's PID namespace.
    pub fn signal(&self, signal: i32) -> nix::Result<()> {
        self.send(signal, 0)
    }

    /// `pidfd_send_signal(2)` without a siginfo, with these flags.
    fn send(&self, signal: i32, flags: libc::c_uint) -> nix::Result<()> {
        // SAFETY: the descriptor is open for as long as `self` lives, and the siginfo pointer is NULL.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                flags,
            )
        };
        Errno::result(result).map(drop)
    }

    /// `int pidfd_send_signal(int pidfd, int signal, NULL, PIDFD_SIGNAL_PROCESS_GROUP)`, since Linux 6.9: to every process of
    /// the group that the process leads or has led; signal 0 only asks whether there is one (R73).
    ///
    /// # Errors
    ///
    /// `ESRCH` when the group has no process left, `EPERM` when none of them may be signalled, `EINVAL` on an older kernel.
    pub fn signal_group(&self, signal: i32) -> nix::Result<()> {
        /// `<linux/pidfd.h>`.
        const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;
        self.send(signal, PIDFD_SIGNAL_PROCESS_GROUP)
    }

    /// Sends a signal with a value for the receiver, as sigqueue(3) does: `si_code` is `SI_QUEUE`, and `si_value` the
    /// value.
    ///
    /// The kernel itself writes the sender's number and user, as the receiver counts them, where the receiver is in a PID
    /// namespace further inside.
    ///
    /// # Errors
    ///
    /// Those of [`Pidfd::signal`], and `EAGAIN` when the limit on queued signals (`RLIMIT_SIGPENDING`) is reached.
    pub fn signal_with(&self, signal: i32, word: i32) -> nix::Result<()> {
        /// The fields of `siginfo_t` for a queued signal, up to the value.
        #[repr(C)]
        struct Queued {
            signal: i32,
            errno: i32,
            code: i32,
            sender: Sender,
        }
        #[repr(C)]
        struct Sender {
            pid: i32,
            uid: u32,
            /// `union sigval`, of which `sival_int` lies first on machines of either byte order.
            value: Value,
        }
        #[repr(C)]
        union Value {
            number: i32,
            _pointer: usize,
        }
        #[repr(C)]
        union Information {
            queued: std::mem::ManuallyDrop<Queued>,
            whole: [u8; size_of::<libc::siginfo_t>()],
        }
        let mut information = Information {
            whole: [0; size_of::<libc::siginfo_t>()],
        };
        let sender = Sender {
            pid: nix::unistd::getpid().as_raw(),
            uid: nix::unistd::getuid().as_raw(),
            value: Value { number: word },
        };
        information.queued = std::mem::ManuallyDrop::new(Queued {
            signal,
            errno: 0,
            code: libc::SI_QUEUE,
            sender,
        });
        // SAFETY: the descriptor is open for as long as `self` lives, and the kernel reads no more than a siginfo_t, which is
        // the size of the union.
        let result = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal,
                &raw const information,
                0,
            )
        };
        Errno::result(result).map(drop)
    }

    /// Moves the descriptor to the lowest free number from `lowest` on.
    ///
    /// # Errors
    ///
    /// `EMFILE` when there is none.
    pub fn above(self, lowest: std::os::fd::RawFd) -> nix::Result<Self> {
        super::descriptor::above(self.0, lowest).map(Self)
    }

    /// True if the process has ended (it may still be a zombie): a pidfd is readable from then on.
    pub fn has_ended(&self) -> bool {
        let mut poll = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        nix::poll::poll(&mut poll, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Waits until the process has ended, for at most this time; true if it has.
    pub fn await_end(&self, timeout: std::time::Duration) -> bool {
        let end = std::time::Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(std::time::Instant::now());
            let mut ended = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
            match nix::poll::poll(
                &mut ended,
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
            ) {
                Ok(count) if count > 0 => return true,
                Ok(_) | Err(Errno::EINTR) if !left.is_zero() => {}
                _ => return false,
            }
        }
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Pidfd {
    /// A pidfd that another process has sent.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Pidfd> for OwnedFd {
    fn from(pidfd: Pidfd) -> Self {
        pidfd.0
    }
}

/// A kind of namespace, by the request that asks a pidfd for it: `_IO(0xff, n)` of `<linux/pidfd.h>`, since Linux 6.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kinds of namespaces(7)")]
pub enum Kind {
    Mount = 0xff03,
    Pid = 0xff05,
    User = 0xff09,
}

impl Pidfd {
    /// `ioctl(pidfd, PIDFD_GET_…_NAMESPACE)`: a descriptor of a namespace of the process, without a walk through /proc,
    /// which costs ten times as much.
    ///
    /// # Errors
    ///
    /// `ENOTTY` or `EINVAL` on an older kernel, `ESRCH` for a process that has ended, `EACCES` for one that may not be
    /// looked into.
    pub fn namespace(&self, kind: Kind) -> nix::Result<OwnedFd> {
        // SAFETY: the request takes an integer, which the kernel wants to be 0; a result that is not an error is a new
        // descriptor without another owner.
        unsafe {
            let fd = Errno::result(libc::ioctl(self.0.as_raw_fd(), kind as libc::c_ulong, 0))?;
            Ok(OwnedFd::from_raw_fd(fd))
        }
    }
}
