//! The order of a stop, the reverse of that of release, and the times at which everything is asked and has ended at the
//! latest.
//!
//! PID 1 of a namespace ends last in it, because the kernel ends everything else with it (`pid_namespaces(7)`): where the
//! reverse order contradicts that, it is given up.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::dependencies::{Dependency, is_about_start};
use super::nodes::{Node, Nodes};
use crate::dependency::{After, Condition, Part, StopOrder, Target};
use crate::namespace::Init;
use crate::order::order;
use crate::tree::{NamespaceId, Topology};

/// Dependencies that order a stop: pairs of what waits for something and of that.
type Pairs = Vec<(Target, Target)>;

/// Times of one part.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Times {
    /// Time from the request to the tree until it is asked, at the latest.
    asked: Duration,
    /// Time from the request to the tree until it has ended, at the latest.
    pub(super) ended: Duration,
    /// Time from the request to the namespace that contains it until it is asked, at the latest: that request may come
    /// earlier than it has to.
    pub(super) offset: Duration,
    /// Time that it has itself.
    pub(super) grace: Duration,
    /// The part that it is left until the end of.
    pub(super) behind: Option<usize>,
}

/// Order of a stop of the whole tree.
#[derive(Debug)]
pub(super) struct StopOrders {
    pub(super) nodes: Nodes,
    /// Parts that have to end before another one is asked, besides those that contain it.
    ends_first: HashMap<usize, Vec<usize>>,
    /// All parts, each after what comes before it; `None` where that is only what contains it.
    sequence: Option<Vec<usize>>,
    /// Processes that are asked before others or after them.
    chained: HashSet<usize>,
}

impl StopOrders {
    /// Derives the order from the dependencies, which have no cycle, and notes in the tree those that have no part in it.
    pub(super) fn derive(topology: &mut Topology, dependencies: &[Dependency]) -> Self {
        let nodes = Nodes::of(topology);
        if dependencies.is_empty() {
            return Self {
                sequence: None,
                nodes,
                ends_first: HashMap::new(),
                chained: HashSet::new(),
            };
        }
        let ordering: Vec<&Dependency> = dependencies
            .iter()
            .filter(|dependency| is_ordering(topology, dependency))
            .collect();
        let mut kept = pairs(&ordering, |_| true);
        let mut sorted = order(&needs(topology, &nodes, &kept));
        if !sorted.cycles.is_empty() {
            let entangled: HashSet<usize> = sorted.entangled.into_iter().collect();
            kept = pairs(&ordering, |dependency| {
                !is_weak(dependency) || !entangled.contains(&begin(&nodes, dependency.target))
            });
            sorted = order(&needs(topology, &nodes, &kept));
        }
        note(topology, &kept.iter().copied().collect());
        let mut ends_first: HashMap<usize, Vec<usize>> = HashMap::new();
        for &(waiter, target) in &kept {
            let first = ends_first.entry(begin(&nodes, target)).or_default();
            first.push(end(&nodes, waiter));
        }
        let both = kept.iter().flat_map(|&(waiter, target)| [waiter, target]);
        Self {
            chained: both.filter_map(|target| nodes.process(target)).collect(),
            nodes,
            ends_first,
            sequence: Some(sorted.sequence),
        }
    }

    /// True if nothing is asked before anything else but what contains it.
    pub(super) fn is_plain(&self) -> bool {
        self.ends_first.is_empty()
    }

    /// True of a process that is asked before another one or after it.
    pub(super) fn is_chained(&self, process: usize) -> bool {
        self.chained.contains(&process)
    }

