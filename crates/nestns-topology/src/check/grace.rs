//! The grace of each namespace: derived bottom-up, or that of the file, compared with what is inside.
//!
//! The kernel's rule behind it: when the PID 1 of a namespace is killed, the kernel kills everything inside it
//! (`pid_namespaces(7)`), so an outer grace that ends first cuts the inner one short.

use std::collections::HashMap;
use std::time::Duration;

use super::dependencies::needs;
use super::repetition::Repetition;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, Span};
use crate::duration::format_duration;
use crate::namespace::Namespace;
use crate::order::order;
use crate::tree::{NamespaceId, Topology};

/// The least grace of a namespace, unless the file says otherwise: a short grace inside never shortens one outside.
const LEAST: Duration = Duration::from_secs(5);
/// The time that each level has on top of the slowest thing inside.
const STEP: Duration = Duration::from_secs(1);

/// The owner of a grace: a namespace, or one of its processes.
pub(super) type Owner = (NamespaceId, Option<usize>);

/// The places of graces, and of their uses.
pub(super) type Places = HashMap<Owner, (Span, Vec<Label>)>;

/// The slowest thing inside a namespace.
#[derive(Debug, Clone)]
struct Inside {
    grace: Duration,
    what: String,
    owner: Owner,
}

/// A namespace with less time than something inside it.
#[derive(Debug)]
struct Short {
    id: NamespaceId,
    explicit: Duration,
    inside: Inside,
    derived: Duration,
}

/// Gives every namespace, and every process that has none of its own, its grace.
pub(super) fn derive(
    topology: &mut Topology,
    places: &Places,
    repetition: &mut Repetition,
    out: &mut Diagnostics,
) {
    let order = topology.pre_order();
    let mut short = Vec::new();
    for &id in order.iter().rev() {
        let namespace = topology.namespace(id);
        let children = topology.children(id);
        let slowest = children
            .iter()
            .map(|&child| (topology.namespace(child).stop.grace, child))
            // The first of several equally slow ones: `max_by_key` would take the last.
            .reduce(|best, next| if next.0 > best.0 { next } else { best });
        let inside = slowest.map(|(grace, child)| Inside {
            grace,
            what: String::new(),
            owner: (child, None),
        });
        let processes = slowest_processes(namespace, id);
        let slowest = match (inside, processes) {
            (Some(child), Some(process)) if process.grace > child.grace => Some(process),
            (child @ Some(_), _) => child,
            (None, process) => process,
        };
        let derived = slowest
            .as_ref()
            .map_or(LEAST, |inside| inside.grace.saturating_add(STEP))
            .max(LEAST);
        let grace = match namespace.own_grace {
            None => derived,
            Some(explicit) => {
                if let Some(mut inside) = slowest.filter(|inside| explicit < inside.grace) {
                    if inside.what.is_empty() {
                        inside.what = format!("`{}`", topology.namespace(inside.owner.0).path);
                    }
                    short.push(Short {
                        id,
                        explicit,
                        inside,
                        derived,
                    });
                }
                explicit
            }
        };
        topology.set_grace(id, grace);
    }
    // The first of many that are alike is told, as everywhere.
    for short in short.into_iter().rev() {
        let mut found = Diagnostics::new();
        found.push(too_short(topology.namespace(short.id), &short, places));
        repetition.absorb(found, out);
    }
}

/// The chain of processes whose own graces take longest together: what waits for something is stopped before it.
fn slowest_processes(namespace: &Namespace, id: NamespaceId) -> Option<Inside> {
    let processes = &namespace.processes;
    if processes.iter().all(|process| process.own_grace.is_none()) {
        return None;
    }
    let grace = |index: usize| processes[index].own_grace.unwrap_or_default();
    let mut totals = vec![Duration::ZERO; processes.len()];
    let mut before = vec![None; processes.len()];
    let needs = needs(processes.iter().map(|process| &process.after));
    for index in order(&needs).sequence {
        let previous = needs[index]
            .iter()
            .copied()
            .max_by_key(|&process| totals[process]);
        before[index] = previous;
        totals[index] = previous
            .map_or(Duration::ZERO, |process| totals[process])
            .saturating_add(grace(index));
    }
    let last = (0..processes.len())
        .rev()
        .max_by_key(|&index| totals[index])?;
    if totals[last].is_zero() {
        return None;
    }
    let chain: Vec<_> = std::iter::successors(Some(last), |&index| before[index])
        .filter(|&index| !grace(index).is_zero())
        .collect();
    let names: Vec<_> = chain
        .iter()
        .map(|&index| format!("`{}/{}`", namespace.path, processes[index].name))
        .collect();
    Some(Inside {
        grace: totals[last],
        what: names.join(" and then "),
        owner: (id, Some(*chain.first()?)),
    })
}

fn too_short(namespace: &Namespace, short: &Short, places: &Places) -> Diagnostic {
    let &Short {
        id,
        explicit,
        ref inside,
        derived,
    } = short;
    let path = &namespace.path;
    let message = format!(
        "`{path}` has {} to stop, but {} inside it needs {}",
        format_duration(explicit),
        inside.what,
        format_duration(inside.grace)
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
    if let Some((span, _)) = places
        .get(&inside.owner)
        .filter(|(span, _)| Some(*span) != own)
    {
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
