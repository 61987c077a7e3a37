//! The numbers of one process in every namespace in which it is visible, and the way back from a number to the process.
//!
//! By the ioctls of Linux 6.11 where the kernel has them (R12), by `NSpid` where not; where both answer they must agree.
//! A pidfd that is opened first, and has not ended at the end, proves that all answers were about one and the same process:
//! its number cannot have passed on meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use super::namespaces::Member;
use super::process::Process;
use super::thread::{self, Thread};
use nestns_sys::namespace;
use nestns_sys::pidfd::Pidfd;

/// A process's number in a namespace.
#[derive(Debug)]
pub struct Numbered {
    /// Inode of the namespace; `None` if the caller may not see it.
    pub inode: Option<u64>,
    /// Id of the namespace, where the kernel has one.
    pub id: Option<u64>,
    /// The number.
    pub number: i32,
}

/// A process, or a thread of one, and all of its numbers.
#[derive(Debug)]
pub struct Chain {
    /// Facts of the process; of a thread, those of the thread.
    pub process: Process,
    /// The thread, if it is not a process.
    pub thread: Option<Thread>,
    /// Numbers from the reader's namespace down to its own.
    pub numbers: Vec<Numbered>,
}

/// Means to translate numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// `NS_GET_PID_IN_PIDNS` and `NS_GET_PID_FROM_PIDNS`.
    Ioctl,
    /// `NSpid` of `/proc/PID/status`.
    Status,
}

/// Translates a number of the reader's namespace, a process's or a thread's, into all those below, down to its own.
///
/// # Errors
///
/// `ESRCH` if there is no such process or it has gone meanwhile, `EACCES` if its namespace may not be seen.
pub fn chain(pid: Pid) -> io::Result<Chain> {
    let thread = thread::read(pid)?;
    // A thread is in the PID namespace of its process, and cannot outlive that.
    let leader = thread
        .as_ref()
        .map_or(pid, |thread| Pid::from_raw(thread.pid()));
    let pidfd = Pidfd::open(leader)?;
    let process = Process::read(pid)?;
    let line = match line(leader, process.numbers.len()) {
        Ok(line) => line.into_iter().map(Some).collect(),
        // Another user's process: only its number of levels may be seen.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let mut line: Vec<Option<OwnedFd>> =
                vec![File::open("/proc/self/ns/pid").ok().map(OwnedFd::from)];
            line.resize_with(process.numbers.len(), || None);
            line
        }
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::with_capacity(line.len());
    for (descriptor, &number) in line.into_iter().zip(&process.numbers) {
        let Some(descriptor) = descriptor else {
            numbers.push(Numbered {
                inode: None,
                id: None,
                number,
            });
            continue;
        };
        match namespace::pid_in(&descriptor, pid) {
            Ok(other) if other.as_raw() == number => {}
            Ok(_) => return Err(gone()),
            // A kernel without the request, or a process that has just ended: the contents of /proc are verified below.
            Err(Errno::ENOTTY | Errno::EINVAL | Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
        numbers.push(Numbered {
            inode: Some(fstat(&descriptor)?.st_ino),
            id: namespace::id(&descriptor),
            number,
        });
    }
    // A zombie keeps its number until it is reaped, which its pidfd does not show.
    let may_be_another = thread.is_some() || pidfd.has_ended();
    if may_be_another && super::process::start_time(pid).ok() != Some(process.start_time) {
        return Err(gone());
    }
    // The number of a thread that ends is free at once: it has to be the same thread afterwards, of the same process.
    if thread::read(pid)?.as_ref().map(|thread| &thread.process)
        != thread.as_ref().map(|thread| &thread.process)
    {
        return Err(gone());
    }
    Ok(Chain {
        process,
        thread,
        numbers,
    })
}

/// A process's namespace and those around it, from the reader's own inward.
fn line(pid: Pid, levels: usize) -> io::Result<Vec<OwnedFd>> {
    let mut line = vec![Member::open(pid)?.descriptor_of_pid_namespace()?];
    while line.len() < levels {
        let parent = namespace::parent(&line[line.len() - 1])?;
        line.push(parent);
    }
    line.reverse();
    Ok(line)
}

/// The process or thread that has a number in a namespace, by its number in the reader's; `None` if the number is not
/// in use.
///
/// # Errors
///
/// `ENOTTY` before Linux 6.11, where only a walk through /proc finds it.
pub fn bearer(space: impl AsFd, number: i32) -> nix::Result<Option<Pid>> {
    match namespace::pid_from(space, Pid::from_raw(number)) {
        Ok(pid) => Ok(Some(pid)),
        Err(Errno::ESRCH) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Means that this kernel has.
pub fn means() -> Means {
    let answer = std::fs::File::open("/proc/self/ns/pid")
        .map(|own| namespace::pid_in(&own, nix::unistd::getpid()));
    if matches!(answer, Ok(Ok(_))) {
        Means::Ioctl
    } else {
        Means::Status
    }
}

fn gone() -> io::Error {
    Errno::ESRCH.into()
}
