//! Imports run one way: no module of a crate imports one that imports it, directly or by way of others. What ties two
//! modules together has a file of its own.
//!
//! A module may use what its ancestors have, which is where it belongs to; that is no import here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// The segments of a module's path, without `crate`.
type Module = Vec<String>;

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory)
        .expect("the sources are there")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The module that a file is; none for the program's and the library's roots.
fn module_of(file: &Path, root: &Path) -> Option<Module> {
    let inside = file
        .strip_prefix(root)
        .expect("it was found there")
        .with_extension("");
    let mut module: Module = inside
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    (module.len() > 1 || !matches!(module[0].as_str(), "main" | "lib")).then_some(module)
}

/// The source without comments and without unit tests.
fn code(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The paths of a tree of `use`: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(tree: &str, prefix: &[String], paths: &mut Vec<Module>) {
    let tree = tree.trim();
    let (head, rest) = tree.split_once("::").unwrap_or((tree, ""));
    if let Some(group) = tree.strip_prefix('{') {
        let (mut depth, mut start) = (0, 0);
        let group = group.trim_end().trim_end_matches('}').to_owned() + ",";
        let balanced = group.clone()
            + &"}".repeat(
                group
                    .matches('{')
                    .count()
                    .saturating_sub(group.matches('}').count()),
            );
        for (place, character) in balanced.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !balanced[start..place].trim().is_empty() {
                        expand(&balanced[start..place], prefix, paths);
                    }
                    start = place + 1;
                }
                _ => {}
            }
        }
        return;
    }
    let mut path = prefix.to_vec();
    path.push(head.split(" as ").next().unwrap_or(head).trim().to_owned());
    if rest.is_empty() {
        paths.push(path);
    } else {
        expand(rest, &path, paths);
    }
}

/// Every path that a source names: in `use`, and in place as `crate::a::b`.
fn paths(code: &str) -> Vec<Module> {
    let mut paths = Vec::new();
    for statement in code.split(';') {
        let Some(place) = statement.rfind("use ") else {
            continue;
        };
        let before = statement[..place].trim_end();
        if before.is_empty() || before.ends_with(['}', ']', ')']) || before.ends_with("pub") {
            expand(&statement[place + 4..], &[], &mut paths);
        }
    }
    for start in ["crate::", "super::"] {
        for (place, _) in code.match_indices(start) {
            let path = code[place..]
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .next();
            let path: Module = path
                .unwrap_or_default()
                .split("::")
                .map(str::to_owned)
                .collect();
            paths.push(path);
        }
    }
    paths
}

/// The module that a path leads into: the longest beginning of it that is one.
fn target<'a>(
    path: &[String],
    from: &Module,
    modules: &'a BTreeMap<Module, NodeIndex>,
) -> Option<&'a Module> {
    let mut at: Module = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => from.clone(),
        first => {
            let child = [from.as_slice(), &[first.to_owned()]].concat();
            modules.contains_key(&child).then_some(from.clone())?
        }
    };
    for segment in path {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            segment => at.push(segment.to_owned()),
        }
    }
    while !at.is_empty() && !modules.contains_key(&at) {
        at.pop();
    }
    modules.get_key_value(&at).map(|(module, _)| module)
}

/// The imports between the modules of a crate, and how many modules and imports there are.
fn circles(root: &Path) -> (Vec<Vec<String>>, usize, usize) {
    let mut found = Vec::new();
    files(root, &mut found);
    let mut graph = DiGraph::<Module, ()>::new();
    let sources: Vec<(Module, String)> = found
        .into_iter()
        .filter_map(|file| {
            Some((
                module_of(&file, root)?,
                code(&fs::read_to_string(&file).expect("it is a source")),
            ))
        })
        .filter(|(module, _)| module.last().is_none_or(|last| last != "tests"))
        .collect();
    let modules: BTreeMap<Module, NodeIndex> = sources
        .iter()
        .map(|(module, _)| (module.clone(), graph.add_node(module.clone())))
        .collect();
    for (module, code) in &sources {
        for path in paths(code) {
            let Some(other) = target(&path, module, &modules) else {
                continue;
            };
            if !module.starts_with(other) {
                graph.update_edge(modules[module], modules[other], ());
            }
        }
    }
    let circles = tarjan_scc(&graph)
        .into_iter()
        .filter(|circle| circle.len() > 1)
        .map(|circle| {
            circle
                .into_iter()
                .map(|node| graph[node].join("::"))
                .collect()
        });
    (circles.collect(), graph.node_count(), graph.edge_count())
}

#[test]
fn no_module_imports_one_that_imports_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates"))
        .expect("the crates are there")
        .flatten();
    let (mut modules, mut imports) = (0, 0);
    for directory in crates.map(|entry| entry.path()).chain([root.to_owned()]) {
        let (circles, nodes, edges) = circles(&directory.join("src"));
        assert!(
            circles.is_empty(),
            "modules that import each other in {}: {circles:#?}",
            directory.display()
        );
        modules += nodes;
        imports += edges;
    }
    assert!(
        modules > 300 && imports > 1000,
        "{modules} modules, {imports} imports"
    );
}
