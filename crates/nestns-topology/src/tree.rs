//! The checked tree: a petgraph graph behind a newtype that keeps file order.
//!
//! Namespaces are added in pre-order, so that the order of their indices is that of creation, of the whole and of siblings.

use std::collections::HashSet;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

use super::dependency::{After, Part, Target};
use super::expectation::Expectation;
use super::namespace::{Init, Namespace};
use super::process::{Output, Process, Stdin, Weight};

/// The bytes of output that are kept of a topology that declares no other limit: 64 MiB.
pub const DEFAULT_LOG_BYTES: u64 = 64 << 20;

/// A namespace of one [`Topology`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamespaceId(NodeIndex);

impl NamespaceId {
    /// The namespace at a place in the order of creation.
    pub(super) fn at(place: u32) -> Self {
        Self(NodeIndex::new(place as usize))
    }

    /// Its place in the order of creation.
    pub fn place(self) -> u32 {
        // A tree is as large as the kernel's PID_MAX_LIMIT at most.
        u32::try_from(self.0.index()).unwrap_or(u32::MAX)
    }
}

/// The reason that ends a foreground `up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnExit {
    /// The failure of an essential process.
    #[default]
    Fail,
    /// The first process to end.
    Any,
    /// Nothing but the end of all.
    Ignore,
}

/// A tree (a forest, where several namespaces stand directly below the host) that passed every check.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The file's `name`, or its stem.
    pub name: String,
    /// Description by the author.
    pub description: Option<String>,
    /// The reason that ends it.
    pub on_exit: OnExit,
    /// The path of the process whose end is that of the whole, with its status.
    pub main: Option<String>,
    /// The bytes of output that are kept of all its processes together.
    pub log_bytes: u64,
    /// The names of the texts that it was read from; the first is that of the file itself.
    pub files: Vec<String>,
    /// The expectations about it once it stands, in the order of the files.
    pub expectations: Vec<Expectation>,
    graph: DiGraph<Namespace, ()>,
    roots: Vec<NamespaceId>,
}

