//! Check that the tree has the namespaces and processes that its expectations name.

use std::collections::HashSet;

use crate::Address;
use crate::address::{Wanted, nearest};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expectation::Expectation;
use crate::syntax::{ExpectationSyntax, Located, Named, SUGGESTIONS};
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
    let known = Known::of(&paths);
    let mut reported = 0;
    let mut kept = Vec::with_capacity(expected.len());
    'expectations: for (expectation, syntax) in expected {
        for (name, named) in &syntax.names {
            if known.has(&name.value, *named) {
                continue;
            }
            if absent.iter().any(|path| name.value.may_be_inside(path)) {
                continue 'expectations;
            }
            let diagnostic = unknown(name, *named);
            let help = known.init_hint(&name.value, *named).or_else(|| {
                (reported < SUGGESTIONS)
                    .then(|| known.similar_hint(&name.value, *named))
                    .flatten()
            });
            out.push(match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
            reported += 1;
        }
        kept.push(expectation);
    }
    kept
}

/// The problem of a name that nothing has.
fn unknown(name: &Located<Address>, named: Named) -> Diagnostic {
    let address = &name.value;
    if address.is_host() {
        return Diagnostic::at(
            Code::UnknownExpected,
            name.span,
            "the host is not part of the topology",
        )
        .label(format!(
            "a {} of the topology is expected here",
            named.noun()
        ));
    }
    let is_it = if address.is_exact() {
        "has this path"
    } else {
        "has this name"
    };
    Diagnostic::at(
        Code::UnknownExpected,
        name.span,
        format!("an expectation names `{}`", address.path()),
    )
    .label(format!("no {} {is_it}", named.noun()))
}

/// Kinds of paths among which a name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Namespaces,
    Processes,
    Both,
}

impl Kinds {
    fn of(address: &Address, named: Named) -> Self {
        match named {
            Named::Process => Self::Processes,
            Named::Observer | Named::Anything if address.wanted() == Wanted::Anything => Self::Both,
            Named::Namespace | Named::Observer | Named::Anything => Self::Namespaces,
        }
    }

    fn has_namespaces(self) -> bool {
        self != Self::Processes
    }

    fn has_processes(self) -> bool {
        self != Self::Namespaces
    }
}

/// Paths of a tree, in their order and by name.
struct Known<'p> {
    paths: &'p Paths<'p>,
    spaces: HashSet<&'p str>,
    processes: HashSet<&'p str>,
}

impl<'p> Known<'p> {
    fn of(paths: &'p Paths<'p>) -> Self {
        Self {
            paths,
            spaces: paths.spaces.iter().copied().collect(),
            processes: paths.processes.iter().map(String::as_str).collect(),
        }
    }

    /// Returns whether anything has a name: by its path, or, but for a namespace that is to be named by that, by a pattern.
    fn has(&self, address: &Address, named: Named) -> bool {
        if address.is_everything() || address.is_host() && named.may_be(address) {
            return true;
        }
        let kinds = Kinds::of(address, named);
        let path = &*address.path();
        let has_path = (kinds.has_namespaces() && self.spaces.contains(path))
            || (kinds.has_processes() && self.processes.contains(path));
        has_path || (named != Named::Namespace && self.has_instance(address, kinds))
    }

    fn has_instance(&self, address: &Address, kinds: Kinds) -> bool {
        let Paths { spaces, processes } = self.paths;
        (kinds.has_namespaces() && spaces.iter().any(|path| address.matches_instances(path)))
            || (kinds.has_processes() && processes.iter().any(|path| is_process(address, path)))
    }

    /// A hint for a namespace that is named where a process is expected.
    fn init_hint(&self, address: &Address, named: Named) -> Option<String> {
        let path = &*address.path();
        (named == Named::Process && self.spaces.contains(path))
            .then(|| format!("that is a namespace; its PID 1 is \"{path}/init\""))
    }

    /// A hint with the most similar paths.
    fn similar_hint(&self, address: &Address, named: Named) -> Option<String> {
        let kinds = Kinds::of(address, named);
        let spaces = self.paths.spaces.iter().copied();
        let processes = self.paths.processes.iter().map(String::as_str);
        let paths = spaces
            .filter(|_| kinds.has_namespaces())
            .chain(processes.filter(|_| kinds.has_processes()));
        let found: Vec<String> = nearest(address, paths)
            .into_iter()
            .map(|path| format!("`{path}`"))
            .collect();
        (!found.is_empty()).then(|| format!("there is {}", found.join(", ")))
    }
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
