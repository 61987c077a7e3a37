//! Schedule of the search for what is undeclared, so that `truth.json` has it.
//!
//! No event tells it that a program has forked. It looks a moment after whatever has changed in the
//! tree, because a program that has started is about to fork; then at growing distances, and again
//! at short ones as soon as something was found to be other than before. A look takes 0.5 ms on a
//! machine of a thousand processes (measured); at rest it costs less than a thousandth of a
//! processor, and the file is at most ten seconds behind.

use std::time::Duration;

use nestns_client::documents::Undeclared;
use nestns_sys::moment::Moment;

/// The first look after a change, and the shortest distance between two.
const SOON: Duration = Duration::from_millis(100);
/// The longest distance, unless a look takes long.
const LATE: Duration = Duration::from_secs(10);
/// Between two looks there is so many times what a look takes.
const SHARE: u32 = 1000;

/// Findings of the last look, and the time of the next.
#[derive(Debug, Default)]
pub(super) struct UndeclaredWatch {
    found: Undeclared,
    /// Another number after every change of that.
    revision: u64,
    /// The tree at the last look.
    tree: u64,
    next: Option<Moment>,
    pause: Duration,
}

impl UndeclaredWatch {
    /// Findings of the last look.
    pub(super) fn found(&self) -> &Undeclared {
        &self.found
    }

    /// A number that is another one after each change.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Moment of the next look. `tree` is the revision of what is declared.
    pub(super) fn due(&mut self, tree: u64) -> Moment {
        let soon = Moment::now().plus(SOON);
        if self.tree != tree {
            self.tree = tree;
            self.pause = SOON;
            self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
        }
        *self.next.get_or_insert(soon)
    }

    /// Notes the findings of a look that began then; `None` if it was not possible.
    pub(super) fn note(&mut self, began: Moment, found: Option<Undeclared>) {
        let now = Moment::now();
        match found {
            Some(found) if found != self.found => {
                self.found = found;
                self.revision += 1;
                self.pause = SOON;
            }
            Some(_) => self.pause = (self.pause * 2).clamp(SOON, LATE),
            None => self.pause = LATE,
        }
        self.next = Some(now.plus(self.pause.max(now.since(began) * SHARE)));
    }
}

#[cfg(test)]
mod tests {
    use super::{LATE, SHARE, SOON, UndeclaredWatch};
    use nestns_client::documents::Undeclared;
    use nestns_sys::moment::Moment;

    #[test]
    fn it_looks_soon_after_a_change_and_more_and_more_seldom_at_rest() {
        let mut watch = UndeclaredWatch::default();
        let now = Moment::now();
        assert!(watch.due(1) >= now.plus(SOON));
        let mut last = watch.pause;
        for _ in 0..20 {
            watch.note(Moment::now(), Some(Undeclared::default()));
            assert!(watch.pause >= last && watch.pause <= LATE);
            last = watch.pause;
        }
        assert_eq!((last, watch.revision()), (LATE, 0));
        let late = watch.due(1);
        assert!(watch.due(2) < late, "the tree is another one");
        watch.note(now, None);
        assert_eq!(watch.pause, LATE, "it cannot be looked");
    }

    #[test]
    fn a_look_that_takes_long_is_seldom_taken() {
        let mut watch = UndeclaredWatch::default();
        let began = Moment::now();
        std::thread::sleep(std::time::Duration::from_millis(20));
        watch.note(began, Some(Undeclared::default()));
        assert!(watch.due(0) >= began.plus(std::time::Duration::from_millis(20) * SHARE));
    }
}
