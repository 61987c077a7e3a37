//! Restart of a process or namespace that has ended: whether, how often and how soon.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stop::Signal;

/// After which end something is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestartWhen {
    /// One that is a failure: a signal, or a status that is not among its `ok`.
    OnFailure,
    /// Any that was not requested.
    Always,
    /// One of these, and no other.
    On(Endings),
}

/// A set of ways to end: by these exit statuses, and by these signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Endings {
    /// A bit for each exit status from 0 to 255.
    statuses: [u64; 4],
    /// A bit for each signal from 1 to 64.
    signals: u64,
}

impl Endings {
    /// Adds an exit status.
    pub fn add_status(&mut self, status: u8) {
        self.statuses[usize::from(status / 64)] |= 1 << (status % 64);
    }

    /// Adds a signal.
    pub fn add_signal(&mut self, signal: Signal) {
        self.signals |= bit_of(signal.number());
    }

    /// True if an exit with this status is in it.
    pub fn has_status(&self, status: u8) -> bool {
        self.statuses[usize::from(status / 64)] & (1 << (status % 64)) != 0
    }

    /// True if a death by the signal of this number is in it.
    pub fn has_signal(&self, number: i32) -> bool {
        self.signals & bit_of(number) != 0
    }

    /// The exit statuses, in ascending order.
    pub fn statuses(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|&status| self.has_status(status))
    }

    /// The signals, in ascending order.
    pub fn signals(&self) -> impl Iterator<Item = Signal> {
        let numbers = (1..=i32::from(u8::MAX)).filter(|&number| self.has_signal(number));
        numbers.map(Signal::from_number)
    }
}

/// The bit of a signal; none of a number that no signal has.
fn bit_of(number: i32) -> u64 {
    let place = number
        .checked_sub(1)
        .and_then(|place| u32::try_from(place).ok());
    place
        .and_then(|place| 1_u64.checked_shl(place))
        .unwrap_or(0)
}

/// Policy for the restart of a process or namespace that has ended: whether, how often and how
/// soon.
///
/// The wait before a restart is `backoff` and doubles with every restart in a row, up to `backoff_max`
/// ([`RestartPolicy::delay`]). The row ends when it has run for ten times as long as the last wait,
/// and at least for 10 s ([`RestartPolicy::row_ends_after`]): the next restart is then the first
/// again, for the wait as for `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// After which end.
    pub when: RestartWhen,
    /// The most restarts in a row, `None` for any number; at least 1.
    pub max: Option<u32>,
    /// The wait before the first restart of a row; never zero.
    pub backoff: Duration,
    /// The wait beyond which none grows; a `backoff` that is longer stays as it is.
    pub backoff_max: Duration,
}

/// A row of restarts does not end before so long a run.
const SHORTEST_RUN: Duration = Duration::from_secs(10);
/// So many times as long as the last wait is a run that ends a row.
const RUNS_PER_WAIT: u32 = 10;

impl RestartPolicy {
    /// The wait before the first restart of a row, if the file says nothing.
    pub const BACKOFF: Duration = Duration::from_millis(100);
    /// The longest wait, if the file says nothing.
    pub const BACKOFF_MAX: Duration = Duration::from_secs(30);

    /// A policy with every default.
    pub const fn new(when: RestartWhen) -> Self {
        Self {
            when,
            max: None,
            backoff: Self::BACKOFF,
            backoff_max: Self::BACKOFF_MAX,
        }
    }

    /// The wait before a restart when there were `earlier` ones in the same row; `None` if that is all there may be.
    pub fn delay(&self, earlier: u32) -> Option<Duration> {
        if self.max.is_some_and(|max| earlier >= max) {
            return None;
        }
        let grown = 2_u32
            .checked_pow(earlier)
            .and_then(|factor| self.backoff.checked_mul(factor));
        Some(
            grown
                .map_or(self.backoff_max, |grown| grown.min(self.backoff_max))
                .max(self.backoff),
        )
    }

    /// The run after a wait that ends the row of restarts.
    pub fn row_ends_after(delay: Duration) -> Duration {
        delay.saturating_mul(RUNS_PER_WAIT).max(SHORTEST_RUN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(max: Option<u32>, millis: u64) -> RestartPolicy {
        RestartPolicy {
            max,
            backoff: Duration::from_millis(millis),
            ..RestartPolicy::new(RestartWhen::Always)
        }
    }

    #[test]
    fn the_longest_wait_can_be_chosen() {
        let policy = RestartPolicy {
            backoff_max: Duration::from_millis(300),
            ..policy(None, 100)
        };
        let delays = [0, 1, 2, 40].map(|row| policy.delay(row).unwrap().as_millis());
        assert_eq!(delays, [100, 200, 300, 300]);
    }

    #[test]
    fn an_ending_is_in_the_set_that_it_was_added_to() {
        let mut endings = Endings::default();
        for status in [0, 63, 64, 255] {
            endings.add_status(status);
        }
        for number in [1, 9, 64] {
            endings.add_signal(Signal::from_number(number));
        }
        assert_eq!(endings.statuses().collect::<Vec<_>>(), [0, 63, 64, 255]);
        let signals: Vec<i32> = endings.signals().map(Signal::number).collect();
        assert_eq!(signals, [1, 9, 64]);
        assert!(!endings.has_status(9) && !endings.has_status(137));
        for number in [i32::MIN, -1, 0, 2, 65, 73, i32::MAX] {
            assert!(!endings.has_signal(number), "{number}");
        }
    }

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        let delays = |policy: RestartPolicy| {
            [0, 1, 2, 8, 9, 40, u32::MAX].map(|row| policy.delay(row).unwrap().as_millis())
        };
        assert_eq!(
            delays(policy(None, 100)),
            [100, 200, 400, 25_600, 30_000, 30_000, 30_000]
        );
        assert_eq!(
            delays(policy(None, 45_000)),
            [45_000; 7],
            "a longer one does not become shorter"
        );
    }

    #[test]
    fn there_are_no_more_than_the_file_allows() {
        let delays = [0, 1, 2].map(|row| policy(Some(2), 100).delay(row).is_some());
        assert_eq!(delays, [true, true, false]);
    }

    #[test]
    fn a_row_ends_with_a_long_run() {
        assert_eq!(
            RestartPolicy::row_ends_after(Duration::from_millis(100)),
            Duration::from_secs(10)
        );
        assert_eq!(
            RestartPolicy::row_ends_after(Duration::from_secs(30)),
            Duration::from_mins(5)
        );
        assert_eq!(RestartPolicy::row_ends_after(Duration::MAX), Duration::MAX);
    }
}
