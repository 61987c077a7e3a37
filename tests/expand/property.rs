//! Trees that chance makes, against a second and simpler idea of what they are.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Write as _;

use nestns_topology::config::{Arrangement, toml};
use nestns_topology::diagnostic::{Code, Source};
use nestns_topology::{Numbering, Parsed, Request, Topology, parse};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

use crate::harness::random;

fn runner(cases: u32) -> TestRunner {
    random::runner(cases, u32::MAX)
}

fn parsed(text: &str) -> Parsed {
    parse(Request::new(Source::new("x.toml", text), "x"))
}

/// A namespace or template as chance has it, with what is inside it.
#[derive(Debug, Clone)]
struct Block {
    shape: Shape,
    processes: Vec<Process>,
    children: Vec<Block>,
    /// Index of the earlier template that it uses.
    uses: Option<Index>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    One,
    Count(u64),
    /// A count of one more than the `i` around it.
    Growing,
    Depth(u64),
    Tree(u64, u64),
}

#[derive(Debug, Clone, Copy)]
struct Process {
    count: Option<u64>,
    at: &'static str,
}

fn block() -> impl Strategy<Value = Block> {
    let shape = || {
        prop_oneof![
            5 => Just(Shape::One),
            2 => (0..4_u64).prop_map(Shape::Count),
            1 => Just(Shape::Growing),
            2 => (1..4_u64).prop_map(Shape::Depth),
            1 => (1..4_u64, 1..3_u64).prop_map(|(depth, fanout)| Shape::Tree(depth, fanout)),
        ]
    };
    let process = || {
        let at = select(vec!["every", "root", "leaf", "0"]);
        (prop::option::weighted(0.3, 0..3_u64), at).prop_map(|(count, at)| Process { count, at })
    };
    let body = move |children: BoxedStrategy<Vec<Block>>| {
        let uses = prop::option::weighted(0.4, any::<Index>());
        (shape(), vec(process(), 0..3), children, uses).prop_map(
            |(shape, processes, children, uses)| Block {
                shape,
                processes,
                children,
                uses,
            },
        )
    };
    let leaf = body(Just(Vec::new()).boxed());
    leaf.prop_recursive(2, 8, 2, move |inner| body(vec(inner, 0..3).boxed()))
}

/// A file: templates, of which each uses only earlier ones, and the namespaces at the top.
#[derive(Debug, Clone)]
struct File {
    templates: Vec<Block>,
    roots: Vec<Block>,
}

fn file() -> impl Strategy<Value = File> {
    (vec(block(), 0..3), vec(block(), 1..3))
        .prop_map(|(templates, roots)| File { templates, roots })
}

impl File {
    fn used(block: &Block, templates: &[Block]) -> Option<usize> {
        block
            .uses
            .filter(|_| !templates.is_empty())
            .map(|index| index.index(templates.len()))
    }

    /// The shape that a block itself declares: none if its template has one.
    fn own_shape(block: &Block, templates: &[Block]) -> Shape {
        match Self::used(block, templates) {
            Some(used) if Self::shape(&templates[used], &templates[..used]) != Shape::One => {
                Shape::One
            }
            _ => block.shape,
        }
    }

    fn shape(block: &Block, templates: &[Block]) -> Shape {
        match (
            Self::own_shape(block, templates),
            Self::used(block, templates),
        ) {
            (Shape::One, Some(used)) => Self::shape(&templates[used], &templates[..used]),
            (shape, _) => shape,
        }
    }

    /// The text of the file. Names begin with a letter for each template, so that no name occurs twice.
    fn text(&self) -> String {
        let mut text = String::new();
        for (index, template) in self.templates.iter().enumerate() {
            Self::write(
                &mut text,
                "template",
                &format!("t{index}"),
                template,
                &self.templates[..index],
            );
        }
        for (index, root) in self.roots.iter().enumerate() {
            Self::write(&mut text, "ns", &format!("r{index}"), root, &self.templates);
        }
        text
    }

    fn write(text: &mut String, table: &str, path: &str, block: &Block, templates: &[Block]) {
        let mut line = |line: String| _ = writeln!(text, "{line}");
        line(format!("[{table}.\"{path}\"]"));
        match Self::own_shape(block, templates) {
            Shape::One => {}
            Shape::Count(count) => line(format!("count = {count}")),
            Shape::Growing => line("count = \"{{i + 1}}\"".to_owned()),
            Shape::Depth(depth) => line(format!("depth = {depth}")),
            Shape::Tree(depth, fanout) => line(format!("depth = {depth}\nfanout = {fanout}")),
        }
        if let Some(used) = Self::used(block, templates) {
            line(format!("use = \"t{used}\""));
        }
        let prefix = Self::prefix(path);
        for (index, Process { count, at }) in block.processes.iter().enumerate() {
            let count = count.map_or(String::new(), |count| format!(", count = {count}"));
            line(format!(
                "proc.{prefix}p{index} = {{ cmd = \"x\", at = \"{at}\"{count} }}"
            ));
        }
        for (index, child) in block.children.iter().enumerate() {
            Self::write(
                text,
                table,
                &format!("{path}/{prefix}c{index}"),
                child,
                templates,
            );
        }
    }

