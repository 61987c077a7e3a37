//! Random graphs of dependencies over a tree: release and stop are linear extensions of the graph, and a cycle is refused
//! with exactly itself.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use nestns_topology::diagnostic::Source;
use nestns_topology::{Request, parse};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::harness::Nestns;
use crate::harness::detached::Detached;
use crate::harness::document::{list, text};
use crate::harness::identity::Identity;
use crate::harness::nest::Nest;
use crate::harness::random;
use crate::harness::requirement::{nesting, require};

/// A namespace: the place of its parent among those before it, and if an actor is its PID 1.
type Space = (Option<prop::sample::Index>, bool);

/// A process of a namespace, if it is joined, and its time to stop in tenths of a second, for one that ignores the request.
type Process = (prop::sample::Index, bool, Option<u8>);

/// Part of the tree: a namespace, its PID 1, or a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Namespace(usize),
    Init(usize),
    Process(usize),
}

/// Node of the model: a namespace begins and ends, a process is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Begin(usize),
    End(usize),
    Part(Part),
}

/// A tree with dependencies: what waits, and what it waits for.
#[derive(Debug, Clone)]
struct Tree {
    /// Paths below the root, parents, and PID 1s that are actors.
    spaces: Vec<(String, Option<usize>, bool)>,
    /// Namespaces of the processes, and their texts.
    processes: Vec<(usize, String)>,
    after: BTreeSet<(Part, Part)>,
}

fn trees() -> impl Strategy<Value = Tree> {
    let index = any::<prop::sample::Index>;
    let space = (proptest::option::of(index()), any::<bool>());
    let process = (
        index(),
        any::<bool>(),
        proptest::option::weighted(0.1, 1..4_u8),
    );
    let pair = (index(), index());
    (vec(space, 1..20), vec(process, 1..40), vec(pair, 0..25))
        .prop_map(|(spaces, processes, pairs)| Tree::of(&spaces, &processes, &pairs))
}

impl Tree {
    fn of(
        spaces: &[Space],
        processes: &[Process],
        pairs: &[(prop::sample::Index, prop::sample::Index)],
    ) -> Self {
        let mut tree = Self {
            spaces: Vec::new(),
            processes: Vec::new(),
            after: BTreeSet::new(),
        };
        for (place, (parent, is_actor)) in spaces.iter().enumerate() {
            let parent = parent
                .as_ref()
                .filter(|_| place > 0)
                .map(|parent| parent.index(place));
            let around = parent.map_or("@", |parent| tree.spaces[parent].0.as_str());
            tree.spaces
                .push((format!("{around}/n{place}"), parent, *is_actor));
        }
        for (space, is_joined, stubborn) in processes {
            let space = space.index(spaces.len());
            let enter = if *is_joined { ", enter = \"join\"" } else { "" };
            let program = match stubborn {
                Some(tenths) => format!(
                    "actor = \"ignore-term\", stop = {{ grace = \"{}ms\" }}",
                    u32::from(*tenths) * 100
                ),
                None => "actor = \"serve\"".to_owned(),
            };
            tree.processes.push((space, format!("{program}{enter}")));
        }
        let parts = tree.parts();
        for (waiter, target) in pairs {
            let (waiter, target) = (
                parts[waiter.index(parts.len())],
                parts[target.index(parts.len())],
            );
            if waiter != target {
                tree.after.insert((waiter, target));
            }
        }
        tree
    }

    fn parts(&self) -> Vec<Part> {
        let spaces = (0..self.spaces.len()).map(Part::Namespace);
        let inits = (0..self.spaces.len())
            .filter(|&space| self.spaces[space].2)
            .map(Part::Init);
        spaces
            .chain(inits)
            .chain((0..self.processes.len()).map(Part::Process))
            .collect()
    }

    fn space(&self, part: Part) -> usize {
        match part {
            Part::Namespace(space) | Part::Init(space) => space,
            Part::Process(process) => self.processes[process].0,
        }
    }

    fn path(&self, part: Part) -> String {
        let path = &self.spaces[self.space(part)].0;
        match part {
            Part::Namespace(_) => path.clone(),
            Part::Init(_) => format!("{path}/init"),
            Part::Process(process) => format!("{path}/p{process}"),
        }
    }

    fn after(&self, part: Part) -> String {
        let targets = self.after.iter().filter(|(waiter, _)| *waiter == part);
        let entries: Vec<String> = targets
            .map(|(_, target)| format!("\"/{}\" = \"ready\"", self.path(*target)))
            .collect();
        if entries.is_empty() {
            String::new()
        } else {
            format!("after = {{ {} }}", entries.join(", "))
        }
    }

