//! The verdict: what an end means, and the deaths that have another cause than themselves.
//!
//! A tree may be there for the command of `run FILE`, or for a test. These begin when it is ready
//! and not before: what must not fail and does, or ends before it is ready, ends the tree. From
//! then on its processes end as they like, and its user decides when it ends; what has failed by
//! the rules of the topology is remembered, so that a command that ends well on a broken tree is
//! not taken for a success.

use std::time::Duration;

use nix::libc;

use super::edge::{Edge, LastLines, Source};
use super::restarts::{FailedRestart, Restarts};
use super::{Arrival, Rules};
use crate::controller::Fixture;
use crate::controller::event_sink::{Cause, Note};
use crate::controller::life::Life;
use crate::controller::roster::{ExitEvent, State};
use crate::controller::startup_report::{FailedProcess, Failing, NotReady};
use crate::controller::tree::Tree;
use crate::controller::verdict::{self, Course, Verdict};
use crate::engine::plan::{NamespaceIndex, ProcessKey, ProcessPlan, Slot};
use crate::engine::report::Ending;
use nestns_sys::moment::Moment;
use nestns_topology::{Entry, OnExit, Weight};

/// Time that it may take to read what a process has written before it failed.
const READING: Duration = Duration::from_secs(1);
/// Time that a member's death by KILL may wait for that of its PID 1, which would explain it.
const EXPLANATION: Duration = Duration::from_millis(200);
/// The same time where a PID 1 around it is seen to be ending: that takes as long as the kernel and
/// its reaper need.
const CERTAIN_EXPLANATION: Duration = Duration::from_secs(30);

/// A death whose meaning is not clear yet.
#[derive(Debug)]
struct Unexplained {
    subject: ProcessKey,
    ending: Ending,
    until: Moment,
}

/// The judge of all ends.
#[derive(Debug)]
pub(super) struct Judge {
    verdict: Verdict,
    /// The path of the process whose status is that of the whole.
    status_from: Option<String>,
    fixture: Option<Fixture>,
    /// True if the tree is there for the command of `run`.
    has_command: bool,
    /// Processes that have failed by the rules of the topology, while the user of a fixture
    /// decides.
    failed: Vec<FailedProcess>,
    unexplained: Vec<Unexplained>,
}

impl Judge {
    /// A judge before which nothing has ended.
    pub(super) fn new(rules: Rules, has_command: bool) -> Self {
        Self {
            verdict: Verdict::new(rules.on_exit),
            status_from: rules.status_from,
            fixture: rules.fixture,
            has_command,
            failed: Vec::new(),
            unexplained: Vec::new(),
        }
    }

    /// True if no death waits for its meaning.
    pub(super) fn is_clear(&self) -> bool {
        self.unexplained.is_empty()
    }

    /// Moment at which a death is next taken for what it seems to be.
    pub(super) fn next(&self) -> Option<Moment> {
        self.unexplained
            .iter()
            .map(|unexplained| unexplained.until)
            .min()
    }

    /// Takes the status of the whole from an end.
    pub(super) fn adopt(&mut self, ending: Ending) {
        self.verdict.adopt(ending);
    }

    /// Takes in the end of a PID 1: what was inside went with it, and what its kernel has taken
    /// along is handed out.
    pub(super) fn collapse(
        &mut self,
        edge: &mut dyn Edge,
        restarts: &Restarts,
        init: ProcessKey,
        at: Moment,
    ) {
        let tree = edge.tree_mut();
        let inside = init.namespace..init.namespace + tree.plan.subtree(init.namespace);
        let mut taken = tree.roster.collapse(init.namespace, at);
        self.unexplained.retain(|unexplained| {
            let explained = inside.contains(&unexplained.subject.namespace);
            if explained && let Some(record) = tree.roster.get_mut(unexplained.subject) {
                record.state = State::Gone;
                taken.push(unexplained.subject);
            }
            !explained
        });
        edge.record_collapse(init, &taken);
        self.adopt_collapsed(edge, restarts, init);
    }

