//! Nodes to draw from a controller's document of a running topology.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::dependencies;
use super::node::{Facts, Kind, Label, Node, Runs};
use super::state::State;
use super::topology_nodes::short;
use nestns_client::documents::{ExitDocument, NamespaceDocument, ProcessDocument};
use nestns_client::protocol::message::Snapshot;
use nestns_topology::{Entry, Signal};

/// Point of view: PIDs are those seen from there, and a process outside of it has none.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    /// The host.
    Host,
    /// This namespace.
    Namespace(&'a NamespaceDocument),
    /// A namespace that a program has made: its depth, and the paths of the processes in it.
    Made(usize, &'a HashSet<&'a str>),
}

/// Dependencies by the path of what waits, as documents have them.
pub(crate) type Dependencies = BTreeMap<String, Vec<String>>;

/// Part of a topology whose nodes are made.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'a> {
    /// The paths of namespaces, those around them with them.
    pub(crate) namespaces: HashSet<&'a str>,
    /// Paths of processes.
    pub(crate) processes: HashSet<&'a str>,
}

/// The nodes of a scope of a topology, outermost first.
pub(crate) fn nodes(
    snapshot: &Snapshot,
    after: &Dependencies,
    scope: &Scope<'_>,
    view: View<'_>,
) -> Vec<Node> {
    let mut making = Making {
        inside: HashMap::new(),
        within: HashMap::new(),
        inits: HashMap::new(),
        after,
        scope,
        view,
    };
    for process in &snapshot.processes {
        if process.enter == "init" {
            making.inits.insert(&process.ns, process);
        } else {
            making.inside.entry(&process.ns).or_default().push(process);
        }
    }
    for namespace in &snapshot.namespaces {
        making
            .within
            .entry(namespace.parent.as_deref())
            .or_default()
            .push(namespace);
    }
    making.namespaces(None)
}

struct Making<'a, 'p> {
    inside: HashMap<&'a str, Vec<&'a ProcessDocument>>,
    within: HashMap<Option<&'a str>, Vec<&'a NamespaceDocument>>,
    inits: HashMap<&'a str, &'a ProcessDocument>,
    after: &'a Dependencies,
    scope: &'p Scope<'p>,
    view: View<'p>,
}

impl<'a> Making<'a, '_> {
    fn namespaces(&self, parent: Option<&'a str>) -> Vec<Node> {
        let namespaces = self.within.get(&parent).into_iter().flatten();
        let namespaces =
            namespaces.filter(|namespace| self.scope.namespaces.contains(&*namespace.path));
        namespaces
            .map(|namespace| self.namespace(namespace))
            .collect()
    }

    fn namespace(&self, namespace: &'a NamespaceDocument) -> Node {
        let init = self.inits.get(&*namespace.path);
        let words = init.map(|init| init.argv.join(" ")).unwrap_or_default();
        let (runs, note) = match &*namespace.init {
            "builtin" => (Runs::Builtin, String::new()),
            "pause" => (Runs::Pause, "pause".to_owned()),
            "none" => (Runs::Program(words), "its PID 1 has ended".to_owned()),
            _ => (
                Runs::Program(words.clone()),
                format!("PID 1: {}", short(&words)),
            ),
        };
        let note = match (&namespace.hostname, &namespace.cgroup) {
            (Some(name), _) => format!("{name}, {note}"),
            (None, Some(name)) => format!("cgroup {}, {note}", short(name)),
            (None, None) => note,
        };
        let processes = self.inside.get(&*namespace.path).into_iter().flatten();
        let processes = processes.filter(|process| self.scope.processes.contains(&*process.path));
        let mut children: Vec<Node> = processes.map(|process| self.process(process)).collect();
        children.extend(self.namespaces(Some(&namespace.path)));
        Node {
            label: Label::of(last(&namespace.path)),
            kind: Kind::Namespace,
            pids: init.map(|init| self.numbers(init)).unwrap_or_default(),
            state: namespace.state.as_deref().and_then(State::of),
            note: with_end(note, init.and_then(|init| init.exit)),
            after: self.after(
                &namespace.path,
                [Some(&*namespace.path), init.map(|init| &*init.path)],
            ),
            facts: Facts {
                path: namespace.path.clone(),
                runs,
                entry: Entry::Init,
                description: None,
                labels: namespace.labels.clone(),
            },
            children,
        }
    }

    fn process(&self, process: &ProcessDocument) -> Node {
        let words = if process.argv.is_empty() {
            process.name.clone()
        } else {
            process.argv.join(" ")
        };
        let (entry, note) = match &*process.enter {
            _ if !process.declared => (Entry::Fork, short(&words)),
            "join" => (Entry::Join, format!("{} (joined)", short(&words))),
            "exec" => (Entry::Join, format!("{} (exec)", short(&words))),
            _ => (Entry::Fork, short(&words)),
        };
        Node {
            label: if process.declared {
                Label::of(last(&process.path))
            } else {
                Label::of_number(&process.path)
            },
            kind: Kind::Process,
            pids: self.numbers(process),
            state: process.state.as_deref().and_then(State::of),
            note: with_end(note, process.exit),
            after: self.after(&process.ns, [Some(&*process.path), None]),
            facts: Facts {
                path: process.path.clone(),
                runs: Runs::Program(words),
                entry,
                description: None,
                labels: process.labels.clone(),
            },
            children: Vec::new(),
        }
    }

    /// Dependencies on other namespaces, in words.
    fn after(&self, home: &str, waiters: [Option<&str>; 2]) -> String {
        let entries = waiters.into_iter().flatten();
        let entries = entries
            .filter_map(|waiter| self.after.get(waiter))
            .flatten();
        let elsewhere: Vec<_> = entries
            .filter_map(|entry| dependencies::elsewhere(home, entry))
            .collect();
        dependencies::words(home, &elsewhere, |&(path, condition)| {
            (path.to_owned(), condition)
        })
    }

    /// The PIDs that are visible: none for an ended process, nor for one outside of the point of view.
    fn numbers(&self, process: &ProcessDocument) -> Vec<Option<i32>> {
        if process.exit.is_some()
            || process
                .state
                .as_deref()
                .and_then(State::of)
                .is_some_and(State::is_over)
        {
            return Vec::new();
        }
        match self.view {
            View::Host => process.pids.clone(),
            View::Made(level, inside) => {
                let is_inside = inside.contains(&*process.ns);
                if is_inside {
                    process.pids.iter().skip(level).copied().collect()
                } else {
                    Vec::new()
                }
            }
            View::Namespace(namespace) => {
                // The name of an undeclared process says where it is, as that of its namespace may not.
                let home = process
                    .path
                    .rsplit_once('#')
                    .filter(|_| !process.declared)
                    .map_or(&*process.ns, |(home, _)| home);
                let rest = home.strip_prefix(&*namespace.path);
                let is_inside = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                if is_inside {
                    process.pids.iter().skip(namespace.level).copied().collect()
                } else {
                    Vec::new()
                }
            }
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn with_end(note: String, exit: Option<ExitDocument>) -> String {
    let end = match exit {
        None | Some(ExitDocument::Code(0)) => return note,
        Some(ExitDocument::Code(code)) => format!("exited with {code}"),
        Some(ExitDocument::Signal(signal)) => format!("killed by {}", Signal::from_number(signal)),
    };
    if note.is_empty() {
        end
    } else {
        format!("{end}: {note}")
    }
}