    /// The times of all parts, with the grace of each process and, from the time that what is in it takes, of each
    /// namespace.
    pub(super) fn times(
        &self,
        topology: &Topology,
        process: impl Fn(usize, Target) -> Duration,
        mut namespace: impl FnMut(NamespaceId, Inside) -> Duration,
    ) -> Vec<Times> {
        let mut times = vec![Times::default(); self.nodes.len()];
        let mut inside: Vec<Option<(Duration, usize)>> = vec![None; topology.len()];
        for &number in &*self.sequence() {
            let node = self.nodes.node(number);
            let around = topology.parent(NamespaceId::at(node.namespace()));
            let around = around.map(NamespaceId::place);
            times[number] = match node {
                Node::Begin(_) => self.begin_of(topology, &times, number, around),
                Node::Process(target) => {
                    let container = Some(target.namespace);
                    let begin = self.begin_of(topology, &times, number, container);
                    let grace = process(number, target);
                    let ended = begin.asked.saturating_add(grace);
                    let within = begin.offset.saturating_add(grace);
                    later(&mut inside[target.namespace as usize], within, number);
                    Times {
                        ended,
                        grace,
                        ..begin
                    }
                }
                Node::End(index) => {
                    let begin = times[self.nodes.begin(index)];
                    let last = inside[index as usize].filter(|(time, _)| !time.is_zero());
                    let time = last.map_or(Duration::ZERO, |(time, _)| time);
                    let last = last.map(|(_, last)| last);
                    let grace = namespace(NamespaceId::at(index), Inside { time, last });
                    if let Some(around) = around {
                        let within = begin.offset.saturating_add(grace);
                        later(&mut inside[around as usize], within, number);
                    }
                    let ended = begin.asked.saturating_add(grace);
                    Times {
                        ended,
                        grace,
                        ..begin
                    }
                }
            };
        }
        times
    }

    fn sequence(&self) -> Cow<'_, [usize]> {
        match &self.sequence {
            Some(sequence) => Cow::Borrowed(sequence),
            None => Cow::Owned(self.nodes.sequence()),
        }
    }

    /// The times at which a part is asked, in the namespace that contains it.
    fn begin_of(
        &self,
        topology: &Topology,
        times: &[Times],
        number: usize,
        container: Option<u32>,
    ) -> Times {
        let around = container.map(|container| times[self.nodes.begin(container)].asked);
        let mut begin = Times {
            asked: around.unwrap_or_default(),
            ..Times::default()
        };
        for &first in self.ends_first.get(&number).into_iter().flatten() {
            begin.asked = begin.asked.max(times[first].ended);
            let within = self.end_within(topology, times, first, container);
            if within > begin.offset {
                begin.offset = within;
                begin.behind = Some(first);
            }
        }
        begin.ended = begin.asked;
        begin
    }

    /// Time from the request to a namespace, or to the tree, until a part has ended, at the latest.
    fn end_within(
        &self,
        topology: &Topology,
        times: &[Times],
        number: usize,
        container: Option<u32>,
    ) -> Duration {
        let node = self.nodes.node(number);
        let home = NamespaceId::at(node.namespace());
        let mut around = match node {
            Node::Process(_) => Some(home),
            Node::Begin(_) | Node::End(_) => topology.parent(home),
        };
        let mut within = times[number].offset.saturating_add(times[number].grace);
        loop {
            match around {
                _ if around.map(NamespaceId::place) == container => return within,
                // It is elsewhere: that request may come before it, or not before its end.
                None if self.comes_before(topology, number, container) => return Duration::ZERO,
                None => return times[number].ended,
                Some(id) => {
                    within = within.saturating_add(times[self.nodes.begin(id.place())].offset);
                    around = topology.parent(id);
                }
            }
        }
    }

    /// Returns whether a namespace, or one around it, is asked only when a part has ended.
    fn comes_before(&self, topology: &Topology, number: usize, container: Option<u32>) -> bool {
        let home = NamespaceId::at(self.nodes.node(number).namespace());
        let mut with_end: Vec<usize> = std::iter::successors(Some(home), |&id| topology.parent(id))
            .map(|id| self.nodes.end(id.place()))
            .collect();
        with_end.push(number);
        let inner = container.map(NamespaceId::at);
        std::iter::successors(inner, |&id| topology.parent(id)).any(|id| {
            let first = self.ends_first.get(&self.nodes.begin(id.place()));
            first
                .into_iter()
                .flatten()
                .any(|first| with_end.contains(first))
        })
    }
}

