//! `up -d`: a controller of its own, and a caller that waits until the topology is ready.
//!
//! The controller is forked before anything else is, and is not part of the caller's session: a closed terminal does not
//! concern it. Until it is ready it writes to the caller's standard error, and what would end a foreground `up` is passed
//! on to it.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getppid};

use nestns_runtime::controller::startup_report::{
    self, Heard, NotReady, ReportChannel, StartupReport, WaitUntil,
};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor;
use nestns_sys::fork::fork;
use nestns_sys::pidfd::Pidfd;

/// Process that goes on after the fork.
pub(super) enum Side {
    /// The controller: its own session, no standard input or output.
    Controller(ReportChannel),
    /// The caller, with what became of it.
    Caller(Outcome),
}

/// Outcome as the caller learns it.
pub(super) enum Outcome {
    /// The topology is up and goes on without its caller.
    Detached(Box<StartupReport>),
    /// The topology has ended with this status, after its messages on standard error. With the
    /// reason why it did not become ready, where it was up.
    Ended(u8, Option<NotReady>),
}

/// Forks the controller, and waits in the caller.
pub(super) fn split(wait_until: WaitUntil) -> Result<Side, CallError> {
    let pair = socketpair(
        AddressFamily::Unix,
        SockType::Stream,
        None,
        SockFlag::SOCK_CLOEXEC,
    );
    let (mine, theirs) = pair.by(Call::Socketpair)?;
    match fork().by(Call::Fork)? {
        ForkResult::Child => {
            drop(mine);
            // Refused only to a leader of a group, which a fresh fork is not.
            let _ = nix::unistd::setsid();
            let null = std::fs::OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/null")
                .by(Call::Open)?;
            descriptor::make_standard(&null, 0).by(Call::Dup2)?;
            descriptor::make_standard(&null, 1).by(Call::Dup2)?;
            Ok(Side::Controller(ReportChannel::new(theirs, wait_until)))
        }
        ForkResult::Parent { child } => {
            drop(theirs);
            wait(&mine, child).map(Side::Caller)
        }
    }
}

/// The process to tie a topology to: the caller's parent, which is a script or a test.
///
/// # Errors
///
/// `ESRCH` where the parent is outside the PID namespace, or has ended.
pub(super) fn parent() -> nix::Result<Pidfd> {
    let parent = getppid();
    if parent.as_raw() == 0 {
        return Err(Errno::ESRCH);
    }
    let pidfd = Pidfd::open(parent)?;
    // It has not been replaced by a subreaper meanwhile.
    if getppid() == parent {
        Ok(pidfd)
    } else {
        Err(Errno::ESRCH)
    }
}

fn wait(channel: &OwnedFd, child: Pid) -> Result<Outcome, CallError> {
    let passed_on = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ];
    let mask: SigSet = passed_on.into_iter().collect();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None).by(Call::Sigprocmask)?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .by(Call::Signalfd)?;
    // An unreaped child: its number is its own.
    let controller = Pidfd::open(child).by(Call::PidfdOpen)?;
    loop {
        let mut ready = [
            PollFd::new(channel.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => {
                return Err(CallError {
                    call: Call::Poll,
                    errno,
                });
            }
        }
        let is_told = ready[0].any().unwrap_or(true);
        while let Ok(Some(signal)) = signals.read_signal() {
            // Gone already: the channel tells the rest.
            let _ = controller.signal(signal.ssi_signo.cast_signed());
        }
        if is_told {
            break;
        }
    }
    let why = match startup_report::listen(channel).by(Call::Read)? {
        Heard::StartupReport(news) => return Ok(Outcome::Detached(news)),
        Heard::NotReady(why) => Some(why),
        Heard::Nothing => None,
    };
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => {
                return Ok(Outcome::Ended(u8::try_from(code).unwrap_or(u8::MAX), why));
            }
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Ok(Outcome::Ended(
                    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX),
                    why,
                ));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => {
                return Err(CallError {
                    call: Call::Waitpid,
                    errno,
                });
            }
        }
    }
}
