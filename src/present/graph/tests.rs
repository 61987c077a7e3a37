//! Tests of folding, counting and leaving out, by the drawing.

use std::fmt::Write as _;

use super::detail::{Dependencies, Processes, Replicas};
use super::mermaid::{Chart, fit};
use super::{Detail, Direction, Heading, Picture, Subject, dot, svg};
use crate::present::node::{Facts, Kind, Label, Node, Runs};
use nestns_topology::{After, Condition, Entry, Labels, Part, StopOrder, Target};

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

/// A tree in which nothing waits.
fn subject<'a>(heading: &'a Heading, nodes: &'a [Node]) -> Subject<'a> {
    Subject {
        heading,
        nodes,
        dependencies: &[],
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
        lines_of(&Picture::folded(subject(&heading, &nodes))),
        "\
wide 1
  hub 2
  w.0 … w.999 (1000 alike) 3–2001/1
    job 4–2002/2
"
    );
    let picture = Picture::new(subject(&heading, &nodes), Detail::FULL);
    assert_eq!(lines_of(&picture).lines().count(), 2002);
}

#[test]
fn three_of_a_kind_are_no_crowd() {
    let (heading, nodes) = (heading(), wide(3));
    assert!(!lines_of(&Picture::folded(subject(&heading, &nodes))).contains("alike"));
    let nodes = wide(4);
    assert!(lines_of(&Picture::folded(subject(&heading, &nodes))).contains("w.0 … w.3 (4 alike)"));
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
    let drawn = lines_of(&Picture::folded(subject(&heading, &nodes)));
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
        lines_of(&Picture::folded(subject(&heading, &nodes))),
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
        dependencies: Dependencies::Shown,
        depth: 1,
        siblings: usize::MAX,
    };
    assert_eq!(
        lines_of(&Picture::new(subject(&heading, &nodes), detail)),
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
        subject(&heading, &nodes),
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
    let chart = fit(subject(&heading, nodes), Direction::Down);
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
    let picture = Picture::new(subject(&heading, &nodes), Detail::FULL);
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

/// Dependencies between parts of namespaces, which count in the order of creation.
type Wait = ((u32, Part), (u32, Part));

/// Dependencies by what waits.
fn waits(waits: &[Wait], condition: Condition) -> Vec<(Target, Vec<After>)> {
    let target = |(namespace, part)| Target { namespace, part };
    waits
        .iter()
        .map(|&(waiter, awaited)| {
            let after = After {
                target: target(awaited),
                condition,
                stop_order: StopOrder::Reverse,
            };
            (target(waiter), vec![after])
        })
        .collect()
}

fn borrowed(dependencies: &[(Target, Vec<After>)]) -> Vec<(Target, &[After])> {
    let pairs = dependencies.iter();
    pairs
        .map(|(waiter, after)| (*waiter, after.as_slice()))
        .collect()
}

/// The arrows of a picture as sentences, and what was left out.
fn arrows_of(nodes: &[Node], dependencies: &[(Target, Vec<After>)], detail: Detail) -> Vec<String> {
    let (heading, dependencies) = (heading(), borrowed(dependencies));
    let subject = Subject {
        dependencies: &dependencies,
        ..subject(&heading, nodes)
    };
    let picture = Picture::new(subject, detail);
    let text = svg::render(&picture);
    let titles = text.split("<g>\n<title>").skip(1);
    let titles = titles.filter_map(|title| title.split_once("</title>"));
    let arrows = titles
        .filter(|(_, rest)| rest.trim_start().starts_with("<path class=\"wait\""))
        .map(|(title, _)| title.trim().to_owned());
    let arrows: Vec<_> = arrows.collect();
    // All formats draw the same.
    let dot = dot::render(&picture, Direction::Down);
    assert_eq!(dot.matches("constraint=false").count(), arrows.len());
    let chart = Chart::of(&picture, Direction::Down);
    assert_eq!(chart.text.matches(".->").count(), arrows.len());
    arrows.into_iter().chain(picture.left_out).collect()
}

const WHOLE: Part = Part::Namespace;

#[test]
fn an_arrow_leads_from_what_waits_to_what_it_waits_for() {
    let nodes = Forest::grow(&[
        seed("db", &["server"], Vec::new()),
        seed(
            "web",
            &["app", "log"],
            vec![seed("in", &["job"], Vec::new())],
        ),
    ]);
    let dependencies = waits(
        &[
            ((1, WHOLE), (0, WHOLE)),
            ((1, Part::Init), (0, Part::Init)),
            ((1, Part::Process(0)), (0, Part::Process(0))),
            ((1, Part::Process(1)), (1, Part::Process(0))),
            ((2, Part::Process(0)), (1, WHOLE)),
        ],
        Condition::Exited,
    );
    assert_eq!(
        arrows_of(&nodes, &dependencies, Detail::FULL),
        [
            "web waits for db: done",
            "web/init waits for db/init: exited",
            "web/app waits for db/server: exited",
            "web/log waits for web/app: exited",
            "web/in/job waits for web: done",
        ]
    );
}

#[test]
fn arrows_between_replicas_are_one() {
    let nodes = wide(1000);
    let job = |i| (i + 1, Part::Process(0));
    let mut list: Vec<_> = (0..1000).map(|i| (job(i), (0, Part::Process(0)))).collect();
    list.extend((1..1000).map(|i| (job(i), job(i - 1))));
    list.extend((0..1000).map(|i| (job(i), (i + 1, Part::Init))));
    assert_eq!(
        arrows_of(&nodes, &waits(&list, Condition::Ready), Detail::FOLDED),
        [
            "wide/w.0/job … wide/w.999/job waits for wide/hub: ready (1000 dependencies)",
            "wide/w.0/job … wide/w.999/job waits for wide/w.0/init … wide/w.999/init: ready (1000 dependencies)",
            "999 dependencies are not drawn, because both ends are drawn as one, or one of them is not drawn",
        ]
    );
    let drawn = arrows_of(&nodes, &waits(&list, Condition::Ready), Detail::FULL);
    assert_eq!(drawn.len(), 2999);
}

#[test]
fn an_end_that_is_not_drawn_has_the_namespace_around_in_its_place() {
    let nodes = Forest::grow(&[
        seed(
            "db",
            &["server", "log"],
            vec![seed("in", &["x"], Vec::new())],
        ),
        seed("web", &["app"], Vec::new()),
        seed("last", &[], Vec::new()),
    ]);
    let list = [
        ((2, Part::Process(0)), (0, Part::Process(1))),
        ((2, Part::Process(0)), (1, Part::Process(0))),
        ((0, Part::Process(0)), (0, Part::Process(1))),
        ((0, Part::Process(0)), (1, WHOLE)),
        ((0, Part::Init), (1, WHOLE)),
        ((3, WHOLE), (0, WHOLE)),
    ];
    let detail = Detail {
        processes: Processes::Counted,
        depth: 1,
        siblings: 2,
        ..Detail::FULL
    };
    let drawn = arrows_of(&nodes, &waits(&list, Condition::Started), detail);
    assert_eq!(drawn[0], "web/app waits for db: started (2 dependencies)");
    assert_eq!(
        drawn.last().unwrap(),
        "4 dependencies are not drawn, because both ends are drawn as one, or one of them is not drawn"
    );
    assert_eq!(
        arrows_of(
            &nodes,
            &waits(&list[..1], Condition::Started),
            Detail {
                dependencies: Dependencies::Counted,
                ..Detail::FULL
            }
        ),
        ["1 dependency is not drawn"]
    );
}

#[test]
fn a_chart_drops_ten_thousand_dependencies_before_anything_else() {
    let servers: Vec<_> = (0..100).map(|i| format!("s{i}")).collect();
    let servers: Vec<_> = servers.iter().map(String::as_str).collect();
    let nodes = Forest::grow(&[
        seed("db", &servers, Vec::new()),
        seed("web", &servers, Vec::new()),
    ]);
    let pairs = (0..100).flat_map(|i| (0..100).map(move |j| (i, j)));
    let list: Vec<_> = pairs
        .map(|(i, j)| ((1, Part::Process(i)), (0, Part::Process(j))))
        .collect();
    let dependencies = waits(&list, Condition::Ready);
    assert_eq!(arrows_of(&nodes, &dependencies, Detail::FULL).len(), 10_000);
    let (heading, dependencies) = (heading(), borrowed(&dependencies));
    let all = Subject {
        dependencies: &dependencies,
        ..subject(&heading, &nodes)
    };
    let chart = fit(all, Direction::Down);
    assert!(chart.fits());
    assert_eq!(chart.left_out, ["10000 dependencies are not drawn"]);
    assert!(
        chart.text.contains("left out: 10000 dependencies"),
        "{}",
        chart.text
    );
    assert_eq!(chart.edges, 200);
    let some = Subject {
        dependencies: &dependencies[..300],
        ..all
    };
    let chart = fit(some, Direction::Down);
    assert_eq!((chart.edges, chart.left_out.len()), (500, 0));
    let more = Subject {
        dependencies: &dependencies[..301],
        ..all
    };
    assert_eq!(fit(more, Direction::Down).edges, 200);
}

/// The numbers in an attribute of an element.
fn numbers(element: &str, attribute: &str) -> Vec<u32> {
    let (_, value) = element
        .split_once(&format!(" {attribute}=\""))
        .expect("it has one");
    let value = value.split('"').next().expect("it ends");
    let digits = value.split(|c: char| !c.is_ascii_digit());
    digits
        .filter(|digits| !digits.is_empty())
        .map(|digits| digits.parse().expect("a number"))
        .collect()
}

/// The left, right, upper and lower edges of all pills, and of all boxes.
fn edges(svg: &str) -> [Vec<[u32; 4]>; 2] {
    ["init", "box"].map(|class| {
        let is_meant = |element: &&str| {
            let of_pill = ["init", "pill", "rest"].iter();
            let has = |class: &str| element.starts_with(&format!("<rect class=\"{class}"));
            if class == "box" {
                has("box")
            } else {
                of_pill.copied().any(has)
            }
        };
        let number = |element: &str, name| numbers(element, name)[0];
        svg.lines()
            .map(str::trim)
            .filter(is_meant)
            .map(|element| {
                let (x, y) = (number(element, "x"), number(element, "y"));
                [
                    x,
                    x + number(element, "width"),
                    y,
                    y + number(element, "height"),
                ]
            })
            .collect()
    })
}

/// Fails if an arrow crosses a pill, or ends nowhere.
fn check_arrows(svg: &str) {
    let [pills, boxes] = edges(svg);
    let lines = svg.lines().map(str::trim);
    let mut count = 0;
    for line in lines
        .clone()
        .filter(|line| line.starts_with("<path class=\"wait\""))
    {
        count += 1;
        let points = numbers(line, "d");
        for pair in points.chunks_exact(2).collect::<Vec<_>>().windows(2) {
            let ([ax, ay], [bx, by]) = ([pair[0][0], pair[0][1]], [pair[1][0], pair[1][1]]);
            assert!(
                ax == bx || ay == by || ax.abs_diff(bx).max(ay.abs_diff(by)) <= 4,
                "{line}"
            );
            for &[left, right, top, bottom] in &pills {
                let is_apart = ax.max(bx) <= left
                    || ax.min(bx) >= right
                    || ay.max(by) <= top
                    || ay.min(by) >= bottom;
                assert!(is_apart, "{line} crosses {left} {right} {top} {bottom}");
            }
        }
    }
    for tip in lines.filter(|line| line.starts_with("<path class=\"tip\"")) {
        let points = numbers(tip, "d");
        let [x, y] = [points[0], points[1]];
        let touches = |&[left, right, top, bottom]: &[u32; 4]| {
            let is_beside = (x == left || x == right) && (top..=bottom).contains(&y);
            let is_above = (y == top || y == bottom) && (left..=right).contains(&x);
            is_beside || is_above
        };
        assert!(pills.iter().chain(&boxes).any(touches), "{tip}");
        count -= 1;
    }
    assert_eq!(count, 0);
}

#[test]
fn arrows_cross_no_process() {
    // A generator of Knuth.
    let mut state: u64 = 1;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).expect("64 bits") % below
    };
    for _ in 0..200 {
        let mut seeds: Vec<Seed> = Vec::new();
        let count = 1 + random(9);
        for i in 0..count {
            let names: Vec<_> = (0..random(7))
                .map(|p| format!("{}{p}", "p".repeat(1 + random(9))))
                .collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            // The last ones are put into the next.
            let at = seeds.len() - random(seeds.len() + 1);
            let inside = seeds.split_off(at);
            seeds.push(seed(format!("n{i}"), &names, inside));
        }
        let nodes = Forest::grow(&seeds);
        let part = |random: &mut dyn FnMut(usize) -> usize| {
            let namespace = u32::try_from(random(count)).expect("few");
            let part = match random(9) {
                0 | 1 => WHOLE,
                2 => Part::Init,
                // Some of them are not there, and have no arrow.
                place => Part::Process(u32::try_from(place).expect("few") - 3),
            };
            (namespace, part)
        };
        let list: Vec<_> = (0..random(12))
            .map(|_| (part(&mut random), part(&mut random)))
            .collect();
        let dependencies = waits(&list, Condition::Ready);
        let (heading, dependencies) = (heading(), borrowed(&dependencies));
        let subject = Subject {
            dependencies: &dependencies,
            ..subject(&heading, &nodes)
        };
        check_arrows(&svg::render(&Picture::new(subject, Detail::FULL)));
        check_arrows(&svg::render(&Picture::new(subject, Detail::TIGHT)));
    }
}
