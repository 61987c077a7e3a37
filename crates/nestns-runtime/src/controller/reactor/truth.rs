//! The truth as a file of the state directory: written before the gates open, and again whenever
//! the tree is another one.

use std::time::Duration;

use nix::errno::Errno;

use crate::controller::event_sink::{EventSink, Note};
use crate::controller::state_directory::Remains;
use crate::controller::tree::Tree;
use crate::controller::truth::{Draft, Origin};
use crate::controller::truth_file::{Revision, TruthFile};
use nestns_client::state_directory::{StateError, TRUTH};
use nestns_observe::undeclared;
use nestns_sys::moment::Moment;

/// The writer of the file.
pub(in crate::controller) struct TruthWriter<'a> {
    file: TruthFile,
    draft: Draft,
    remains: &'a Remains,
    origin: &'a Origin,
}

impl<'a> TruthWriter<'a> {
    pub(super) fn new(remains: &'a Remains, origin: &'a Origin) -> Self {
        Self {
            file: TruthFile::default(),
            draft: Draft::default(),
            remains,
            origin,
        }
    }

    /// Begins to write it, without which no gate is opened.
    pub(in crate::controller) fn begin(&mut self, tree: &Tree) -> Result<(), StateError> {
        self.file.keep(true);
        self.write(tree)
    }

    /// Writes it no more.
    pub(in crate::controller) fn end(&mut self) {
        self.file.keep(false);
    }

    /// True if it is written at all.
    pub(super) fn is_kept(&self) -> bool {
        self.file.is_kept()
    }

    /// Reason why what was written last is out of date.
    pub(super) fn problem(&self) -> Option<Errno> {
        self.file.problem()
    }

    /// Writes it if it is out of date, because a client is about to be told that it may read it.
    pub(super) fn flush(&mut self, tree: &Tree) {
        if self.file.is_stale(tree.revision()) {
            // What was in the way is told with the next turn of the loop.
            let _ = self.write(tree);
        }
    }

    /// Writes it anew, with the threads that there are by now, because a program is about to
    /// compare it with what it finds.
    pub(super) fn refresh(&mut self, tree: &Tree) {
        self.draft.forget();
        let _ = self.write(tree);
    }

    /// Writes it without what was there first with a revision, if it may tell of that.
    pub(super) fn withdraw(&mut self, tree: &Tree, since: Revision) {
        if self.file.tells_of(since) {
            self.flush(tree);
        }
    }

    /// Writes it if that is due, and says how long it is until then.
    pub(super) fn write_if_due(
        &mut self,
        tree: &Tree,
        event_sink: &mut dyn EventSink,
    ) -> Option<Duration> {
        let due = self
            .file
            .due(tree.revision())
            .map(|due| due.since(Moment::now()));
        if due == Some(Duration::ZERO) {
            let _ = self.write(tree);
        }
        if let Some(errno) = self.file.take_trouble() {
            event_sink.note(&Note::TruthLost { errno });
        }
        due.filter(|due| !due.is_zero())
    }

    pub(super) fn write(&mut self, tree: &Tree) -> Result<(), StateError> {
        let (began, revision) = (Moment::now(), tree.revision());
        let document = self.draft.document(
            &tree.roster,
            (&tree.exec_records, tree.undeclared.found()),
            self.origin,
        );
        let document = document.map_err(StateError::unreadable_proc);
        let result = document.and_then(|document| self.remains.write(TRUTH, document));
        self.file.note(
            revision,
            began,
            result.as_ref().map(drop).map_err(StateError::errno),
        );
        result
    }
}

/// Looks for what is undeclared if that is due, and says how long it is until then.
pub(super) fn look_for_undeclared(truth: &TruthWriter<'_>, tree: &mut Tree) -> Option<Duration> {
    if !truth.is_kept() {
        return None;
    }
    let rest = tree
        .undeclared
        .due(tree.roster.revision() + tree.exec_records.revision())
        .since(Moment::now());
    if rest > Duration::ZERO {
        return Some(rest);
    }
    let began = Moment::now();
    let mut known = crate::controller::undeclared::tree(&tree.roster);
    tree.exec_records
        .pids()
        .for_each(|pid| known.know(pid.as_raw()));
    // What cannot be found is not in the file; `nestns ps`, which looks itself, says why.
    let found = undeclared::numbers()
        .and_then(|numbers| known.undeclared(&numbers))
        .ok();
    tree.undeclared.note(began, found);
    None
}
