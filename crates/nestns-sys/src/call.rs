//! System calls by name, and an errno together with the call that it came from: a message that names a call has to name the
//! one that was made.

use std::fmt;
use std::io;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::errno;

macro_rules! calls {
    ($($name:ident = $text:literal,)*) => {
        /// A system call, or the function of the C library that makes it, as section 2 of the manual names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the names are those of the manual")]
        pub enum Call {
            /// No call, or an unknown one.
            Unnamed,
            $($name,)*
        }

        impl Call {
            /// All calls that have a name.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name; `None` for [`Call::Unnamed`].
            pub const fn name(self) -> Option<&'static str> {
                match self {
                    Self::Unnamed => None,
                    $(Self::$name => Some($text),)*
                }
            }
        }
    };
}

calls! {
    Access = "access",
    Bind = "bind",
    Chdir = "chdir",
    Clone3 = "clone3",
    CloseRange = "close_range",
    Connect = "connect",
    Dup2 = "dup2",
    Dup3 = "dup3",
    EpollCreate = "epoll_create1",
    EpollCtl = "epoll_ctl",
    Execve = "execve",
    Fchmod = "fchmod",
    Fcntl = "fcntl",
    Flock = "flock",
    Fork = "fork",
    Fstat = "fstat",
    Ftruncate = "ftruncate",
    Getdents = "getdents64",
    Getrlimit = "getrlimit",
    Getsockname = "getsockname",
    InotifyAddWatch = "inotify_add_watch",
    InotifyInit = "inotify_init1",
    Ioctl = "ioctl",
    Listen = "listen",
    Madvise = "madvise",
    MemfdCreate = "memfd_create",
    Mkdir = "mkdir",
    Mmap = "mmap",
    Mount = "mount",
    Open = "open",
    OpenPty = "openpty",
    PidfdOpen = "pidfd_open",
    PidfdSendSignal = "pidfd_send_signal",
    Pipe = "pipe2",
    Poll = "poll",
    Prctl = "prctl",
    Read = "read",
    Recvmsg = "recvmsg",
    Rename = "rename",
    Rmdir = "rmdir",
    Sendmsg = "sendmsg",
    Setdomainname = "setdomainname",
    Setgroups = "setgroups",
    Sethostname = "sethostname",
    Setns = "setns",
    Setresgid = "setresgid",
    Setresuid = "setresuid",
    Setrlimit = "setrlimit",
    Setsockopt = "setsockopt",
    Signalfd = "signalfd",
    Sigprocmask = "sigprocmask",
    Socket = "socket",
    Socketpair = "socketpair",
    Unlink = "unlink",
    Unshare = "unshare",
    Waitpid = "waitpid",
    Write = "write",
}

/// An errno and the call that returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallError {
    /// The call.
    pub call: Call,
    /// The errno that it returned.
    pub errno: Errno,
}

impl CallError {
    /// The same error, with the call if it has no name yet.
    #[must_use]
    pub fn or(self, call: Call) -> Self {
        if self.call == Call::Unnamed {
            Self { call, ..self }
        } else {
            self
        }
    }
}

impl From<Errno> for CallError {
    fn from(errno: Errno) -> Self {
        Self {
            call: Call::Unnamed,
            errno,
        }
    }
}

impl From<CallError> for Errno {
    fn from(error: CallError) -> Self {
        error.errno
    }
}

/// `Too many open files (EMFILE)`.
impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&errno::spelled(self.errno))
    }
}

/// Errors with the name of the call.
pub trait Named<T> {
    /// The same result, with the name of the call in its error.
    ///
    /// # Errors
    ///
    /// The errno of the result.
    fn by(self, call: Call) -> Result<T, CallError>;
}

impl<T> Named<T> for nix::Result<T> {
    fn by(self, call: Call) -> Result<T, CallError> {
        self.map_err(|errno| CallError { call, errno })
    }
}

impl<T> Named<T> for io::Result<T> {
    fn by(self, call: Call) -> Result<T, CallError> {
        self.map_err(|error| CallError {
            call,
            errno: errno::number_of(&error),
        })
    }
}
