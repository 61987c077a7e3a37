//! The order of release over the whole tree, and the cycles in which parts of it wait for each other.
//!
//! A process waits for its namespace to be released, a namespace for the one around it, and a namespace is ready when
//! everything in it is.

use std::collections::HashMap;

use super::dependencies::{Dependency, is_about_start};
use super::nodes::{Node, Nodes};
use crate::dependency::{Part, Target};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::order::order;
use crate::tree::Topology;

/// Places of the needs that the file gives, by what needs and what is needed.
type Places = HashMap<(usize, usize), Span>;

/// Reports every cycle.
pub(super) fn check(topology: &Topology, dependencies: &[Dependency], out: &mut Diagnostics) {
    if dependencies.is_empty() {
        return;
    }
    let nodes = Nodes::of(topology);
    let (needs, places) = needs(topology, &nodes, dependencies);
    for cycle in order(&needs).cycles {
        out.push(report(topology, &nodes, &places, &cycle));
    }
}

/// The needs of every part, and the places of those that the file gives.
fn needs(
    topology: &Topology,
    nodes: &Nodes,
    dependencies: &[Dependency],
) -> (Vec<Vec<usize>>, Places) {
    let mut needs = nodes.containment(topology);
    let mut places = HashMap::new();
    for dependency in dependencies {
        let Dependency { waiter, target, .. } = *dependency;
        let begin = nodes.begin(waiter.namespace);
        let waits = nodes.process(waiter).unwrap_or(begin);
        let awaited = nodes.process(target).unwrap_or_else(|| {
            if is_about_start(dependency.condition) {
                nodes.begin(target.namespace)
            } else {
                nodes.end(target.namespace)
            }
        });
        needs[waits].push(awaited);
        places.entry((waits, awaited)).or_insert(dependency.span);
    }
    (needs, places)
}

fn report(topology: &Topology, nodes: &Nodes, places: &Places, cycle: &[usize]) -> Diagnostic {
    // It begins with something that the file lets wait, and most of it is one process after another in one namespace.
    let next = |place: usize| cycle[(place + 1) % cycle.len()];
    let first = (0..cycle.len())
        .find(|&place| places.contains_key(&(cycle[place], next(place))))
        .unwrap_or_default();
    let cycle: Vec<usize> = cycle[first..]
        .iter()
        .chain(&cycle[..first])
        .copied()
        .collect();
    let names = names(topology, nodes, &cycle);
    let mut shown: Vec<&str> = names.iter().map(String::as_str).collect();
    shown.push(&names[0]);
    shown.dedup();
    let message = format!("processes wait for each other: {}", shown.join(" → "));
    let mut spans = (0..cycle.len()).filter_map(|place| {
        let next = (place + 1) % cycle.len();
        let span = places.get(&(cycle[place], cycle[next]))?;
        Some((
            *span,
            format!("`{}` waits for `{}`", names[place], names[next]),
        ))
    });
    let Some((span, label)) = spans.next() else {
        return Diagnostic::of_file(Code::DependencyCycle, message);
    };
    let diagnostic = Diagnostic::at(Code::DependencyCycle, span, message).label(label);
    spans.fold(diagnostic, |diagnostic, (span, label)| {
        diagnostic.also(span, label)
    })
}

/// Names of the parts of a cycle: paths, unless all of them are processes of one namespace.
fn names(topology: &Topology, nodes: &Nodes, cycle: &[usize]) -> Vec<String> {
    let targets: Vec<Target> = cycle
        .iter()
        .map(|&number| match nodes.node(number) {
            Node::Process(target) => target,
            Node::Begin(namespace) | Node::End(namespace) => Target {
                namespace,
                part: Part::Namespace,
            },
        })
        .collect();
    let is_local = targets
        .iter()
        .all(|target| target.namespace == targets[0].namespace && target.part != Part::Namespace);
    targets
        .into_iter()
        .map(|target| {
            let path = target.path(topology);
            match path.rsplit_once('/') {
                Some((_, name)) if is_local => name.to_owned(),
                _ => path,
            }
        })
        .collect()
}
