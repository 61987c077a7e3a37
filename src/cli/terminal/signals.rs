//! Signals of the client, read from a descriptor: each is for the program that it has started.

use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use nestns_sys::caller;

/// Those that are not passed on; real-time signals and all others are. Job control is the caller's shell's, the end of a child
/// and a pipe without a reader are the client's own affair, and a fault is that of the very process that has it.
const KEPT: [Signal; 13] = [
    Signal::SIGCHLD,
    Signal::SIGPIPE,
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// Source of the signals, as long as this lives.
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
        let mut mask = SigSet::all();
        for signal in KEPT {
            mask.remove(signal);
        }
        for signal in Signal::iterator().filter(|&signal| caller::is_ignored(signal as i32)) {
            mask.remove(signal);
        }
        mask.add(Signal::SIGWINCH);
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), Some(&mut before))?;
        Ok(Self {
            descriptor: SignalFd::with_flags(
                &mask,
                SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
            )?,
            before,
        })
    }

    /// The next one, if there is one.
    pub(in crate::cli) fn next(&self) -> Option<Arrived> {
        let signal = self
            .descriptor
            .read_signal()
            .ok()
            .flatten()?
            .ssi_signo
            .cast_signed();
        Some(if signal == libc::SIGWINCH {
            Arrived::Resized
        } else {
            Arrived::ForProgram(signal)
        })
    }
}

impl Arrived {
    /// Signal number, for a program that has no terminal of its own to be resized.
    pub(in crate::cli) const fn number(self) -> i32 {
        match self {
            Self::ForProgram(signal) => signal,
            Self::Resized => libc::SIGWINCH,
        }
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
