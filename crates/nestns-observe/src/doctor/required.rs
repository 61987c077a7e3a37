//! The system calls that a topology cannot do without, each tried in a way that changes nothing.
//!
//! Seccomp filters refuse calls one by one, and an older kernel lacks some. A call that is only needed to stop a tree
//! would be missed when it is too late, so that all are tried before anything is built: forty calls, some ten
//! microseconds. A call that cannot succeed without an effect is made to fail for its arguments; its errno
//! distinguishes that from a refusal.
//!
//! Left out: calls without which no program starts (execve(2) of nestns itself, mmap(2), openat(2), read(2), write(2),
//! close(2)), and calls that only some topologies need (setresuid(2), sethostname(2), inotify(7)), which fail where
//! they are needed.

use std::fs::{self, File};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, readlinkat, renameat};
use nix::poll::{PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind, connect,
    getsockopt, listen, recv, recvmsg, send, sendmsg, setsockopt, socket, socketpair, sockopt,
};
use nix::sys::stat::{Mode, fchmod, fstatat, mkdirat};
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::time::{ClockId, ClockNanosleepFlags, clock_nanosleep};
use nix::unistd::{
    UnlinkatFlags, Whence, chdir, dup2, dup3, ftruncate, getpid, lseek, pipe2, unlinkat,
};

use super::Check;
use super::trial::{attempt, try_call};
use nestns_sys::call::{Call, CallError};
use nestns_sys::errno::number_of;
use nestns_sys::fork::{ForkResult, exit_now, fork};
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;
use nestns_sys::{descriptor, directory, latch};

/// Name of the check.
pub const ID: &str = "system-calls";

/// A system call that is refused here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedCall {
    /// Name, as in section 2 of the manual.
    pub name: &'static str,
    /// Purpose for which topologies need it.
    pub purpose: &'static str,
    /// Answer of the kernel.
    pub errno: Errno,
    /// Version of Linux that introduced it, unless that is very old.
    since: Option<&'static str>,
}

impl RefusedCall {
    /// Refusal of fork(2), which cannot be tried without an effect, from the error of a call, if that is the call that
    /// failed.
    pub fn fork(cause: CallError) -> Option<Self> {
        let CallError { call, errno } = cause;
        let refused = Self {
            name: "fork",
            purpose: CREATE,
            errno,
            since: None,
        };
        (call == Call::Fork && is_refusal(errno)).then_some(refused)
    }
}

/// A call and the way to try it.
struct Required {
    name: &'static str,
    purpose: &'static str,
    since: Option<&'static str>,
    attempt: fn(&Samples) -> nix::Result<()>,
}

/// Descriptors to try calls with.
struct Samples {
    reader: OwnedFd,
    writer: OwnedFd,
    socket: OwnedFd,
    set: nix::Result<Epoll>,
    own: nix::Result<Pidfd>,
}

const CREATE: &str = "creating namespaces and processes";
const TALK: &str = "communicating between the processes of a tree";
const SERVE: &str = "being reachable by the other commands";
const WAIT: &str = "waiting for events";
const END: &str = "ending a tree";
const STATE: &str = "keeping the state directory";
/// No descriptor.
const NONE: i32 = -1;

