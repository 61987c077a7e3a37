//! Roster of a tree that stands: a record of each PID 1 and each process, filled by what the kernel
//! says.

use std::collections::BTreeSet;

use nix::libc;
use nix::unistd::Pid;

use crate::engine::exec_error::ExecError;
use crate::engine::plan::{NamespaceIndex, Plan, ProcessKey, Slot, TreePart};
use crate::engine::report::{Ending, StopRequest};
use nestns_observe::namespaces::PidNamespace;
use nestns_observe::process::Process;
use nestns_sys::moment::Moment;
pub use nestns_topology::State;

/// Reason why a process was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KillCause {
    /// Its time was over.
    Deadline,
    /// A user has told nestns to kill it.
    Order,
}

/// Effect of a stop on a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopRecord {
    /// Moment at which the command began that is run before the request.
    pub prepared: Option<Moment>,
    /// End of that command, if it could be run.
    pub command: Option<Ending>,
    /// Signal with which it was asked, and the moment.
    pub asked: Option<(i32, Moment)>,
    /// Moment at which it was killed, and why.
    pub killed: Option<(Moment, KillCause)>,
    /// True if it would have acted on the request; unknown where it could not be read.
    pub handled: Option<bool>,
}

impl StopRecord {
    /// True if it is being stopped.
    pub fn is_asked(&self) -> bool {
        self.prepared.is_some() || self.asked.is_some()
    }

    /// Moment from which its time is counted.
    pub fn began(&self) -> Option<Moment> {
        self.prepared.or(self.asked.map(|(_, at)| at))
    }
}

/// State of the event that tells of the end of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExitEvent {
    /// It has not ended, or that is not read yet.
    #[default]
    None,
    /// It has ended, and it is not known yet whether its PID 1 has taken it along.
    Unexplained,
    /// It is written.
    Written,
}

/// One process.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Life-cycle state. That it is paused is its namespace's ([`Roster::word`]).
    pub state: State,
    /// Facts of the kernel at its creation.
    pub facts: Option<Process>,
    /// Reason why it did not become its program.
    pub refusal: Option<ExecError>,
    /// Ending, and its moment.
    pub ending: Option<(Ending, Moment)>,
    /// Effect of the stop on it.
    pub stop_record: StopRecord,
    /// The last signal that a user has sent it by `nestns kill`.
    pub sent: Option<i32>,
    /// Number of failed tries in a row after which it counts as never becoming ready.
    pub given_up: Option<u32>,
    /// Number of restarts.
    pub restarts: u32,
    /// True if it has sent what it is to be heard through: once in a life.
    pub has_launched: bool,
    /// True if another process has said that it is ready, which does not count.
    pub has_been_spoken_for: bool,
    /// State of the event that tells of its end.
    pub exit_event: ExitEvent,
    /// Dependency for which it, or the namespace that it is the PID 1 of, has waited in vain: it was
    /// never started.
    pub unmet: Option<String>,
}

impl Record {
    /// True if an end is what a user has asked for by `nestns kill`: what a signal says that asks
    /// for an end, or that very signal.
    pub fn was_sent_away(&self, ending: Ending) -> bool {
        let Some(sent) = self.sent else { return false };
        let asks_for_an_end =
            [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGKILL].contains(&sent);
        asks_for_an_end || ending.status() == Ending::Signalled(sent).status()
    }

    /// Records that the command before the request begins.
    pub fn record_preparation(&mut self, at: Moment) {
        self.stop_record.prepared.get_or_insert(at);
        if !self.state.is_over() {
            self.state = State::Stopping;
        }
    }

    /// Records the request to end; false if it was asked before.
    pub fn record_request(&mut self, signal: i32, at: Moment) -> bool {
        let is_first = self.stop_record.asked.replace((signal, at)).is_none();
        if is_first && !self.state.is_over() {
            self.state = State::Stopping;
        }
        is_first
    }

    /// Records that it was killed; false if that was so before.
    pub fn record_kill(&mut self, at: Moment, cause: KillCause) -> bool {
        let is_first = self.stop_record.killed.is_none();
        self.stop_record.killed.get_or_insert((at, cause));
        if is_first && !self.state.is_over() {
            self.state = State::Killing;
        }
        is_first
    }

