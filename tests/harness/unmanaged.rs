//! The tree of PID namespaces below a process that nestns has not started, found without any of the program's code, and
//! the same tree as a topology file declares it.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::fs;

use serde_json::Value;

use super::kernel;

/// A PID namespace by what can be recognised of it: the command lines in it that the file declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape {
    programs: Vec<Vec<String>>,
    inside: Vec<Shape>,
}

/// A process in one of the namespaces.
#[derive(Debug, Clone)]
pub(crate) struct ProcessInfo {
    pub(crate) pid: i32,
    pub(crate) words: Vec<String>,
    /// The PIDs from the level below the tests' own inward.
    pub(crate) numbers: Vec<i32>,
    pub(crate) namespace: u64,
}

/// The document of `nestns tree --format json` about a file.
#[derive(Debug)]
pub(crate) struct Declared(pub(crate) Value);

impl Declared {
    /// The namespaces directly below the host.
    pub(crate) fn shape(&self) -> Vec<Shape> {
        self.below(&Value::Null)
    }

    fn below(&self, parent: &Value) -> Vec<Shape> {
        let namespaces = self.0["namespaces"]
            .as_array()
            .expect("the document has them")
            .iter();
        let mut shapes: Vec<Shape> = namespaces
            .filter(|namespace| namespace["parent"] == *parent)
            .map(|namespace| {
                let path = &namespace["path"];
                let here = self.processes().filter(|process| process["ns"] == *path);
                let mut programs: Vec<_> =
                    here.map(words).filter(|words| !is_builtin(words)).collect();
                programs.sort();
                Shape {
                    programs,
                    inside: self.below(path),
                }
            })
            .collect();
        shapes.sort();
        shapes
    }

    /// Every command line that the file declares.
    fn programs(&self) -> BTreeSet<Vec<String>> {
        self.processes()
            .map(words)
            .filter(|words| !is_builtin(words))
            .collect()
    }

    fn processes(&self) -> impl Iterator<Item = &Value> {
        self.0["processes"]
            .as_array()
            .expect("the document has them")
            .iter()
    }

    /// The level of a process's namespace, its command line (none for a PID 1 that is nestns's) and its numbers below
    /// the host.
    pub(crate) fn numbers(&self) -> Vec<(usize, Option<Vec<String>>, Vec<i32>)> {
        let process = |process: &Value| {
            let below = process["pids"].as_array().expect("a list").iter().skip(1);
            let numbers: Vec<i32> = below
                .map(|number| number.as_i64().expect("known").try_into().expect("a PID"))
                .collect();
            let words = words(process);
            (
                numbers.len(),
                (!is_builtin(&words)).then_some(words),
                numbers,
            )
        };
        self.processes().map(process).collect()
    }
}

/// The descendants of a process in PID namespaces below that of the tests.
pub(crate) fn members_below(ancestor: i32) -> Vec<ProcessInfo> {
    let own = kernel::own_pid_namespace();
    let found = kernel::descendants(ancestor)
        .into_iter()
        .filter(|process| process.state != 'Z');
    found
        .filter_map(|process| {
            let namespace =
                kernel::namespace(process.pid, "pid").filter(|&namespace| namespace != own)?;
            let words = fs::read(format!("/proc/{}/cmdline", process.pid)).ok()?;
            let words = String::from_utf8_lossy(&words)
                .trim_end_matches('\0')
                .split('\0')
                .map(str::to_owned)
                .collect();
            Some(ProcessInfo {
                pid: process.pid,
                words,
                numbers: process.numbers[1..].to_vec(),
                namespace,
            })
        })
        .collect()
}

/// The namespaces of these, as they lie in each other. `None` when one has gone while it was looked at.
pub(crate) fn shape(members: &[ProcessInfo], declared: &Declared) -> Option<Vec<Shape>> {
    let mut around: HashMap<u64, u64> = HashMap::new();
    for member in members {
        if let Entry::Vacant(unknown) = around.entry(member.namespace) {
            unknown.insert(kernel::try_parent_namespace(member.pid)?);
        }
    }
    Some(below(
        kernel::own_pid_namespace(),
        &around,
        members,
        &declared.programs(),
    ))
}

fn below(
    namespace: u64,
    around: &HashMap<u64, u64>,
    members: &[ProcessInfo],
    programs: &BTreeSet<Vec<String>>,
) -> Vec<Shape> {
    let inside = around
        .iter()
        .filter(|&(_, &outer)| outer == namespace)
        .map(|(&inner, _)| inner);
    let mut shapes: Vec<Shape> = inside
        .map(|inner| {
            let here = members.iter().filter(|member| member.namespace == inner);
            // A fork of a program, before or instead of an exec of its own, has its parent's command line.
            let is_copy = |one: &ProcessInfo| {
                let parent = kernel::process(one.pid).map_or(0, |process| process.parent);
                members
                    .iter()
                    .any(|other| other.pid == parent && other.words == one.words)
            };
            let known = here.filter(|member| programs.contains(&member.words) && !is_copy(member));
            let mut found: Vec<_> = known.map(|member| member.words.clone()).collect();
            found.sort();
            Shape {
                programs: found,
                inside: below(inner, around, members, programs),
            }
        })
        .collect();
    shapes.sort();
    shapes
}

/// The command line of a declared process.
pub(crate) fn words(process: &Value) -> Vec<String> {
    let words = process["argv"].as_array().expect("a list").iter();
    words
        .map(|word| word.as_str().expect("text").to_owned())
        .collect()
}

fn is_builtin(words: &[String]) -> bool {
    words == ["nestns", "init"]
}
