//! Cache of the records that were decoded last.
//!
//! Everything that a process of the tree keeps here is copied with every fork: so few that it does
//! not count, and enough to go through the processes of a namespace and look at the namespaces
//! around it. The bench rows are `build` and `memory per namespace` of `limits`.

use std::cell::RefCell;
use std::rc::Rc;

use super::NamespacePlan;

/// Number of records.
const KEPT: usize = 4;

/// Records by address, which is in a mapping that stays; and the index of the next one to be
/// replaced.
type Records = (usize, [Option<(usize, Rc<NamespacePlan>)>; KEPT]);

thread_local! {
    static RECENT: RefCell<Records> = const { RefCell::new((0, [const { None }; KEPT])) };
}

/// The record at an address, decoded now if it is not among the last.
pub(super) fn record(address: usize, decode: impl FnOnce() -> NamespacePlan) -> Rc<NamespacePlan> {
    RECENT.with_borrow_mut(|(next, kept)| {
        let known = kept.iter().flatten().find(|(other, _)| *other == address);
        if let Some((_, record)) = known {
            return Rc::clone(record);
        }
        let record = Rc::new(decode());
        kept[*next] = Some((address, Rc::clone(&record)));
        *next = (*next + 1) % KEPT;
        record
    })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{KEPT, record};
    use crate::engine::plan::tests::plan;

    #[test]
    fn the_last_few_are_decoded_once() {
        let one = plan("[ns.a]\n").namespace(0);
        let decode = || (*one).clone();
        let never = || unreachable!("it is kept");
        let first = record(1, decode);
        assert!(Rc::ptr_eq(&first, &record(1, never)));
        for address in 2..=KEPT {
            record(address, decode);
        }
        assert!(
            Rc::ptr_eq(&first, &record(1, never)),
            "there is room for all of them"
        );
        record(KEPT + 1, decode);
        assert!(
            !Rc::ptr_eq(&first, &record(1, decode)),
            "the oldest has made room"
        );
    }
}
