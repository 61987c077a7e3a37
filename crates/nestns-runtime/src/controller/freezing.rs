//! The freezer for the namespaces of one tree.

use nix::unistd::Pid;

use super::freezer::{Freezer, Hindrance};
use super::supervisor::Freeze;
use super::tree::Tree;
use crate::controller::state_directory::Remains;
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use nestns_client::protocol::message::RequestError;
use nestns_observe::doctor;
use nestns_observe::process;
use nestns_observe::subtree::Subtree;
use nestns_sys::errno::of_io;
use nestns_sys::pidfd::Pidfd;

/// Cgroups below that of the controller, noted in the state directory.
pub(super) struct TreeFreezer<'a> {
    freezer: Freezer,
    remains: &'a Remains,
}

impl<'a> TreeFreezer<'a> {
    /// Creates the state in which nothing is frozen.
    pub(super) fn new(remains: &'a Remains) -> Self {
        Self {
            freezer: Freezer::default(),
            remains,
        }
    }
}

impl Freeze for TreeFreezer<'_> {
    fn freeze(&mut self, tree: &Tree, index: NamespaceIndex) -> Result<(), RequestError> {
        let subtree = subtree(tree, index)?;
        let frozen = self
            .freezer
            .freeze(index, subtree, &tree.name, &self.remains.handle());
        frozen.map_err(|hindrance| refusal(tree, index, &hindrance))
    }

    fn is_frozen(&mut self, tree: &Tree, index: NamespaceIndex) -> Result<bool, RequestError> {
        self.freezer
            .is_frozen(index)
            .map_err(|hindrance| refusal(tree, index, &hindrance))
    }

    fn laggard(&self, index: NamespaceIndex) -> Option<Pid> {
        self.freezer.laggard(index)
    }

    fn thaw(&mut self, index: NamespaceIndex) {
        self.freezer.thaw(index);
    }

    fn note_again(&self) {
        // Without the list they are still found by their names.
        let _ = self.freezer.note_again(&self.remains.handle());
    }
}

/// The members of a namespace, by the namespace of its PID 1, which must still be the one that the
/// roster knows.
fn subtree(tree: &Tree, index: NamespaceIndex) -> Result<Subtree, RequestError> {
    let path = tree.plan.namespace(index).path.clone();
    let gone = || RequestError::InitEnded { path: path.clone() };
    let record = tree
        .roster
        .get(ProcessKey::init(index))
        .and_then(|record| record.facts.as_ref());
    let known = tree
        .roster
        .namespace(index)
        .and_then(|record| record.facts.as_ref());
    let (Some(facts), Some(known)) = (record, known) else {
        return Err(gone());
    };
    let pid = facts
        .numbers
        .first()
        .copied()
        .map(Pid::from_raw)
        .ok_or_else(gone)?;
    let pidfd = Pidfd::open(pid).map_err(|_| gone())?;
    if !process::start_time(pid).is_ok_and(|start| start == facts.start_time) {
        return Err(gone());
    }
    let subtree = Subtree::of(pid, &pidfd).map_err(|error| RequestError::InitUnreadable {
        path: path.clone(),
        reason: of_io(&error),
    })?;
    let (id, inode) = subtree.identity();
    let is_known = if known.id.is_some() {
        id == known.id
    } else {
        inode == known.inode
    };
    if is_known && !pidfd.has_ended() {
        Ok(subtree)
    } else {
        Err(gone())
    }
}

fn refusal(tree: &Tree, index: NamespaceIndex, hindrance: &Hindrance) -> RequestError {
    let path = tree.plan.namespace(index).path.clone();
    let check = hindrance
        .is_machine()
        .then(|| doctor::freezer::check().as_help());
    RequestError::CannotPause {
        path,
        reason: hindrance.to_string(),
        check,
    }
}
