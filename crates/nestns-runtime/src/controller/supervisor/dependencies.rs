//! Processes and namespaces that wait for others, and what each waits for.
//!
//! Of a tree in which nothing waits there is nothing here. Else a change of one part of the tree has
//! just those looked at that wait for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::controller::target::Target;
use crate::controller::tree::Tree;
use crate::engine::plan::{NamespaceIndex, Plan, ProcessKey, TreePart, part};

/// Parts of a tree that wait for others, and have not been released.
#[derive(Debug, Default)]
pub(super) struct Dependencies {
    waiting: BTreeSet<TreePart>,
    /// Those to be looked at, because something that they wait for has changed.
    changed: BTreeSet<TreePart>,
    waiters: HashMap<TreePart, Vec<TreePart>>,
    /// For each namespace the nearest one, itself or around it, that waits for something.
    governors: Vec<Option<NamespaceIndex>>,
    /// Namespaces that will never be released, with what they wait for in vain.
    hopeless: BTreeMap<NamespaceIndex, String>,
    /// Processes that have ended without having been ready, or were given up.
    lost: BTreeSet<ProcessKey>,
}

impl Dependencies {
    /// Dependencies of a tree that stands behind its gates.
    pub(super) fn of(tree: &Tree) -> Self {
        let plan = &tree.plan;
        let mut dependencies = Self::default();
        for index in plan.indices() {
            let namespace = plan.namespace(index);
            let around = namespace
                .parent
                .and_then(|parent| dependencies.governors[parent as usize]);
            let governor = if namespace.after.is_empty() {
                around
            } else {
                dependencies.wait(plan, TreePart::Namespace(index), around);
                Some(index)
            };
            dependencies.governors.push(governor);
            for slot in namespace.slots() {
                let is_waiting = namespace
                    .process(slot)
                    .is_some_and(|process| !process.is_unconditional());
                if is_waiting {
                    let subject = ProcessKey {
                        namespace: index,
                        slot,
                    };
                    dependencies.wait(plan, TreePart::Process(subject), governor);
                }
            }
        }
        dependencies
    }

    fn wait(&mut self, plan: &Plan, waiter: TreePart, governor: Option<NamespaceIndex>) {
        let own = conditions(plan, waiter).into_iter().map(|(part, _)| part);
        for awaited in own.chain(governor.map(TreePart::Namespace)) {
            self.waiters.entry(awaited).or_default().push(waiter);
        }
        self.waiting.insert(waiter);
        self.changed.insert(waiter);
    }

    /// Takes in what has started, has become ready or has ended since the last time.
    pub(super) fn take_changes(&mut self, tree: &mut Tree) {
        for part in std::mem::take(&mut tree.changes) {
            self.change(part);
        }
    }

    fn change(&mut self, part: TreePart) {
        let waiters = self.waiters.get(&part).into_iter().flatten();
        let waiting = waiters.filter(|waiter| self.waiting.contains(waiter));
        self.changed.extend(waiting);
    }

    /// Has everything looked at that waits.
    pub(super) fn change_all(&mut self) {
        self.changed.clone_from(&self.waiting);
    }

    /// Takes out one that is to be looked at.
    pub(super) fn take_changed(&mut self) -> Option<TreePart> {
        self.changed.pop_first()
    }

    /// The namespace that holds a part back, itself left out.
    pub(super) fn governor(&self, part: TreePart, plan: &Plan) -> Option<NamespaceIndex> {
        let index = match part {
            TreePart::Process(subject) => subject.namespace,
            TreePart::Namespace(index) => plan.namespace(index).parent?,
        };
        self.governors.get(index as usize).copied().flatten()
    }

    /// True if a namespace waits for something, or is in one that does.
    pub(super) fn is_held(&self, namespace: NamespaceIndex) -> bool {
        let governor = self.governors.get(namespace as usize).copied().flatten();
        governor.is_some_and(|governor| self.waiting.contains(&TreePart::Namespace(governor)))
    }

    /// Dependency for which a namespace, or the one that holds it back, waits in vain.
    pub(super) fn vain_hope(&self, namespace: NamespaceIndex) -> Option<&str> {
        let governor = self.governors.get(namespace as usize).copied().flatten()?;
        self.hopeless.get(&governor).map(String::as_str)
    }

    /// True if a namespace was given up, and not only one around it.
    pub(super) fn is_given_up(&self, namespace: NamespaceIndex) -> bool {
        self.hopeless.contains_key(&namespace)
    }

    /// The namespaces in a range that were given up.
    pub(super) fn given_up_inside(
        &self,
        range: std::ops::Range<NamespaceIndex>,
    ) -> impl Iterator<Item = NamespaceIndex> {
        self.hopeless.range(range).map(|(&index, _)| index)
    }