    /// Prefix of the names inside a block: that of its template or root.
    fn prefix(path: &str) -> &str {
        path.split('/').next().unwrap_or_default()
    }
}

/// The tree as it is expected, in the order of creation.
#[derive(Debug, Default)]
struct Expected {
    /// The namespaces, each with the names of its processes.
    namespaces: Vec<(String, Vec<String>)>,
    deepest: u64,
}

/// The levels of a chain: the level around it, the number of the first namespace, and how many there are.
#[derive(Debug, Clone, Copy)]
struct Levels {
    level: u64,
    first: u64,
    depth: u64,
}

/// A node of a complete tree: the level around it, its own level in the tree, and its number on that level.
#[derive(Debug, Clone, Copy)]
struct Node {
    level: u64,
    place: u64,
    i: u64,
}

/// Number of namespaces from which on a tree is too large.
const MANY: usize = 3000;

impl Expected {
    fn of(file: &File) -> Self {
        let mut expected = Self::default();
        for (index, root) in file.roots.iter().enumerate() {
            let root = Whole::of(&format!("r{index}"), root, &file.templates);
            expected.block(&root, "", 0, 0);
        }
        expected
    }

    fn block(&mut self, block: &Whole, around: &str, level: u64, i: u64) {
        let name = &block.name;
        match block.shape {
            Shape::One => self.chain(
                block,
                around,
                Levels {
                    level,
                    first: i,
                    depth: 1,
                },
                &|_| name.clone(),
            ),
            Shape::Count(count) => self.siblings(block, around, level, count),
            Shape::Growing => self.siblings(block, around, level, i + 1),
            Shape::Depth(depth) => {
                self.chain(
                    block,
                    around,
                    Levels {
                        level,
                        first: 0,
                        depth,
                    },
                    &|i| format!("{name}.{i}"),
                );
            }
            Shape::Tree(depth, fanout) => self.tree(
                block,
                around,
                Node {
                    level,
                    place: 0,
                    i: 0,
                },
                (depth, fanout),
            ),
        }
    }

    fn siblings(&mut self, block: &Whole, around: &str, level: u64, count: u64) {
        for i in 0..count {
            self.chain(
                block,
                around,
                Levels {
                    level,
                    first: i,
                    depth: 1,
                },
                &|i| format!("{}.{i}", block.name),
            );
        }
    }

    fn chain(&mut self, block: &Whole, around: &str, levels: Levels, name: &dyn Fn(u64) -> String) {
        let Levels {
            level,
            first,
            depth,
        } = levels;
        let mut path = around.to_owned();
        for place in 0..depth {
            let segment = name(first + place);
            path = if path.is_empty() {
                segment
            } else {
                format!("{path}/{segment}")
            };
            self.namespace(block, &path, level + place + 1, (place, depth));
        }
        for child in &block.children {
            self.block(child, &path, level + depth, first + depth - 1);
        }
    }

    fn tree(&mut self, block: &Whole, around: &str, at: Node, size: (u64, u64)) {
        let (Node { level, place, i }, (depth, fanout)) = (at, size);
        let name = format!("{}.{place}.{i}", block.name);
        let path = if around.is_empty() {
            name
        } else {
            format!("{around}/{name}")
        };
        self.namespace(block, &path, level + 1, (place, depth));
        if place + 1 < depth {
            for branch in 0..fanout {
                let at = Node {
                    level: level + 1,
                    place: place + 1,
                    i: i * fanout + branch,
                };
                self.tree(block, &path, at, size);
            }
        } else {
            for child in &block.children {
                self.block(child, &path, level + 1, i);
            }
        }
    }

    fn namespace(&mut self, block: &Whole, path: &str, level: u64, (place, depth): (u64, u64)) {
        self.deepest = self.deepest.max(level);
        // More would take longer than it tells.
        if self.namespaces.len() > MANY {
            return;
        }
        let mut processes = Vec::new();
        for (name, process) in &block.processes {
            let is_here = match process.at {
                "root" | "0" => place == 0,
                "leaf" => place + 1 == depth,
                _ => true,
            };
            match process.count {
                _ if !is_here => {}
                None => processes.push(name.clone()),
                Some(count) => processes.extend((0..count).map(|index| format!("{name}.{index}"))),
            }
        }
        self.namespaces.push((path.to_owned(), processes));
    }

