//! The grace of each namespace: derived bottom-up, or that of the file, compared with what is inside.
//!
//! The kernel's rule behind it: when the PID 1 of a namespace is killed, the kernel kills everything inside it
//! (`pid_namespaces(7)`), so an outer grace that ends first cuts the inner one short.

use std::collections::HashMap;
use std::time::Duration;

use super::nodes::Node;
use super::repetition::Repetition;
use super::stop_schedule::{StopOrders, Times};
use crate::dependency::{Part, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, Span};
use crate::duration::format_duration;
use crate::namespace::{Init, Namespace};
use crate::process::Process;
use crate::tree::{NamespaceId, Topology};

/// The least grace of a namespace, unless the file says otherwise: a short grace inside never shortens one outside.
const LEAST: Duration = Duration::from_secs(5);
/// The time that each level has on top of the slowest thing inside.
const STEP: Duration = Duration::from_secs(1);

/// The owner of a grace: a namespace, or one of its processes.
pub(super) type Owner = (NamespaceId, Option<usize>);

/// The places of graces, and of their uses.
pub(super) type Places = HashMap<Owner, (Span, Vec<Label>)>;

/// A namespace with less time than what is inside it takes.
#[derive(Debug)]
struct Short {
    id: NamespaceId,
    explicit: Duration,
    time: Duration,
    /// Processes and namespaces that take that time, one after another.
    what: String,
    owner: Owner,
    derived: Duration,
}

/// Gives every namespace, and every process that has none of its own, its grace, and the time at which it is asked.
pub(super) fn derive(
    topology: &mut Topology,
    orders: &StopOrders,
    places: &Places,
    repetition: &mut Repetition,
    out: &mut Diagnostics,
) {
    if orders.is_plain() {
        derive_plain(topology);
    } else {
        derive_ordered(topology, orders);
    }
    // The first of many that are alike is told, as everywhere.
    for short in find_short(topology, orders) {
        let mut found = Diagnostics::new();
        found.push(too_short(topology.namespace(short.id), &short, places));
        repetition.absorb(found, out);
    }
}

/// Graces of a tree in which nothing waits for anything: what there is of it may be large.
fn derive_plain(topology: &mut Topology) {
    let mut inside = vec![Duration::ZERO; topology.len()];
    for id in topology.pre_order().into_iter().rev() {
        let namespace = topology.namespace_mut(id);
        let own = namespace.processes.iter().filter_map(Process::own_grace);
        let time = own.fold(inside[id.place() as usize], Duration::max);
        let grace = namespace.own_grace().unwrap_or_else(|| derived(time));
        namespace.stop_time = time;
        namespace.stop.grace = grace;
        if let Init::Program(program) = &mut namespace.init {
            program.stop.grace = grace;
        }
        let without = namespace
            .processes
            .iter_mut()
            .filter(|process| !process.has_own_grace);
        without.for_each(|process| process.stop.grace = grace);
        if let Some(around) = topology.parent(id) {
            let latest = &mut inside[around.place() as usize];
            *latest = grace.max(*latest);
        }
    }
}

/// Graces of a tree in which something is asked before something else.
fn derive_ordered(topology: &mut Topology, orders: &StopOrders) {
    let mut stop_times = vec![Duration::ZERO; topology.len()];
    let tree = &*topology;
    let times = orders.times(
        tree,
        |number, target| process_grace(tree, orders, (number, target), share),
        |id, inside| {
            stop_times[id.place() as usize] = inside.time;
            let own = tree.namespace(id).own_grace();
            own.unwrap_or_else(|| derived(inside.time))
        },
    );
    for (id, stop_time) in topology.pre_order().into_iter().zip(stop_times) {
        set(topology, id, orders, &times);
        topology.namespace_mut(id).stop_time = stop_time;
    }
}

/// The grace of a process: its own, else `shared` of its namespace if it is asked before another one or after it, else
/// none that counts.
fn process_grace(
    topology: &Topology,
    orders: &StopOrders,
    (number, target): (usize, Target),
    shared: fn(&Namespace) -> Duration,
) -> Duration {
    let own = topology.process(target).map(Process::own_grace);
    match own {
        Some(Some(own)) => own,
        Some(None) if orders.is_chained(number) => {
            shared(topology.namespace(NamespaceId::at(target.namespace)))
        }
        Some(None) | None => Duration::ZERO,
    }
}

/// The grace of a namespace in which the stop takes some time.
fn derived(inside: Duration) -> Duration {
    if inside.is_zero() {
        LEAST
    } else {
        inside.saturating_add(STEP).max(LEAST)
    }
}

/// The time of a process that has no grace of its own and is stopped before another one or after it.
fn share(namespace: &Namespace) -> Duration {
    namespace
        .own_grace()
        .map_or(LEAST, |grace| LEAST.min(grace / 2))
}

/// The same, as far as it is required: what shares an explicit grace asks for no more than that.
fn required_share(namespace: &Namespace) -> Duration {
    match namespace.own_grace() {
        Some(_) => Duration::ZERO,
        None => share(namespace),
    }
}

