//! Attempts in processes of their own, which are gone afterwards with all that they have made.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, pipe2, read, write};

use nestns_sys::fork::{exit_now, fork};
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;

/// Time limit of an attempt, enough on the slowest machine.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Pipe on which an attempt reports its result: two numbers.
pub(super) struct Teller(OwnedFd);

impl Teller {
    /// Reports the result, and ends the process.
    pub(super) fn end(&self, first: i32, second: i32) -> ! {
        let bytes = [first.to_ne_bytes(), second.to_ne_bytes()].concat();
        // A reader that is gone has given up.
        let _ = write(&self.0, &bytes);
        exit_now(0)
    }
}

/// Makes an attempt in a child, or in a child of that; `None` without a result.
pub(super) fn attempt(job: impl FnOnce(&Teller)) -> Option<(i32, i32)> {
    let (answer, tell) = pipe2(OFlag::O_CLOEXEC).ok()?;
    let child = match fork().ok()? {
        ForkResult::Child => {
            drop(answer);
            die_with_parent();
            job(&Teller(tell));
            exit_now(0)
        }
        ForkResult::Parent { child } => child,
    };
    drop(tell);
    // An unreaped child: its number is not reused.
    let process = Pidfd::open(child);
    let mut ready = [PollFd::new(answer.as_fd(), PollFlags::POLLIN)];
    let mut bytes = [0; 8];
    let count = match poll(
        &mut ready,
        PollTimeout::try_from(TIMEOUT).unwrap_or(PollTimeout::MAX),
    ) {
        Ok(0) => 0,
        // Where poll(2) is refused there is no time limit: an attempt ends by itself.
        _ => read(&answer, &mut bytes).unwrap_or(0),
    };
    if count == 0
        && let Ok(process) = &process
    {
        let _ = process.signal(libc::SIGKILL);
    }
    let _ = await_child(child);
    let (first, second) = bytes.split_at(4);
    let number = |part: &[u8]| part.try_into().map(i32::from_ne_bytes).ok();
    (count == bytes.len()).then_some((number(first)?, number(second)?))
}

/// Makes an attempt that either works or has an errno.
pub(super) fn try_call(job: impl FnOnce() -> nix::Result<()>) -> nix::Result<()> {
    let answer = attempt(|tell| tell.end(job().err().map_or(0, |errno| errno as i32), 0));
    match answer {
        Some((0, _)) => Ok(()),
        Some((errno, _)) => Err(Errno::from_raw(errno)),
        None => Err(Errno::ECHILD),
    }
}

/// Continues in a child, and ends when that does.
pub(super) fn continue_in_child() -> nix::Result<()> {
    match fork()? {
        ForkResult::Child => {
            die_with_parent();
            Ok(())
        }
        ForkResult::Parent { child } => {
            let _ = await_child(child);
            exit_now(0)
        }
    }
}

/// Binds an attempt to its parent's life: an interrupted attempt leaves nothing behind.
fn die_with_parent() {
    let _ = set_pdeathsig(Signal::SIGKILL);
}