    /// Takes the status of the whole from a process that may have died with its PID 1.
    fn adopt_collapsed(&mut self, edge: &mut dyn Edge, restarts: &Restarts, init: ProcessKey) {
        let tree = edge.tree_mut();
        let comes_again = tree
            .plan
            .namespace(init.namespace)
            .restart_of(init.slot)
            .is_some();
        let is_decisive = !comes_again && !restarts.is_changing(&tree.plan, init);
        let Some(path) = self.status_from.clone().filter(|_| is_decisive) else {
            return;
        };
        let inside = init.namespace..init.namespace + tree.plan.subtree(init.namespace);
        let gone = tree.roster.subjects().find(|&subject| {
            let is_gone = || {
                tree.roster
                    .get(subject)
                    .is_some_and(|record| record.state == State::Gone)
            };
            inside.contains(&subject.namespace)
                && subject != init
                && is_gone()
                && tree.roster.path(subject) == path
        });
        if gone.is_some() {
            self.verdict.adopt(Ending::Signalled(libc::SIGKILL));
            self.status_from = None;
            tree.request_stop(Cause::Ended { path });
        }
    }

    /// Judges an end, unless it may be explained by another one that is still to come.
    pub(super) fn judge_or_wait(
        &mut self,
        edge: &mut dyn Edge,
        restarts: &mut Restarts,
        subject: ProcessKey,
        (ending, at): (Ending, Moment),
    ) {
        if may_be_collapse(edge.tree(), subject, ending) {
            edge.tree_mut().mark(subject, State::Gone);
            if let Some(record) = edge.tree_mut().roster.get_mut(subject) {
                record.exit_event = ExitEvent::Unexplained;
            }
            let wait_hook = if is_doomed(edge, subject) {
                CERTAIN_EXPLANATION
            } else {
                EXPLANATION
            };
            self.unexplained.push(Unexplained {
                subject,
                ending,
                until: at.plus(wait_hook),
            });
        } else {
            self.judge(edge, restarts, subject, ending);
        }
    }

    /// Judges the deaths that nothing has explained in time.
    pub(super) fn judge_unexplained(
        &mut self,
        edge: &mut dyn Edge,
        restarts: &mut Restarts,
    ) -> bool {
        let now = edge.now();
        let due: Vec<Unexplained> = self
            .unexplained
            .extract_if(.., |unexplained| unexplained.until <= now)
            .collect();
        let is_any = !due.is_empty();
        for Unexplained {
            subject, ending, ..
        } in due
        {
            self.judge(edge, restarts, subject, ending);
        }
        is_any
    }

    /// Decides what an end means.
    fn judge(
        &mut self,
        edge: &mut dyn Edge,
        restarts: &mut Restarts,
        subject: ProcessKey,
        ending: Ending,
    ) {
        let tree = edge.tree_mut();
        let plan = tree.plan;
        let namespace = plan.namespace(subject.namespace);
        let record = tree.roster.get(subject);
        let killed = record.is_some_and(|record| record.stop_record.killed.is_some());
        let asked = killed || record.is_some_and(|record| record.stop_record.is_asked());
        let sent_away = record.is_some_and(|record| record.was_sent_away(ending));
        let process = namespace.process(subject.slot);
        // A PID 1 of ours ends with 0, or was killed from outside.
        let is_init = subject.is_init();
        let main = namespace
            .main_process()
            .filter(|_| is_init && process.is_none());
        let success = process
            .or(main)
            .map_or(ending == Ending::Exited(0), |process| {
                verdict::is_success(process, ending)
            });
        let state = match ending {
            _ if process.or(main).is_none() => {
                if success {
                    State::Exited
                } else {
                    State::Killed
                }
            }
            _ if killed => State::Killed,
            _ if success => State::Exited,
            Ending::Signalled(_) if asked => State::Killed,
            // It has ended as it was told to.
            _ if sent_away => State::Killed,
            _ => State::Failed,
        };
        tree.mark(subject, state);
        edge.record_exit(subject, ending, None);
        // In a target that is taken down or brought back, no end means anything else.
        if restarts.is_changing(&plan, subject)
            || (!asked && restarts.comes_back(edge, subject, success, ending))
        {
            return;
        }
        if namespace.main.map(Slot::Process) == Some(subject.slot) && !asked {
            restarts.end_namespace(subject.namespace);
        }
        let Some(process) = process else {
            if !asked && main.is_none() {
                self.judge_finally(edge, subject, ending);
            }
            return;
        };
        let path = namespace.path_of(subject.slot);
        if self.status_from.as_deref() == Some(path.as_str()) {
            self.verdict.adopt(ending);
            edge.tree_mut().request_stop(Cause::Ended { path });
            return;
        }
        // What ends because it was asked to has not failed.
        if sent_away {
            if edge.tree().life == Life::Running && self.verdict.sent_away(process) == Course::Stop
            {
                edge.tree_mut().request_stop(Cause::Ended { path });
            }
        } else if !asked {
            self.judge_finally(edge, subject, ending);
        }
    }

