//! PIDs that the kernel will give below the host: a consequence of the order of creation, known before anything exists.
//!
//! Relies on two rules: a new process takes one number in its own PID namespace and one in every namespace around it
//! (`pid_namespaces(7)`), and each namespace counts up from 1 as long as its `pid_max` is not reached. Creation is
//! sequential, depth first, in file order: PID 1, the namespace's own processes (forked and joined alike), then each
//! child namespace completely. Numbers on the host are not predictable and not here; nor are pinned ones.

use std::collections::HashMap;

use super::tree::{NamespaceId, Topology};

/// The predicted chain of every PID 1 and every declared process: one number a level, outermost first, the host left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbering {
    /// The chain of each PID 1. The processes of a namespace follow it at once, so their chains need no storage.
    inits: HashMap<NamespaceId, Box<[i32]>>,
}

impl Numbering {
    /// Predicts the numbers of the whole tree, in time and memory linear in the numbers of all PID 1s.
    pub fn predict(topology: &Topology) -> Self {
        let mut inits = HashMap::with_capacity(topology.len());
        // The last number taken on each level of the path down to the namespace at hand.
        let mut taken: Vec<i32> = Vec::new();
        for id in topology.pre_order() {
            let namespace = topology.namespace(id);
            // What stood on this level was a sibling's subtree, or a root's, and is complete.
            taken.truncate(namespace.level() - 1);
            taken.push(0);
            let init: Box<[i32]> = taken.iter().map(|last| last.saturating_add(1)).collect();
            let processes = 1 + i32::try_from(namespace.processes.len()).unwrap_or(i32::MAX - 1);
            for last in &mut taken {
                *last = last.saturating_add(processes);
            }
            inits.insert(id, init);
        }
        Self { inits }
    }

    /// The chain of a namespace's PID 1; the last number is always 1. Empty for a namespace of another tree.
    pub fn init(&self, namespace: NamespaceId) -> &[i32] {
        self.inits.get(&namespace).map_or(&[], |chain| chain)
    }

    /// The chain of a declared process, by its index in [`Namespace::processes`](super::Namespace::processes).
    pub fn process(&self, namespace: NamespaceId, index: usize) -> Vec<i32> {
        let distance = i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1);
        self.init(namespace)
            .iter()
            .map(|number| number.saturating_add(distance))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Actor, Entry, Init, Namespace, Process, Program};
    use super::{NamespaceId, Numbering, Topology};

    fn process(name: &str, entry: Entry) -> Process {
        let mut process = Process::new(Program::Actor(Actor::Idle));
        (process.name, process.entry) = (name.to_owned(), entry);
        process
    }

    fn namespace(path: &str, init: Init, processes: Vec<Process>) -> Namespace {
        Namespace {
            processes,
            ..Namespace::new(path.to_owned(), init)
        }
    }

    fn add(
        topology: &mut Topology,
        parent: Option<NamespaceId>,
        path: &str,
        processes: &[&str],
    ) -> NamespaceId {
        let processes = processes
            .iter()
            .map(|name| process(name, Entry::Fork))
            .collect();
        topology.add(parent, namespace(path, Init::Builtin, processes))
    }

    /// One line a process, in the order of creation: what `nestns ps` shows of a tree that does not exist yet.
    fn table(topology: &Topology) -> String {
        let numbering = Numbering::predict(topology);
        let mut lines = Vec::new();
        for id in topology.pre_order() {
            let namespace = topology.namespace(id);
            let mut push = |name: &str, chain: &[i32]| {
                let chain: Vec<_> = chain.iter().map(ToString::to_string).collect();
                lines.push(format!("{}/{name} {}\n", namespace.path, chain.join("/")));
            };
            push("init", numbering.init(id));
            for (index, process) in namespace.processes.iter().enumerate() {
                push(&process.name, &numbering.process(id, index));
            }
        }
        lines.concat()
    }

    #[test]
    fn docker_in_docker() {
        let mut topology = Topology::new("dind".to_owned());
        let vm = add(&mut topology, None, "vm", &["dockerd", "containerd"]);
        let ci = add(
            &mut topology,
            Some(vm),
            "vm/ci",
            &["dockerd", "containerd", "runner"],
        );
        add(&mut topology, Some(ci), "vm/ci/job", &[]);
        assert_eq!(
            table(&topology),
            "\
vm/init 1
vm/dockerd 2
vm/containerd 3
vm/ci/init 4/1
vm/ci/dockerd 5/2
vm/ci/containerd 6/3
vm/ci/runner 7/4
vm/ci/job/init 8/5/1
"
        );
    }

    #[test]
    fn siblings_cousins_and_a_second_root() {
        let mut topology = Topology::new("forest".to_owned());
        let a = add(&mut topology, None, "a", &["p"]);
        let left = add(&mut topology, Some(a), "a/left", &["q"]);
        add(&mut topology, Some(left), "a/left/deep", &["r", "s"]);
        let right = add(&mut topology, Some(a), "a/right", &[]);
        add(&mut topology, Some(right), "a/right/deep", &["t"]);
        add(&mut topology, None, "b", &["u"]);
        assert_eq!(
            table(&topology),
            "\
a/init 1
a/p 2
a/left/init 3/1
a/left/q 4/2
a/left/deep/init 5/3/1
a/left/deep/r 6/4/2
a/left/deep/s 7/5/3
a/right/init 8/1
a/right/deep/init 9/2/1
a/right/deep/t 10/3/2
b/init 1
b/u 2
"
        );
    }

    #[test]
    fn a_joined_process_is_numbered_like_a_forked_one() {
        let mut topology = Topology::new("pod".to_owned());
        let node = add(&mut topology, None, "node", &["kubelet"]);
        let containers = vec![process("app", Entry::Join), process("envoy", Entry::Join)];
        topology.add(Some(node), namespace("node/web", Init::Pause, containers));
        let program = Init::Program(Box::new(process("init", Entry::Init)));
        topology.add(Some(node), namespace("node/batch", program, Vec::new()));
        assert_eq!(
            table(&topology),
            "\
node/init 1
node/kubelet 2
node/web/init 3/1
node/web/app 4/2
node/web/envoy 5/3
node/batch/init 6/1
"
        );
    }
}
