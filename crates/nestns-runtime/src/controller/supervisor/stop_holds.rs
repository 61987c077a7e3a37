//! Holds of a stop: what others depend on is asked when they have ended, wherever in the tree they
//! are.
//!
//! The init, or the controller, that asks a process knows only what it asks itself. Of everything
//! else the controller knows, and lifts the hold: at once where what depends is not being stopped.
//! A hold that is not lifted ends by itself, by the times of the stop plan.

use std::collections::{BTreeMap, BTreeSet};

use super::edge::Edge;
use super::restarts::Restarts;
use super::stop::Stop;
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::tree::Tree;
use crate::engine::plan::{HoldIndex, NamespaceIndex, ProcessKey};

/// Holds of a tree, by the processes that have to end first.
#[derive(Debug, Default)]
pub(super) struct StopHolds {
    by_waiter: BTreeMap<ProcessKey, Vec<HoldIndex>>,
}

impl StopHolds {
    /// Holds of a tree.
    pub(super) fn of(tree: &Tree) -> Self {
        let mut holds = Self::default();
        for (hold, waiters) in tree.plan.holds().iter() {
            for &waiter in waiters {
                holds.by_waiter.entry(waiter).or_default().push(hold);
            }
        }
        holds
    }

    /// Looks at all holds, because the whole tree is being stopped.
    pub(super) fn on_begun(
        &self,
        edge: &mut dyn Edge,
        stop: &mut Option<Stop>,
        restarts: &mut Restarts,
    ) {
        self.on_range(edge, stop, restarts, 0..u32::MAX);
    }

    /// Looks at the holds in a namespace that is being stopped.
    pub(super) fn on_stopping(
        &self,
        edge: &mut dyn Edge,
        stop: &mut Option<Stop>,
        restarts: &mut Restarts,
        namespace: NamespaceIndex,
    ) {
        let end = namespace + edge.tree().plan.subtree(namespace);
        self.on_range(edge, stop, restarts, namespace..end);
    }

    fn on_range(
        &self,
        edge: &mut dyn Edge,
        stop: &mut Option<Stop>,
        restarts: &mut Restarts,
        range: std::ops::Range<NamespaceIndex>,
    ) {
        if self.by_waiter.is_empty() {
            return;
        }
        for hold in edge.tree().plan.holds().inside(range) {
            look_at(edge, stop, restarts, hold);
        }
    }

    /// Looks at what has waited for a process to end; with a PID 1 everything in its namespace ends.
    pub(super) fn on_ended(
        &self,
        edge: &mut dyn Edge,
        stop: &mut Option<Stop>,
        restarts: &mut Restarts,
        subject: ProcessKey,
    ) {
        let holds: BTreeSet<HoldIndex> = if subject.is_init() {
            let end = subject.namespace + edge.tree().plan.subtree(subject.namespace);
            let inside = self.by_waiter.range(subject..ProcessKey::init(end));
            inside.flat_map(|(_, holds)| holds).copied().collect()
        } else {
            let own = self.by_waiter.get(&subject).into_iter().flatten();
            own.copied().collect()
        };
        for hold in holds {
            look_at(edge, stop, restarts, hold);
        }
    }
}

/// Lifts a hold if nothing that is being stopped has to end before.
fn look_at(edge: &mut dyn Edge, stop: &mut Option<Stop>, restarts: &mut Restarts, hold: HoldIndex) {
    let tree = edge.tree();
    let plan = tree.plan;
    let mut waiters = plan.waiters(hold).iter();
    if waiters.any(|&waiter| tree.lives(waiter) && is_stopping(tree, restarts, waiter)) {
        return;
    }
    if let Some(stop) = stop {
        stop.lift(hold);
    }
    restarts.lift(hold);
    let Some(part) = plan.holds().held(hold) else {
        return;
    };
    let asker = plan.asker_of(part.first());
    if let Some(asker) = asker.map(ProcessKey::init)
        && tree.lives(asker)
        && is_stopping(tree, restarts, asker)
    {
        edge.lift(asker, hold);
    }
}

/// True if a process, or a namespace that it is in, is being stopped.
fn is_stopping(tree: &Tree, restarts: &Restarts, subject: ProcessKey) -> bool {
    if tree.stop.is_some() || matches!(tree.life, Life::Stopping | Life::Killing) {
        return true;
    }
    if restarts.is_changing(&tree.plan, subject) {
        return true;
    }
    let is_asked = |subject| {
        let record = tree.roster.get(subject);
        record.is_some_and(|record| matches!(record.state, State::Stopping | State::Killing))
    };
    let mut around = Some(subject.namespace);
    let is_inside = std::iter::from_fn(|| {
        let index = around?;
        around = tree.readiness.around(index);
        Some(index)
    })
    .any(|index| {
        let is_stopped = tree
            .roster
            .namespace(index)
            .is_some_and(|namespace| namespace.stopped_by.is_some());
        is_stopped || is_asked(ProcessKey::init(index))
    });
    is_inside || is_asked(subject)
}
