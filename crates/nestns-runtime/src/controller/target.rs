//! A part of a tree that is taken down or brought back as a whole: one process, or a namespace with
//! all that is in it.

use std::collections::HashMap;
use std::ops::Range;

use crate::engine::plan::{NamespaceIndex, Plan, ProcessKey, Slot};

/// A part, named by what it begins with: a PID 1 stands for its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Target(pub(super) ProcessKey);

impl Target {
    /// True if something belongs to it.
    pub(super) fn contains(self, plan: &Plan, subject: ProcessKey) -> bool {
        if self.0.is_init() {
            self.namespaces(plan).contains(&subject.namespace)
        } else {
            self.0 == subject
        }
    }

    /// True if it and another one have anything in common.
    pub(super) fn overlaps(self, plan: &Plan, other: Self) -> bool {
        self.contains(plan, other.0) || other.contains(plan, self.0)
    }

    /// The namespaces that belong to it: none of a process.
    pub(super) fn namespaces(self, plan: &Plan) -> Range<NamespaceIndex> {
        let first = self.0.namespace;
        if self.0.is_init() {
            first..first + plan.subtree(first)
        } else {
            first..first
        }
    }

    /// Everything that belongs to it, in the order of creation.
    pub(super) fn subjects(self, plan: &Plan) -> Vec<ProcessKey> {
        if !self.0.is_init() {
            return vec![self.0];
        }
        let members = |namespace| {
            plan.namespace(namespace)
                .slots()
                .map(move |slot| ProcessKey { namespace, slot })
        };
        self.namespaces(plan).flat_map(members).collect()
    }

    /// Processes that the controller asks to leave: a PID 1 that is nestns asks every process
    /// inside.
    pub(super) fn asked(self, plan: &Plan) -> Vec<ProcessKey> {
        if !self.0.is_init() {
            return vec![self.0];
        }
        let mut asked = Vec::new();
        let mut next = self.0.namespace;
        let end = self.namespaces(plan).end;
        while next < end {
            let namespace = plan.namespace(next);
            asked.push(ProcessKey::init(next));
            if namespace.forks_its_members() {
                next += plan.subtree(next);
            } else {
                asked.extend(namespace.declared_slots().map(|slot| ProcessKey {
                    namespace: next,
                    slot,
                }));
                next += 1;
            }
        }
        asked
    }

    /// The namespace whose PID 1 has to stay, so that it has somewhere to come back to; `None`
    /// where nothing would leave.
    pub(super) fn holder(self, plan: &Plan) -> Option<NamespaceIndex> {
        let namespace = plan.namespace(self.0.namespace);
        if self.0.is_init() {
            plan.nearest_parent_of(namespace.parent)
        } else {
            namespace.forks_its_members().then_some(self.0.namespace)
        }
    }

    /// Path as people write it.
    pub(super) fn path(self, plan: &Plan) -> String {
        let namespace = plan.namespace(self.0.namespace);
        if self.0.is_init() {
            namespace.path.clone()
        } else {
            namespace.path_of(self.0.slot)
        }
    }
}

