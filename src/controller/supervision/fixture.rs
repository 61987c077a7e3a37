//! A tree that is there for somebody else: the command of `run FILE`, or a test.
//!
//! They begin when it is ready and not before: what must not fail and does, or ends before it is ready, ends the tree. From
//! then on its processes end as they like, and whoever uses it decides when it ends; what has failed by the rules of the
//! topology is remembered, so that a command that ends well on a broken tree is not taken for a success.

use super::Supervision;
use crate::controller::audience::{Cause, Note};
use crate::controller::herald::{FailedProcess, NotReady};
use crate::controller::journal::LogName;
use crate::controller::journal::log_reader::last_lines;
use crate::engine::moment::Moment;
use crate::engine::plan::{ProcessPlan, Subject};
use crate::engine::report::Ending;
use crate::topology::{OnExit, Weight};
use std::time::Duration;

/// So many lines of a process that has failed are shown.
const SHOWN: usize = 10;
/// How long it may take to read what a process has written before it failed.
const READING: Duration = Duration::from_secs(1);

impl Supervision<'_> {
    /// Whether everything that must not fail is ready; ends the tree where something never will be.
    pub(super) fn arrives(&mut self) -> bool {
        if self.fixture.is_none() {
            return true;
        }
        let missing = self.world.tree.roster.subjects().find(|&subject| {
            let over = self.world.tree.roster.get(subject).is_some_and(|record| record.state.is_over());
            over && self.is_essential(subject) && !self.is_excused(subject) && !self.world.tree.readiness.is_ready(subject)
        });
        let Some(subject) = missing else { return true };
        let namespace = self.plan.namespace(subject.namespace);
        let Some(process) = namespace.process(subject.slot) else { return true };
        let ending = self.world.tree.roster.get(subject).and_then(|record| record.ending).map(|(ending, _)| ending);
        let path = namespace.path_of(subject.slot);
        let lines = self.last_lines(subject);
        let shown = self.unseen(&lines);
        self.world.audience.note(&Note::Unready { path: &path, position: process.position, lines: shown });
        self.failed.push(FailedProcess { path: path.clone(), exit: ending.map(Into::into), lines });
        self.world.tree.request_stop(Cause::Ended { path });
        false
    }

    /// Something has failed for good: before the tree is ready that is the end of a fixture.
    pub(super) fn note_failure(&mut self, subject: Subject, ending: Ending, lines: Vec<String>) {
        let path = self.world.tree.path(subject);
        let has_arrived = self.has_arrived();
        if let Some(fixture) = self.fixture {
            // A process that only had to start has come so far; whether it should have gone on is for the rules to say.
            let counts = !has_arrived || fixture.on_exit != OnExit::Ignore;
            if counts && self.is_essential(subject) {
                self.failed.push(FailedProcess { path: path.clone(), exit: Some(ending.into()), lines });
                let was_ready = self.world.tree.readiness.is_ready(subject);
                let is_broken = !was_ready || (self.command.is_some() && fixture.on_exit != OnExit::Ignore);
                if !has_arrived && is_broken {
                    self.world.tree.request_stop(Cause::Ended { path });
                }
            }
        } else if !has_arrived {
            self.failed.push(FailedProcess { path, exit: Some(ending.into()), lines });
        }
    }

    fn is_essential(&self, subject: Subject) -> bool {
        let namespace = self.plan.namespace(subject.namespace);
        namespace.process(subject.slot).is_some_and(|process| process.weight == Weight::Essential)
    }

    /// A part that was taken down, or a process that was ended by `nestns kill`, is not missed.
    fn is_excused(&self, subject: Subject) -> bool {
        self.is_changing(subject)
            || self.world.tree.roster.get(subject).is_some_and(|record| {
                record.farewells.asked.is_some()
                    || record.ending.is_some_and(|(ending, _)| record.was_sent_away(ending))
            })
    }

    /// Whether whoever uses the tree has begun.
    fn has_arrived(&self) -> bool {
        self.world.tree.visitor.is_some() || self.opening.arrival == super::Arrival::Told
    }

    /// Whether the tree has not become ready, or has failed while its command ended well.
    pub(super) fn has_failed_as_fixture(&self) -> bool {
        let is_unready = self.fixture.is_some() && !self.has_arrived();
        is_unready || (self.world.tree.visitor.is_some() && !self.failed.is_empty() && self.verdict.status() == 0)
    }

    pub(super) fn fixture_status(&self) -> u8 {
        self.fixture.map_or(1, |fixture| fixture.status)
    }

    /// Tells whoever still waits for the tree that it has not become ready, and why.
    pub(super) fn tell_what_failed(&mut self) {
        if self.has_failed_as_fixture()
            && self.world.tree.visitor.is_some()
            && let Some(failed) = self.failed.first()
        {
            let status = self.fixture_status();
            self.world.audience.note(&Note::FailedMeanwhile { path: &failed.path, status });
        }
        let Some(herald) = self.opening.herald.take() else { return };
        let pending = self.world.tree.roster.subjects().filter(|&subject| {
            self.is_declared(subject)
                && !self.world.tree.readiness.is_ready(subject)
                && self.world.tree.roster.get(subject).is_some_and(|record| {
                    !record.state.is_over() || record.farewells.asked.is_some() || record.farewells.killed.is_some()
                })
        });
        let waited_for = pending.map(|subject| self.world.tree.roster.path(subject)).collect();
        herald.give_up(&NotReady { failed: std::mem::take(&mut self.failed), waited_for });
    }

    fn is_declared(&self, subject: Subject) -> bool {
        self.plan.namespace(subject.namespace).process(subject.slot).is_some()
    }

    /// What a process has written last.
    pub(super) fn last_lines(&mut self, subject: Subject) -> Vec<String> {
        self.world.drain_programs(Moment::now().plus(READING));
        let Some(name) = LogName::of(subject) else { return Vec::new() };
        // What cannot be read back has been told when it could not be written.
        last_lines(&self.world.remains.directory(), name, SHOWN).unwrap_or_default()
    }

    /// Of these lines those that nobody has been shown: all, where there is nobody.
    pub(super) fn unseen<'a>(&self, lines: &'a [String]) -> &'a [String] {
        if self.world.output.is_closed() { lines } else { &[] }
    }

    /// The failure of a process, with what it has written last where nobody has been shown that.
    pub(super) fn tell_failure(&mut self, subject: Subject, process: &ProcessPlan, ending: Ending) {
        let lines = self.last_lines(subject);
        let path = self.world.tree.path(subject);
        let shown = self.unseen(&lines);
        self.world.audience.note(&Note::Failed { path: &path, position: process.position, ending, lines: shown });
        self.note_failure(subject, ending, lines);
    }
}
