//! The tree of a roster, by which processes and namespaces are known to be undeclared.

use std::collections::HashMap;

use nestns_client::undeclared::Tree;
use nestns_observe::undeclared::Declared;
use nix::unistd::Pid;

use super::roster::{Record, Roster};
use crate::engine::plan::ProcessKey;

/// The tree that a roster has.
pub(super) fn tree(roster: &Roster) -> Tree<'static> {
    let mut tree = Tree::default();
    let records = roster.subjects().filter_map(|subject| roster.get(subject));
    let alive = records.filter(|record| record.ending.is_none());
    alive
        .filter_map(|record| record.pid().map(Pid::as_raw))
        .for_each(|pid| tree.know(pid));
    let mut places = HashMap::new();
    for index in roster.plan().indices() {
        let Some(record) = roster.namespace(index) else {
            break;
        };
        let init = roster
            .get(ProcessKey::init(index))
            .filter(|init| init.ending.is_none());
        let (Some(facts), Some(init)) = (&record.facts, init.and_then(Record::pid)) else {
            continue;
        };
        let plan = roster.plan().namespace(index);
        let parent = plan.parent.and_then(|parent| places.get(&parent)).copied();
        places.insert(index, places.len());
        let namespace = Declared {
            inode: facts.inode,
            id: facts.id,
            parent,
            init: init.as_raw(),
        };
        tree.declare(
            namespace,
            plan.path.clone(),
            roster.word(index, record.state()),
        );
    }
    tree
}
