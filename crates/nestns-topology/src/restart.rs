//! Restart of a process or namespace that has ended: whether, how often and how soon.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// After which end something is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RestartWhen {
    /// None.
    #[default]
    Never,
    /// One that is a failure: a signal, or a status that is not among its `ok`.
    OnFailure,
    /// Any that was not requested.
    Always,
}

/// Policy for the restart of a process or namespace that has ended: whether, how often and how
/// soon.
///
/// The wait before a restart is `backoff` and doubles with every restart in a row, up to 30 s
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
}

/// No wait grows beyond this; a `backoff` that is longer stays as it is.
const LONGEST: Duration = Duration::from_secs(30);
/// A row of restarts does not end before so long a run.
const SHORTEST_RUN: Duration = Duration::from_secs(10);
/// So many times as long as the last wait is a run that ends a row.
const RUNS_PER_WAIT: u32 = 10;

impl RestartPolicy {
    /// The wait before the first restart of a row, if the file says nothing.
    pub const BACKOFF: Duration = Duration::from_millis(100);
    /// The default of the language.
    pub const NEVER: Self = Self {
        when: RestartWhen::Never,
        max: None,
        backoff: Self::BACKOFF,
    };

    /// The wait before a restart when there were `earlier` ones in the same row; `None` if that is all there may be.
    pub fn delay(&self, earlier: u32) -> Option<Duration> {
        if self.when == RestartWhen::Never || self.max.is_some_and(|max| earlier >= max) {
            return None;
        }
        let grown = 2_u32
            .checked_pow(earlier)
            .and_then(|factor| self.backoff.checked_mul(factor));
        Some(
            grown
                .map_or(LONGEST, |grown| grown.min(LONGEST))
                .max(self.backoff),
        )
    }

    /// The run after a wait that ends the row of restarts.
    pub fn row_ends_after(delay: Duration) -> Duration {
        delay.saturating_mul(RUNS_PER_WAIT).max(SHORTEST_RUN)
    }
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(max: Option<u32>, millis: u64) -> RestartPolicy {
        RestartPolicy {
            when: RestartWhen::Always,
            max,
            backoff: Duration::from_millis(millis),
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
        assert_eq!(RestartPolicy::NEVER.delay(0), None);
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