macro_rules! calls {
    ($($name:literal $(since $since:literal)? for $purpose:ident: $attempt:expr;)*) => {
        &[$(Required {
            name: $name,
            purpose: $purpose,
            since: { let since: Option<&'static str> = None; $(let _ = since; let since = Some($since);)? since },
            attempt: $attempt,
        },)*]
    };
}

/// The table.
const CALLS: &[Required] = calls! {
    "fcntl" for CREATE: |fds| descriptor::above(&fds.reader, 3).map(drop);
    "dup2" for CREATE: |fds| dup2(&fds.reader, &mut fds.writer.try_clone().map_err(|error| number_of(&error))?);
    "dup3" for CREATE: |fds| {
        dup3(&fds.reader, &mut fds.writer.try_clone().map_err(|error| number_of(&error))?, OFlag::O_CLOEXEC)
    };
    "close_range" since "5.9" for CREATE: |_| descriptor::close_between(i32::MAX, i32::MAX);
    "unshare" for CREATE: |_| unshare(CloneFlags::empty());
    "setns" for CREATE: |fds| setns(&fds.reader, CloneFlags::empty());
    "prctl" for CREATE: |_| nix::sys::prctl::get_pdeathsig().map(drop);
    "execve" for CREATE: |_| nix::unistd::execve::<&std::ffi::CStr, &std::ffi::CStr>(c"", &[], &[]).map(drop);
    "chdir" for CREATE: |_| chdir("");
    "getrlimit" for CREATE: |_| getrlimit(Resource::RLIMIT_NOFILE).map(drop);
    "memfd_create" for CREATE: |_| memfd_create(c"nestns", MFdFlags::MFD_CLOEXEC).map(drop);
    // A pipe has no length.
    "ftruncate" for CREATE: |fds| ftruncate(&fds.writer, 0);
    "futex" for CREATE: |_| latch::attempt();
    "socketpair" for TALK: |_| {
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).map(drop)
    };
    "setsockopt" for TALK: |fds| setsockopt(&fds.socket, sockopt::PassCred, &true);
    "sendmsg" for TALK: |_| sendmsg::<UnixAddr>(NONE, &[], &[], MsgFlags::empty(), None).map(drop);
    "recvmsg" for TALK: |_| recvmsg::<UnixAddr>(NONE, &mut [], None, MsgFlags::empty()).map(drop);
    "socket" for SERVE: |_| {
        socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).map(drop)
    };
    "bind" for SERVE: |_| bind(NONE, &UnixAddr::new_unnamed());
    "listen" for SERVE: |fds| listen(&fds.reader, Backlog::new(1)?);
    "accept4" for SERVE: |_| accept4(NONE, SockFlag::SOCK_CLOEXEC).map(drop);
    "connect" for SERVE: |_| connect(NONE, &UnixAddr::new_unnamed());
    "getsockopt" for SERVE: |fds| getsockopt(&fds.socket, sockopt::PeerCredentials).map(drop);
    "sendto" for SERVE: |_| send(NONE, &[], MsgFlags::empty()).map(drop);
    "recvfrom" for SERVE: |_| recv(NONE, &mut [], MsgFlags::empty()).map(drop);
    "epoll_create1" for WAIT: |fds| fds.set.as_ref().map(drop).map_err(|&errno| errno);
    // A call on a descriptor that could not be opened is reported as the call that failed to open it.
    "epoll_ctl" for WAIT: |fds| match &fds.set {
        Ok(set) => set.add(&fds.reader, EpollEvent::new(EpollFlags::EPOLLIN, 0)),
        Err(_) => Ok(()),
    };
    "epoll_wait" for WAIT: |fds| match &fds.set {
        Ok(set) => set.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO).map(drop),
        Err(_) => Ok(()),
    };
    "poll" for WAIT: |_| poll(&mut [], PollTimeout::ZERO).map(drop);
    "signalfd4" for WAIT: |_| SignalFd::with_flags(&SigSet::empty(), SfdFlags::SFD_CLOEXEC).map(drop);
    "rt_sigprocmask" for WAIT: |_| sigprocmask(SigmaskHow::SIG_BLOCK, None, Some(&mut SigSet::empty()));
    "clock_nanosleep" for WAIT: |_| {
        let nothing = nix::sys::time::TimeSpec::new(0, 0);
        clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::empty(), &nothing).map(drop)
    };
    "ioctl" for WAIT: |fds| nestns_sys::namespace::parent(&fds.reader).map(drop);
    "pidfd_open" since "5.3" for END: |fds| fds.own.as_ref().map(drop).map_err(|&errno| errno);
    "pidfd_send_signal" since "5.1" for END: |fds| match &fds.own {
        Ok(own) => own.signal(0),
        Err(_) => Ok(()),
    };
    // A child reaped here would be one of the program's own: there is none in this group.
    "wait4" for END: |_| waitpid(nix::unistd::Pid::from_raw(i32::MAX), Some(WaitPidFlag::WNOHANG)).map(drop);
    "waitid" for END: |_| {
        let nobody = Id::Pid(nix::unistd::Pid::from_raw(i32::MAX));
        waitid(nobody, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG).map(drop)
    };
    "flock" for STATE: |fds| {
        match File::from(fds.reader.try_clone().map_err(|error| number_of(&error))?).try_lock_shared() {
            Err(fs::TryLockError::Error(error)) => Err(number_of(&error)),
            _ => Ok(()),
        }
    };
    "mkdirat" for STATE: |_| mkdirat(AT_FDCWD, "", Mode::S_IRWXU);
    "fchmod" for STATE: |fds| fchmod(&fds.reader, Mode::S_IRUSR | Mode::S_IWUSR);
    "renameat" for STATE: |_| renameat(AT_FDCWD, "", AT_FDCWD, "");
    "fstatat" for STATE: |_| fstatat(AT_FDCWD, "", AtFlags::empty()).map(drop);
    "lseek" for STATE: |fds| lseek(&fds.reader, 0, Whence::SeekCur).map(drop);
    "unlinkat" for STATE: |_| unlinkat(AT_FDCWD, "", UnlinkatFlags::NoRemoveDir);
    "getdents64" for STATE: |fds| directory::numbers(&fds.reader).map(drop);
    "readlinkat" for STATE: |_| readlinkat(AT_FDCWD, "").map(drop);
};

