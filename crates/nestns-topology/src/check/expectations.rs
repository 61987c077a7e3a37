//! Check that the tree has the namespaces and processes that its expectations name.

use std::collections::HashSet;

use crate::Address;
use crate::address::{Wanted, nearest};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expectation::Expectation;
use crate::syntax::{ExpectationSyntax, Named, SUGGESTIONS};
use crate::tree::Topology;

/// All paths of a tree.
struct Paths<'a> {
    spaces: Vec<&'a str>,
    processes: Vec<String>,
}

/// Reports names that nothing has. Returns the expectations but for those that name what is declared and `absent`, because
/// its count is 0.
pub(crate) fn check_expectations(
    topology: &Topology,
    expected: Vec<(Expectation, ExpectationSyntax)>,
    absent: &[String],
    out: &mut Diagnostics,
) -> Vec<Expectation> {
    if expected.is_empty() {
        return Vec::new();
    }
    let paths = Paths::of(topology);
    let spaces: HashSet<&str> = paths.spaces.iter().copied().collect();
    let processes: HashSet<&str> = paths.processes.iter().map(String::as_str).collect();
    let mut reported = 0;
    let mut kept = Vec::with_capacity(expected.len());
    'expectations: for (expectation, syntax) in expected {
        for (name, named) in &syntax.names {
            let address = &name.value;
            if address.is_everything() || address.is_host() && named.may_be(address) {
                continue;
            }
            let (space, process) = match named {
                Named::Namespace => (true, false),
                Named::Process => (false, true),
                Named::Observer | Named::Anything => (true, address.wanted() == Wanted::Anything),
            };
            let path = address.path();
            let is_there = (space && spaces.contains(&*path))
                || (process && processes.contains(&*path))
                || (*named != Named::Namespace
                    && ((space
                        && paths
                            .spaces
                            .iter()
                            .any(|path| address.matches_instances(path)))
                        || (process
                            && paths.processes.iter().any(|path| is_process(address, path)))));
            if is_there {
                continue;
            }
            if absent.iter().any(|path| address.may_be_inside(path)) {
                continue 'expectations;
            }
            let mut diagnostic = if address.is_host() {
                Diagnostic::at(
                    Code::UnknownExpected,
                    name.span,
                    "the host is not part of the topology",
                )
                .label(format!(
                    "a {} of the topology is expected here",
                    named.noun()
                ))
            } else {
                let is_it = if address.is_exact() {
                    "has this path"
                } else {
                    "has this name"
                };
                Diagnostic::at(
                    Code::UnknownExpected,
                    name.span,
                    format!("an expectation names `{path}`"),
                )
                .label(format!("no {} {is_it}", named.noun()))
            };
            if *named == Named::Process && spaces.contains(&*path) {
                diagnostic =
                    diagnostic.help(format!("that is a namespace; its PID 1 is \"{path}/init\""));
            } else if reported < SUGGESTIONS {
                let known = paths.spaces.iter().copied().filter(|_| space);
                let known = known.chain(
                    paths
                        .processes
                        .iter()
                        .map(String::as_str)
                        .filter(|_| process),
                );
                let found: Vec<String> = nearest(address, known)
                    .into_iter()
                    .map(|path| format!("`{path}`"))
                    .collect();
                if !found.is_empty() {
                    diagnostic = diagnostic.help(format!("there is {}", found.join(", ")));
                }
            }
            reported += 1;
            out.push(diagnostic);
        }
        kept.push(expectation);
    }
    kept
}

/// Returns whether an expectation means this process: a PID 1 as well where a wildcard stands for it.
fn is_process(address: &Address, path: &str) -> bool {
    address.matches_instances(path) || address.matches_init_of_instances(path)
}

impl<'a> Paths<'a> {
    fn of(topology: &'a Topology) -> Self {
        let mut paths = Self {
            spaces: Vec::new(),
            processes: Vec::new(),
        };
        for id in topology.pre_order() {
            let namespace = topology.namespace(id);
            paths.spaces.push(&namespace.path);
            // Every namespace has a PID 1, of whatever kind.
            paths.processes.push(format!("{}/init", namespace.path));
            let named = namespace.processes.iter();
            paths
                .processes
                .extend(named.map(|process| format!("{}/{}", namespace.path, process.name)));
        }
        paths
    }
}
