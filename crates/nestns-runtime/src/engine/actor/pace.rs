//! A steady rate: so many beats a second, by absolute times, so that the work between two beats
//! does not slow it.

use std::time::{Duration, Instant};

/// Delay after which missed beats are dropped: after a freeze of a minute (SIGSTOP, the cgroup
/// freezer) a process goes on at its rate instead of making up for the minute in one burst.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The beats still to come.
#[derive(Debug)]
pub(super) struct Pace {
    period: Option<Duration>,
    next: Instant,
    end: Option<Instant>,
}

/// Event to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    /// The next beat, at this moment.
    At(Instant),
    /// End at this moment, or never, without further beats.
    End(Option<Instant>),
}

impl Pace {
    /// `rate` beats a second from now on, the first at once, until `duration` is over; a rate of 0
    /// has no beats.
    pub(super) fn new(rate: u32, duration: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            period: Duration::from_secs(1).checked_div(rate),
            next: now,
            end: duration.and_then(|duration| now.checked_add(duration)),
        }
    }

    /// The next event.
    pub(super) fn beat(&self) -> Beat {
        match (self.period, self.end) {
            (Some(_), Some(end)) if self.next >= end => Beat::End(Some(end)),
            (Some(_), _) => Beat::At(self.next),
            (None, end) => Beat::End(end),
        }
    }

    /// Goes on to the beat after this one.
    pub(super) fn advance(&mut self) {
        self.next += self.period.unwrap_or_default();
        let now = Instant::now();
        if now.saturating_duration_since(self.next) > TIMEOUT {
            self.next = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Beat, Pace};

    fn beats(mut pace: Pace, most: usize) -> usize {
        for beat in 0..most {
            let Beat::At(_) = pace.beat() else {
                return beat;
            };
            pace.advance();
        }
        most
    }

    #[test]
    fn a_second_at_ten_has_ten_beats() {
        assert_eq!(beats(Pace::new(10, Some(Duration::from_secs(1))), 100), 10);
    }

    #[test]
    fn without_a_duration_there_is_always_a_next_beat() {
        assert_eq!(beats(Pace::new(10, None), 100), 100);
    }

    #[test]
    fn no_rate_waits_for_the_end() {
        assert_eq!(Pace::new(0, None).beat(), Beat::End(None));
        assert!(matches!(
            Pace::new(0, Some(Duration::from_secs(1))).beat(),
            Beat::End(Some(_))
        ));
    }
    #[test]
    fn the_work_between_two_beats_does_not_slow_it() {
        let mut pace = Pace::new(4, None);
        let first = pace.next;
        // Later than its next beat, and less than it may be behind.
        pace.next -= Duration::from_millis(300);
        pace.advance();
        pace.advance();
        assert_eq!(pace.beat(), Beat::At(first + Duration::from_millis(200)));
    }

    #[test]
    fn a_minute_of_missed_beats_is_dropped() {
        let mut pace = Pace::new(4, None);
        pace.next -= Duration::from_mins(1);
        let before = Instant::now();
        pace.advance();
        assert!(matches!(pace.beat(), Beat::At(next) if next >= before));
    }
}
