//! A failure of the tree in the words of an error: its place in the file, and its meaning at that
//! place.

use super::errno_hints::{Occasion, errno_hint};
use super::roster::Roster;
use super::start_error::StartError;
use crate::engine::failure::Failure;
use crate::engine::plan::{Counts, ProcessKey};
use nestns_observe::doctor::ceiling::Inside;

/// Turns a failure into a sentence with a place, and finds out what it means as long as what it was
/// about is there.
pub(super) fn describe(roster: &Roster, failure: Failure) -> StartError {
    let plan = roster.plan();
    let namespace = plan.namespace(failure.subject.namespace);
    let (path, position) = match namespace.process(failure.subject.slot) {
        Some(process) => (namespace.path_of(failure.subject.slot), process.position),
        None => (namespace.path.clone(), namespace.position),
    };
    let inside = inside(roster, failure.subject);
    let Counts {
        namespaces,
        processes,
        ..
    } = plan.counts();
    let ended = if roster.outstanding() > 0 {
        u64::from(namespaces) + u64::from(processes)
    } else {
        0
    };
    let errno_hint = errno_hint(&Occasion {
        ended,
        ..Occasion::of(&failure, namespace.level(), &inside)
    });
    StartError::Failed {
        path,
        position,
        failure,
        errno_hint,
    }
}

/// The PID namespaces of the tree in which a process needs a number, the innermost first. The new
/// one of a PID 1 has all of them free.
pub(super) fn inside(roster: &Roster, subject: ProcessKey) -> Vec<Inside> {
    let plan = roster.plan();
    let own = subject.namespace;
    let mut around = if subject.is_init() {
        plan.namespace(own).parent
    } else {
        Some(own)
    };
    let mut inside = Vec::new();
    while let Some(index) = around {
        let namespace = plan.namespace(index);
        let facts = roster
            .namespace(index)
            .and_then(|record| record.facts.as_ref());
        inside.extend(facts.map(|facts| Inside {
            path: namespace.path.clone(),
            inode: facts.inode,
        }));
        around = namespace.parent;
    }
    inside
}