    /// Has a part wait no more.
    pub(super) fn release(&mut self, part: TreePart, plan: &Plan) {
        self.waiting.remove(&part);
        self.change_inside(part, plan);
    }

    /// Notes that a part waits in vain for something.
    pub(super) fn give_up(&mut self, part: TreePart, plan: &Plan, dependency: &str) {
        if let TreePart::Namespace(index) = part {
            self.hopeless.insert(index, dependency.to_owned());
            let mut around = plan.namespace(index).parent;
            while let Some(index) = around {
                self.change(TreePart::Namespace(index));
                around = plan.namespace(index).parent;
            }
        } else {
            self.waiting.remove(&part);
        }
        self.change_inside(part, plan);
    }

    /// Has everything looked at that waits for a part, or for a namespace in it: with one, what is
    /// inside has been released or given up.
    fn change_inside(&mut self, part: TreePart, plan: &Plan) {
        self.change(part);
        if let TreePart::Namespace(index) = part {
            for inner in index + 1..index + plan.subtree(index) {
                self.change(TreePart::Namespace(inner));
            }
        }
    }

    /// Has everything looked at that waits for a namespace, or for one around it.
    pub(super) fn change_around(&mut self, tree: &Tree, namespace: NamespaceIndex) {
        if self.waiters.is_empty() {
            return;
        }
        let mut around = Some(namespace);
        while let Some(index) = around {
            self.change(TreePart::Namespace(index));
            around = tree.readiness.around(index);
        }
    }

    /// Notes that a process has ended, or will never be ready: what waits for it, or for a namespace
    /// around it, is looked at. With a PID 1 everything inside has ended.
    pub(super) fn lose(&mut self, tree: &Tree, subject: ProcessKey) {
        if self.waiters.is_empty() {
            return;
        }
        for lost in Target(subject).subjects(&tree.plan) {
            if tree.readiness.is_declared(lost) && !tree.readiness.is_ready(lost) {
                self.lost.insert(lost);
            }
            self.change(TreePart::Process(lost));
            if lost.is_init() {
                self.change(TreePart::Namespace(lost.namespace));
            }
        }
        self.change_around(tree, subject.namespace);
    }

    /// The processes in a range of namespaces that have ended without having been ready, or were given
    /// up.
    pub(super) fn lost_inside(
        &self,
        range: std::ops::Range<NamespaceIndex>,
    ) -> impl Iterator<Item = ProcessKey> {
        let (start, end) = (ProcessKey::init(range.start), ProcessKey::init(range.end));
        self.lost.range(start..end).copied()
    }

    /// Has a process wait that has been created again.
    pub(super) fn hold(&mut self, subject: ProcessKey, plan: &Plan) {
        let part = TreePart::Process(subject);
        self.waiting.insert(part);
        self.changed.insert(part);
        self.renew_governors(part, plan);
    }

    /// Has a namespace wait that has been created again, if it waits for anything.
    pub(super) fn hold_namespace(&mut self, namespace: NamespaceIndex, plan: &Plan) {
        let part = TreePart::Namespace(namespace);
        if self.governors.get(namespace as usize) == Some(&Some(namespace)) {
            self.waiting.insert(part);
            self.changed.insert(part);
        }
        self.renew_governors(part, plan);
    }

    /// Has the namespaces around a part wait anew that have waited in vain: something in them was
    /// created again.
    fn renew_governors(&mut self, part: TreePart, plan: &Plan) {
        let mut governor = self.governor(part, plan);
        while let Some(index) = governor {
            let around = TreePart::Namespace(index);
            if self.hopeless.remove(&index).is_some() {
                self.changed.insert(around);
            }
            governor = self.governor(around, plan);
        }
    }

    /// Forgets what is about to be created again.
    pub(super) fn forget(&mut self, is_forgotten: impl Fn(ProcessKey) -> bool) {
        let is_kept = |part: &TreePart| {
            !is_forgotten(match *part {
                TreePart::Process(subject) => subject,
                TreePart::Namespace(index) => ProcessKey::init(index),
            })
        };
        self.waiting.retain(is_kept);
        self.changed.retain(is_kept);
        self.hopeless
            .retain(|&index, _| !is_forgotten(ProcessKey::init(index)));
        self.lost.retain(|&subject| !is_forgotten(subject));
    }
}

/// The conditions that a part has itself.
pub(super) fn conditions(
    plan: &Plan,
    waiter: TreePart,
) -> Vec<(TreePart, nestns_topology::Condition)> {
    let namespace = plan.namespace(waiter.namespace());
    let after = match waiter {
        TreePart::Namespace(_) => &namespace.after,
        TreePart::Process(subject) => match namespace.process(subject.slot) {
            Some(process) => &process.after,
            None => return Vec::new(),
        },
    };
    let pair = |after: &nestns_topology::After| (part(after.target), after.condition);
    after.iter().map(pair).collect()
}
