//! The truth as a file of the state directory: written before the gates open, and again whenever the tree is another one.

use std::time::Duration;

use super::World;
use crate::controller::audience::Note;
use crate::controller::state_directory::{StateError, TRUTH};
use crate::controller::truth_file::Revision;
use crate::controller::undeclared::Tree;
use crate::engine::moment::Moment;
use crate::observe::undeclared;

impl World<'_> {
    /// Writes it for the first time, without which no gate is opened.
    pub(in crate::controller) fn begin_truth(&mut self) -> Result<(), StateError> {
        self.truth.keep(true);
        self.write_truth()
    }

    /// Writes it if it is out of date, because somebody is about to be told that he may read it.
    pub(in crate::controller) fn flush_truth(&mut self) {
        if self.truth.is_stale(self.tree.revision()) {
            // What was in the way is told with the next turn of the loop.
            let _ = self.write_truth();
        }
    }

    /// Writes it anew, with the threads that there are by now, because somebody is about to compare it with what it finds.
    pub(in crate::controller) fn refresh_truth(&mut self) {
        self.draft.forget();
        let _ = self.write_truth();
    }

    /// Writes it without what was there first with a revision, if it may tell of that.
    pub(in crate::controller) fn withdraw_from_truth(&mut self, since: Revision) {
        if self.truth.tells_of(since) {
            self.flush_truth();
        }
    }

    /// Writes it if that is due, and says how long it is until then.
    pub(super) fn look_after_truth(&mut self) -> Option<Duration> {
        let due = self.truth.due(self.tree.revision()).map(|due| due.since(Moment::now()));
        let rest = match due {
            Some(Duration::ZERO) => {
                let _ = self.write_truth();
                None
            }
            rest => rest,
        };
        if let Some(errno) = self.truth.take_trouble() {
            self.audience.note(&Note::TruthLost { errno });
        }
        rest
    }

    /// Looks for what is undeclared if that is due, and says how long it is until then.
    pub(super) fn look_for_undeclared(&mut self) -> Option<Duration> {
        if !self.truth.is_kept() {
            return None;
        }
        let rest =
            self.tree.undeclared.due(self.tree.roster.revision() + self.tree.guests.revision()).since(Moment::now());
        if rest > Duration::ZERO {
            return Some(rest);
        }
        self.find_undeclared();
        None
    }

    fn find_undeclared(&mut self) {
        let began = Moment::now();
        let mut tree = Tree::of_roster(&self.tree.roster);
        self.tree.guests.pids().for_each(|pid| tree.know(pid.as_raw()));
        // What cannot be found is not in the file; `nestns ps`, which looks itself, says why.
        let found = undeclared::numbers().and_then(|numbers| tree.undeclared(&numbers)).ok();
        self.tree.undeclared.note(began, found);
    }

    pub(super) fn write_truth(&mut self) -> Result<(), StateError> {
        let (began, revision) = (Moment::now(), self.tree.revision());
        let document = self.draft.document(
            &self.tree.roster,
            (&self.tree.guests, self.tree.undeclared.found()),
            self.clients.origin,
        );
        let document = document.map_err(StateError::unreadable_proc);
        let result = document.and_then(|document| self.remains.write(TRUTH, document));
        self.truth.note(revision, began, result.as_ref().map(drop).map_err(StateError::errno));
        result
    }
}