    /// Judges a restart by policy that has itself failed: that counts like an end of what it was to
    /// bring back.
    pub(super) fn judge_failed_restart(
        &mut self,
        edge: &mut dyn Edge,
        restarts: &mut Restarts,
        failed: &FailedRestart,
    ) {
        let subject = failed.part.0;
        let path = failed.part.path(&edge.tree().plan);
        edge.note(&Note::NotRestarted {
            path: &path,
            trouble: &failed.reason,
        });
        let ending = Ending::Exited(1);
        if restarts.comes_back(edge, subject, false, ending) {
            return;
        }
        edge.tree_mut().mark(subject, State::Failed);
        self.judge_finally(edge, subject, ending);
    }

    /// Decides what an end means after which nothing is started again.
    fn judge_finally(&mut self, edge: &mut dyn Edge, subject: ProcessKey, ending: Ending) {
        let tree = edge.tree();
        if tree.life != Life::Running {
            return;
        }
        let namespace = tree.plan.namespace(subject.namespace);
        let path = namespace.path_of(subject.slot);
        let Some(process) = namespace.process(subject.slot) else {
            if ending != Ending::Exited(0) {
                edge.note(&Note::InitLost {
                    path: &path,
                    ending,
                });
                self.verdict.adopt(ending);
                edge.tree_mut().request_stop(Cause::Ended { path });
            }
            return;
        };
        let success = verdict::is_success(process, ending);
        let refused = tree
            .roster
            .get(subject)
            .is_some_and(|record| record.refusal.is_some());
        if self.status_from.as_deref() == Some(path.as_str()) {
            self.verdict.adopt(ending);
            edge.tree_mut().request_stop(Cause::Ended { path });
            return;
        }
        if refused {
            self.note_failure(edge, subject, ending, Vec::new());
        } else if !success {
            self.tell_failure(edge, subject, process, ending);
        }
        if self.verdict.ended(process, ending) == Course::Stop {
            edge.tree_mut().request_stop(Cause::Ended { path });
        }
    }

    /// True if a process is as far as it will get by itself: ready, or beyond hope, ended or not, without
    /// having ended the topology.
    fn is_settled(&self, tree: &Tree, restarts: &Restarts, subject: ProcessKey) -> bool {
        if tree.readiness.is_ready(subject) {
            return true;
        }
        let is_unexplained = self
            .unexplained
            .iter()
            .any(|unexplained| unexplained.subject == subject);
        let record = tree.roster.get(subject);
        !is_unexplained
            && !restarts.brings_back(&tree.plan, subject)
            && record.is_some_and(|record| {
                let is_over = record.ending.is_some() && record.state.is_over();
                is_over || (record.ending.is_none() && record.given_up.is_some())
            })
    }

    /// True if every process is.
    pub(super) fn all_settled(&self, tree: &mut Tree, restarts: &Restarts) -> bool {
        while let Some(subject) = tree.readiness.first_pending() {
            if !self.is_settled(tree, restarts, subject) {
                return false;
            }
            tree.readiness.is_no_longer_pending(subject);
        }
        true
    }