    /// PID on the host.
    pub fn pid(&self) -> Option<Pid> {
        self.facts
            .as_ref()
            .and_then(|facts| facts.numbers.first())
            .copied()
            .map(Pid::from_raw)
    }
}

/// One namespace.
#[derive(Debug, Clone)]
pub struct NamespaceRecord {
    /// Facts of the kernel.
    pub facts: Option<PidNamespace>,
    /// The inodes of its PID 1's user and mount namespaces.
    pub other: Option<(u64, u64)>,
    /// First request to its PID 1 to stop.
    pub stopped_by: Option<StopRequest>,
    /// Number of processes that were killed unasked by the end of its PID 1, besides declared ones.
    pub not_asked: Option<u32>,
    /// True if everything in it is ready.
    pub is_ready: bool,
    /// PID 1, then the declared processes.
    pub members: Vec<Record>,
}

impl NamespaceRecord {
    /// Life-cycle state: that of its PID 1, but for being ready.
    pub fn state(&self) -> State {
        match self.members[0].state {
            State::Running | State::Ready if self.is_ready => State::Ready,
            State::Ready => State::Running,
            state => state,
        }
    }
}

/// Records of a tree.
///
/// It grows as they report. A record of each in advance would be memory of the controller from
/// before the first fork, and every process of the tree would copy its page tables: a third of the
/// cost of a fork with ten thousand namespaces.
#[derive(Debug)]
pub struct Roster {
    plan: Plan,
    namespaces: Vec<NamespaceRecord>,
    outstanding: usize,
    /// Namespaces that are paused, each with all that is in it.
    paused: BTreeSet<NamespaceIndex>,
    /// True if the gates are open.
    is_released: bool,
    /// Another number after whatever may have changed something.
    revision: u64,
}

impl Roster {
    /// A roster of a plan of which nothing exists yet.
    pub fn new(plan: Plan) -> Self {
        let outstanding = plan
            .indices()
            .map(|index| plan.namespace(index).processes.len() + 1)
            .sum();
        Self {
            plan,
            namespaces: Vec::new(),
            outstanding,
            paused: BTreeSet::new(),
            is_released: false,
            revision: 0,
        }
    }

    /// The plan that it is about.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A number that is another one after each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Number of the declared processes and PID 1s that do not exist yet.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// A namespace's record; `None` as long as nothing of it, nor of one after it in the file, has
    /// reported.
    pub fn namespace(&self, index: NamespaceIndex) -> Option<&NamespaceRecord> {
        self.namespaces.get(index as usize)
    }

    /// The same, made where there is none, to be changed; `None` for a namespace that the plan does
    /// not have.
    pub fn namespace_mut(&mut self, index: NamespaceIndex) -> Option<&mut NamespaceRecord> {
        if index >= self.plan.counts().namespaces {
            return None;
        }
        while self.namespaces.len() <= index as usize {
            let next = u32::try_from(self.namespaces.len()).ok()?;
            let namespace = self.plan.namespace(next);
            let members = vec![Record::default(); namespace.processes.len() + 1];
            self.namespaces.push(NamespaceRecord {
                facts: None,
                other: None,
                stopped_by: None,
                not_asked: None,
                is_ready: false,
                members,
            });
        }
        self.revision += 1;
        self.namespaces.get_mut(index as usize)
    }

    /// A process's record; `None` for a subject that the plan does not have.
    pub fn get(&self, subject: ProcessKey) -> Option<&Record> {
        self.namespaces
            .get(subject.namespace as usize)?
            .members
            .get(subject.slot.index()?)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, subject: ProcessKey) -> Option<&mut Record> {
        // What is not in it has changed nothing.
        let index = subject.slot.index()?;
        self.namespace_mut(subject.namespace)?
            .members
            .get_mut(index)
    }

    /// True if a PID on the host is that of the PID 1 of a namespace.
    pub fn is_init(&self, namespace: NamespaceIndex, pid: Pid) -> bool {
        self.get(ProcessKey::init(namespace)).and_then(Record::pid) == Some(pid)
    }