/// True for the errno of a filter or of an older kernel; every other errno is for the arguments, or for a limit that is
/// reported elsewhere.
fn is_refusal(errno: Errno) -> bool {
    matches!(errno, Errno::EPERM | Errno::EACCES | Errno::ENOSYS)
}

impl Required {
    fn refused(&self, samples: &Samples) -> Option<RefusedCall> {
        let errno = (self.attempt)(samples)
            .err()
            .filter(|&errno| is_refusal(errno))?;
        Some(self.with(errno))
    }

    fn with(&self, errno: Errno) -> RefusedCall {
        RefusedCall {
            name: self.name,
            purpose: self.purpose,
            errno,
            since: self.since,
        }
    }
}

impl Samples {
    /// Opens the descriptors; `None` at a limit on them, and the call as the error if one is refused.
    fn take() -> Result<Option<Self>, RefusedCall> {
        let refused = |name| {
            move |errno| RefusedCall {
                name,
                purpose: TALK,
                errno,
                since: None,
            }
        };
        let pair = || {
            socketpair(
                AddressFamily::Unix,
                SockType::SeqPacket,
                None,
                SockFlag::SOCK_CLOEXEC,
            )
        };
        let samples =
            pipe2(OFlag::O_CLOEXEC)
                .map_err(refused("pipe2"))
                .and_then(|(reader, writer)| {
                    let (socket, _) = pair().map_err(refused("socketpair"))?;
                    let set = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC);
                    Ok(Self {
                        reader,
                        writer,
                        socket,
                        set,
                        own: Pidfd::open(getpid()),
                    })
                });
        match samples {
            Ok(samples) => Ok(Some(samples)),
            Err(call) if is_refusal(call.errno) => Err(call),
            // A limit on descriptors, which is reported where it is met.
            Err(_) => Ok(None),
        }
    }
}

/// Tries all calls but fork(2), and returns those that are refused. Leaves nothing, and changes nothing.
///
/// A filter that kills instead of refusing kills the caller, which has built nothing yet.
pub fn refused_calls() -> Vec<RefusedCall> {
    match Samples::take() {
        Ok(Some(samples)) => CALLS
            .iter()
            .filter_map(|call| call.refused(&samples))
            .collect(),
        Ok(None) => Vec::new(),
        Err(call) => vec![call],
    }
}

