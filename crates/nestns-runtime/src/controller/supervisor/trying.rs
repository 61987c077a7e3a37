//! The arithmetic of a probe that is tried again and again: when the next try begins, how long it
//! may take, and when there have been enough.
//!
//! Pure: it is told the time.

use nix::unistd::Pid;

use nestns_sys::moment::Moment;
use nestns_topology::Tries;

/// The tries of the probe of one process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trying {
    tries: Tries,
    /// Start of the process.
    started: Moment,
    /// Number of failed tries in a row that count.
    failed: u32,
    step: Step,
}

/// Try under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The next try is due at this moment.
    Pending(Moment),
    /// A try is made by this child of the controller.
    Running {
        child: Pid,
        began: Moment,
        /// Moment at which it is killed.
        until: Moment,
    },
}

/// Consequence of a failed try.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Another try.
    Again,
    /// Nothing: so many have failed in a row.
    Never(u32),
}

impl Trying {
    /// The tries of a process that starts at this moment. The first is due at once.
    pub(super) fn new(tries: Tries, now: Moment) -> Self {
        Self {
            tries,
            started: now,
            failed: 0,
            step: Step::Pending(now),
        }
    }

    pub(super) fn step(&self) -> Step {
        self.step
    }

    /// Moment at which a try is next to be made or killed.
    pub(super) fn next(&self) -> Moment {
        match self.step {
            Step::Pending(at) => at,
            Step::Running { until, .. } => until,
        }
    }

    /// Takes in that this child makes a try.
    pub(super) fn begin(&mut self, child: Pid, now: Moment) {
        self.step = Step::Running {
            child,
            began: now,
            until: now.plus(self.tries.timeout),
        };
    }

    /// Gives a try that was killed as much time again to be reaped.
    pub(super) fn extend(&mut self, now: Moment) {
        if let Step::Running { until, .. } = &mut self.step {
            *until = now.plus(self.tries.timeout);
        }
    }

    /// Takes in that no try could be made, or that one says nothing: that does not count.
    pub(super) fn postpone(&mut self, now: Moment) {
        self.step = Step::Pending(now.plus(self.tries.every));
    }

    /// Takes in that a try has failed.
    pub(super) fn fail(&mut self, now: Moment) -> Outlook {
        let began = match self.step {
            Step::Pending(at) => at,
            Step::Running { began, .. } => began,
        };
        self.postpone(now);
        if began.since(self.started) >= self.tries.start_period {
            self.failed = self.failed.saturating_add(1);
        }
        match self.tries.retries {
            Some(most) if self.failed >= most => Outlook::Never(self.failed),
            _ => Outlook::Again,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::unistd::Pid;

    use super::{Outlook, Step, Trying};
    use nestns_sys::moment::Moment;
    use nestns_topology::Tries;

    const SECOND: Duration = Duration::from_secs(1);
    const CHILD: Pid = Pid::from_raw(7);

    fn tries(retries: Option<u32>, start_period: Duration) -> Tries {
        Tries {
            every: SECOND,
            timeout: SECOND * 3,
            retries,
            start_period,
        }
    }

    #[test]
    fn a_try_has_its_time_and_the_next_its_pause() {
        let now = Moment::now();
        let mut trying = Trying::new(tries(None, Duration::ZERO), now);
        assert_eq!(trying.next(), now, "the first is due at once");
        trying.begin(CHILD, now);
        assert_eq!(trying.next(), now.plus(SECOND * 3));
        let later = now.plus(SECOND * 3);
        trying.extend(later);
        assert_eq!(trying.next(), now.plus(SECOND * 6));
        assert_eq!(trying.fail(later), Outlook::Again);
        assert_eq!(trying.step(), Step::Pending(now.plus(SECOND * 4)));
    }

    #[test]
    fn enough_failures_are_the_end() {
        let now = Moment::now();
        let mut trying = Trying::new(tries(Some(2), Duration::ZERO), now);
        trying.begin(CHILD, now);
        assert_eq!(trying.fail(now), Outlook::Again);
        trying.postpone(now);
        trying.begin(CHILD, now);
        assert_eq!(trying.fail(now), Outlook::Never(2));
    }

    #[test]
    fn a_try_that_begins_in_the_start_period_does_not_count() {
        let now = Moment::now();
        let mut trying = Trying::new(tries(Some(1), SECOND * 2), now);
        for (begun, outlook) in [
            (0, Outlook::Again),
            (1, Outlook::Again),
            (2, Outlook::Never(1)),
        ] {
            trying.begin(CHILD, now.plus(SECOND * begun));
            assert_eq!(trying.fail(now.plus(SECOND * 9)), outlook, "{begun}");
        }
    }
}
