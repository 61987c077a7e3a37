//! The arithmetic of restart policies: how soon what has ended by itself is started again, and when
//! that is enough.
//!
//! Pure: it is told the time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::controller::target::Target;
use crate::engine::plan::{Plan, ProcessKey};
use nestns_sys::moment::Moment;
use nestns_topology::RestartPolicy;

/// The restarts of one process or namespace.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    /// Number of restarts in this row.
    count: u32,
    /// The wait before the last of them.
    delay: Duration,
    /// Moment of the last restart.
    began: Option<Moment>,
    /// Moment of the next restart.
    due: Option<Moment>,
}

/// Everything that has been started again, or is about to be.
#[derive(Debug, Default)]
pub(super) struct Backoff(BTreeMap<ProcessKey, Row>);

impl Backoff {
    /// True if any restart is to come.
    pub(super) fn are_awaited(&self) -> bool {
        self.0.values().any(|restart| restart.due.is_some())
    }

    /// True if this one is.
    pub(super) fn is_awaited(&self, subject: ProcessKey) -> bool {
        self.0
            .get(&subject)
            .is_some_and(|restart| restart.due.is_some())
    }

    /// The number of restarts in a row that this one has had.
    pub(super) fn row(&self, subject: ProcessKey) -> Option<u32> {
        self.0.get(&subject).map(|restart| restart.count)
    }

    /// The moment of the next one.
    pub(super) fn next(&self) -> Option<Moment> {
        self.0.values().filter_map(|restart| restart.due).min()
    }

    /// Notes that one has been started again.
    pub(super) fn began(&mut self, subject: ProcessKey, at: Moment) {
        if let Some(restart) = self.0.get_mut(&subject) {
            restart.began = Some(at);
        }
    }

    /// Plans the next restart; `None` if there were as many as there may be.
    pub(super) fn plan(
        &mut self,
        subject: ProcessKey,
        policy: RestartPolicy,
        ended: Moment,
    ) -> Option<(u32, Duration)> {
        let restart = self.0.entry(subject).or_default();
        if restart
            .began
            .is_some_and(|began| ended.since(began) >= RestartPolicy::row_ends_after(restart.delay))
        {
            restart.count = 0;
        }
        let delay = policy.delay(restart.count)?;
        restart.count = restart.count.saturating_add(1);
        restart.delay = delay;
        restart.due = Some(ended.plus(delay));
        Some((restart.count, delay))
    }

    /// Takes those whose time has come.
    pub(super) fn take_due(&mut self, now: Moment) -> Vec<ProcessKey> {
        let mut due = Vec::new();
        for (subject, restart) in &mut self.0 {
            if restart.due.is_some_and(|at| at <= now) {
                restart.due = None;
                due.push(*subject);
            }
        }
        due
    }

    /// Puts one off that cannot come yet.
    pub(super) fn postpone(&mut self, subject: ProcessKey, until: Moment) {
        if let Some(restart) = self.0.get_mut(&subject) {
            restart.due = Some(until);
        }
    }

    /// Drops what was to come of a target that a client has decided otherwise about; its row begins
    /// anew.
    pub(super) fn cancel(&mut self, plan: &Plan, part: Target) {
        self.0.retain(|subject, restart| {
            !part.contains(plan, *subject) || (restart.due.is_none() && *subject == part.0)
        });
    }

    /// Forgets what was inside a namespace, and has ended with its PID 1.
    pub(super) fn forget_inside(&mut self, plan: &Plan, part: Target) {
        self.0
            .retain(|subject, _| *subject == part.0 || !part.contains(plan, *subject));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;
    use crate::engine::plan::{ProcessKey, Slot};
    use nestns_sys::moment::Moment;
    use nestns_topology::{RestartPolicy, RestartWhen};

    const POLICY: RestartPolicy = RestartPolicy {
        max: Some(2),
        backoff: Duration::from_millis(100),
        ..RestartPolicy::new(RestartWhen::Always)
    };

    #[test]
    fn a_row_ends_when_there_were_enough() {
        let (mut backoff, subject) = (
            Backoff::default(),
            ProcessKey {
                namespace: 3,
                slot: Slot::nth(1),
            },
        );
        let now = Moment::now();
        assert_eq!(
            backoff.plan(subject, POLICY, now),
            Some((1, Duration::from_millis(100)))
        );
        assert!(backoff.is_awaited(subject));
        assert!(backoff.take_due(now).is_empty());
        assert_eq!(
            backoff.take_due(now.plus(Duration::from_secs(1))),
            [subject]
        );
        assert!(!backoff.are_awaited());
        assert_eq!(
            backoff.plan(subject, POLICY, now),
            Some((2, Duration::from_millis(200)))
        );
        assert_eq!(backoff.plan(subject, POLICY, now), None);
    }

    #[test]
    fn a_long_run_begins_a_new_row() {
        let (mut backoff, subject) = (
            Backoff::default(),
            ProcessKey {
                namespace: 3,
                slot: Slot::nth(1),
            },
        );
        let now = Moment::now();
        for _ in 0..2 {
            backoff.plan(subject, POLICY, now);
        }
        backoff.began(subject, now);
        assert_eq!(
            backoff.plan(subject, POLICY, now.plus(Duration::from_secs(5))),
            None
        );
        let later = now.plus(Duration::from_secs(11));
        assert_eq!(
            backoff.plan(subject, POLICY, later),
            Some((1, Duration::from_millis(100)))
        );
    }
}