impl Topology {
    /// An empty tree; the caller adds namespaces in pre-order.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            description: None,
            on_exit: OnExit::default(),
            main: None,
            log_bytes: DEFAULT_LOG_BYTES,
            files: Vec::new(),
            expectations: Vec::new(),
            graph: DiGraph::new(),
            roots: Vec::new(),
        }
    }

    /// A tree that no file describes, in pre-order, for unit tests of the modules above.
    #[cfg(any(test, feature = "unchecked"))]
    pub fn with_namespaces(name: &str, namespaces: Vec<Namespace>) -> Self {
        let mut topology = Self::new(name.to_owned());
        for namespace in namespaces {
            let parent = namespace
                .path
                .rsplit_once('/')
                .and_then(|(parent, _)| topology.find(parent));
            topology.add(parent, namespace);
        }
        topology
    }

    /// Reserves memory for exactly so many namespaces: they are large.
    pub(super) fn reserve(&mut self, namespaces: usize) {
        // The kernel's PID_MAX_LIMIT: a file may ask for more, no machine can give it.
        let namespaces = namespaces.min(1 << 22);
        self.graph.reserve_exact_nodes(namespaces);
        self.graph.reserve_exact_edges(namespaces);
    }

    /// Adds a namespace as the last child of `parent`, or as the last root. `parent` was added last, or is around what was.
    pub(super) fn add(&mut self, parent: Option<NamespaceId>, namespace: Namespace) -> NamespaceId {
        debug_assert!(
            parent.is_none_or(|parent| self.is_open(parent)),
            "`{}` is not in pre-order",
            namespace.path
        );
        let id = NamespaceId(self.graph.add_node(namespace));
        match parent {
            Some(NamespaceId(parent)) => {
                self.graph.add_edge(parent, id.0, ());
            }
            None => self.roots.push(id),
        }
        id
    }

    /// Returns whether the namespace that was added last is this one or inside it.
    fn is_open(&self, id: NamespaceId) -> bool {
        let last = self.graph.node_indices().next_back().map(NamespaceId);
        std::iter::successors(last, |&id| self.parent(id)).any(|open| open == id)
    }

    /// Detaches the processes from the caller: what would use its streams is captured instead, or reads nothing.
    pub fn detach(&mut self) {
        for namespace in self.graph.node_weights_mut() {
            let program = match &mut namespace.init {
                Init::Program(program) => Some(&mut **program),
                Init::Builtin | Init::Pause => None,
            };
            for process in namespace.processes.iter_mut().chain(program) {
                let process = &mut process.spec;
                if process.stdin == Stdin::Inherit {
                    process.stdin = Stdin::Null;
                }
                for output in [&mut process.stdout, &mut process.stderr] {
                    if *output == Output::Inherit {
                        *output = Output::Log;
                    }
                }
            }
        }
    }

    /// Lets the processes with chosen paths fail: nothing depends on their going on.
    pub fn let_fail(&mut self, is_chosen: impl Fn(&str) -> bool) {
        for namespace in self.graph.node_weights_mut() {
            let path = &namespace.spec.path;
            if let Init::Program(program) = &mut namespace.init
                && is_chosen(&format!("{path}/init"))
            {
                program.weight = Weight::Expendable;
            }
            for process in &mut namespace.processes {
                if is_chosen(&format!("{path}/{}", process.name)) {
                    process.weight = Weight::Expendable;
                }
            }
        }
    }

    /// The paths of the processes that must not fail, programs that are PID 1 among them.
    pub fn essential(&self) -> HashSet<String> {
        let mut paths = HashSet::new();
        for namespace in self.graph.node_weights() {
            let path = &namespace.path;
            let program = namespace.init.program();
            let is_essential = |process: &&Process| process.weight == Weight::Essential;
            paths.extend(program.filter(is_essential).map(|_| format!("{path}/init")));
            let processes = namespace.processes.iter().filter(is_essential);
            paths.extend(processes.map(|process| format!("{path}/{}", process.name)));
        }
        paths
    }

    /// The namespaces directly below the host, in file order.
    pub fn roots(&self) -> &[NamespaceId] {
        &self.roots
    }

    /// The namespace itself, to be completed.
    pub(super) fn namespace_mut(&mut self, id: NamespaceId) -> &mut Namespace {
        &mut self.graph[id.0]
    }

    /// The namespace itself.
    pub fn namespace(&self, id: NamespaceId) -> &Namespace {
        &self.graph[id.0]
    }

    /// The namespace around this one, `None` for a root.
    pub fn parent(&self, id: NamespaceId) -> Option<NamespaceId> {
        self.graph
            .neighbors_directed(id.0, Direction::Incoming)
            .next()
            .map(NamespaceId)
    }

    /// The namespaces directly inside, in file order.
    pub fn children(&self, id: NamespaceId) -> Vec<NamespaceId> {
        let mut children: Vec<_> = self.graph.neighbors(id.0).map(NamespaceId).collect();
        children.sort_unstable();
        children
    }

    /// The numbers of namespaces and processes (programs that are PID 1 included), and the deepest level.
    pub fn counts(&self) -> (usize, usize, usize) {
        let mut processes = 0;
        let mut depth = 0;
        for id in self.pre_order() {
            let namespace = self.namespace(id);
            processes +=
                namespace.processes.len() + usize::from(matches!(namespace.init, Init::Program(_)));
            depth = depth.max(namespace.level());
        }
        (self.len(), processes, depth)
    }

    /// Every namespace, parents before children, siblings in file order: the order of creation.
    pub fn pre_order(&self) -> Vec<NamespaceId> {
        self.graph.node_indices().map(NamespaceId).collect()
    }

    /// The namespace with this path.
    pub fn find(&self, path: &str) -> Option<NamespaceId> {
        self.graph
            .node_indices()
            .find(|&index| self.graph[index].path == path)
            .map(NamespaceId)
    }

    /// The process, or the program that is PID 1, that a part of the tree is; `None` of a namespace and of an init of
    /// nestns.
    pub(super) fn process(&self, target: Target) -> Option<&Process> {
        let namespace = self.namespace(NamespaceId::at(target.namespace));
        match (target.part, &namespace.init) {
            (Part::Process(place), _) => namespace.processes.get(place as usize),
            (Part::Init, Init::Program(program)) => Some(program),
            (Part::Init | Part::Namespace, _) => None,
        }
    }

    /// Returns whether a path is that of a process, or of a program that is PID 1.
    pub fn has_process(&self, path: &str) -> bool {
        let Some((namespace, name)) = path.rsplit_once('/') else {
            return false;
        };
        let Some(id) = self.find(namespace) else {
            return false;
        };
        let namespace = self.namespace(id);
        let is_init = name == "init" && matches!(namespace.init, Init::Program(_));
        is_init
            || namespace
                .processes
                .iter()
                .any(|process| process.name == name)
    }

    /// True if the file chooses a PID, or where a namespace goes on counting.
    pub fn has_chosen_pids(&self) -> bool {
        self.graph.node_weights().any(|namespace| {
            let mut programs = namespace.programs();
            namespace.last_pid.is_some() || programs.any(|process| !process.pid.is_empty())
        })
    }

    /// Everything with dependencies, in the order of creation, and those.
    pub fn dependencies(&self) -> impl Iterator<Item = (Target, &[After])> {
        (0..).zip(self.pre_order()).flat_map(|(index, id)| {
            let namespace = self.namespace(id);
            let target = move |part| Target {
                namespace: index,
                part,
            };
            let init = namespace.init.program();
            let init = init.map(|program| (target(Part::Init), &*program.after));
            let processes = (0..).zip(&namespace.processes);
            let processes = processes
                .map(move |(place, process)| (target(Part::Process(place)), &*process.after));
            std::iter::once((target(Part::Namespace), &*namespace.after))
                .chain(init)
                .chain(processes)
                .filter(|(_, after)| !after.is_empty())
        })
    }

    /// The number of namespaces.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Returns whether there is none; never true behind the door.
    pub fn is_empty(&self) -> bool {
        self.graph.node_count() == 0
    }
}

impl Target {
    /// Path from the top of the tree: `vm/ci`, `vm/ci/init`, `vm/ci/runner`.
    pub fn path(self, topology: &Topology) -> String {
        let namespace = topology.namespace(NamespaceId::at(self.namespace));
        let name = match self.part {
            Part::Namespace => return namespace.path.clone(),
            Part::Init => "init",
            Part::Process(place) => &namespace.processes[place as usize].name,
        };
        format!("{}/{name}", namespace.path)
    }
}
