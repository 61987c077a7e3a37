//! Schedule of the writing of `truth.json`.
//!
//! What changes is noticed between two waits, and written a moment later, with what has changed in
//! that moment. A burst of a thousand ends is written a few times and not a thousand: between two
//! writings there is a rest, which grows with what a writing takes, so that a large tree does not
//! spend its time on telling how it is. A client that is answered does not wait for that: what it
//! has waited for is written before.

use std::time::Duration;

use nix::errno::Errno;

use nestns_sys::moment::Moment;

/// Time that a change waits for others: what comes and goes at once, as a short command of `exec`,
/// is written once.
const MOMENT: Duration = Duration::from_millis(5);
/// The shortest rest between two writings.
const REST: Duration = Duration::from_millis(50);
/// A rest is so many times as long as the writing before it.
const SHARE: u32 = 10;

/// Number of a tree's state: another one after every change.
pub(super) type Revision = u64;

/// State of the file, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct TruthFile {
    /// True if it is written at all: not before the tree stands, nor after its end.
    is_kept: bool,
    /// Revision of the tree in the file.
    written: Revision,
    /// Revision that was last to be written, successfully or not.
    tried: Revision,
    /// Moment at which it was noticed that there is another one since.
    noticed: Option<Moment>,
    /// Moment until which it rests.
    rest: Moment,
    trouble: Option<Errno>,
    has_told: bool,
    /// Error of the last write.
    failed: Option<Errno>,
}

impl TruthFile {
    /// Error of the last write; `None` if it succeeded.
    pub(super) fn problem(&self) -> Option<Errno> {
        self.failed
    }

    /// Starts or stops the keeping of the file.
    pub(super) fn keep(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// True if the file is written at all.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// True if the file tells of another tree than this.
    pub(super) fn is_stale(&self, revision: Revision) -> bool {
        self.is_kept && self.written != revision
    }

    /// True if the file may tell of what was there first with this revision.
    pub(super) fn tells_of(&self, revision: Revision) -> bool {
        self.written >= revision
    }

    /// Moment at which this tree is to be written by itself; one that could not be, when there is a
    /// next one.
    pub(super) fn due(&mut self, revision: Revision) -> Option<Moment> {
        if !self.is_kept || self.tried == revision {
            return None;
        }
        let noticed = *self.noticed.get_or_insert_with(Moment::now);
        Some(self.rest.max(noticed.plus(MOMENT)))
    }

    /// Notes the result of a write.
    pub(super) fn note(&mut self, revision: Revision, began: Moment, result: Result<(), Errno>) {
        let end = Moment::now();
        self.tried = revision;
        self.noticed = None;
        self.rest = end.plus(REST.max(end.since(began) * SHARE));
        self.failed = result.err();
        match result {
            Ok(()) => {
                self.written = revision;
                // What fails later is told again.
                self.has_told = false;
            }
            Err(errno) if !self.has_told => {
                self.has_told = true;
                self.trouble = Some(errno);
            }
            Err(_) => {}
        }
    }

    /// The write error, once.
    pub(super) fn take_trouble(&mut self) -> Option<Errno> {
        self.trouble.take()
    }
}

#[cfg(test)]
mod tests {
    use super::{REST, TruthFile};
    use nestns_sys::moment::Moment;
    use nix::errno::Errno;

    #[test]
    fn it_is_written_once_in_a_while_and_asked_for_at_any_time() {
        let mut file = TruthFile::default();
        assert_eq!(
            (file.is_stale(1), file.due(1)),
            (false, None),
            "the tree does not stand yet"
        );
        file.keep(true);
        let now = Moment::now();
        file.note(1, now, Ok(()));
        assert_eq!((file.is_stale(1), file.due(1)), (false, None));
        assert!(file.is_stale(2));
        assert!(
            file.due(2).is_some_and(|due| due >= now.plus(REST)),
            "not before it has rested"
        );
        file.keep(false);
        assert_eq!(
            (file.is_stale(2), file.due(2)),
            (false, None),
            "nothing is left of the tree"
        );
    }

    #[test]
    fn a_failure_is_told_once_and_tried_again_when_somebody_asks_or_something_has_changed() {
        let mut file = TruthFile::default();
        file.keep(true);
        file.note(1, Moment::now(), Err(Errno::ENOSPC));
        assert_eq!(file.take_trouble(), Some(Errno::ENOSPC));
        assert_eq!((file.is_stale(1), file.due(1)), (true, None));
        assert!(file.due(2).is_some());
        file.note(2, Moment::now(), Err(Errno::ENOSPC));
        assert_eq!(file.take_trouble(), None);
    }
}
