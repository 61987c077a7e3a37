//! Tests of folding, counting and leaving out, by the drawing.

use std::fmt::Write as _;

use super::detail::{Processes, Replicas};
use super::mermaid::{Chart, fit};
use super::{Detail, Direction, Heading, Picture, dot, svg};
use crate::present::node::{Facts, Kind, Label, Node, Runs};
use nestns_topology::{Entry, Labels};

/// Tree that gives PIDs as creation would.
struct Forest {
    taken: Vec<i32>,
}

/// Namespace to draw: a name, processes, and namespaces inside.
struct Seed {
    name: String,
    processes: Vec<String>,
    inside: Vec<Seed>,
}

fn seed(name: impl Into<String>, processes: &[&str], inside: Vec<Seed>) -> Seed {
    Seed {
        name: name.into(),
        processes: processes.iter().map(|&name| name.to_owned()).collect(),
        inside,
    }
}

impl Forest {
    fn grow(seeds: &[Seed]) -> Vec<Node> {
        let mut forest = Self { taken: Vec::new() };
        seeds
            .iter()
            .map(|seed| forest.namespace(seed, ""))
            .collect()
    }

    fn namespace(&mut self, seed: &Seed, around: &str) -> Node {
        let path = format!("{around}{}", seed.name);
        self.taken.push(0);
        let mut node = self.node(&seed.name, Kind::Namespace, &path, Runs::Builtin);
        let processes = seed.processes.iter().map(|name| {
            self.node(
                name,
                Kind::Process,
                &format!("{path}/{name}"),
                Runs::Program("actor idle".to_owned()),
            )
        });
        node.children.extend(processes.collect::<Vec<_>>());
        node.children.extend(
            seed.inside
                .iter()
                .map(|inside| self.namespace(inside, &format!("{path}/"))),
        );
        self.taken.pop();
        node
    }

    fn node(&mut self, name: &str, kind: Kind, path: &str, runs: Runs) -> Node {
        self.taken.iter_mut().for_each(|last| *last += 1);
        Node {
            label: Label::of(name),
            kind,
            pids: std::iter::once(None)
                .chain(self.taken.iter().copied().map(Some))
                .collect(),
            state: None,
            note: String::new(),
            after: String::new(),
            facts: Facts {
                path: path.to_owned(),
                runs,
                entry: Entry::Fork,
                description: None,
                labels: Labels::default(),
            },
            children: Vec::new(),
        }
    }
}

fn heading() -> Heading {
    Heading {
        name: "x".to_owned(),
        description: None,
    }
}

