//! PIDs that the kernel will give below the host: a consequence of the order of creation and of the PIDs that the file
//! chooses, known before anything exists.
//!
//! Relies on two rules: a new process takes one number in its own PID namespace and one in every namespace around it
//! (`pid_namespaces(7)`), and each namespace counts up from 1 as long as its `pid_max` is not reached. Creation is
//! sequential, depth first, in file order: PID 1, the namespace's own processes (forked and joined alike), then each
//! child namespace completely. Where a number of a namespace is chosen, the others get the lowest free ones in that order.
//! Numbers on the host are not predictable and not here.

use std::collections::{HashMap, HashSet};

use super::namespace::Namespace;
use super::tree::{NamespaceId, Topology};

/// The predicted chain of every PID 1 and every declared process: one number a level, outermost first, the host left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbering {
    namespaces: HashMap<NamespaceId, Numbers>,
}

/// The numbers of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Numbers {
    /// The chain of its PID 1.
    init: Box<[i32]>,
    /// The chains of its processes; empty where they follow PID 1 at once, which needs no storage.
    processes: Box<[Box<[i32]>]>,
    /// The highest number in it.
    last: i32,
    /// The number of levels, its own and those around it, up to the outermost in which a number is chosen.
    chosen: usize,
}

/// The numbers of a level of the path down to the namespace at hand.
#[derive(Debug, Default)]
struct Level {
    /// The last number that was given by counting.
    counted: i32,
    /// The highest number.
    highest: i32,
    /// The numbers that the file chooses.
    chosen: HashSet<i32>,
    /// True if everything in it is given its number: the kernel does not count.
    is_chosen: bool,
}

impl Level {
    /// The number of the next process, or the chosen one.
    fn take(&mut self, chosen: Option<i32>) -> i32 {
        let number = chosen.unwrap_or_else(|| {
            self.counted = self.counted.saturating_add(1);
            while self.chosen.contains(&self.counted) {
                self.counted = self.counted.saturating_add(1);
            }
            self.counted
        });
        self.highest = self.highest.max(number);
        number
    }
}

impl Numbering {
    /// Predicts the numbers of the whole tree, in time and memory linear in the numbers of all PID 1s, and of all processes
    /// where numbers are chosen.
    pub fn predict(topology: &Topology) -> Self {
        let mut chosen = chosen(topology);
        let mut namespaces: HashMap<NamespaceId, Numbers> = HashMap::with_capacity(topology.len());
        let mut path: Vec<(NamespaceId, Level)> = Vec::new();
        for id in topology.pre_order() {
            let namespace = topology.namespace(id);
            // What stood on this level was a sibling's subtree, or a root's, and is complete.
            while path.len() >= namespace.level() {
                leave(&mut path, &mut namespaces);
            }
            let numbers = chosen.remove(&id).unwrap_or_default();
            let level = Level {
                is_chosen: !numbers.is_empty() || namespace.last_pid.is_some(),
                chosen: numbers,
                ..Level::default()
            };
            path.push((id, level));
            namespaces.insert(id, take(namespace, &mut path));
        }
        while !path.is_empty() {
            leave(&mut path, &mut namespaces);
        }
        Self { namespaces }
    }

    /// The chain of a namespace's PID 1; the last number is always 1. Empty for a namespace of another tree.
    pub fn init(&self, namespace: NamespaceId) -> &[i32] {
        self.namespaces
            .get(&namespace)
            .map_or(&[], |numbers| &numbers.init)
    }

    /// The chain of a declared process, by its index in [`Namespace::processes`].
    pub fn process(&self, namespace: NamespaceId, index: usize) -> Vec<i32> {
        let Some(numbers) = self.namespaces.get(&namespace) else {
            return Vec::new();
        };
        if let Some(chain) = numbers.processes.get(index) {
            return chain.to_vec();
        }
        let distance = i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1);
        let chain = numbers.init.iter();
        chain
            .map(|number| number.saturating_add(distance))
            .collect()
    }

    /// The number of innermost levels on which the processes of a namespace are given their numbers: up to the outermost
    /// in which the file chooses one. 0 where the kernel counts.
    pub fn chosen_levels(&self, namespace: NamespaceId) -> usize {
        self.namespaces
            .get(&namespace)
            .map_or(0, |numbers| numbers.chosen)
    }

    /// The highest number in a namespace, of the declared processes and PID 1s in it and inside it.
    pub fn last(&self, namespace: NamespaceId) -> i32 {
        self.namespaces
            .get(&namespace)
            .map_or(0, |numbers| numbers.last)
    }
}

/// The numbers of PID 1 and of the processes of the innermost namespace of a path.
fn take(namespace: &Namespace, path: &mut [(NamespaceId, Level)]) -> Numbers {
    let chain = |path: &mut [(NamespaceId, Level)], chosen: &[i32]| -> Box<[i32]> {
        let depth = path.len();
        let levels = path.iter_mut().enumerate();
        levels
            .map(|(place, (_, level))| level.take(chosen.get(depth - 1 - place).copied()))
            .collect()
    };
    let init = namespace.init.program();
    let init = chain(path, init.map_or(&[], |program| &program.pid));
    let outermost = path.iter().position(|(_, level)| level.is_chosen);
    let processes = namespace.processes.iter();
    let chains = processes.map(|process| chain(path, &process.pid));
    let processes = if outermost.is_some() {
        chains.collect()
    } else {
        // They follow at once.
        chains.for_each(drop);
        Box::default()
    };
    Numbers {
        init,
        processes,
        last: 0,
        chosen: outermost.map_or(0, |place| path.len() - place),
    }
}

/// Ends the innermost level of a path.
fn leave(path: &mut Vec<(NamespaceId, Level)>, namespaces: &mut HashMap<NamespaceId, Numbers>) {
    if let Some((id, level)) = path.pop()
        && let Some(numbers) = namespaces.get_mut(&id)
    {
        numbers.last = level.highest;
    }
}

/// The numbers that the file chooses, by namespace.
fn chosen(topology: &Topology) -> HashMap<NamespaceId, HashSet<i32>> {
    let mut chosen: HashMap<NamespaceId, HashSet<i32>> = HashMap::new();
    for id in topology.pre_order() {
        let namespace = topology.namespace(id);
        for process in namespace.programs() {
            let mut around = Some(id);
            for &number in &process.pid {
                let Some(id) = around else { break };
                chosen.entry(id).or_default().insert(number);
                around = topology.parent(id);
            }
        }
    }
    chosen
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
