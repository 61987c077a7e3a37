//! Stop plan of one parent: the order in which processes are asked to end, and the times at which
//! they are killed.
//!
//! Pure: its input is the time and the processes that have ended, its output the actions to take.
//! The request goes to child namespaces and to the parent's own processes at once, with two
//! exceptions: what others depend on (`after`) is asked when they have ended, and a program that is
//! PID 1 when everything inside it has ended, because its end is theirs. A dependent that has ended
//! before the stop is no gap in a chain: what depends on it still comes first. Of dependents that another
//! parent asks only the controller knows, which lifts the hold. Both wait no longer than the graces
//! of those before them take together, shortened alike where their namespace has less time; a
//! program that is PID 1 no longer than half of its time if that is more. So every process is asked
//! before it is killed.
//!
//! Where a command is to be run before the request (`stop.exec`), the time of the process begins with
//! that: it is asked when the controller, which runs it, lifts the hold, or when no more than the
//! rest is left that belongs to the request itself.

use std::collections::HashSet;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use super::control_channel::OPEN;
use super::plan::{HoldIndex, InitPlan, NamespaceIndex, Plan, ProcessKey, Slot};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Signal, Stop};

/// Time by which the parent of a builtin init waits longer than the init itself.
pub const MARGIN: Duration = Duration::from_millis(500);

/// Time that a program that is PID 1 has at least when everything inside it takes as long as it may.
const LAST: Duration = Duration::from_secs(1);

/// Signal that announces to a pause init that the next request to stop is one of nestns's own.
///
/// The kernel drops the value of a queued signal, without an error, when the receiver's user has no
/// room for one more (R74); the signal itself always arrives. A builtin init stops in order at every
/// request, but a pause init leaves at once at those that are not nestns's own. Linux never sends this
/// signal itself.
pub const ANNOUNCE: i32 = libc::SIGSTKFLT;

/// Asks an init of nestns to stop, and tells it for how long it will not be killed from outside, if
/// that is known.
///
/// # Errors
///
/// Those of `pidfd_send_signal(2)`.
pub fn ask(
    pidfd: &Pidfd,
    init: &InitPlan,
    signal: Signal,
    left: Option<Duration>,
) -> nix::Result<()> {
    if matches!(init, InitPlan::Pause) {
        pidfd.signal(ANNOUNCE)?;
    }
    let Some(left) = left else {
        return pidfd.signal(signal.number());
    };
    // At least 1: a value of 0 means none.
    let word = i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1);
    match pidfd.signal_with(signal.number(), word) {
        // Too many real-time signals are queued for this user; the request itself needs no room.
        Err(Errno::EAGAIN) => pidfd.signal(signal.number()),
        result => result,
    }
}

/// Signal by which nestns asks an init of its own: a call, or an announcement, is no request to stop,
/// whatever the file says.
pub fn request(stop: Stop) -> Signal {
    if [OPEN as i32, ANNOUNCE, LIFT].contains(&stop.signal.number()) {
        Signal::TERM
    } else {
        stop.signal
    }
}

/// Signal by which the controller lifts a hold, with its number. Without a value, or from inside, it
/// is a signal like any other.
pub const LIFT: i32 = 64;

/// Tells an init of nestns that a hold is lifted.
///
/// # Errors
///
/// Those of `pidfd_send_signal(2)`.
pub fn lift(pidfd: &Pidfd, hold: HoldIndex) -> nix::Result<()> {
    pidfd.signal_with(LIFT, i32::try_from(hold).unwrap_or(i32::MAX))
}

/// Time left, by the value sent with a stop request.
pub fn time_left(word: i32) -> Option<Duration> {
    u64::try_from(word)
        .ok()
        .filter(|&word| word > 0)
        .map(Duration::from_millis)
}

/// The share of a grace in which a process is asked even if the command before that has not ended,
/// and the most that this is.
const REST: u32 = 4;
const LONGEST_REST: Duration = LAST;

/// Action on a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what the variant's text names")]
pub enum Action {
    /// Ask it to end. `until` is the end of what is around it, where that is known.
    Ask {
        subject: ProcessKey,
        signal: Signal,
        until: Option<Moment>,
    },
    /// Have the command run that comes before the request.
    Prepare(ProcessKey),
    /// Kill it: its time is over.
    Kill(ProcessKey),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Held until others have ended, or this moment.
    Held {
        latest: Moment,
    },
    /// Held until the command before the request has ended, or this moment.
    Preparing {
        latest: Moment,
        deadline: Moment,
    },
    Asked {
        deadline: Moment,
    },
    Killed,
    Gone,
}

