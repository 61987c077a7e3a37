//! What is true of every answer, whatever was asked.

// The presentation is a part of the program, which is no library.
#[path = "../../src/present/mod.rs"]
#[expect(dead_code, reason = "the verbs use more of it")]
mod present;
pub mod shown;
pub mod terminal;
pub mod text;
pub mod world;

use std::collections::HashSet;

use nestns_topology::diagnostic::{Color, Diagnostics, Format, Sources, Span, render};
use nestns_topology::{Numbering, Parsed, Topology};

use crate::present::graph::{Direction, Heading, Picture, Subject, dot, mermaid, svg};
use crate::present::topology_nodes;
use crate::present::tree::{self, Folding, Look};

/// Larger trees are not drawn: drawing them would take most of the time.
const DRAWN: usize = 200;

/// Shows the answer in every form, and checks what holds of all.
///
/// # Panics
///
/// Where it does not hold.
pub fn examine(parsed: &Parsed) {
    let Parsed {
        topology,
        diagnostics,
        sources,
        ..
    } = parsed;
    assert_eq!(
        topology.is_some(),
        !diagnostics.has_errors(),
        "a tree if and only if there is no error"
    );
    for diagnostic in diagnostics {
        let labels = diagnostic.primary.iter().chain(&diagnostic.secondary);
        labels.for_each(|label| check_span(label.span, sources));
    }
    show(sources, diagnostics);
    if let Some(topology) = topology {
        check_tree(topology);
        draw(topology);
    }
}

/// Renders problems in every format.
pub fn show(sources: &Sources, diagnostics: &Diagnostics) {
    for format in [
        Format::Human,
        Format::Short,
        Format::Json,
        Format::Github,
        Format::Sarif,
    ] {
        render(format, Color::Plain, &[(sources, diagnostics)]);
    }
}

fn check_span(span: Span, sources: &Sources) {
    let text = sources
        .iter()
        .nth(span.file.index())
        .expect("a span is in one of the texts")
        .text();
    assert!(
        span.start() <= span.end() && span.end() <= text.len(),
        "{span:?} of {}",
        text.len()
    );
    assert!(
        text.is_char_boundary(span.start()) && text.is_char_boundary(span.end()),
        "{span:?}"
    );
}

fn check_tree(topology: &Topology) {
    let order = topology.pre_order();
    assert_eq!(order.len(), topology.len());
    let paths: HashSet<_> = order
        .iter()
        .map(|&id| topology.namespace(id).path.as_str())
        .collect();
    assert_eq!(paths.len(), topology.len(), "paths are different");
    for &id in &order {
        let namespace = topology.namespace(id);
        assert!((1..=32).contains(&namespace.level()));
        match topology.parent(id).map(|parent| topology.namespace(parent)) {
            None => assert_eq!(namespace.level(), 1),
            Some(parent) => {
                assert_eq!(
                    namespace.path,
                    format!("{}/{}", parent.path, namespace.name())
                );
                assert!(
                    parent.has_own_grace || parent.stop.grace > namespace.stop.grace,
                    "{}",
                    namespace.path
                );
            }
        }
        let mut names = HashSet::new();
        for process in &namespace.processes {
            assert!(names.insert(&process.name), "names are different");
            assert!(
                process
                    .after
                    .iter()
                    .all(|after| (after.target.namespace as usize) < order.len())
            );
        }
        assert!(topology.children(id).iter().all(|&child| {
            !names
                .iter()
                .any(|name| *name == topology.namespace(child).name())
        }));
    }
    let numbering = Numbering::predict(topology);
    assert!(
        order
            .iter()
            .all(|&id| numbering.init(id).len() == topology.namespace(id).level())
    );
}

fn draw(topology: &Topology) {
    if topology.len() > DRAWN {
        return;
    }
    let nodes = topology_nodes::declared(topology);
    for folding in [Folding::Never, Folding::Keep(5)] {
        tree::render(
            &topology.name,
            &nodes,
            Look {
                folding,
                ..Look::default()
            },
        );
    }
    let heading = Heading {
        name: topology.name.clone(),
        description: topology.description.clone(),
    };
    let dependencies: Vec<_> = topology.dependencies().collect();
    let subject = Subject {
        heading: &heading,
        nodes: &nodes,
        dependencies: &dependencies,
    };
    let picture = Picture::folded(subject);
    dot::render(&picture, Direction::default());
    svg::render(&picture);
    mermaid::fit(subject, Direction::default());
}
