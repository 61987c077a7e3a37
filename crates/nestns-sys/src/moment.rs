//! Points in time that mean the same in every process of the tree.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Nanoseconds of `CLOCK_MONOTONIC`; `std::time::Instant` cannot travel in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Moment(u64);

impl Moment {
    /// Present moment.
    pub fn now() -> Self {
        // clock_gettime(2) fails only for a clock that does not exist.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
        Self(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The time from `earlier` until this moment, zero where it lies before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment plus a duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Moment;

    #[test]
    fn nothing_wraps_around() {
        let moment = Moment::default().plus(Duration::from_secs(5));
        assert_eq!(moment.since(Moment::default()), Duration::from_secs(5));
        assert_eq!(Moment::default().since(moment), Duration::ZERO);
        assert_eq!(
            moment.plus(Duration::MAX),
            moment.plus(Duration::MAX).plus(Duration::from_secs(1))
        );
        assert!(Moment::now() > moment);
    }
}
