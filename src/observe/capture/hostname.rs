//! The host name in somebody's UTS namespace.
//!
//! The kernel tells it only to who is in there, so that a forked copy goes in and asks. To be let into a UTS namespace of an
//! ordinary user's tree it takes the privileges of the user namespace that owns it, which is entered with it (setns(2)).

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::setns;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, gethostname, pipe2};

use crate::observe::namespaces::Standpoint;
use crate::sys::fork::{exit_now, fork};
use crate::sys::pidfd::Pidfd;

/// Reads it.
///
/// # Errors
///
/// `EPERM` where the caller may not enter, `ESRCH` when the process is gone.
pub(super) fn of(pid: i32) -> io::Result<String> {
    let target = Pidfd::open(Pid::from_raw(pid))?;
    let kinds = Standpoint::own(None)?.to_enter(Pid::from_raw(pid), Some(&["user".to_owned(), "uts".to_owned()]))?;
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    match fork()? {
        ForkResult::Child => {
            let told = setns(&target, kinds).and_then(|()| gethostname()).and_then(|name| {
                let written = File::from(theirs).write_all(name.as_encoded_bytes());
                written.map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
            });
            exit_now(told.err().map_or(0, |errno| errno as i32))
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            let mut name = Vec::new();
            let read = File::from(ours).read_to_end(&mut name);
            let ended = waitpid(child, None)?;
            read?;
            match ended {
                WaitStatus::Exited(_, 0) => Ok(String::from_utf8_lossy(&name).into_owned()),
                WaitStatus::Exited(_, errno) => Err(Errno::from_raw(errno).into()),
                _ => Err(Errno::EIO.into()),
            }
        }
    }
}
