//! Forks whose child gets a chosen PID: by clone3(2) with `set_tid`, since Linux 5.5.
//!
//! The kernel's counters do not move with it, so that everything in a namespace in which one number is chosen gets its
//! number so, and PID 1 sets the counter.

use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::ForkResult;
use serde::{Deserialize, Serialize};

use nestns_sys::clone::{Arguments, Placement, clone3};
use nestns_sys::fork::fork;

/// Pause for a number that is taken: a helper may have it, which ends within milliseconds.
const PAUSE: Duration = Duration::from_millis(5);
/// Number of such pauses.
const RETRIES: usize = 100;

/// PIDs that a process is given, in its own namespace and in those around it, from the inside outward. Where there are
/// none, the kernel counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenPids {
    numbers: Box<[i32]>,
    /// The number of those that the file gives; the others follow from the order of creation.
    declared: usize,
}

impl ChosenPids {
    /// The innermost `levels` numbers of a chain, of which the file gives `declared`. The chain is outermost first.
    pub fn of(chain: &[i32], levels: usize, declared: usize) -> Self {
        Self {
            numbers: chain.iter().rev().take(levels).copied().collect(),
            declared,
        }
    }

    /// Those that the file gives, for a process that is started again: where it gives none, the kernel counts.
    #[must_use]
    pub fn declared(&self) -> Self {
        Self {
            numbers: self.numbers[..self.declared].into(),
            declared: self.declared,
        }
    }

    /// True if the kernel counts.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The numbers, for a message.
    pub fn described(&self) -> String {
        let numbers: Vec<_> = self.numbers.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    }

    /// Forks a child with these numbers.
    ///
    /// With `may_count` the kernel counts where a number is taken that the file does not give: around a namespace that is
    /// created again.
    ///
    /// # Errors
    ///
    /// Those of [`clone3`] and [`fork`].
    pub fn fork(&self, placement: Placement, may_count: bool) -> nix::Result<ForkResult> {
        if self.is_empty() && placement == Placement::Child {
            return fork();
        }
        let clone = |length: usize| {
            clone3(Arguments {
                placement,
                numbers: &self.numbers[..length],
            })
        };
        let mut result = clone(self.numbers.len());
        for _ in 0..RETRIES {
            if !matches!(result, Err(Errno::EEXIST)) {
                return result;
            }
            std::thread::sleep(PAUSE);
            result = clone(self.numbers.len());
        }
        if may_count {
            for length in (self.declared..self.numbers.len()).rev() {
                if !matches!(result, Err(Errno::EEXIST)) {
                    break;
                }
                result = clone(length);
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::ChosenPids;

    #[test]
    fn the_innermost_number_is_the_first() {
        let chosen = ChosenPids::of(&[70, 7, 1], 2, 0);
        assert_eq!(chosen.described(), "1, 7");
        assert!(!chosen.is_empty() && chosen.declared().is_empty());
        assert_eq!(
            ChosenPids::of(&[70, 7, 1], 3, 2).declared().described(),
            "1, 7"
        );
        assert!(ChosenPids::of(&[70, 7], 0, 0).is_empty());
        assert_eq!(ChosenPids::default(), ChosenPids::of(&[], 3, 0));
    }
}
