//! Signals of the client, read from a descriptor: each is for the program that it has started.

use std::os::fd::{AsFd, BorrowedFd};

use nix::libc;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use nestns_sys::caller;
use nestns_sys::errno::number_of;
use nestns_sys::pidfd::Pidfd;

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
    tie: Option<Tie>,
}

/// A process with which this one ends, in one wait with the signals.
#[derive(Debug)]
struct Tie {
    process: Pidfd,
    both: Epoll,
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
    /// Blocks them and opens the descriptor, which is also readable when the process `tied_to` has ended. Those that the caller ignores, as nohup(1) does with HUP, stay ignored.
    pub(in crate::cli) fn open(tied_to: Option<&Pidfd>) -> nix::Result<Self> {
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
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&mask, flags)?;
        let tie = tied_to
            .map(|process| Tie::new(process, &descriptor))
            .transpose()?;
        Ok(Self {
            descriptor,
            before,
            tie,
        })
    }

    /// True if the process to which this one is tied has ended.
    pub(in crate::cli) fn is_untied(&self) -> bool {
        self.tie.as_ref().is_some_and(|tie| tie.process.has_ended())
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

impl Tie {
    fn new(process: &Pidfd, signals: &SignalFd) -> nix::Result<Self> {
        let copied = process.as_fd().try_clone_to_owned();
        let process = Pidfd::from(copied.map_err(|error| number_of(&error))?);
        let both = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        both.add(&process, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        both.add(signals, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Self { process, both })
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
        match &self.tie {
            Some(tie) => tie.both.0.as_fd(),
            None => self.descriptor.as_fd(),
        }
    }
}