    fn text(&self) -> String {
        let mut text = "[limits]\nprocesses = 100\n[ns.@]\n".to_owned();
        for (place, (path, _, is_actor)) in self.spaces.iter().enumerate() {
            let _ = writeln!(
                text,
                "[ns.\"{path}\"]\n{}",
                self.after(Part::Namespace(place))
            );
            if *is_actor {
                let after = self.after(Part::Init(place));
                let comma = if after.is_empty() { "" } else { ", " };
                let _ = writeln!(text, "init = {{ actor = \"serve\"{comma}{after} }}");
            }
            for (number, (space, keys)) in self.processes.iter().enumerate() {
                if *space == place {
                    let keys = if *is_actor {
                        keys.replace(", enter = \"join\"", "")
                    } else {
                        keys.clone()
                    };
                    let after = self.after(Part::Process(number));
                    let comma = if after.is_empty() { "" } else { ", " };
                    let _ = writeln!(text, "proc.p{number} = {{ {keys}{comma}{after} }}");
                }
            }
        }
        text
    }

    /// Namespaces from one outward.
    fn around(&self, space: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(space), |&space| self.spaces[space].1)
    }

    /// What each node needs to have been released, or to be ready, before it is.
    fn needs(&self) -> BTreeMap<Node, BTreeSet<Node>> {
        let mut needs: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
        let mut need = |node, other| _ = needs.entry(node).or_default().insert(other);
        for (space, (_, parent, is_actor)) in self.spaces.iter().enumerate() {
            need(Node::End(space), Node::Begin(space));
            if *is_actor {
                need(Node::Part(Part::Init(space)), Node::Begin(space));
                need(Node::End(space), Node::Part(Part::Init(space)));
            }
            if let Some(parent) = parent {
                need(Node::Begin(space), Node::Begin(*parent));
                need(Node::End(*parent), Node::End(space));
            }
        }
        for (process, (space, _)) in self.processes.iter().enumerate() {
            need(Node::Part(Part::Process(process)), Node::Begin(*space));
            need(Node::End(*space), Node::Part(Part::Process(process)));
        }
        for &(waiter, target) in &self.after {
            let waiter = match waiter {
                Part::Namespace(space) => Node::Begin(space),
                part => Node::Part(part),
            };
            let target = match target {
                Part::Namespace(space) => Node::End(space),
                part => Node::Part(part),
            };
            need(waiter, target);
        }
        needs
    }

    /// True if nodes need each other: what is left when those that need nothing are taken away again and again.
    fn has_cycle(&self) -> bool {
        let mut needs = self.needs();
        loop {
            let left: BTreeSet<Node> = needs.keys().copied().collect();
            let before = needs.len();
            needs.retain(|_, others| others.iter().any(|other| left.contains(other)));
            if needs.is_empty() || needs.len() == before {
                return !needs.is_empty();
            }
        }
    }

    /// True if a path of a message, `a → b`, is a step of the model: a dependency, or what contains what.
    fn is_step(&self, from: &str, to: &str) -> bool {
        let parts = |path: &str| -> Vec<Part> {
            self.parts()
                .into_iter()
                .filter(|&part| self.path(part) == path)
                .collect()
        };
        parts(from).iter().any(|&from| {
            parts(to).iter().any(|&to| {
                let is_inside = |inner: Part, outer: Part| {
                    matches!(outer, Part::Namespace(outer) if self.around(self.space(inner)).any(|space| space == outer))
                };
                self.after.contains(&(from, to)) || is_inside(from, to) || is_inside(to, from)
            })
        })
    }
}

/// The cycle that a message shows.
fn shown_cycle(output: &str) -> Option<Vec<String>> {
    let line = output
        .lines()
        .find(|line| line.starts_with("error[NS208]"))?;
    let (_, cycle) = line.split_once("each other: ")?;
    Some(cycle.split(" → ").map(str::to_owned).collect())
}

#[test]
fn cycles_are_refused_with_exactly_the_cycle() {
    let mut runner = random::runner(200, 200);
    let (cyclic, acyclic) = (Cell::new(0), Cell::new(0));
    runner
        .run(&trees(), |tree| {
            let text = tree.text().replace('@', "root");
            let parsed = parse(Request::new(Source::new("t.toml", &text), "t"));
            prop_assert_eq!(parsed.topology.is_none(), tree.has_cycle(), "{}", text);
            if parsed.topology.is_some() {
                acyclic.set(acyclic.get() + 1);
                return Ok(());
            }
            cyclic.set(cyclic.get() + 1);
            let outcome = Nestns::new(&["check", "-"]).input(text.clone()).run();
            let cycle = shown_cycle(&outcome.stderr).or_else(|| shown_cycle(&outcome.stdout));
            let Some(cycle) = cycle else {
                return Err(TestCaseError::fail(format!(
                    "no cycle: {}\n{text}",
                    outcome.stdout
                )));
            };
            prop_assert_eq!(cycle.first(), cycle.last());
            // Names alone stand for processes of one namespace.
            for step in cycle.windows(2).filter(|step| step[0].contains('/')) {
                let [from, to] = [0, 1].map(|place| step[place].replacen("root", "@", 1));
                prop_assert!(tree.is_step(&from, &to), "{} → {}\n{}", from, to, text);
            }
            Ok(())
        })
        .unwrap();
    let (cyclic, acyclic) = (cyclic.get(), acyclic.get());
    assert!(cyclic > 20 && acyclic > 20, "{cyclic} and {acyclic}");
}