/// Tries all calls in throw-away processes: a filter may kill the process that makes a call.
fn refused_calls_apart() -> Vec<RefusedCall> {
    if let Err(call) = try_fork() {
        return vec![call];
    }
    let (mut refused, mut place) = (Vec::new(), 0);
    while let Some(call) = CALLS.get(place) {
        // From here on, as far as no attempt is killed; the first refused call is reported.
        let answer = attempt(|tell| {
            let Ok(Some(samples)) = Samples::take() else {
                tell.end(place_number(CALLS.len()), 0)
            };
            for (place, call) in CALLS.iter().enumerate().skip(place) {
                if let Some(call) = call.refused(&samples) {
                    tell.end(place_number(place), call.errno as i32);
                }
            }
            tell.end(place_number(CALLS.len()), 0)
        });
        if let Some((found, errno)) = answer {
            let found = usize::try_from(found).unwrap_or(CALLS.len());
            let Some(call) = CALLS.get(found) else { break };
            refused.push(call.with(Errno::from_raw(errno)));
            place = found + 1;
        } else {
            // One of the following calls kills: each is tried by itself.
            let alone = || match Samples::take() {
                Ok(Some(samples)) => call
                    .refused(&samples)
                    .map_or(Ok(()), |call| Err(call.errno)),
                _ => Ok(()),
            };
            refused.extend(try_call(alone).err().map(|errno| call.with(errno)));
            place += 1;
        }
    }
    refused
}

fn place_number(place: usize) -> i32 {
    i32::try_from(place).unwrap_or(i32::MAX)
}

/// Tries to fork, which every other attempt needs.
fn try_fork() -> Result<(), RefusedCall> {
    let call = |name, errno| RefusedCall {
        name,
        purpose: CREATE,
        errno,
        since: None,
    };
    Samples::take().map(drop)?;
    match fork() {
        Ok(ForkResult::Child) => exit_now(0),
        Ok(ForkResult::Parent { child }) => match await_child(child) {
            Err(errno) if is_refusal(errno) => Err(call("wait4", errno)),
            _ => Ok(()),
        },
        Err(errno) => Err(call("fork", errno)),
    }
}

/// All calls, as one check.
pub(super) fn check() -> Check {
    let refused = refused_calls_apart();
    if refused.is_empty() {
        return Check::yes(
            ID,
            format!(
                "the {} system calls that a topology needs are permitted",
                CALLS.len() + 2
            ),
        );
    }
    Check::no(
        ID,
        format!("refused: {}", listed(&refused)),
        remedy(&refused),
    )
}

/// `close_range (ENOSYS), pidfd_open (EPERM)`.
pub fn listed(refused: &[RefusedCall]) -> String {
    let one = |call: &RefusedCall| match call.errno {
        Errno::ECHILD => format!("{} (the caller is killed)", call.name),
        errno => format!("{} ({errno:?})", call.name),
    };
    refused.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Remedy for calls that are refused.
pub fn remedy(refused: &[RefusedCall]) -> String {
    let limit = refused
        .iter()
        .find(|call| call.name == "fork" && !is_refusal(call.errno));
    if limit.is_some() {
        return super::reason::no_processes();
    }
    let newest = refused
        .iter()
        .filter(|call| call.errno == Errno::ENOSYS)
        .filter_map(|call| call.since)
        .max_by_key(|version| {
            version
                .split('.')
                .filter_map(|part| part.parse::<u32>().ok())
                .collect::<Vec<_>>()
        });
    match newest {
        Some(version) if !super::surroundings::is_filtered() => format!("use Linux {version} or later"),
        Some(version) => format!(
            "allow them in the seccomp filter around this process (docker and podman: `--security-opt \
             seccomp=unconfined`, or a profile of your own), or use Linux {version} or later"
        ),
        None => "allow them in the seccomp filter or security module around this process (docker and podman: \
                 `--security-opt seccomp=unconfined`, or a profile of your own)"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::{CALLS, RefusedCall, listed, refused_calls};

    #[test]
    fn nothing_is_refused_where_tests_run() {
        assert_eq!(refused_calls(), []);
    }

    #[test]
    fn each_is_there_once() {
        for (place, call) in CALLS.iter().enumerate() {
            assert!(
                CALLS[..place].iter().all(|other| other.name != call.name),
                "{}",
                call.name
            );
        }
    }

    #[test]
    fn refusals_are_listed_by_name() {
        let call = |name, errno| RefusedCall {
            name,
            purpose: "",
            errno,
            since: None,
        };
        let refused = [
            call("close_range", Errno::ENOSYS),
            call("poll", Errno::ECHILD),
        ];
        assert_eq!(
            listed(&refused),
            "close_range (ENOSYS), poll (the caller is killed)"
        );
    }
}
