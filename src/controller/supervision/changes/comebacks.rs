//! Restart policies: what has ended by itself and is started again, how soon, and when that is enough.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Aim, Author, Supervision, Wish};
use crate::controller::audience::Note;
use crate::controller::control::message::Force;
use crate::controller::life::Life;
use crate::controller::part::Part;
use crate::controller::roster::State;
use crate::controller::trouble::Trouble;
use crate::engine::moment::Moment;
use crate::engine::plan::{Plan, Subject};
use crate::engine::report::Ending;
use crate::topology::{RestartPolicy, RestartWhen};

/// How often it is looked whether a namespace goes on in which something is to be started again.
const PAUSED: Duration = Duration::from_millis(500);

/// The restarts of one thing.
#[derive(Debug, Clone, Copy, Default)]
struct Comeback {
    /// How many there were in this row.
    row: u32,
    /// The wait before the last of them.
    delay: Duration,
    /// When it was last started again.
    began: Option<Moment>,
    /// When it is to be started again.
    due: Option<Moment>,
}

/// All that have been started again, or are about to be.
#[derive(Debug, Default)]
pub(super) struct Comebacks(BTreeMap<Subject, Comeback>);

impl Comebacks {
    /// Whether any is to come.
    pub(super) fn are_awaited(&self) -> bool {
        self.0.values().any(|comeback| comeback.due.is_some())
    }

    /// Whether this one is.
    pub(super) fn is_awaited(&self, subject: Subject) -> bool {
        self.0.get(&subject).is_some_and(|comeback| comeback.due.is_some())
    }

    /// How many restarts in a row this one has had.
    pub(super) fn row(&self, subject: Subject) -> Option<u32> {
        self.0.get(&subject).map(|comeback| comeback.row)
    }

    /// When the next is.
    pub(super) fn next(&self) -> Option<Moment> {
        self.0.values().filter_map(|comeback| comeback.due).min()
    }

    /// Something has been started again.
    pub(super) fn began(&mut self, subject: Subject, at: Moment) {
        if let Some(comeback) = self.0.get_mut(&subject) {
            comeback.began = Some(at);
        }
    }

    /// Plans the next restart; `None` if there were as many as there may be.
    fn plan(&mut self, subject: Subject, policy: RestartPolicy, ended: Moment) -> Option<(u32, Duration)> {
        let comeback = self.0.entry(subject).or_default();
        if comeback.began.is_some_and(|began| ended.since(began) >= RestartPolicy::settled(comeback.delay)) {
            comeback.row = 0;
        }
        let delay = policy.delay(comeback.row)?;
        comeback.row = comeback.row.saturating_add(1);
        comeback.delay = delay;
        comeback.due = Some(ended.plus(delay));
        Some((comeback.row, delay))
    }

    /// Takes those whose time has come.
    fn take_due(&mut self, now: Moment) -> Vec<Subject> {
        let mut due = Vec::new();
        for (subject, comeback) in &mut self.0 {
            if comeback.due.is_some_and(|at| at <= now) {
                comeback.due = None;
                due.push(*subject);
            }
        }
        due
    }

    /// It cannot come yet.
    fn postpone(&mut self, subject: Subject, until: Moment) {
        if let Some(comeback) = self.0.get_mut(&subject) {
            comeback.due = Some(until);
        }
    }

    /// Somebody has decided otherwise about a part: what was to come does not, and the row begins anew.
    pub(super) fn cancel(&mut self, plan: &Plan, part: Part) {
        self.0.retain(|subject, comeback| {
            !part.contains(plan, *subject) || (comeback.due.is_none() && *subject == part.0)
        });
    }

    /// What was inside has ended with its PID 1.
    pub(super) fn forget_inside(&mut self, plan: &Plan, part: Part) {
        self.0.retain(|subject, _| *subject == part.0 || !part.contains(plan, *subject));
    }
}

