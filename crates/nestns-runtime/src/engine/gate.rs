//! The gate: a process waits at it between its creation and its release.
//!
//! By then its PID is allocated, everything that can fail before exec has been done, and nothing of
//! the user's has run. Two ways of release: the latch that opens for all at once, for processes
//! that wait for nothing else; and a signal from the controller, sent through a pidfd, for those
//! with `after` and those created after the latch was opened (one descriptor for all of them, as a
//! pipe each would be copied into every later fork). End of file on the gate means
//! *abort* to the latter; the former are killed with the roots, by the controller or its guardian.
//!
//! Only the controller can open, close or use up the latch. A pipe with a byte for each would be at
//! the mercy of the first programs that run: they could take it from a neighbour that still waits,
//! or open its other end in /proc.

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::read;

use nestns_sys::descriptor_layout::{self, GATE, SIGNALS};
use nestns_sys::latch;
use nestns_topology::Signal as Stop;

/// Signal by which the controller releases a process with conditions.
pub const RELEASE: Signal = Signal::SIGUSR1;

/// The size of a `struct signalfd_siginfo`.
const INFO: usize = 128;

/// Signals that end a process by default, and that ask a process to end.
const ENDING: [i32; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP];

/// Outcome of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Become the program.
    Released,
    /// End without having run anything: the tree will not be created.
    Aborted,
}

/// Waits for the common gate.
pub fn wait_for_all() -> Verdict {
    match latch::wait() {
        Ok(()) => Verdict::Released,
        Err(_) => Verdict::Aborted,
    }
}

/// Waits for a signal to this process, or for `stop`, the signal that requests its end.
pub fn wait_for_word(stop: Stop) -> Verdict {
    loop {
        let mut ready = [
            // Only POLLHUP is of interest: nothing is ever written.
            PollFd::new(descriptor_layout::fd(GATE), PollFlags::empty()),
            PollFd::new(descriptor_layout::fd(SIGNALS), PollFlags::POLLIN),
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
            if let Some(verdict) = delivered.verdict(stop) {
                return verdict;
            }
        }
    }
}

/// Signal that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// Signal number.
    pub signal: i32,
    /// Sender, as numbered here: 0 for an ancestor of the namespace, and for the kernel.
    pub sender: i32,
    /// True if the kernel itself sent it: Ctrl-C on a terminal, not kill(2).
    pub by_kernel: bool,
    /// Value that was queued with it (sigqueue(3)).
    pub word: Option<i32>,
}

impl Delivered {
    /// A signal as if the receiver had been sent it from outside.
    pub fn of_self(signal: i32) -> Self {
        Self {
            signal,
            sender: 0,
            by_kernel: false,
            word: None,
        }
    }

    /// Reads a `struct signalfd_siginfo`: number, errno, code, sender; the word at 44.
    fn of(info: &[u8; INFO]) -> Self {
        let word =
            |at: usize| i32::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
        let code = word(8);
        Self {
            signal: word(0),
            sender: word(12),
            by_kernel: code == libc::SI_KERNEL,
            word: (code == libc::SI_QUEUE).then(|| word(44)),
        }
    }

    /// Verdict for a process that waits at its gate; `None` if it goes on waiting.
    fn verdict(self, stop: Stop) -> Option<Verdict> {
        // Sender 0 is an ancestor of the namespace; a number would be a neighbour that already
        // runs.
        if self.signal == RELEASE as i32 && self.sender == 0 {
            return Some(Verdict::Released);
        }
        // It has run nothing: a request to end is granted at once, as the default action would.
        let ends = ENDING.contains(&self.signal) || self.signal == stop.number();
        ends.then_some(Verdict::Aborted)
    }
}

/// Takes one pending signal; `None` when there is none.
pub fn read_signal() -> Option<Delivered> {
    let mut info = [0_u8; INFO];
    loop {
        match read(descriptor_layout::fd(SIGNALS), &mut info) {
            Ok(INFO) => return Some(Delivered::of(&info)),
            Err(Errno::EINTR) => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;
    use nix::sys::signal::Signal;

    use super::{Delivered, INFO, RELEASE, Verdict};
    use nestns_topology::Signal as Stop;

    fn delivered(signal: Signal, sender: i32) -> Delivered {
        Delivered {
            signal: signal as i32,
            sender,
            by_kernel: false,
            word: None,
        }
    }

    #[test]
    fn only_an_ancestor_releases() {
        assert_eq!(
            delivered(RELEASE, 0).verdict(Stop::TERM),
            Some(Verdict::Released)
        );
        assert_eq!(delivered(RELEASE, 7).verdict(Stop::TERM), None);
    }

    #[test]
    fn whoever_asks_for_an_end_gets_it() {
        for signal in [
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGHUP,
        ] {
            for sender in [0, 7] {
                assert_eq!(
                    delivered(signal, sender).verdict(Stop::TERM),
                    Some(Verdict::Aborted),
                    "{signal}"
                );
            }
        }
        let stop = Stop::from_number(Signal::SIGWINCH as i32);
        assert_eq!(
            delivered(Signal::SIGWINCH, 0).verdict(stop),
            Some(Verdict::Aborted)
        );
        assert_eq!(delivered(Signal::SIGWINCH, 0).verdict(Stop::TERM), None);
        assert_eq!(delivered(Signal::SIGCHLD, 0).verdict(Stop::TERM), None);
    }

    #[test]
    fn a_word_is_read_only_of_what_was_queued() {
        let mut info = [0_u8; INFO];
        info[..4].copy_from_slice(&15_i32.to_ne_bytes());
        info[12..16].copy_from_slice(&4711_i32.to_ne_bytes());
        info[44..48].copy_from_slice(&250_i32.to_ne_bytes());
        let with_code = |code: i32| {
            let mut info = info;
            info[8..12].copy_from_slice(&code.to_ne_bytes());
            Delivered::of(&info)
        };
        let plain = Delivered {
            signal: 15,
            sender: 4711,
            by_kernel: false,
            word: None,
        };
        assert_eq!(with_code(libc::SI_USER), plain);
        assert_eq!(
            with_code(libc::SI_QUEUE),
            Delivered {
                word: Some(250),
                ..plain
            }
        );
        assert_eq!(
            with_code(libc::SI_KERNEL),
            Delivered {
                by_kernel: true,
                ..plain
            }
        );
    }
}