/// Paths of the processes of a part, actors that are PID 1 included.
fn members(tree: &Tree, part: Part) -> Vec<String> {
    let Part::Namespace(space) = part else {
        return vec![tree.path(part)];
    };
    let is_inside = |other: &Part| {
        !matches!(other, Part::Namespace(_))
            && tree
                .around(tree.space(*other))
                .any(|around| around == space)
    };
    tree.parts()
        .iter()
        .filter(|part| is_inside(part))
        .map(|&part| tree.path(part))
        .collect()
}

/// True if a stop need not keep the order: PID 1 ends last in its namespace, and what is inside is asked before its end.
fn is_unordered(tree: &Tree, waiter: Part, target: Part) -> bool {
    let (from, to) = (tree.space(waiter), tree.space(target));
    matches!(waiter, Part::Init(_))
        || matches!(waiter, Part::Namespace(_)) && tree.around(to).any(|space| space == from)
        || matches!(target, Part::Namespace(_)) && tree.around(from).any(|space| space == to)
}

fn assert_released_in_order(tree: &Tree, nest: &Detached) {
    let events = nest.events();
    let place = |event: &str, path: &str| {
        let path = path.replacen('@', &nest.nest.root, 1);
        let found = events
            .iter()
            .position(|line| text(line, "event") == event && text(line, "path") == path);
        found.unwrap_or_else(|| panic!("no {event} {path}"))
    };
    for &(waiter, target) in &tree.after {
        let ready = place("ready", &tree.path(target));
        for member in members(tree, waiter) {
            let started = place("started", &member);
            assert!(ready < started, "{} before {member}", tree.path(target));
        }
    }
}

fn assert_stopped_in_order(tree: &Tree, root: &str, timeline: &Value) {
    let step = |path: &str| {
        let path = path.replacen('@', root, 1);
        let found = list(timeline, "steps")
            .iter()
            .find(|step| text(step, "path") == path);
        found.unwrap_or_else(|| panic!("no step {path}: {timeline:#}"))
    };
    let time = |step: &Value, key: &str| step[key].as_f64();
    for &(waiter, target) in &tree.after {
        if is_unordered(tree, waiter, target) {
            continue;
        }
        // A namespace has ended when its PID 1 has: what was in it may be reaped a moment later.
        let first = match waiter {
            Part::Namespace(_) => format!("{}/init", tree.path(waiter)),
            part => tree.path(part),
        };
        let first = step(&first);
        for second in members(tree, target) {
            let second = step(&second);
            let (Some(ended), Some(asked)) = (time(first, "ended_ms"), time(second, "asked_ms"))
            else {
                continue;
            };
            // Something that ignores the request is killed, and no longer waited for.
            let is_killed = text(first, "how").contains("kill");
            assert!(ended <= asked || is_killed, "{first} {second}");
        }
    }
}

#[test]
fn release_and_stop_are_linear_extensions_of_the_graph() {
    require!(nesting());
    let mut runner = random::runner(random::cases(12, 200), 20);
    runner
        .run(
            &trees().prop_filter("no cycle", |tree| !tree.has_cycle()),
            |tree| {
                let text = tree.text();
                let topology = parse(Request::new(
                    Source::new("t", text.replace('@', "root")),
                    "t",
                ))
                .topology
                .unwrap();
                let root = topology.namespace(topology.roots()[0]);
                let bound =
                    root.asked_after + root.stop.grace + std::time::Duration::from_millis(500);
                for identity in crate::harness::identity::identities() {
                    let nest = Detached::up(Nest::new(&text).identity(identity));
                    assert_released_in_order(&tree, &nest);
                    let name = nest.nest.root.clone();
                    let stop: Value =
                        serde_json::from_str(&nest.run(&["down", "--format", "json"])).unwrap();
                    assert_stopped_in_order(&tree, &name, &stop);
                    let total = stop["ms"].as_f64().unwrap_or_else(|| panic!("{stop:#}"));
                    assert!(
                        total <= bound.as_secs_f64() * 1000.0,
                        "{total} ms of {bound:?}: {stop:#}"
                    );
                    if identity == Identity::Own && tree.processes.len() > 20 {
                        break;
                    }
                }
                Ok(())
            },
        )
        .unwrap();
}