/// One line a shape: title, chain, and inside.
fn lines_of(picture: &Picture<'_>) -> String {
    fn write(text: &mut String, shapes: &[super::shape::Shape<'_>], indent: usize) {
        for shape in shapes {
            writeln!(text, "{:indent$}{} {}", "", shape.title(), shape.chain()).unwrap();
            write(text, &shape.processes, indent + 2);
            write(text, &shape.namespaces, indent + 2);
            for rest in &shape.rest {
                writeln!(text, "{:indent$}  [{rest}]", "").unwrap();
            }
        }
    }
    let mut text = String::new();
    write(&mut text, &picture.roots, 0);
    for rest in &picture.rest {
        writeln!(text, "[{rest}]").unwrap();
    }
    for sentence in &picture.left_out {
        writeln!(text, "left out: {sentence}").unwrap();
    }
    text
}

fn wide(count: usize) -> Vec<Node> {
    let replicas = (0..count)
        .map(|i| seed(format!("w.{i}"), &["job"], Vec::new()))
        .collect();
    Forest::grow(&[seed("wide", &["hub"], replicas)])
}

#[test]
fn a_thousand_replicas_are_one() {
    let (heading, nodes) = (heading(), wide(1000));
    assert_eq!(
        lines_of(&Picture::folded(&heading, &nodes)),
        "\
wide 1
  hub 2
  w.0 … w.999 (1000 alike) 3–2001/1
    job 4–2002/2
"
    );
    let picture = Picture::new(&heading, &nodes, Detail::FULL);
    assert_eq!(lines_of(&picture).lines().count(), 2002);
}

#[test]
fn three_of_a_kind_are_no_crowd() {
    let (heading, nodes) = (heading(), wide(3));
    assert!(!lines_of(&Picture::folded(&heading, &nodes)).contains("alike"));
    let nodes = wide(4);
    assert!(lines_of(&Picture::folded(&heading, &nodes)).contains("w.0 … w.3 (4 alike)"));
}

/// `t.LEVEL.I`, the numbers of a level running through from left to right.
fn bush(level: usize, i: usize, deepest: usize) -> Seed {
    let inside = if level == deepest {
        Vec::new()
    } else {
        (0..2)
            .map(|child| bush(level + 1, 2 * i + child, deepest))
            .collect()
    };
    seed(format!("t.{level}.{i}"), &[], inside)
}

#[test]
fn a_tree_that_branches_everywhere_becomes_a_chain() {
    let heading = heading();
    let nodes = Forest::grow(&[bush(0, 0, 9)]);
    let drawn = lines_of(&Picture::folded(&heading, &nodes));
    assert!(
        drawn.starts_with("t.0.0 1\n  t.1.0 … t.1.1 (2 alike) 2–513/1\n    t.2.0 … t.2.1 (2 alike) 3–769/2–257/1\n"),
        "{drawn}"
    );
    assert_eq!(drawn.lines().count(), 10);
}

#[test]
fn whatever_differs_inside_is_drawn() {
    let heading = heading();
    let mut seeds: Vec<_> = (0..9)
        .map(|i| seed(format!("w.{i}"), &["job"], Vec::new()))
        .collect();
    seeds[4].processes.push("odd".to_owned());
    let nodes = Forest::grow(&seeds);
    assert_eq!(
        lines_of(&Picture::folded(&heading, &nodes)),
        "\
w.0 … w.3 (4 alike) 1
  job 2
w.4 1
  job 2
  odd 3
w.5 … w.8 (4 alike) 1
  job 2
"
    );
}

#[test]
fn what_is_left_out_is_counted_where_it_is() {
    let heading = heading();
    let inner = || {
        vec![seed(
            "in",
            &["a", "b"],
            vec![seed("deep", &["c"], Vec::new())],
        )]
    };
    let nodes = Forest::grow(&[
        seed("one", &["a", "b", "c"], inner()),
        seed("two", &["a"], inner()),
    ]);
    let detail = Detail {
        replicas: Replicas::Together(2),
        processes: Processes::Counted,
        depth: 1,
        siblings: usize::MAX,
    };
    assert_eq!(
        lines_of(&Picture::new(&heading, &nodes, detail)),
        "\
one 1
  [3 processes]
  [2 namespaces with 3 processes]
two 1
  a 2
  [2 namespaces with 3 processes]
left out: processes are only counted where a namespace has several
left out: namespaces below level 1 are only counted
"
    );
    let drawn = lines_of(&Picture::new(
        &heading,
        &nodes,
        Detail {
            siblings: 1,
            ..detail
        },
    ));
    assert!(
        drawn.contains("[3 more namespaces with 4 processes]\n"),
        "{drawn}"
    );
    assert!(
        drawn.ends_with("left out: at most 1 sibling namespaces are drawn\n"),
        "{drawn}"
    );
}

/// Asserts that everything that a chart says it lacks is in the tree.
fn fits(nodes: &[Node]) -> Chart {
    let heading = heading();
    let chart = fit(&heading, nodes, Direction::Down);
    assert!(
        chart.fits(),
        "{} edges, {} characters",
        chart.edges,
        chart.text.chars().count()
    );
    for sentence in &chart.left_out {
        assert!(
            chart.text.contains(&format!("left out: {sentence}")),
            "{sentence}"
        );
    }
    chart
}

#[test]
fn a_chart_always_fits() {
    let distinct = |name: &str, count: usize, processes: &[&str]| -> Vec<Seed> {
        (0..count)
            .map(|i| seed(format!("{name}{i}"), processes, Vec::new()))
            .collect()
    };
    assert_eq!(fits(&wide(10_000)).left_out, Vec::<String>::new());
    assert_eq!(
        fits(&Forest::grow(&distinct("a", 100, &["p", "q"]))).left_out,
        Vec::<String>::new()
    );

    let crowded = fits(&Forest::grow(&distinct(
        "a",
        120,
        &["p", "q", "r", "s", "t"],
    )));
    assert_eq!(
        crowded.left_out,
        ["processes are only counted where a namespace has several"]
    );

    let deep = (0..60)
        .map(|i| seed(format!("s{i}"), &[], distinct("in", 9, &["p"])))
        .collect();
    let deep = fits(&Forest::grow(&[seed("top", &[], deep)]));
    assert_eq!(deep.left_out, ["namespaces below level 2 are only counted"]);
    assert!(
        deep.text.contains("[\"9 namespaces with 9 processes\"]"),
        "{}",
        deep.text
    );

    let fan = fits(&Forest::grow(&[seed(
        "top",
        &[],
        distinct("w", 5_000, &["p"]),
    )]));
    assert_eq!(fan.left_out, ["at most 128 sibling namespaces are drawn"]);
    assert!(
        fan.text
            .contains("[\"4872 more namespaces with 4872 processes\"]")
    );

    let broad = fits(&Forest::grow(&distinct(
        "a-namespace-with-quite-a-long-name-",
        20_000,
        &["p", "q"],
    )));
    assert_eq!(broad.left_out.len(), 2);
    assert!(
        broad.text.contains("more namespaces with"),
        "{}",
        broad.text
    );
}

#[test]
fn all_of_a_hundred_thousand_namespaces_can_be_drawn() {
    let (heading, nodes) = (heading(), wide(100_000));
    let picture = Picture::new(&heading, &nodes, Detail::FULL);
    assert_eq!(
        dot::render(&picture, Direction::Down)
            .matches("subgraph")
            .count(),
        100_001
    );
    assert_eq!(
        svg::render(&picture).matches("<rect class=\"box").count(),
        100_001
    );
}