/// The targets that paths name, each once and none inside another; or the first path that names
/// nothing.
pub(super) fn find(plan: &Plan, paths: &[String]) -> Result<Vec<Target>, String> {
    let namespaces: HashMap<String, NamespaceIndex> = plan
        .indices()
        .map(|index| (plan.namespace(index).path.clone(), index))
        .collect();
    let mut targets = Vec::new();
    for path in paths {
        let trimmed = path.trim_end_matches('/');
        let part = if let Some(&index) = namespaces.get(trimmed) {
            Target(ProcessKey::init(index))
        } else {
            let (around, name) = trimmed.rsplit_once('/').ok_or_else(|| path.clone())?;
            let &index = namespaces.get(around).ok_or_else(|| path.clone())?;
            let processes = &plan.namespace(index).processes;
            let slot = match processes.iter().position(|process| process.name == name) {
                Some(place) => Slot::declared(place),
                // A program that is PID 1 is its namespace, and so is nestns in its place.
                None if name == "init" => Slot::Init,
                None => return Err(path.clone()),
            };
            Target(ProcessKey {
                namespace: index,
                slot,
            })
        };
        targets.push(part);
    }
    // In the order of creation a part comes before all that is in it.
    targets.sort_unstable();
    let mut kept: Vec<Target> = Vec::new();
    let mut end = 0;
    for part in targets {
        let is_inside = part.0.namespace < end || kept.last().is_some_and(|last| *last == part);
        if !is_inside {
            end = end.max(part.namespaces(plan).end);
            kept.push(part);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::{Target, find};
    use crate::controller::supervisor::plan_of;
    use crate::engine::plan::{Plan, ProcessKey, Slot};

    /// `a` holds a process and `a/b`, whose PID 1 is a program; that holds a joined process and
    /// `a/b/c`.
    const DEEP: &str = "[ns.a]\nproc.one = { actor = 'idle' }\n\
                        [ns.'a/b']\ninit = { actor = 'idle' }\nproc.two = { actor = 'idle', enter = 'join' }\n\
                        [ns.'a/b/c']\n[ns.d]\n";

    fn plan() -> Plan {
        plan_of(DEEP)
    }

    fn named(paths: &[&str]) -> Result<Vec<String>, String> {
        let plan = plan();
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        find(&plan, &paths).map(|targets| targets.iter().map(|part| part.path(&plan)).collect())
    }

    #[test]
    fn paths_name_namespaces_and_processes() {
        assert_eq!(
            named(&["a/b/", "a/one"]),
            Ok(vec!["a/one".to_owned(), "a/b".to_owned()])
        );
        assert_eq!(
            named(&["a/b/init"]),
            Ok(vec!["a/b".to_owned()]),
            "a PID 1 is its namespace"
        );
        assert_eq!(named(&["a/three"]), Err("a/three".to_owned()));
        assert_eq!(named(&["x"]), Err("x".to_owned()));
    }

    #[test]
    fn what_is_inside_another_target_is_named_by_it() {
        assert_eq!(
            named(&["a/b/c", "a", "d", "a/one", "a"]),
            Ok(vec!["a".to_owned(), "d".to_owned()])
        );
    }

    #[test]
    fn a_namespace_contains_what_is_in_it() {
        let plan = plan();
        let (whole, process) = (
            Target(ProcessKey::init(1)),
            Target(ProcessKey {
                namespace: 0,
                slot: Slot::nth(1),
            }),
        );
        assert!(whole.contains(
            &plan,
            ProcessKey {
                namespace: 2,
                slot: Slot::Init
            }
        ));
        assert!(!whole.contains(&plan, process.0) && process.contains(&plan, process.0));
        assert!(
            Target(ProcessKey::init(0)).overlaps(&plan, whole)
                && whole.overlaps(&plan, Target(ProcessKey::init(0)))
        );
        assert!(!whole.overlaps(&plan, process));
        assert_eq!(whole.subjects(&plan).len(), 3);
        assert!(process.namespaces(&plan).is_empty());
    }

    #[test]
    fn the_controller_asks_what_no_init_of_ours_asks() {
        let plan = plan();
        assert_eq!(
            Target(ProcessKey::init(0)).asked(&plan),
            [ProcessKey::init(0)]
        );
        let asked = Target(ProcessKey::init(1)).asked(&plan);
        assert_eq!(
            asked,
            [
                ProcessKey::init(1),
                ProcessKey {
                    namespace: 1,
                    slot: Slot::nth(1)
                },
                ProcessKey::init(2)
            ]
        );
    }

    #[test]
    fn a_target_comes_back_to_the_nearest_init_of_ours() {
        let plan = plan();
        assert_eq!(
            Target(ProcessKey {
                namespace: 0,
                slot: Slot::nth(1)
            })
            .holder(&plan),
            Some(0)
        );
        assert_eq!(Target(ProcessKey::init(1)).holder(&plan), Some(0));
        assert_eq!(
            Target(ProcessKey {
                namespace: 1,
                slot: Slot::nth(1)
            })
            .holder(&plan),
            None,
            "a program holds nothing"
        );
        assert_eq!(Target(ProcessKey::init(2)).holder(&plan), Some(0));
        assert_eq!(Target(ProcessKey::init(3)).holder(&plan), None);
    }
}