    /// True if everything that must not fail is ready; ends the tree where something never will be.
    pub(super) fn arrives(&mut self, edge: &mut dyn Edge, restarts: &Restarts) -> bool {
        if self.fixture.is_none() {
            return true;
        }
        let tree = edge.tree();
        let missing = tree.roster.subjects().find(|&subject| {
            let over = tree
                .roster
                .get(subject)
                .is_some_and(|record| record.state.is_over());
            over && is_essential(tree, subject)
                && !is_excused(tree, restarts, subject)
                && !tree.readiness.is_ready(subject)
        });
        let Some(subject) = missing else { return true };
        let namespace = tree.plan.namespace(subject.namespace);
        let Some(process) = namespace.process(subject.slot) else {
            return true;
        };
        let ending = tree
            .roster
            .get(subject)
            .and_then(|record| record.ending)
            .map(|(ending, _)| ending);
        let path = namespace.path_of(subject.slot);
        let last = last_lines(edge, subject);
        edge.note(&Note::Unready {
            path: &path,
            position: process.position,
            lines: last.unseen(),
        });
        self.failed.push(FailedProcess {
            path: path.clone(),
            failure: Failing::Ended,
            exit: ending.map(Into::into),
            lines: last.lines,
        });
        edge.tree_mut().request_stop(Cause::Ended { path });
        false
    }

    /// Notes what has ended in failure for good.
    fn note_failure(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        ending: Ending,
        lines: Vec<String>,
    ) {
        let failed = FailedProcess {
            path: edge.tree().path(subject),
            failure: Failing::Ended,
            exit: Some(ending.into()),
            lines,
        };
        let cause = |path| Cause::Ended { path };
        self.take_failure(edge, subject, failed, cause);
    }

    /// Notes that a process will never be ready, although it goes on.
    pub(super) fn lose(&mut self, edge: &mut dyn Edge, subject: ProcessKey) {
        let failed = FailedProcess {
            path: edge.tree().path(subject),
            failure: Failing::Unready,
            exit: None,
            lines: last_lines(edge, subject).lines,
        };
        let cause = |path| Cause::Unready { path };
        self.take_failure(edge, subject, failed, cause);
    }

    /// Notes a failure: before the tree is ready that is the end of a fixture, for this cause.
    fn take_failure(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        failed: FailedProcess,
        cause: fn(String) -> Cause,
    ) {
        let tree = edge.tree_mut();
        let has_arrived = has_arrived(tree);
        if let Some(fixture) = self.fixture {
            // A process that only had to start has come so far; whether it should have gone on is
            // for the rules to say.
            let counts = !has_arrived || fixture.on_exit != OnExit::Ignore;
            if counts && is_essential(tree, subject) {
                let was_ready = tree.readiness.is_ready(subject);
                let is_broken =
                    !was_ready || (self.has_command && fixture.on_exit != OnExit::Ignore);
                if !has_arrived && is_broken {
                    tree.request_stop(cause(failed.path.clone()));
                }
                self.failed.push(failed);
            }
        } else if !has_arrived {
            self.failed.push(failed);
        }
    }

    /// Tells of the failure of a process, with the last lines of its output that have not been
    /// shown. Of one that was never started it is told already.
    fn tell_failure(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        process: &ProcessPlan,
        ending: Ending,
    ) {
        let last = last_lines(edge, subject);
        let path = edge.tree().path(subject);
        let record = edge.tree().roster.get(subject);
        if record.is_none_or(|record| record.unmet.is_none()) {
            edge.note(&Note::Failed {
                path: &path,
                position: process.position,
                ending,
                lines: last.unseen(),
            });
        }
        self.note_failure(edge, subject, ending, last.lines);
    }

    /// True if the tree has not become ready, or has failed while its command ended well.
    fn has_failed_as_fixture(&self, tree: &Tree) -> bool {
        let is_unready = self.fixture.is_some() && !has_arrived(tree);
        is_unready
            || (tree.run_command.is_some() && !self.failed.is_empty() && self.verdict.status() == 0)
    }

    fn fixture_status(&self) -> u8 {
        self.fixture.map_or(1, |fixture| fixture.status)
    }

    /// The status of the whole, when everything has ended.
    pub(super) fn status(&self, tree: &Tree) -> u8 {
        match &tree.stop {
            None | Some(Cause::Ended { .. } | Cause::Unready { .. })
                if self.has_failed_as_fixture(tree) =>
            {
                self.fixture_status()
            }
            None | Some(Cause::Ended { .. } | Cause::Unready { .. }) => self.verdict.status(),
            Some(cause @ Cause::Timeout) => cause.status(),
            Some(_) if tree.run_command.is_some() => self.verdict.status(),
            Some(Cause::Asked | Cause::Untied) => self.verdict.status(),
            Some(Cause::Signal(_)) if tree.life == Life::Killing => Cause::KILLED,
            Some(cause @ (Cause::Signal(_) | Cause::OutputClosed)) => cause.status(),
        }
    }

