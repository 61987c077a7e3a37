//! Holds of a stop: what others depend on is asked when they have ended, wherever in the tree they
//! are.
//!
//! The init, or the controller, that asks a process knows only what it asks itself. Of everything
//! else the controller knows, and lifts the hold: at once where nothing that depends, directly or by
//! way of others, is being stopped.
//! A hold that is not lifted ends by itself, by the times of the stop plan.

use std::collections::{BTreeMap, BTreeSet};

use super::edge::Edge;
use super::restarts::Restarts;
use super::stop::Stop;
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::tree::Tree;
use crate::engine::plan::{HoldIndex, NamespaceIndex, Plan, ProcessKey, TreePart};

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
        let mut lifted = BTreeSet::new();
        for hold in edge.tree().plan.holds().inside(range) {
            look_at(edge, stop, restarts, hold, &mut lifted);
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
        let part = if subject.is_init() {
            TreePart::Namespace(subject.namespace)
        } else {
            TreePart::Process(subject)
        };
        let mut next: BTreeSet<HoldIndex> = self.held_by(&edge.tree().plan, part).collect();
        let mut seen = next.clone();
        let mut lifted = BTreeSet::new();
        while let Some(hold) = next.pop_first() {
            if !look_at(edge, stop, restarts, hold, &mut lifted) {
                continue;
            }
            // What it has held may have ended before, and have been passed over.
            let plan = edge.tree().plan;
            let further = plan.holds().held(hold).into_iter();
            let further = further.flat_map(|part| self.held_by(&plan, part));
            next.extend(further.filter(|&hold| seen.insert(hold)));
        }
    }

    /// The holds that wait for a part to end, or for something in it.
    fn held_by(&self, plan: &Plan, part: TreePart) -> impl Iterator<Item = HoldIndex> {
        let first = part.first();
        let is_inside = move |waiter: &ProcessKey| match part {
            TreePart::Namespace(_) => true,
            TreePart::Process(subject) => *waiter == subject,
        };
        let end = match part {
            TreePart::Namespace(index) => index + plan.subtree(index),
            TreePart::Process(subject) => subject.namespace + 1,
        };
        let waiters = self.by_waiter.range(first..ProcessKey::init(end));
        waiters
            .filter(move |(waiter, _)| is_inside(waiter))
            .flat_map(|(_, holds)| holds)
            .copied()
    }
}

/// Lifts a hold if nothing that is being stopped has to end before; says whether it has.
fn look_at(
    edge: &mut dyn Edge,
    stop: &mut Option<Stop>,
    restarts: &mut Restarts,
    hold: HoldIndex,
    lifted: &mut BTreeSet<HoldIndex>,
) -> bool {
    let tree = edge.tree();
    let plan = tree.plan;
    if is_kept(tree, restarts, hold, lifted) {
        return false;
    }
    if let Some(stop) = stop {
        stop.lift(hold);
    }
    restarts.lift(hold);
    let Some(part) = plan.holds().held(hold) else {
        return true;
    };
    let asker = plan.asker_of(part.first());
    if let Some(asker) = asker.map(ProcessKey::init)
        && tree.lives(asker)
        && is_stopping(tree, restarts, asker)
    {
        edge.lift(asker, hold);
    }
    true
}

/// True if something that is being stopped has to end before a hold is lifted. What has ended, or is
/// not being stopped, is passed over: what waits for that still comes first. Those of which it is known
/// that nothing keeps them are `lifted`.
fn is_kept(
    tree: &Tree,
    restarts: &Restarts,
    hold: HoldIndex,
    lifted: &mut BTreeSet<HoldIndex>,
) -> bool {
    let plan = tree.plan;
    let mut seen = BTreeSet::from([hold]);
    let mut next = vec![hold];
    while let Some(hold) = next.pop() {
        for &waiter in plan.waiters(hold) {
            if tree.lives(waiter) && is_stopping(tree, restarts, waiter) {
                return true;
            }
            let further = plan.holds_of(waiter, None).into_iter();
            let further = further.filter(|hold| !lifted.contains(hold));
            next.extend(further.filter(|&hold| seen.insert(hold)));
        }
    }
    lifted.append(&mut seen);
    false
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