#[derive(Debug)]
struct Entry {
    subject: ProcessKey,
    stop: Stop,
    /// Processes that have to end first.
    behind: Vec<ProcessKey>,
    /// Holds that only the controller can lift, because processes elsewhere have to end first.
    holds: Vec<HoldIndex>,
    /// Hold until the command before the request has ended.
    command: Option<HoldIndex>,
    /// Deadline, if it does not depend on the time of the request.
    deadline: Option<Moment>,
    /// End of the surroundings.
    until: Option<Moment>,
    phase: Phase,
}

/// The time that namespaces have in a stop which begins at `now`.
#[derive(Debug, Clone, Copy)]
struct Times<'a> {
    plan: &'a Plan,
    now: Moment,
    /// The namespace of the parent; `None` is the controller.
    parent: Option<NamespaceIndex>,
    /// End of the parent itself.
    end: Option<Moment>,
}

impl Times<'_> {
    /// Moment at which the surroundings of a namespace end, or may end: a program that is PID 1
    /// does as soon as it is asked.
    fn around(&self, index: NamespaceIndex) -> Option<Moment> {
        let parent = self.plan.namespace(index).parent;
        match parent.filter(|&parent| !self.plan.namespace(parent).forks_its_members()) {
            Some(program) => Some(self.program_asked(program)),
            None => self.end,
        }
    }

    /// Moment at which a program that is PID 1 is asked at the latest: when half of the time of its
    /// namespace is over, or later if the chain of graces inside it is longer than that.
    fn program_asked(&self, index: NamespaceIndex) -> Moment {
        let namespace = self.plan.namespace(index);
        let grace = namespace.stop.grace;
        let end = self.around(index);
        let left = end.map_or(grace, |end| grace.min(end.since(self.now)));
        let inside = namespace.stop_time.min(left.saturating_sub(LAST));
        self.now.plus(inside.max(left / 2))
    }

    /// Moment at which a process is asked at the latest, by the times that have been derived for it
    /// and for the namespaces around it up to that of the parent, shortened alike where there is
    /// less time than they need.
    fn latest(&self, subject: ProcessKey) -> Moment {
        let namespace = self.plan.namespace(subject.namespace);
        let of_process = namespace
            .process(subject.slot)
            .map(|process| process.asked_after);
        let mut offset = of_process.unwrap_or_default();
        let mut around = Some(subject.namespace);
        while let Some(index) = around.filter(|_| around != self.parent) {
            let namespace = self.plan.namespace(index);
            offset = offset.saturating_add(namespace.asked_after);
            around = namespace.parent;
        }
        let needed = match self.parent {
            Some(parent) => self.plan.namespace(parent).stop_time,
            None => offset.saturating_add(namespace.stop.grace),
        };
        let left = self.end.map(|end| end.since(self.now));
        let offset = match left.filter(|&left| left < needed) {
            Some(left) => offset.mul_f64(left.as_secs_f64() / needed.as_secs_f64()),
            None => offset,
        };
        self.now.plus(offset)
    }
}

/// Stop plan of one parent.
#[derive(Debug)]
pub struct StopPlan {
    entries: Vec<Entry>,
    held: usize,
    /// Moment of the next action if nothing ends before.
    next: Option<Moment>,
}

impl StopPlan {
    /// Begins to stop `subjects`: those that the init of `parent`, or the controller, itself has to
    /// ask. `end` is the moment at which it is killed itself, if known.
    pub fn begin(
        plan: &Plan,
        parent: Option<NamespaceIndex>,
        subjects: &[ProcessKey],
        now: Moment,
        end: Option<Moment>,
    ) -> Self {
        let times = Times {
            plan,
            now,
            parent,
            end,
        };
        let all: HashSet<ProcessKey> = subjects.iter().copied().collect();
        let mut entries: Vec<Entry> = subjects
            .iter()
            .map(|&subject| Entry::new(times, subject, &all))
            .collect();
        entries.sort_by_key(|entry| entry.subject);
        let held = entries.len();
        Self {
            entries,
            held,
            next: Some(now),
        }
    }

