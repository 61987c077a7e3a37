//! Signals of the client, read from a descriptor: each is for the program that it has started.

use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::sys::caller;

/// Those that are passed on.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// Where they arrive, as long as this lives.
#[derive(Debug)]
pub(in crate::cli) struct Signals {
    descriptor: SignalFd,
    before: SigSet,
}

/// One that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Arrived {
    /// For the program.
    ForProgram(i32),
    /// The terminal has another size.
    Resized,
}

impl Signals {
    /// Blocks them and opens the descriptor. Those that the caller ignores, as nohup(1) does with HUP, stay ignored.
    pub(in crate::cli) fn open() -> nix::Result<Self> {
        let mut mask = SigSet::empty();
        for signal in PASSED_ON.into_iter().filter(|&signal| !caller::is_ignored(signal as i32)) {
            mask.add(signal);
        }
        mask.add(Signal::SIGWINCH);
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), Some(&mut before))?;
        Ok(Self { descriptor: SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?, before })
    }

    /// The next one, if there is one.
    pub(in crate::cli) fn next(&self) -> Option<Arrived> {
        let signal = self.descriptor.read_signal().ok().flatten()?.ssi_signo.cast_signed();
        Some(if signal == libc::SIGWINCH { Arrived::Resized } else { Arrived::ForProgram(signal) })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // The mask was valid a moment ago.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
