//! Host name and NIS domain name of the UTS namespace of a process.
//!
//! The kernel tells them only to members of the namespace, so that a forked child enters it and asks. An entry into a
//! UTS namespace of an ordinary user's tree requires the privileges of the user namespace that owns it, which is
//! entered with it (setns(2)).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::setns;
use nix::sys::utsname::uname;
use nix::sys::wait::WaitStatus;
use nix::unistd::{ForkResult, Pid, pipe2};

use crate::namespaces::Standpoint;
use nestns_sys::errno::number_of;
use nestns_sys::fork::{exit_now, fork};
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;

/// Reads the host name.
///
/// # Errors
///
/// Those of [`names`].
pub fn of(pid: i32) -> io::Result<String> {
    names(pid).map(|(name, _)| name)
}

/// Reads the host name and the domain name.
///
/// # Errors
///
/// `EPERM` if the caller may not enter, `ESRCH` if the process is gone.
pub fn names(pid: i32) -> io::Result<(String, String)> {
    let target = Pidfd::open(Pid::from_raw(pid))?;
    let kinds = Standpoint::own(None)?.to_enter(
        Pid::from_raw(pid),
        Some(&["user".to_owned(), "uts".to_owned()]),
    )?;
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    match fork()? {
        ForkResult::Child => {
            let told = setns(&target, kinds)
                .and_then(|()| uname())
                .and_then(|names| {
                    let words = [names.nodename(), names.domainname()].map(OsStr::as_encoded_bytes);
                    let written = File::from(theirs).write_all(&words.join(&0));
                    written.map_err(|error| number_of(&error))
                });
            exit_now(told.err().map_or(0, |errno| errno as i32))
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            let mut name = Vec::new();
            let read = File::from(ours).read_to_end(&mut name);
            let ended = WaitStatus::from_raw(child, await_child(child)?)?;
            read?;
            match ended {
                WaitStatus::Exited(_, 0) => {
                    let text = String::from_utf8_lossy(&name).into_owned();
                    Ok(text
                        .split_once('\0')
                        .map(|(one, other)| (one.to_owned(), other.to_owned()))
                        .unwrap_or((text, String::new())))
                }
                WaitStatus::Exited(_, errno) => Err(Errno::from_raw(errno).into()),
                _ => Err(Errno::EIO.into()),
            }
        }
    }
}