/// Keeps the latest end, and of several the one of the lowest number.
fn later(latest: &mut Option<(Duration, usize)>, ended: Duration, number: usize) {
    let is_later =
        latest.is_none_or(|(known, there)| ended > known || ended == known && number < there);
    if is_later {
        *latest = Some((ended, number));
    }
}

/// The slowest of what is in a namespace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    /// Time from the request to the namespace until everything in it has ended.
    pub(super) time: Duration,
    /// The part that ends last, if anything takes time.
    pub(super) last: Option<usize>,
}

/// Returns whether the target of a dependency may still run when what waits for it is asked to stop, and can be left until
/// then.
fn is_ordering(topology: &Topology, dependency: &Dependency) -> bool {
    let Dependency {
        waiter,
        target,
        condition,
        ..
    } = *dependency;
    if matches!(condition, Condition::Exited | Condition::Ok) {
        return false;
    }
    if condition == Condition::Ready
        && topology
            .process(target)
            .is_some_and(|process| process.oneshot)
    {
        return false;
    }
    match (waiter.part, target.part) {
        // Everything in a namespace is asked before its end anyway.
        (_, Part::Namespace) if is_inside(topology, waiter, target) => false,
        (Part::Namespace | Part::Init, _) if is_inside(topology, target, waiter) => false,
        _ => true,
    }
}

/// Returns whether one part is in the namespace of another, at any depth.
fn is_inside(topology: &Topology, inner: Target, outer: Target) -> bool {
    let outer = NamespaceId::at(outer.namespace);
    let inner = NamespaceId::at(inner.namespace);
    std::iter::successors(Some(inner), |&id| topology.parent(id)).any(|id| id == outer)
}

/// The dependencies that are kept, as pairs.
fn pairs(dependencies: &[&Dependency], is_kept: impl Fn(&Dependency) -> bool) -> Pairs {
    let kept = dependencies.iter().filter(|dependency| is_kept(dependency));
    kept.map(|dependency| (dependency.waiter, dependency.target))
        .collect()
}

/// Returns whether a dependency has no part in the order of a stop where that would be a cycle.
fn is_weak(dependency: &Dependency) -> bool {
    let is_about_whole = dependency.target.part == Part::Namespace;
    dependency.waiter.part == Part::Init || is_about_whole && is_about_start(dependency.condition)
}

/// The number of the request to a part.
fn begin(nodes: &Nodes, target: Target) -> usize {
    nodes
        .process(target)
        .unwrap_or_else(|| nodes.begin(target.namespace))
}

/// The number of the end of a part: PID 1 ends with its namespace.
fn end(nodes: &Nodes, target: Target) -> usize {
    match target.part {
        Part::Namespace | Part::Init => nodes.end(target.namespace),
        Part::Process(_) => begin(nodes, target),
    }
}

/// The parts that come before each part.
fn needs(topology: &Topology, nodes: &Nodes, pairs: &Pairs) -> Vec<Vec<usize>> {
    let mut needs = nodes.containment(topology);
    for &(waiter, target) in pairs {
        needs[begin(nodes, target)].push(end(nodes, waiter));
    }
    needs
}

/// Notes in the tree which dependencies order its stop.
fn note(topology: &mut Topology, kept: &HashSet<(Target, Target)>) {
    let note = |waiter: Target, after: &mut Vec<After>| {
        for after in after {
            if !kept.contains(&(waiter, after.target)) {
                after.stop_order = StopOrder::None;
            }
        }
    };
    for id in topology.pre_order() {
        let waiter = |part| Target {
            namespace: id.place(),
            part,
        };
        let namespace = topology.namespace_mut(id);
        note(waiter(Part::Namespace), &mut namespace.after);
        if let Init::Program(program) = &mut namespace.init {
            note(waiter(Part::Init), &mut program.after);
        }
        for (place, process) in (0..).zip(&mut namespace.processes) {
            note(waiter(Part::Process(place)), &mut process.after);
        }
    }
}