    /// Notes that a process exists; says whether it is news.
    pub fn arrived(&mut self, subject: ProcessKey) -> bool {
        let runs = self.is_released
            && subject.is_init()
            && self.plan.namespace(subject.namespace).forks_its_members();
        match self.get_mut(subject) {
            Some(record) if record.state == State::Creating => {
                record.state = if runs { State::Running } else { State::Created };
                self.outstanding -= 1;
                true
            }
            _ => false,
        }
    }

    /// Begins a process's record anew, because it is about to be created again.
    pub fn renew(&mut self, subject: ProcessKey) {
        let Some(record) = self.get_mut(subject) else {
            return;
        };
        if record.state != State::Creating {
            *record = Record {
                restarts: record.restarts.saturating_add(1),
                ..Record::default()
            };
            self.outstanding += 1;
        }
        if subject.is_init()
            && let Some(namespace) = self.namespace_mut(subject.namespace)
        {
            namespace.facts = None;
            namespace.other = None;
            namespace.stopped_by = None;
            namespace.not_asked = None;
        }
    }

    /// Notes that a process will not exist after all.
    pub fn give_up(&mut self, subject: ProcessKey) {
        let Some(record) = self.get_mut(subject) else {
            return;
        };
        let was_awaited = record.state == State::Creating;
        if !record.state.is_over() {
            record.state = State::Gone;
        }
        if was_awaited {
            self.outstanding -= 1;
        }
    }

    /// Notes that a namespace is paused with all that is in it.
    pub fn pause(&mut self, index: NamespaceIndex) {
        self.paused.insert(index);
        self.revision += 1;
    }

    /// Notes that it goes on.
    pub fn resume(&mut self, index: NamespaceIndex) {
        self.paused.remove(&index);
        self.revision += 1;
    }

    /// The namespaces that are paused, the outer ones first.
    pub fn paused(&self) -> Vec<NamespaceIndex> {
        self.paused.iter().copied().collect()
    }

    /// The outermost paused namespace that a namespace is in: itself, or one around it.
    pub fn paused_by(&self, index: NamespaceIndex) -> Option<NamespaceIndex> {
        self.paused
            .iter()
            .copied()
            .find(|&paused| (paused..paused + self.plan.subtree(paused)).contains(&index))
    }

    /// True if every root is paused, and there is one.
    pub fn is_all_paused(&self) -> bool {
        !self.paused.is_empty() && self.plan.roots().all(|root| self.paused.contains(&root))
    }