/// Sets the times of a namespace and of its processes.
fn set(topology: &mut Topology, id: NamespaceId, orders: &StopOrders, times: &[Times]) {
    let nodes = &orders.nodes;
    let index = id.place();
    let end = times[nodes.end(index)];
    let grace = end.grace;
    let namespace = topology.namespace_mut(id);
    namespace.asked_after = end.offset;
    namespace.stop.grace = grace;
    let own_share = share(namespace);
    let asked_after = |part| {
        let number = nodes.process(Target {
            namespace: index,
            part,
        });
        let offset = number.map_or(Duration::ZERO, |number| times[number].offset);
        (offset, number)
    };
    if let Init::Program(program) = &mut namespace.init {
        program.stop.grace = grace;
        (program.asked_after, _) = asked_after(Part::Init);
    }
    for (place, process) in (0..).zip(&mut namespace.processes) {
        let (asked_after, number) = asked_after(Part::Process(place));
        process.asked_after = asked_after;
        if !process.has_own_grace {
            let is_chained = number.is_some_and(|number| orders.is_chained(number));
            process.stop.grace = if is_chained {
                own_share.min(grace)
            } else {
                grace
            };
        }
    }
}

/// The namespaces whose own graces are shorter than what the file says of what is in them.
fn find_short(topology: &Topology, orders: &StopOrders) -> Vec<Short> {
    let is_explicit = |&id: &NamespaceId| topology.namespace(id).has_own_grace;
    if !topology.pre_order().iter().any(is_explicit) {
        return Vec::new();
    }
    let mut short = Vec::new();
    let times = orders.times(
        topology,
        |number, target| process_grace(topology, orders, (number, target), required_share),
        |id, inside| {
            let namespace = topology.namespace(id);
            if let Some(explicit) = namespace.own_grace()
                && explicit < inside.time
                && let Some(last) = inside.last
            {
                short.push((id, explicit, inside.time, last));
            }
            namespace.stop.grace
        },
    );
    short.sort_unstable_by_key(|&(id, ..)| id);
    let found = short.into_iter().map(|(id, explicit, time, last)| {
        let chain = chain(topology, orders, &times, (id, last));
        Short {
            id,
            explicit,
            time,
            what: describe(topology, orders, &chain),
            owner: owner(orders, chain.first().copied().unwrap_or(last)),
            derived: derived(time),
        }
    });
    found.collect()
}

/// The parts of a namespace that end one after another, the last of them being known.
fn chain(
    topology: &Topology,
    orders: &StopOrders,
    times: &[Times],
    (id, last): (NamespaceId, usize),
) -> Vec<usize> {
    let mut chain = vec![last];
    let mut here = last;
    while let Some(behind) = times[here].behind {
        match orders.nodes.node(behind) {
            // What is elsewhere has a chain of its own.
            node if !is_within(topology, NamespaceId::at(node.namespace()), id) => {
                chain.push(behind);
                break;
            }
            Node::Process(_) if times[behind].grace.is_zero() => {}
            _ => chain.push(behind),
        }
        here = behind;
    }
    chain.reverse();
    chain
}

/// Returns whether a namespace is another one, or inside it.
fn is_within(topology: &Topology, id: NamespaceId, outer: NamespaceId) -> bool {
    std::iter::successors(Some(id), |&id| topology.parent(id)).any(|id| id == outer)
}

fn describe(topology: &Topology, orders: &StopOrders, chain: &[usize]) -> String {
    let names = chain.iter().map(|&number| {
        let target = match orders.nodes.node(number) {
            Node::Process(target) => target,
            Node::Begin(namespace) | Node::End(namespace) => Target {
                namespace,
                part: Part::Namespace,
            },
        };
        format!("`{}`", target.path(topology))
    });
    names.collect::<Vec<_>>().join(" and then ")
}

fn owner(orders: &StopOrders, number: usize) -> Owner {
    match orders.nodes.node(number) {
        Node::Begin(namespace) | Node::End(namespace) => (NamespaceId::at(namespace), None),
        Node::Process(Target { namespace, part }) => {
            let place = match part {
                Part::Process(place) => Some(place as usize),
                Part::Namespace | Part::Init => None,
            };
            (NamespaceId::at(namespace), place)
        }
    }
}

fn too_short(namespace: &Namespace, short: &Short, places: &Places) -> Diagnostic {
    let &Short {
        id,
        explicit,
        time,
        ref what,
        owner,
        derived,
    } = short;
    let path = &namespace.path;
    let message = format!(
        "`{path}` has {} to stop, but {what} inside it needs {}",
        format_duration(explicit),
        format_duration(time)
    );
    let mut diagnostic = match places.get(&(id, None)) {
        None => Diagnostic::of_file(Code::ShortGrace, message),
        Some((span, labels)) => {
            let diagnostic =
                Diagnostic::at(Code::ShortGrace, *span, message).label("this ends first");
            labels.iter().fold(diagnostic, |diagnostic, label| {
                diagnostic.also(label.span, label.text.clone())
            })
        }
    };
    let own = places.get(&(id, None)).map(|(span, _)| *span);
    if let Some((span, _)) = places.get(&owner).filter(|(span, _)| Some(*span) != own) {
        diagnostic = diagnostic.also(*span, "required here");
    }
    diagnostic
        .note(format!(
            "when PID 1 of `{path}` is killed, the kernel kills everything inside with it"
        ))
        .help(format!(
            "leave `grace` out of `{path}`: it is then derived ({})",
            format_duration(derived)
        ))
}
