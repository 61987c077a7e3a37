//! How a process waits between its creation and its release.
//!
//! Its PID is allocated, everything that can fail before exec has been done, and nothing of the user's has run. Two ways to
//! be let through: the latch that opens for all at once, for those that wait for nothing else; a signal from the controller,
//! sent through a pidfd, for those with `after` and those that come when the latch is open already (one descriptor for all of
//! them, where a pipe each would be copied into every later fork). End of file on the gate means *abort* to the latter; the
//! former are ended with the roots, by the controller or its guardian.
//!
//! The latch can be opened, closed or used up by nobody but the controller. A pipe with a byte for each would be at the mercy
//! of the first programs that run: they can take it from a neighbour that still waits, or open its other end in /proc.

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::read;

use super::inheritance::{self, GATE, SIGNALS};
use crate::sys::latch;
use crate::topology::Signal as Stop;

/// What the controller sends to let a process with conditions through.
pub const RELEASE: Signal = Signal::SIGUSR1;

/// What ends a process by default, and is asked of one.
const ENDING: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP];

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Become the program.
    Released,
    /// Leave without having run anything: the tree is not to be.
    Aborted,
}

/// Waits for the common gate.
pub fn wait_for_all() -> Verdict {
    match latch::wait() {
        Ok(()) => Verdict::Released,
        Err(_) => Verdict::Aborted,
    }
}

/// Waits for a word of one's own, or for `stop`, with which the process is asked to end.
pub fn wait_for_word(stop: Stop) -> Verdict {
    loop {
        let mut ready = [
            // Only hang-up is of interest: nothing is ever written.
            PollFd::new(inheritance::fd(GATE), PollFlags::empty()),
            PollFd::new(inheritance::fd(SIGNALS), PollFlags::POLLIN),
        ];
        if let Err(errno) = poll(&mut ready, PollTimeout::NONE)
            && errno != Errno::EINTR
        {
            return Verdict::Aborted;
        }
        if ready[0].any().unwrap_or(true) {
            return Verdict::Aborted;
        }
        while let Some(delivered) = read_signal() {
            // Sender 0 is an ancestor of the namespace; a number would be a neighbour that already runs.
            if delivered.signal == RELEASE as i32 && delivered.sender == 0 {
                return Verdict::Released;
            }
            // It has run nothing: a request to end is granted at once, as the default action would.
            if ENDING.contains(&delivered.signal) || delivered.signal == stop.number() {
                return Verdict::Aborted;
            }
        }
    }
}

/// A signal that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Its number.
    pub signal: i32,
    /// Whoever sent it, as numbered here: 0 for an ancestor of the namespace, and for the kernel.
    pub sender: i32,
    /// Whether it is the kernel's own: Ctrl-C on a terminal, not kill(2).
    pub by_kernel: bool,
    /// The word that was queued with it (sigqueue(3)).
    pub word: Option<i32>,
}

/// Takes one pending signal; `None` when there is none.
pub fn read_signal() -> Option<Delivered> {
    // struct signalfd_siginfo is 128 bytes: number, errno, code, sender.
    let mut info = [0_u8; 128];
    let word = |info: &[u8; 128], at: usize| i32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    loop {
        match read(inheritance::fd(SIGNALS), &mut info) {
            Ok(128) => {
                let code = word(&info, 8);
                return Some(Delivered {
                    signal: word(&info, 0),
                    sender: word(&info, 12),
                    by_kernel: code == libc::SI_KERNEL,
                    word: (code == libc::SI_QUEUE).then(|| word(&info, 44)),
                });
            }
            Err(Errno::EINTR) => {}
            _ => return None,
        }
    }
}