    /// The word in documents for what is in a namespace and in this state.
    pub fn word(&self, index: NamespaceIndex, state: State) -> &'static str {
        match state {
            State::Created | State::Running | State::Ready if self.paused_by(index).is_some() => {
                State::Paused.word()
            }
            state => state.word(),
        }
    }

    /// True if the gates are open.
    pub fn is_released(&self) -> bool {
        self.is_released
    }

    /// Notes that the gates are open: a PID 1 of ours has no program to start, and runs from then
    /// on.
    pub fn release(&mut self) {
        self.is_released = true;
        for index in self.plan.indices() {
            if !self.plan.namespace(index).forks_its_members() {
                continue;
            }
            if let Some(record) = self.get_mut(ProcessKey::init(index))
                && record.state == State::Created
            {
                record.state = State::Running;
            }
        }
    }

    /// Every subject, in the order of creation.
    pub fn subjects(&self) -> impl Iterator<Item = ProcessKey> + '_ {
        (0..).zip(&self.namespaces).flat_map(|(namespace, record)| {
            (0..)
                .map(Slot::nth)
                .zip(&record.members)
                .map(move |(slot, _)| ProcessKey { namespace, slot })
        })
    }

    /// Path of a process: `vm/ci/init`, `vm/ci/runner`.
    pub fn path(&self, subject: ProcessKey) -> String {
        self.plan.namespace(subject.namespace).path_of(subject.slot)
    }

    /// The path of a part of the tree.
    pub fn path_of(&self, part: TreePart) -> String {
        match part {
            TreePart::Namespace(index) => self.plan.namespace(index).path.clone(),
            TreePart::Process(subject) => self.path(subject),
        }
    }

    /// Marks everything in a namespace and below it as over, which its PID 1 has taken along, and
    /// says what that was.
    pub fn collapse(&mut self, index: NamespaceIndex, at: Moment) -> Vec<ProcessKey> {
        let mut taken = Vec::new();
        for inner in index..index + self.plan.subtree(index) {
            let mut awaited = 0;
            let Some(namespace) = self.namespace_mut(inner) else {
                return taken;
            };
            for (slot, record) in (0..).map(Slot::nth).zip(&mut namespace.members) {
                if !record.state.is_over() {
                    awaited += usize::from(record.state == State::Creating);
                    taken.push(ProcessKey {
                        namespace: inner,
                        slot,
                    });
                    // One that was killed at its own deadline died of that: its reaper, where PID 1
                    // is none, has only not reported it yet.
                    record.state = if record.stop_record.killed.is_some() {
                        State::Killed
                    } else {
                        State::Gone
                    };
                    record
                        .ending
                        .get_or_insert((Ending::Signalled(nix::libc::SIGKILL), at));
                }
            }
            self.outstanding -= awaited;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::{KillCause, Record, Roster, State};
    use crate::controller::supervisor::plan_of;
    use crate::engine::plan::{ProcessKey, Slot};
    use crate::engine::report::Ending;
    use nestns_sys::moment::Moment;
    use nix::libc;

    const NESTED: &str = "[ns.a]\nproc.one = { actor = 'idle' }\n[ns.'a/b']\nproc.two = { actor = 'idle' }\n[ns.c]\n";

    fn whole() -> (Roster, Vec<ProcessKey>) {
        let plan = plan_of(NESTED);
        let mut roster = Roster::new(plan);
        let subjects: Vec<ProcessKey> = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
            .map(|(namespace, slot)| ProcessKey {
                namespace,
                slot: Slot::nth(slot),
            })
            .into();
        for &subject in &subjects {
            assert!(roster.arrived(subject));
        }
        (roster, subjects)
    }

    #[test]
    fn what_has_arrived_is_not_outstanding_any_more() {
        let mut roster = Roster::new(plan_of(NESTED));
        assert_eq!(roster.outstanding(), 5);
        assert!(roster.arrived(ProcessKey {
            namespace: 1,
            slot: Slot::nth(1)
        }));
        assert!(
            !roster.arrived(ProcessKey {
                namespace: 1,
                slot: Slot::nth(1)
            }),
            "it is news once"
        );
        assert_eq!(roster.outstanding(), 4);
    }

    #[test]
    fn what_the_plan_does_not_have_has_no_record() {
        let (mut roster, _) = whole();
        assert!(
            roster
                .get_mut(ProcessKey {
                    namespace: 3,
                    slot: Slot::Init
                })
                .is_none()
        );
        assert!(
            roster
                .get_mut(ProcessKey {
                    namespace: 0,
                    slot: Slot::nth(2)
                })
                .is_none()
        );
        assert!(roster.get_mut(ProcessKey::session(0, 1)).is_none());
        assert!(!roster.arrived(ProcessKey::run_command(None)));
    }

    #[test]
    fn everything_is_listed_in_the_order_of_creation() {
        let (roster, subjects) = whole();
        assert_eq!(roster.subjects().collect::<Vec<_>>(), subjects);
    }

    #[test]
    fn an_init_of_ours_runs_with_the_release() {
        let (mut roster, subjects) = whole();
        roster.release();
        let states: Vec<State> = subjects
            .iter()
            .map(|&subject| roster.get(subject).unwrap().state)
            .collect();
        assert_eq!(
            states,
            [
                State::Running,
                State::Created,
                State::Running,
                State::Created,
                State::Running
            ]
        );
    }

    #[test]
    fn a_restart_counts_and_is_awaited_again() {
        let (mut roster, subjects) = whole();
        roster.renew(subjects[1]);
        assert_eq!(
            (
                roster.outstanding(),
                roster.get(subjects[1]).unwrap().restarts
            ),
            (1, 1)
        );
        roster.renew(subjects[1]);
        assert_eq!(
            (
                roster.outstanding(),
                roster.get(subjects[1]).unwrap().restarts
            ),
            (1, 1),
            "it has not come yet"
        );
        roster.give_up(subjects[1]);
        assert_eq!(
            (roster.outstanding(), roster.get(subjects[1]).unwrap().state),
            (0, State::Gone)
        );
    }

    #[test]
    fn a_pid_1_takes_along_all_inside_and_nothing_else() {
        let (mut roster, subjects) = whole();
        roster.get_mut(subjects[3]).unwrap().state = State::Exited;
        roster.get_mut(subjects[1]).unwrap().stop_record.killed =
            Some((Moment::now(), KillCause::Deadline));
        let taken = roster.collapse(0, Moment::now());
        assert_eq!(taken, [subjects[0], subjects[1], subjects[2]]);
        let state = |place: usize| roster.get(subjects[place]).unwrap().state;
        assert_eq!(
            [state(0), state(1), state(2), state(3)],
            [State::Gone, State::Killed, State::Gone, State::Exited]
        );
        assert_eq!(state(4), State::Created);
        assert_eq!(
            roster.get(subjects[2]).unwrap().ending.unwrap().0,
            Ending::Signalled(libc::SIGKILL)
        );
    }

    #[test]
    fn what_was_awaited_inside_is_not_any_more() {
        let mut roster = Roster::new(plan_of(NESTED));
        assert!(roster.arrived(ProcessKey::init(0)));
        roster.collapse(0, Moment::now());
        assert_eq!(roster.outstanding(), 1, "the other root");
    }

    #[test]
    fn a_namespace_is_paused_with_all_inside() {
        let (mut roster, _) = whole();
        roster.pause(0);
        assert_eq!((roster.paused_by(1), roster.paused_by(2)), (Some(0), None));
        assert_eq!(
            (
                roster.word(1, State::Running),
                roster.word(2, State::Running)
            ),
            ("paused", "running")
        );
        assert_eq!(roster.word(1, State::Exited), "exited");
        assert!(!roster.is_all_paused());
        roster.pause(2);
        assert!(roster.is_all_paused());
        roster.resume(0);
        assert_eq!((roster.paused_by(1), roster.paused()), (None, vec![2]));
    }

    #[test]
    fn a_change_has_a_number_of_its_own() {
        let (mut roster, subjects) = whole();
        let before = roster.revision();
        roster.get_mut(subjects[0]).unwrap().sent = Some(1);
        assert_ne!(roster.revision(), before);
        let before = roster.revision();
        let _ = roster.get(subjects[0]);
        assert_eq!(roster.revision(), before);
    }

    #[test]
    fn a_namespace_is_ready_with_all_in_it() {
        let (mut roster, _) = whole();
        let namespace = roster.namespace_mut(0).unwrap();
        namespace.members[0].state = State::Ready;
        assert_eq!(namespace.state(), State::Running);
        namespace.is_ready = true;
        assert_eq!(namespace.state(), State::Ready);
        namespace.members[0].state = State::Stopping;
        assert_eq!(namespace.state(), State::Stopping);
    }

    #[test]
    fn an_end_is_what_was_asked_for_by_its_signal_or_its_status() {
        let sent = |signal| Record {
            sent: Some(signal),
            ..Record::default()
        };
        assert!(
            sent(libc::SIGTERM).was_sent_away(Ending::Exited(7)),
            "it was asked to end"
        );
        assert!(sent(libc::SIGUSR1).was_sent_away(Ending::Signalled(libc::SIGUSR1)));
        assert!(
            sent(libc::SIGUSR1).was_sent_away(Ending::Exited(128 + 10)),
            "as a shell says it"
        );
        assert!(!sent(libc::SIGUSR1).was_sent_away(Ending::Exited(7)));
        assert!(!Record::default().was_sent_away(Ending::Signalled(libc::SIGTERM)));
    }
}