    fn processes(&self) -> usize {
        self.namespaces
            .iter()
            .map(|(_, processes)| processes.len())
            .sum()
    }

    /// Every process with its numbers: each takes the next one in every namespace around it.
    fn table(&self) -> String {
        let mut taken: HashMap<&str, u32> = HashMap::new();
        let mut table = String::new();
        for (path, processes) in &self.namespaces {
            let ends = path
                .match_indices('/')
                .map(|(end, _)| end)
                .chain([path.len()]);
            let around: Vec<&str> = ends.map(|end| &path[..end]).collect();
            for name in std::iter::once("init").chain(processes.iter().map(String::as_str)) {
                let numbers = around.iter().map(|&namespace| {
                    let last = taken.entry(namespace).or_default();
                    *last += 1;
                    last.to_string()
                });
                let numbers: Vec<_> = numbers.collect();
                let _ = writeln!(table, "{path}/{name} {}", numbers.join("/"));
            }
        }
        table
    }
}

/// A block with what its templates say in front of what it says itself.
struct Whole {
    name: String,
    shape: Shape,
    processes: Vec<(String, Process)>,
    children: Vec<Whole>,
}

impl Whole {
    fn of(path: &str, block: &Block, templates: &[Block]) -> Self {
        let (mut processes, mut children) = (Vec::new(), Vec::new());
        if let Some(used) = File::used(block, templates) {
            let template = Self::of(&format!("t{used}"), &templates[used], &templates[..used]);
            (processes, children) = (template.processes, template.children);
        }
        let prefix = File::prefix(path);
        let own = block.processes.iter().enumerate();
        processes.extend(own.map(|(index, process)| (format!("{prefix}p{index}"), *process)));
        let own = block.children.iter().enumerate();
        children.extend(
            own.map(|(index, child)| {
                Self::of(&format!("{path}/{prefix}c{index}"), child, templates)
            }),
        );
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            name,
            shape: File::shape(block, templates),
            processes,
            children,
        }
    }
}

/// Every process of a topology with the numbers that it will get.
fn table(topology: &Topology) -> String {
    let numbering = Numbering::predict(topology);
    let mut table = String::new();
    for id in topology.pre_order() {
        let namespace = topology.namespace(id);
        let mut line = |name: &str, numbers: &[i32]| {
            let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
            let _ = writeln!(table, "{}/{name} {}", namespace.path, numbers.join("/"));
        };
        line("init", numbering.init(id));
        for (index, process) in namespace.processes.iter().enumerate() {
            line(&process.name, &numbering.process(id, index));
        }
    }
    table
}

fn errors(parsed: &Parsed) -> Vec<Code> {
    let codes = parsed.diagnostics.iter().map(|problem| problem.code);
    codes.filter(|code| *code != Code::UnusedTemplate).collect()
}

fn with_limits(text: &str, namespaces: usize, processes: usize) -> Parsed {
    parsed(&format!(
        "[limits]\nnamespaces = {}\nprocesses = {}\n{text}",
        namespaces.max(1),
        processes.max(1)
    ))
}

#[test]
fn a_tree_equals_that_of_a_simpler_implementation() {
    let (built, refused) = (Cell::new(0), Cell::new(0));
    runner(3000)
        .run(&file(), |file| {
            let (expected, text) = (Expected::of(&file), file.text());
            let parsed = with_limits(&text, MANY, 100_000);
            let count = expected.namespaces.len();
            if expected.deepest > 32 || count > MANY || count == 0 {
                let codes = errors(&parsed);
                refused.set(refused.get() + 1);
                prop_assert_eq!(
                    codes.contains(&Code::TooDeep),
                    expected.deepest > 32,
                    "{}",
                    text
                );
                prop_assert!(
                    codes.contains(&Code::TooMany) || count <= MANY || expected.deepest > 32,
                    "{}",
                    text
                );
                prop_assert_eq!(codes.contains(&Code::NoNamespace), count == 0, "{}", text);
                return Ok(());
            }
            built.set(built.get() + 1);
            prop_assert_eq!(errors(&parsed), Vec::<Code>::new(), "{}", text);
            prop_assert_eq!(
                table(&parsed.topology.expect("there is no error")),
                expected.table(),
                "{}",
                text
            );
            Ok(())
        })
        .unwrap();
    assert!(
        built.get() > 2000 && refused.get() > 50,
        "{built:?} built, {refused:?} refused"
    );
}