    /// Tells people that the tree has failed while its command ended well.
    pub(super) fn tell_what_failed(&self, edge: &mut dyn Edge) {
        if self.has_failed_as_fixture(edge.tree())
            && edge.tree().run_command.is_some()
            && let Some(failed) = self.failed.first()
        {
            let status = self.fixture_status();
            edge.note(&Note::FailedMeanwhile {
                path: &failed.path,
                status,
            });
        }
    }

    /// Report to the client that still waits for the tree: that it has not become ready, and why.
    pub(super) fn take_reasons(&mut self, tree: &Tree) -> NotReady {
        let pending = tree.roster.subjects().filter(|&subject| {
            tree.plan
                .namespace(subject.namespace)
                .process(subject.slot)
                .is_some()
                && !tree.readiness.is_ready(subject)
                && tree.roster.get(subject).is_some_and(|record| {
                    !record.state.is_over()
                        || record.stop_record.is_asked()
                        || record.stop_record.killed.is_some()
                })
        });
        let waited_for = pending.map(|subject| tree.roster.path(subject)).collect();
        NotReady {
            failed: std::mem::take(&mut self.failed),
            waited_for,
        }
    }
}

/// True if the user of the tree has begun.
fn has_arrived(tree: &Tree) -> bool {
    tree.run_command.is_some() || tree.arrival == Arrival::Told
}

fn is_essential(tree: &Tree, subject: ProcessKey) -> bool {
    let namespace = tree.plan.namespace(subject.namespace);
    namespace
        .process(subject.slot)
        .is_some_and(|process| process.weight == Weight::Essential)
}

/// True if a process was taken down, or ended by `nestns kill`, and is not missed.
fn is_excused(tree: &Tree, restarts: &Restarts, subject: ProcessKey) -> bool {
    restarts.is_changing(&tree.plan, subject)
        || tree.roster.get(subject).is_some_and(|record| {
            record.stop_record.is_asked()
                || record
                    .ending
                    .is_some_and(|(ending, _)| record.was_sent_away(ending))
        })
}

/// True if a death by KILL may be that of the namespace around: its PID 1 is reaped only after all
/// that was inside.
fn may_be_collapse(tree: &Tree, subject: ProcessKey, ending: Ending) -> bool {
    let killed = tree
        .roster
        .get(subject)
        .is_some_and(|record| record.stop_record.killed.is_some());
    if killed || ending != Ending::Signalled(libc::SIGKILL) {
        return false;
    }
    let namespace = tree.plan.namespace(subject.namespace);
    let around = if subject.is_init() {
        // Its parent outlives a namespace around it only where that one's PID 1 is a program.
        namespace
            .parent
            .filter(|&parent| !tree.plan.namespace(parent).forks_its_members())
    } else {
        let joined = namespace
            .process(subject.slot)
            .is_some_and(|process| process.entry == Entry::Join);
        joined.then_some(subject.namespace)
    };
    let init = around.and_then(|index| tree.roster.get(ProcessKey::init(index)));
    init.is_some_and(|init| !init.state.is_over())
}

/// True if a PID 1 around a process is ending. It marks itself so before it kills all that is
/// inside, and leaves when all of that has been reaped; on a busy machine that may be long after.
fn is_doomed(edge: &dyn Edge, subject: ProcessKey) -> bool {
    let tree = edge.tree();
    let parent = |index: NamespaceIndex| tree.plan.namespace(index).parent;
    let first = if subject.is_init() {
        parent(subject.namespace)
    } else {
        Some(subject.namespace)
    };
    let init = |index| tree.roster.get(ProcessKey::init(index));
    std::iter::successors(first, |&index| parent(index))
        .filter_map(init)
        .filter(|init| !init.state.is_over())
        .any(|init| init.pid().is_some_and(|pid| edge.kernel().is_ending(pid)))
}

/// Last lines of a process's output.
fn last_lines(edge: &mut dyn Edge, subject: ProcessKey) -> LastLines {
    edge.drain(Source::Programs(edge.now().plus(READING)));
    edge.last_lines(subject)
}
