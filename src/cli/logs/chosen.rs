//! Selection of logs: addresses against a snapshot, and against programs of `exec` that have ended
//! or are still to come.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::cli::selection::{Selected, Selection, Unresolved, resolve};
use nestns_client::documents::ProcessDocument;
use nestns_client::journal::LogName;
use nestns_client::protocol::message::Snapshot;
use nestns_topology::Address;
use nestns_topology::address::Wanted;

/// Logs that were selected.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The processes of the topology, and the programs of `exec` that were there.
    processes: BTreeMap<LogName, String>,
    /// Every namespace by its number, and whether what comes into it is shown.
    namespaces: Vec<(String, bool)>,
    /// Addresses that select from the programs still to come.
    addresses: Vec<Address>,
}

impl Chosen {
    /// Resolves the addresses; `found` are the logs that are there.
    pub(super) fn new(
        mut snapshot: Snapshot,
        found: &BTreeSet<LogName>,
        addresses: &[Address],
        selection: &Selection,
    ) -> Result<Self, Unresolved> {
        recall(&mut snapshot, found);
        let names = names(&snapshot);
        let selections = resolve(&snapshot, addresses, selection)?;
        let (mut paths, mut inside) = (HashSet::new(), HashSet::new());
        for selected in selections {
            match selected {
                Selected::Namespace(namespace) => inside.insert(&*namespace.path),
                Selected::Process(process) => paths.insert(&*process.path),
            };
        }
        let is_chosen = |process: &&ProcessDocument| {
            paths.contains(&*process.path) || inside.contains(&*process.ns)
        };
        let processes = snapshot.processes.iter().filter(is_chosen);
        let processes = processes
            .filter_map(|process| Some((*names.get(&*process.path)?, process.path.clone())));
        // Nothing is known yet of what comes, by which it could be kept or left out.
        let is_filtered =
            !selection.label.is_empty() || !selection.state.is_empty() || selection.leaves;
        let namespaces = snapshot.namespaces.iter().map(|namespace| {
            (
                namespace.path.clone(),
                !is_filtered && inside.contains(&*namespace.path),
            )
        });
        let patterns = addresses
            .iter()
            .filter(|address| address.wanted() == Wanted::Anything);
        Ok(Self {
            processes: processes.collect(),
            namespaces: namespaces.collect(),
            addresses: if is_filtered {
                Vec::new()
            } else {
                patterns.cloned().collect()
            },
        })
    }

    /// Path of the process of this log, if it is shown.
    pub(super) fn path(&self, name: LogName) -> Option<String> {
        if let Some(path) = self.processes.get(&name) {
            return Some(path.clone());
        }
        let LogName::Exec { namespace, number } = name else {
            return None;
        };
        let (inside, is_chosen) = self.namespaces.get(namespace as usize)?;
        let path = exec_path(inside, number);
        (*is_chosen || self.addresses.iter().any(|address| address.matches(&path))).then_some(path)
    }

    /// The paths of those that are known.
    pub(super) fn paths(&self) -> Vec<String> {
        self.processes.values().cloned().collect()
    }
}

fn exec_path(namespace: &str, number: u32) -> String {
    format!("{namespace}/exec.{number}")
}

/// Adds programs of `exec` that have ended and left a log.
fn recall(snapshot: &mut Snapshot, found: &BTreeSet<LogName>) {
    let known: HashSet<String> = snapshot
        .processes
        .iter()
        .map(|process| process.path.clone())
        .collect();
    for name in found {
        let LogName::Exec { namespace, number } = *name else {
            continue;
        };
        let Some(namespace) = snapshot.namespaces.get(namespace as usize) else {
            continue;
        };
        let path = exec_path(&namespace.path, number);
        if known.contains(&path) {
            continue;
        }
        snapshot.processes.push(ProcessDocument {
            path,
            ns: namespace.path.clone(),
            name: format!("exec.{number}"),
            pids: Vec::new(),
            ppids: Vec::new(),
            pgids: Vec::new(),
            sids: Vec::new(),
            state: Some("exited".into()),
            exit: None,
            enter: "exec".into(),
            argv: Vec::new(),
            start_time: None,
            threads: Vec::new(),
            restarts: 0,
            labels: nestns_topology::Labels::default(),
            declared: true,
        });
    }
}

/// The logs of all processes, by their paths: in a snapshot everything stands in the order of creation.
fn names(snapshot: &Snapshot) -> HashMap<&str, LogName> {
    let indices: HashMap<&str, u32> = (0..)
        .zip(&snapshot.namespaces)
        .map(|(index, namespace)| (&*namespace.path, index))
        .collect();
    let mut slots: HashMap<u32, u32> = HashMap::new();
    let mut names = HashMap::new();
    for process in &snapshot.processes {
        let Some(&namespace) = indices.get(&*process.ns) else {
            continue;
        };
        let name = if process.enter == "exec" {
            let number = process
                .name
                .strip_prefix("exec.")
                .and_then(|number| number.parse().ok());
            number.map(|number| LogName::Exec { namespace, number })
        } else {
            let slot = slots.entry(namespace).or_default();
            *slot += 1;
            Some(LogName::Process {
                namespace,
                slot: *slot - 1,
            })
        };
        names.extend(name.map(|name| (&*process.path, name)));
    }
    names
}