#[test]
fn the_size_is_known_before_there_is_a_tree() {
    runner(500)
        .run(&file(), |file| {
            let (expected, text) = (Expected::of(&file), file.text());
            let (namespaces, processes) = (expected.namespaces.len(), expected.processes());
            if expected.deepest > 32 || namespaces > MANY || namespaces == 0 {
                return Ok(());
            }
            prop_assert_eq!(
                errors(&with_limits(&text, namespaces, processes)),
                Vec::<Code>::new(),
                "{}",
                text
            );
            if namespaces > 1 {
                let found = errors(&with_limits(&text, namespaces - 1, processes));
                prop_assert_eq!(found, vec![Code::TooMany], "{}", text);
            }
            if processes > 1 {
                let found = errors(&with_limits(&text, namespaces, processes - 1));
                prop_assert_eq!(found, vec![Code::TooMany], "{}", text);
            }
            Ok(())
        })
        .unwrap();
}

/// Lines of a table that may say anything that merges.
fn body() -> impl Strategy<Value = String> {
    let word = || select(vec!["one", "two", "three"]);
    let line = prop_oneof![
        word().prop_map(|value| ("hostname", format!("hostname = \"{value}\""))),
        word().prop_map(|value| ("init", format!("init = [\"{value}\"]"))),
        prop::bool::ANY.prop_map(|flag| ("mount_proc", format!("mount_proc = {flag}"))),
        (1..3).prop_map(|count| ("count", format!("count = {count}"))),
        (word(), word()).prop_map(|(key, value)| ("labels", format!("labels.{key} = \"{value}\""))),
        (word(), word()).prop_map(|(key, value)| ("env", format!("env.{key} = \"{value}\""))),
        (1..9).prop_map(|grace| ("stop", format!("stop.grace = \"{grace}s\""))),
        word().prop_map(|value| ("stop", format!("stop.signal = \"{}\"", signal(value)))),
        (word(), process()).prop_map(|(name, process)| (name, format!("proc.{name} = {process}"))),
        (word(), process()).prop_map(|(name, process)| (name, format!("proc.{name} = {process}"))),
    ];
    vec(line, 0..6).prop_map(|lines| {
        let mut keys = Vec::new();
        let first = lines.into_iter().filter(|(key, _)| {
            let is_first = !keys.contains(key);
            keys.push(key);
            is_first
        });
        first
            .map(|(_, line)| line + "\n")
            .collect::<Vec<_>>()
            .concat()
    })
}

fn signal(word: &str) -> &str {
    match word {
        "one" => "INT",
        "two" => "HUP",
        _ => "USR1",
    }
}

fn process() -> impl Strategy<Value = String> {
    let program = select(vec![
        "cmd = \"c\"",
        "sh = \"s\"",
        "actor = \"idle\"",
        "cmd = [\"d\"]",
    ]);
    let further = select(vec![
        "",
        ", env = { A = \"1\" }",
        ", env = { A = \"2\", B = \"2\" }",
        ", count = 2, cwd = \"/\"",
    ]);
    prop_oneof![
        Just("\"words of it\"".to_owned()),
        Just("[\"a\", \"b\"]".to_owned()),
        (program, further).prop_map(|(program, further)| format!("{{ {program}{further} }}")),
    ]
}

#[test]
fn it_does_not_matter_in_which_groups_templates_are_merged() {
    let bodies = (body(), body(), body(), body());
    runner(400)
        .run(&bodies, |(a, b, c, own)| {
            let templates = format!("[template.a]\n{a}[template.b]\n{b}[template.c]\n{c}");
            let file = |groups: &str, uses: &str| format!("{templates}{groups}[ns.x]\nuse = [{uses}]\n{own}");
            let texts = [
                file("", "\"a\", \"b\", \"c\""),
                file("[template.ab]\nuse = [\"a\", \"b\"]\n", "\"ab\", \"c\""),
                file("[template.bc]\nuse = [\"b\", \"c\"]\n", "\"a\", \"bc\""),
                // What a template uses is in front of what it says.
                format!("[template.a]\n{a}[template.b]\nuse = \"a\"\n{b}[template.c]\nuse = \"b\"\n{c}[ns.x]\nuse = \"c\"\n{own}"),
                format!("[defaults.ns]\n{a}[template.b]\n{b}[template.c]\n{c}[ns.x]\nuse = [\"b\", \"c\"]\n{own}"),
            ];
            let trees = texts.iter().map(|text| {
                let parsed = parsed(text);
                let errors = errors(&parsed);
                parsed.topology.map(|topology| toml(&topology, Arrangement::Paths)).ok_or((errors, text.clone()))
            });
            let trees: Vec<_> = trees.collect();
            for tree in &trees {
                prop_assert!(tree.is_ok(), "{:?}", tree);
                prop_assert_eq!(tree, &trees[0], "{:?}", texts);
            }
            Ok(())
        })
        .unwrap();
}