impl Supervision<'_> {
    /// Whether something that has ended by itself is started again; then its end is no more than a note.
    pub(in crate::controller::supervision) fn comes_back(
        &mut self,
        subject: Subject,
        success: bool,
        ending: Ending,
    ) -> bool {
        let policy = self.plan.namespace(subject.namespace).restart_of(subject.slot);
        if policy.when == RestartWhen::Never || self.life != Life::Running || self.world.tree.stop.is_some() {
            return false;
        }
        let part = Part(subject);
        let is_wanted = policy.when == RestartWhen::Always || !success;
        let planned = if is_wanted && self.obstacle(part).is_none() {
            self.changes.comebacks.plan(subject, policy, Moment::now())
        } else {
            None
        };
        let Some((count, delay)) = planned else {
            self.settle_holder_of(part);
            return false;
        };
        let path = part.path(&self.plan);
        self.world.audience.note(&Note::Restarting { path: &path, ending, delay, count, most: policy.max });
        true
    }

    /// Starts those again whose time has come.
    pub(super) fn begin_comebacks(&mut self) {
        for subject in self.changes.comebacks.take_due(Moment::now()) {
            let around =
                if subject.is_init() { self.plan.namespace(subject.namespace).parent } else { Some(subject.namespace) };
            if around.is_some_and(|around| self.paused_by(around).is_some()) {
                // Whoever is to create it is frozen: it comes when that is over.
                self.changes.comebacks.postpone(subject, Moment::now().plus(PAUSED));
                continue;
            }
            let parts = vec![Part(subject)];
            let (aim, author, force) = (Aim::Again, Author::Policy, Force::Ask);
            self.wish(Wish { aim, parts, author, force, askers: Vec::new() });
        }
    }

    /// A restart by policy has itself failed: that counts like an end of what it was to bring back.
    pub(super) fn on_failed_comeback(&mut self, part: Part, trouble: &Trouble) {
        let path = part.path(&self.plan);
        let help = trouble.help().map(|help| format!("; {help}")).unwrap_or_default();
        let text = format!("{trouble}{help}");
        self.world.audience.note(&Note::NotRestarted { path: &path, trouble: &text });
        let ending = Ending::Exited(1);
        if self.comes_back(part.0, false, ending) {
            return;
        }
        self.mark(part.0, State::Failed);
        self.judge_finally(part.0, ending);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Comebacks;
    use crate::engine::moment::Moment;
    use crate::engine::plan::{Slot, Subject};
    use crate::topology::{RestartPolicy, RestartWhen};

    const POLICY: RestartPolicy =
        RestartPolicy { when: RestartWhen::Always, max: Some(2), backoff: Duration::from_millis(100) };

    #[test]
    fn a_row_ends_when_there_were_enough() {
        let (mut comebacks, subject) = (Comebacks::default(), Subject { namespace: 3, slot: Slot::nth(1) });
        let now = Moment::now();
        assert_eq!(comebacks.plan(subject, POLICY, now), Some((1, Duration::from_millis(100))));
        assert!(comebacks.is_awaited(subject));
        assert!(comebacks.take_due(now).is_empty());
        assert_eq!(comebacks.take_due(now.plus(Duration::from_secs(1))), [subject]);
        assert!(!comebacks.are_awaited());
        assert_eq!(comebacks.plan(subject, POLICY, now), Some((2, Duration::from_millis(200))));
        assert_eq!(comebacks.plan(subject, POLICY, now), None);
    }

    #[test]
    fn a_long_run_begins_a_new_row() {
        let (mut comebacks, subject) = (Comebacks::default(), Subject { namespace: 3, slot: Slot::nth(1) });
        let now = Moment::now();
        for _ in 0..2 {
            comebacks.plan(subject, POLICY, now);
        }
        comebacks.began(subject, now);
        assert_eq!(comebacks.plan(subject, POLICY, now.plus(Duration::from_secs(5))), None);
        let later = now.plus(Duration::from_secs(11));
        assert_eq!(comebacks.plan(subject, POLICY, later), Some((1, Duration::from_millis(100))));
    }
}
