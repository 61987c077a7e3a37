//! Whom a stop asks, in which order, and when it kills: the arithmetic of one keeper's part of a stop.
//!
//! Pure: it is told what time it is and who has left, and says what to do. The request goes to child namespaces and to the
//! keeper's own processes at once, but for two reasons to hold back: a process on which others depend (`after`) is asked
//! when they have left, and a program that is PID 1 when all that is inside it has left, because its end is theirs. Both
//! wait no longer than half of their namespace's grace.

use std::time::Duration;

use super::line::CALL;
use super::moment::Moment;
use super::plan::{InitPlan, Plan, Subject};
use crate::topology::{Signal, Stop};

/// How much later than a builtin init itself its keeper loses patience with it.
pub const MARGIN: Duration = Duration::from_millis(500);

/// What to do to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask it to end.
    Ask(Subject, Signal),
    /// Its time is over.
    Kill(Subject),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not asked before others have left, or this moment.
    Held {
        latest: Moment,
    },
    Asked {
        deadline: Moment,
    },
    Killed,
    Gone,
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    stop: Stop,
    /// Who has to leave first.
    behind: Vec<Subject>,
    /// Where the deadline does not depend on when it is asked.
    deadline: Option<Moment>,
    phase: Phase,
}

/// One keeper's part of a stop.
#[derive(Debug)]
pub struct Farewell {
    entries: Vec<Entry>,
    held: usize,
    /// When something is next to be done without anybody leaving.
    next: Option<Moment>,
}

impl Farewell {
    /// Begins to stop `subjects`: those that the keeper itself has to ask.
    pub fn begin(plan: &Plan, subjects: &[Subject], now: Moment) -> Self {
        let mut entries: Vec<Entry> =
            subjects.iter().map(|&subject| Entry::new(plan, subject, subjects, now)).collect();
        entries.sort_by_key(|entry| entry.subject);
        let held = entries.len();
        Self { entries, held, next: Some(now) }
    }

    /// Somebody has left.
    pub fn gone(&mut self, subject: Subject) {
        if let Ok(place) = self.entries.binary_search_by_key(&subject, |entry| entry.subject) {
            let entry = &mut self.entries[place];
            if matches!(entry.phase, Phase::Held { .. }) {
                self.held -= 1;
            }
            entry.phase = Phase::Gone;
            if self.held > 0 {
                // Somebody may have waited for just this one.
                self.next = Some(Moment::default());
            }
        }
    }

    /// What is to be done at this moment.
    pub fn due(&mut self, now: Moment) -> Vec<Action> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut actions = Vec::new();
        let left: Vec<bool> = self.entries.iter().map(|entry| entry.phase == Phase::Gone).collect();
        let has_left = |entries: &[Entry], subject: &Subject| {
            entries.binary_search_by_key(subject, |entry| entry.subject).map_or(true, |place| left[place])
        };
        for place in 0..self.entries.len() {
            let entry = &self.entries[place];
            if let Phase::Held { latest } = entry.phase
                && (latest <= now || entry.behind.iter().all(|subject| has_left(&self.entries, subject)))
            {
                actions.push(Action::Ask(entry.subject, entry.stop.signal));
                let deadline = entry.deadline.unwrap_or_else(|| now.plus(entry.stop.grace));
                self.entries[place].phase = Phase::Asked { deadline };
                self.held -= 1;
            }
            let entry = &mut self.entries[place];
            if let Phase::Asked { deadline } = entry.phase
                && deadline <= now
            {
                actions.push(Action::Kill(entry.subject));
                entry.phase = Phase::Killed;
            }
        }
        self.next = self.entries.iter().filter_map(Entry::next).min();
        actions
    }

    /// Kills whoever is left, at once.
    pub fn kill_all(&mut self) -> Vec<Action> {
        self.held = 0;
        self.next = None;
        let living = self.entries.iter_mut().filter(|entry| !matches!(entry.phase, Phase::Gone | Phase::Killed));
        living
            .map(|entry| {
                entry.phase = Phase::Killed;
                Action::Kill(entry.subject)
            })
            .collect()
    }

    /// When to come back without anybody having left.
    pub fn next(&self) -> Option<Moment> {
        self.next
    }

    /// Who has not left, with the deadline of those that have been asked.
    pub fn waiting_for(&self) -> impl Iterator<Item = (Subject, Option<Moment>)> + '_ {
        self.entries.iter().filter_map(|entry| match entry.phase {
            Phase::Held { .. } | Phase::Killed => Some((entry.subject, None)),
            Phase::Asked { deadline } => Some((entry.subject, Some(deadline))),
            Phase::Gone => None,
        })
    }
}

impl Entry {
    fn new(plan: &Plan, subject: Subject, all: &[Subject], now: Moment) -> Self {
        let namespace = plan.namespace(subject.namespace);
        let half = now.plus(namespace.stop.grace / 2);
        let held = Phase::Held { latest: half };
        match (subject.slot, &namespace.init) {
            (0, InitPlan::Program(program)) => {
                // The keeper's children inside it are one run in the order of creation.
                let inside = subject.namespace..subject.namespace + plan.subtree(subject.namespace);
                let behind = if plan.numbers_below(subject.namespace) == 0 {
                    Vec::new()
                } else {
                    let others = all.iter().copied().filter(|&other| other != subject);
                    others.filter(|other| inside.contains(&other.namespace)).collect()
                };
                let deadline = Some(now.plus(namespace.stop.grace));
                Self { subject, stop: program.stop, behind, deadline, phase: held }
            }
            (0, InitPlan::Builtin | InitPlan::Pause) => {
                // It keeps its own deadline; its keeper only makes sure. A call is no request to stop, whatever the file says.
                let signal =
                    if namespace.stop.signal.number() == CALL as i32 { Signal::TERM } else { namespace.stop.signal };
                let stop = Stop { signal, grace: namespace.stop.grace + MARGIN };
                Self { subject, stop, behind: Vec::new(), deadline: None, phase: held }
            }
            (slot, _) => {
                let dependents = namespace
                    .processes
                    .iter()
                    .enumerate()
                    .filter(|(_, process)| process.after.iter().any(|after| after.process + 1 == slot as usize));
                let behind = dependents
                    .filter_map(|(place, _)| u32::try_from(place + 1).ok())
                    .map(|slot| Subject { slot, ..subject })
                    .filter(|dependent| all.contains(dependent))
                    .collect();
                let stop = namespace.process(slot).map_or(namespace.stop, |process| process.stop);
                Self { subject, stop, behind, deadline: None, phase: held }
            }
        }
    }

    fn next(&self) -> Option<Moment> {
        match self.phase {
            Phase::Held { latest: moment } | Phase::Asked { deadline: moment } => Some(moment),
            Phase::Killed | Phase::Gone => None,
        }
    }
}