    /// Records that a process has ended.
    pub fn gone(&mut self, subject: ProcessKey) {
        if let Ok(place) = self
            .entries
            .binary_search_by_key(&subject, |entry| entry.subject)
        {
            let entry = &mut self.entries[place];
            let was_held = matches!(entry.phase, Phase::Held { .. });
            entry.phase = Phase::Gone;
            if was_held {
                self.held -= 1;
                self.bequeath(place);
            }
            if self.held > 0 {
                // A process may have waited for just this one.
                self.next = Some(Moment::default());
            }
        }
    }

    /// Has what waits for a process that has ended before its turn wait for what that has waited for.
    fn bequeath(&mut self, place: usize) {
        let entry = &mut self.entries[place];
        let subject = entry.subject;
        let behind = std::mem::take(&mut entry.behind);
        let holds = std::mem::take(&mut entry.holds);
        if behind.is_empty() && holds.is_empty() {
            return;
        }
        for entry in &mut self.entries {
            if entry.behind.contains(&subject) {
                entry.behind.extend(&behind);
                entry.holds.extend(&holds);
            }
        }
    }

    /// Lifts a hold: everything that has to end before what it holds has ended, or is not being
    /// stopped.
    pub fn lift(&mut self, hold: HoldIndex) {
        for entry in &mut self.entries {
            if entry.command == Some(hold) {
                entry.command = None;
                self.next = Some(Moment::default());
            }
            let before = entry.holds.len();
            entry.holds.retain(|&there| there != hold);
            if entry.holds.len() < before {
                self.next = Some(Moment::default());
            }
        }
    }

    /// Actions that are due.
    pub fn due(&mut self, now: Moment) -> Vec<Action> {
        if self.next.is_none_or(|next| next > now) {
            return Vec::new();
        }
        let mut actions = Vec::new();
        let left: Vec<bool> = self
            .entries
            .iter()
            .map(|entry| entry.phase == Phase::Gone)
            .collect();
        let has_left = |entries: &[Entry], subject: &ProcessKey| {
            entries
                .binary_search_by_key(subject, |entry| entry.subject)
                .map_or(true, |place| left[place])
        };
        for place in 0..self.entries.len() {
            let entry = &self.entries[place];
            if let Phase::Held { latest } = entry.phase
                && (latest <= now
                    || entry.holds.is_empty()
                        && entry
                            .behind
                            .iter()
                            .all(|subject| has_left(&self.entries, subject)))
            {
                let deadline = entry.deadline.unwrap_or_else(|| now.plus(entry.stop.grace));
                if entry.command.is_some() {
                    actions.push(Action::Prepare(entry.subject));
                }
                let latest = entry.latest_request(deadline, now);
                self.entries[place].phase = Phase::Preparing { latest, deadline };
                self.held -= 1;
            }
            let entry = &mut self.entries[place];
            if let Phase::Preparing { latest, deadline } = entry.phase
                && (entry.command.is_none() || latest <= now)
            {
                actions.push(Action::Ask {
                    subject: entry.subject,
                    signal: entry.stop.signal,
                    until: entry.until,
                });
                entry.phase = Phase::Asked { deadline };
            }
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

    /// Kills all that are left, at once.
    pub fn kill_all(&mut self) -> Vec<Action> {
        self.held = 0;
        self.next = None;
        let alive = self
            .entries
            .iter_mut()
            .filter(|entry| !matches!(entry.phase, Phase::Gone | Phase::Killed));
        alive
            .map(|entry| {
                entry.phase = Phase::Killed;
                Action::Kill(entry.subject)
            })
            .collect()
    }

    /// Moment at which to call [`StopPlan::due`] even if nothing has ended.
    pub fn next(&self) -> Option<Moment> {
        self.next
    }

    /// Processes that have not ended, with the deadline of those that have been asked.
    pub fn waiting_for(&self) -> impl Iterator<Item = (ProcessKey, Option<Moment>)> + '_ {
        self.entries.iter().filter_map(|entry| match entry.phase {
            Phase::Held { .. } | Phase::Killed => Some((entry.subject, None)),
            Phase::Preparing { deadline, .. } | Phase::Asked { deadline } => {
                Some((entry.subject, Some(deadline)))
            }
            Phase::Gone => None,
        })
    }
}

impl Entry {
    fn new(times: Times<'_>, subject: ProcessKey, all: &HashSet<ProcessKey>) -> Self {
        let Times { plan, now, .. } = times;
        let namespace = plan.namespace(subject.namespace);
        let (mut behind, holds) = dependents(times, subject, all);
        let mut latest = times.latest(subject);
        let mut stop = namespace
            .process(subject.slot)
            .map_or(namespace.stop, |process| process.stop);
        let (mut deadline, mut until) = (None, times.around(subject.namespace));
        match (subject.slot, &namespace.init) {
            (Slot::Init, InitPlan::Program(_)) => {
                behind.extend(inside(plan, subject, all));
                latest = latest.max(times.program_asked(subject.namespace));
                deadline = Some(now.plus(namespace.stop.grace));
            }
            (Slot::Init, InitPlan::Builtin | InitPlan::Pause) => {
                // It keeps its own deadline; its parent only makes sure.
                stop.signal = request(stop);
                stop.grace += MARGIN;
            }
            // Beside a program that is PID 1 it has as long as that program is not asked.
            _ if !namespace.forks_its_members() => {
                until = Some(times.program_asked(subject.namespace));
            }
            _ => until = times.end,
        }
        Self {
            subject,
            stop,
            behind,
            holds,
            command: plan.holds().command_of(subject),
            deadline,
            until,
            phase: Phase::Held { latest },
        }
    }

