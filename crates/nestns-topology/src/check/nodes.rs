//! The parts of a tree as numbers, for graphs of what comes before what.

use crate::dependency::{Part, Target};
use crate::tree::{NamespaceId, Topology};

/// Numbers before those of the processes: the two of a namespace, and that of its PID 1.
const PROCESSES: usize = 3;

/// Part of a tree in a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// Begin of a namespace: of its release, or of its stop.
    Begin(u32),
    /// End of the same: everything in it is ready, or it has ended.
    End(u32),
    /// The program that is PID 1, or a process.
    Process(Target),
}

impl Node {
    /// The namespace, or the one that the process is in.
    pub(super) fn namespace(self) -> u32 {
        match self {
            Self::Begin(namespace) | Self::End(namespace) => namespace,
            Self::Process(target) => target.namespace,
        }
    }
}

/// Numbers of all parts of a tree.
#[derive(Debug)]
pub(super) struct Nodes {
    /// The first number of each namespace, and the number of all.
    first: Vec<usize>,
}

impl Nodes {
    /// Numbers the parts of a tree.
    pub(super) fn of(topology: &Topology) -> Self {
        let mut first = Vec::with_capacity(topology.len() + 1);
        let mut next = 0;
        for id in topology.pre_order() {
            first.push(next);
            next += PROCESSES + topology.namespace(id).processes.len();
        }
        first.push(next);
        Self { first }
    }

    /// The number of parts.
    pub(super) fn len(&self) -> usize {
        self.first.last().copied().unwrap_or_default()
    }

    /// The number of the begin of a namespace.
    pub(super) fn begin(&self, namespace: u32) -> usize {
        self.first[namespace as usize]
    }

    /// The number of its end.
    pub(super) fn end(&self, namespace: u32) -> usize {
        self.begin(namespace) + 1
    }

    /// The number of PID 1 or of a process in it; `None` of the namespace itself.
    pub(super) fn process(&self, target: Target) -> Option<usize> {
        let first = self.begin(target.namespace);
        match target.part {
            Part::Namespace => None,
            Part::Init => Some(first + 2),
            Part::Process(place) => Some(first + PROCESSES + place as usize),
        }
    }

    /// The numbers of PID 1 and the processes in a namespace.
    pub(super) fn processes(&self, namespace: u32) -> std::ops::Range<usize> {
        self.begin(namespace) + 2..self.first[namespace as usize + 1]
    }

    /// The parts that come before each part because of the namespaces that contain it: a namespace begins after the one around it,
    /// and ends after everything in it.
    pub(super) fn containment(&self, topology: &Topology) -> Vec<Vec<usize>> {
        let mut needs = vec![Vec::new(); self.len()];
        for id in topology.pre_order() {
            let namespace = id.place();
            let (begin, end) = (self.begin(namespace), self.end(namespace));
            needs[end].push(begin);
            for process in self.processes(namespace) {
                needs[process].push(begin);
                needs[end].push(process);
            }
            if let Some(around) = topology.parent(id).map(NamespaceId::place) {
                needs[begin].push(self.begin(around));
                needs[self.end(around)].push(end);
            }
        }
        needs
    }

    /// All parts, each after what it comes after because of the namespaces that contain it.
    pub(super) fn sequence(&self) -> Vec<usize> {
        let namespaces = 0..self.first.len().saturating_sub(1);
        let begins = namespaces.clone().flat_map(|place| {
            let end = self.first[place] + 1;
            (self.first[place]..self.first[place + 1]).filter(move |&number| number != end)
        });
        // Those inside have higher numbers.
        let ends = namespaces.rev().map(|place| self.first[place] + 1);
        begins.chain(ends).collect()
    }

    /// The part with a number.
    pub(super) fn node(&self, number: usize) -> Node {
        let place = self.first.partition_point(|&first| first <= number) - 1;
        let namespace = u32::try_from(place).unwrap_or(u32::MAX);
        let part = match number - self.first[place] {
            0 => return Node::Begin(namespace),
            1 => return Node::End(namespace),
            2 => Part::Init,
            other => Part::Process(u32::try_from(other - PROCESSES).unwrap_or(u32::MAX)),
        };
        Node::Process(Target { namespace, part })
    }
}