    /// Moment at which it is asked even if the command before that has not ended: something of its
    /// time, or of what is around it, is left for the request.
    fn latest_request(&self, deadline: Moment, now: Moment) -> Moment {
        let end = self.until.map_or(deadline, |until| until.min(deadline));
        let left = end.since(now);
        now.plus(left.saturating_sub((left / REST).min(LONGEST_REST)))
    }

    fn next(&self) -> Option<Moment> {
        match self.phase {
            Phase::Held { latest: moment }
            | Phase::Preparing { latest: moment, .. }
            | Phase::Asked { deadline: moment } => Some(moment),
            Phase::Killed | Phase::Gone => None,
        }
    }
}

/// Processes that the same parent asks and that end with a program that is PID 1.
fn inside(plan: &Plan, program: ProcessKey, all: &HashSet<ProcessKey>) -> Vec<ProcessKey> {
    if plan.numbers_below(program.namespace) == 0 {
        return Vec::new();
    }
    // The parent's children inside it are one run in the order of creation.
    let inside = program.namespace..program.namespace + plan.subtree(program.namespace);
    let others = all.iter().copied().filter(|&other| other != program);
    others
        .filter(|other| inside.contains(&other.namespace))
        .collect()
}

/// Obstacles to asking a process: processes that the same parent asks, and holds that
/// the controller lifts.
fn dependents(
    times: Times<'_>,
    subject: ProcessKey,
    all: &HashSet<ProcessKey>,
) -> (Vec<ProcessKey>, Vec<HoldIndex>) {
    let Times { plan, parent, .. } = times;
    let is_here = |waiter: &ProcessKey| all.contains(waiter) || plan.asker_of(*waiter) == parent;
    let (mut behind, mut holds) = (Vec::new(), Vec::new());
    let mut seen = HashSet::from([subject]);
    let mut held = vec![subject];
    while let Some(subject) = held.pop() {
        for hold in plan.holds_of(subject, parent) {
            let waiters = plan.waiters(hold);
            if !waiters.iter().all(is_here) {
                holds.push(hold);
                continue;
            }
            for &waiter in waiters.iter().filter(|&&waiter| seen.insert(waiter)) {
                if all.contains(&waiter) {
                    behind.push(waiter);
                } else {
                    // It has ended or is not being stopped; what waits for it still comes first.
                    held.push(waiter);
                }
            }
        }
    }
    (behind, holds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Action, MARGIN, StopPlan, time_left};
    use crate::engine::plan::tests::plan;
    use crate::engine::plan::{Plan, ProcessKey, Slot};
    use nestns_sys::moment::Moment;

    const START: Duration = Duration::from_secs(100);

    fn at(seconds: f64) -> Moment {
        Moment::default().plus(START + Duration::from_secs_f64(seconds))
    }

    fn begin(plan: &Plan, subjects: &[ProcessKey]) -> StopPlan {
        StopPlan::begin(plan, plan.asker_of(subjects[0]), subjects, at(0.0), None)
    }

    /// Orders due at a moment: `+` and the slot's number for a request, `-` for a kill.
    fn due(stop_plan: &mut StopPlan, seconds: f64) -> Vec<String> {
        words(stop_plan.due(at(seconds)))
    }

    fn words(actions: Vec<Action>) -> Vec<String> {
        let name = |subject: ProcessKey| format!("{}.{}", subject.namespace, subject.slot);
        let word = |action| match action {
            Action::Ask {
                subject, signal, ..
            } => format!("+{} {}", name(subject), signal.number()),
            Action::Prepare(subject) => format!("!{}", name(subject)),
            Action::Kill(subject) => format!("-{}", name(subject)),
        };
        actions.into_iter().map(word).collect()
    }

    fn process(place: u32) -> ProcessKey {
        ProcessKey {
            namespace: 0,
            slot: Slot::Process(place),
        }
    }

    const CHAIN: &str = r#"
[ns.a]
stop = { grace = "8s" }
proc.base = { actor = "idle", stop = { signal = "QUIT", grace = "2s" } }
proc.top = { actor = "idle", after = { base = "started" }, stop = { grace = "1s" } }
"#;

    const DRAINED: &str = r#"
[ns.a]
stop = { grace = "8s" }
proc.base = { actor = "idle", stop = { exec = "drain", grace = "4s" } }
proc.top = { actor = "idle", after = { base = "started" }, stop = { grace = "1s" } }
"#;

    #[test]
    fn a_command_is_run_when_its_process_would_be_asked() {
        let plan = plan(DRAINED);
        let hold = plan.holds().command_of(process(0)).expect("it has one");
        assert_eq!(plan.holds().command_of(process(1)), None);
        let mut stop_plan = begin(&plan, &[process(0), process(1)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.2 15"]);
        stop_plan.gone(process(1));
        assert_eq!(due(&mut stop_plan, 0.5), ["!0.1"]);
        assert_eq!(due(&mut stop_plan, 1.0), [""; 0]);
        stop_plan.lift(hold);
        assert_eq!(due(&mut stop_plan, 1.5), ["+0.1 15"]);
        assert_eq!(due(&mut stop_plan, 4.4), [""; 0]);
        assert_eq!(
            due(&mut stop_plan, 4.5),
            ["-0.1"],
            "the command has used up a part of its time"
        );
    }

    #[test]
    fn a_command_that_hangs_leaves_time_for_the_request() {
        let plan = plan(DRAINED);
        let mut stop_plan = begin(&plan, &[process(0)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["!0.1"]);
        assert_eq!(stop_plan.next(), Some(at(3.0)));
        assert_eq!(due(&mut stop_plan, 3.0), ["+0.1 15"]);
        assert_eq!(due(&mut stop_plan, 4.0), ["-0.1"]);
    }

    #[test]
    fn a_process_that_has_ended_before_its_request_is_not_asked() {
        let plan = plan(DRAINED);
        let mut stop_plan = begin(&plan, &[process(0)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["!0.1"]);
        stop_plan.gone(process(0));
        assert_eq!(due(&mut stop_plan, 9.0), [""; 0]);
        assert_eq!(stop_plan.next(), None);
    }

    #[test]
    fn what_others_depend_on_is_asked_when_they_have_left() {
        let plan = plan(CHAIN);
        let mut stop_plan = begin(&plan, &[process(0), process(1)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.2 15"]);
        assert_eq!(due(&mut stop_plan, 0.5), [""; 0]);
        stop_plan.gone(process(1));
        assert_eq!(due(&mut stop_plan, 0.5), ["+0.1 3"]);
        stop_plan.gone(process(0));
        assert_eq!(stop_plan.waiting_for().count(), 0);
        assert_eq!(
            due(&mut stop_plan, 2.5),
            [""; 0],
            "its time is over, and it has left"
        );
        assert_eq!(stop_plan.next(), None);
    }

    #[test]
    fn nothing_is_held_longer_than_the_graces_before_it() {
        let plan = plan(CHAIN);
        let mut stop_plan = begin(&plan, &[process(0), process(1)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.2 15"]);
        assert_eq!(stop_plan.next(), Some(at(1.0)));
        assert_eq!(due(&mut stop_plan, 1.0), ["+0.1 3", "-0.2"]);
        assert_eq!(due(&mut stop_plan, 2.9), [""; 0]);
        assert_eq!(due(&mut stop_plan, 3.0), ["-0.1"]);
    }

    #[test]
    fn what_ends_sooner_around_it_shortens_its_time() {
        let plan = plan(CHAIN);
        let subjects = [process(0), process(1)];
        let mut stop_plan = StopPlan::begin(&plan, Some(0), &subjects, at(0.0), Some(at(1.5)));
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.2 15"]);
        stop_plan.gone(ProcessKey::init(0));
        assert_eq!(due(&mut stop_plan, 0.4), [""; 0]);
        assert_eq!(due(&mut stop_plan, 0.5), ["+0.1 3"]);
    }

    const ELSEWHERE: &str = r#"
[ns.a]
[ns."a/b"]
proc.user = { actor = "idle", after = { "../c" = "ready", "/a/d/init" = "started" } }
[ns."a/c"]
[ns."a/d"]
init = { actor = "idle" }
"#;

    #[test]
    fn what_is_elsewhere_is_held_until_the_controller_lifts_the_hold() {
        let plan = plan(ELSEWHERE);
        let subjects = [1, 2, 3].map(ProcessKey::init);
        let mut stop_plan = StopPlan::begin(&plan, Some(0), &subjects, at(0.0), None);
        assert_eq!(due(&mut stop_plan, 0.0), ["+1.0 15"]);
        stop_plan.gone(ProcessKey::init(1));
        assert_eq!(due(&mut stop_plan, 0.1), [""; 0]);
        let [hold] = plan.holds_of(ProcessKey::init(2), Some(0))[..] else {
            panic!("a hold on the namespace")
        };
        stop_plan.lift(hold);
        assert_eq!(due(&mut stop_plan, 0.2), ["+2.0 15"]);
        let [hold] = plan.holds_of(ProcessKey::init(3), Some(0))[..] else {
            panic!("a hold on the program")
        };
        stop_plan.lift(hold);
        assert_eq!(due(&mut stop_plan, 0.3), ["+3.0 15"]);
    }

    #[test]
    fn a_dependent_that_is_not_there_holds_nobody_back() {
        let plan = plan(CHAIN);
        let mut stop_plan = begin(&plan, &[process(0)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.1 3"]);
    }

    #[test]
    fn a_program_that_is_pid_one_is_asked_last() {
        let plan = plan(
            r#"
            [ns.a]
            init = { actor = "idle" }
            stop = { signal = "INT", grace = "4s" }
            proc.one = { actor = "idle" }
            [ns."a/b"]
            stop = { grace = "1s" }
            "#,
        );
        let inside = ProcessKey::init(1);
        let mut stop_plan = begin(&plan, &[ProcessKey::init(0), process(0), inside]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.1 15", "+1.0 15"]);
        stop_plan.gone(process(0));
        assert_eq!(due(&mut stop_plan, 0.1), [""; 0]);
        stop_plan.gone(inside);
        assert_eq!(due(&mut stop_plan, 0.2), ["+0.0 2"]);
        // Its time has run since the stop began.
        assert_eq!(due(&mut stop_plan, 4.0), ["-0.0"]);
    }

    #[test]
    fn an_init_of_ours_has_a_margin_and_is_told_when_what_is_around_it_ends() {
        let plan = plan("[ns.a]\n[ns.\"a/b\"]\nstop = { signal = 'USR1', grace = '1s' }\n");
        let subject = ProcessKey::init(1);
        let mut stop_plan = StopPlan::begin(&plan, Some(0), &[subject], at(0.0), Some(at(9.0)));
        let [Action::Ask { signal, until, .. }] = stop_plan.due(at(0.0))[..] else {
            panic!("it is asked at once")
        };
        assert_eq!(
            (signal.number(), until),
            (nix::libc::SIGUSR1, Some(at(9.0)))
        );
        assert_eq!(stop_plan.next(), Some(at(1.0).plus(MARGIN)));
    }

    #[test]
    fn a_call_is_no_request_to_stop() {
        let plan = plan("[ns.a]\nstop = { signal = 'URG', grace = '1s' }\n");
        let mut stop_plan = begin(&plan, &[ProcessKey::init(0)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.0 15"]);
    }

    #[test]
    fn whoever_is_left_is_killed_once() {
        let plan = plan(CHAIN);
        let mut stop_plan = begin(&plan, &[process(0), process(1)]);
        assert_eq!(due(&mut stop_plan, 0.0), ["+0.2 15"]);
        stop_plan.gone(process(1));
        assert_eq!(words(stop_plan.kill_all()), ["-0.1"]);
        assert_eq!(words(stop_plan.kill_all()), [""; 0]);
        assert_eq!(stop_plan.next(), None);
        assert_eq!(
            stop_plan.waiting_for().collect::<Vec<_>>(),
            [(process(0), None)]
        );
    }

    #[test]
    fn a_word_is_milliseconds_and_zero_is_none() {
        assert_eq!(time_left(1500), Some(Duration::from_millis(1500)));
        assert_eq!(
            [time_left(0), time_left(-1), time_left(i32::MIN)],
            [None; 3]
        );
    }
}
