//! Resolution of the addresses on a command line in a running topology: `nestns kill 'vm/*' -l
//! tier=web`.
//!
//! A snapshot goes in, namespaces and processes come out, in the order of creation. A verb that
//! acts on them asks the kernel again by identities that are not reused; a snapshot is a moment
//! old. The kernel is asked here for one thing that no snapshot has: the process that a thread's
//! number belongs to.

#[cfg(test)]
mod tests;
pub(super) mod threads;
mod unresolved;

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use clap::builder::{FalseyValueParser, PossibleValuesParser};

pub(super) use unresolved::Unresolved;

use super::target::{Connection, Target};
use crate::cli::command_error::CommandError;
use crate::present::state::State;
use nestns_client::documents::{NamespaceDocument, ProcessDocument};
use nestns_client::protocol::message::{Snapshot, Target as Identity};
use nestns_topology::address::{Wanted, nearest};
use nestns_topology::{Address, Labels};

// How the addresses are narrowed and widened.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Selection {
    /// Include everything inside the namespaces
    #[arg(short, long, env = "NESTNS_RECURSIVE", value_parser = FalseyValueParser::new())]
    pub(super) recursive: bool,

    /// Only those with this label (`KEY` alone: with any value); if repeated, with all of them
    #[arg(
        short,
        long,
        value_name = "KEY=VALUE",
        env = "NESTNS_LABEL",
        value_delimiter = ','
    )]
    pub(super) label: Vec<Label>,

    /// Only the innermost namespaces, those with no namespace inside, and their processes
    #[arg(long, env = "NESTNS_LEAVES", value_parser = FalseyValueParser::new())]
    pub(super) leaves: bool,

    /// Only those in this state (`ready` counts as `running` too); if repeated, in any of them
    #[arg(long, env = "NESTNS_STATE", value_delimiter = ',', value_parser = PossibleValuesParser::new(State::ALL.iter().map(|state| state.word())))]
    pub(super) state: Vec<String>,
}

impl Selection {
    /// Returns whether it neither narrows nor widens.
    pub(super) fn is_empty(&self) -> bool {
        !self.recursive && !self.leaves && self.label.is_empty() && self.state.is_empty()
    }
}

/// A label to select by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    key: String,
    value: Option<String>,
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .map_or((text, None), |(key, value)| (key, Some(value.to_owned())));
        if key.is_empty() {
            return Err("a label is selected by KEY=VALUE or by KEY alone".to_owned());
        }
        Ok(Self {
            key: key.to_owned(),
            value,
        })
    }
}

impl Label {
    fn is_on(&self, labels: &Labels) -> bool {
        labels
            .get(&self.key)
            .is_some_and(|value| self.value.as_deref().is_none_or(|wanted| wanted == value))
    }
}

/// A namespace or a process of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected<'a> {
    Namespace(&'a NamespaceDocument),
    Process(&'a ProcessDocument),
}

impl<'a> Selected<'a> {
    pub(super) fn path(self) -> &'a str {
        match self {
            Self::Namespace(namespace) => &namespace.path,
            Self::Process(process) => &process.path,
        }
    }

    /// Path, with a `/` where it is a namespace: an address that means nothing else.
    pub(super) fn address(self) -> String {
        match self {
            Self::Namespace(namespace) => format!("{}/", namespace.path),
            Self::Process(process) => process.path.clone(),
        }
    }

    fn state(self) -> &'a str {
        let state = match self {
            Self::Namespace(namespace) => &namespace.state,
            Self::Process(process) => &process.state,
        };
        state.as_deref().unwrap_or("")
    }

    fn labels(self) -> &'a Labels {
        match self {
            Self::Namespace(namespace) => &namespace.labels,
            Self::Process(process) => &process.labels,
        }
    }

    /// The namespace that it is, or is in.
    pub(super) fn namespace(self) -> &'a str {
        match self {
            Self::Namespace(namespace) => &namespace.path,
            Self::Process(process) => &process.ns,
        }
    }

    /// The process that it is: of a namespace its PID 1.
    pub(super) fn process(self, snapshot: &'a Snapshot) -> Option<&'a ProcessDocument> {
        match self {
            Self::Process(process) => Some(process),
            Self::Namespace(namespace) => snapshot
                .processes
                .iter()
                .find(|process| process.name == "init" && process.ns == namespace.path),
        }
    }
}

/// Returns whether a process of a snapshot has ended.
pub(super) fn is_over(process: &ProcessDocument) -> bool {
    process.exit.is_some()
        || process
            .state
            .as_deref()
            .and_then(State::of)
            .is_some_and(State::is_over)
}

/// Resolves addresses, in the order of creation and each once. No address at all means everything.
pub(super) fn resolve<'a>(
    snapshot: &'a Snapshot,
    addresses: &[Address],
    selection: &Selection,
) -> Result<Vec<Selected<'a>>, Unresolved> {
    let all = in_order(snapshot);
    let mut chosen = vec![addresses.is_empty(); all.len()];
    for address in addresses {
        choose(address, snapshot, &all, &mut chosen)?;
    }
    if selection.recursive || selection.leaves {
        choose_insides(snapshot, &all, &mut chosen);
    }
    let found: Vec<Selected> = all
        .iter()
        .zip(&chosen)
        .filter(|&(_, &is_chosen)| is_chosen)
        .map(|(&selected, _)| selected)
        .collect();
    let declared = snapshot
        .namespaces
        .iter()
        .filter(|namespace| namespace.declared);
    let outer: HashSet<&str> = declared
        .filter_map(|namespace| namespace.parent.as_deref())
        .collect();
    let passes = |selected: &Selected| {
        (!selection.leaves || !outer.contains(selected.namespace()))
            && selection
                .label
                .iter()
                .all(|label| label.is_on(selected.labels()))
            && (selection.state.is_empty()
                || selection
                    .state
                    .iter()
                    .any(|state| is_in_state(*selected, state)))
    };
    let left: Vec<Selected> = found.iter().copied().filter(passes).collect();
    if left.is_empty() {
        let has = found
            .iter()
            .map(|selected| (selected.address(), selected.state().to_owned()))
            .collect();
        return Err(Unresolved::Filtered { has });
    }
    Ok(left)
}

/// True if it is in this state; `running` includes `ready`.
fn is_in_state(selected: Selected<'_>, state: &str) -> bool {
    state == selected.state() || (state == "running" && selected.state() == "ready")
}

/// The one thing that is addressed.
pub(super) fn resolve_one<'a>(
    snapshot: &'a Snapshot,
    address: &Address,
) -> Result<Selected<'a>, Unresolved> {
    let found = resolve(
        snapshot,
        std::slice::from_ref(address),
        &Selection::default(),
    )?;
    match found.as_slice() {
        [selected] => Ok(*selected),
        several => {
            let paths = several.iter().map(|selected| selected.address()).collect();
            Err(Unresolved::Several {
                address: address.to_string(),
                paths,
            })
        }
    }
}

/// The topology that all the addresses of a command line are about.
pub(super) fn topology(addresses: &[Address]) -> Result<Option<&str>, CommandError> {
    let mut named = addresses.iter().filter_map(Address::topology);
    let first = named.next();
    match named.find(|other| Some(*other) != first) {
        Some(other) => {
            let message = format!(
                "the addresses are in two topologies, `{}` and `{other}`",
                first.unwrap_or_default()
            );
            Err(CommandError::usage(message).help("run the command once per topology"))
        }
        None => Ok(first),
    }
}

/// Connects to the topology that the addresses are about.
pub(super) fn connect(target: &Target, addresses: &[Address]) -> Result<Connection, CommandError> {
    target.connect(topology(addresses)?)
}

/// Connects to the topology that the addresses are about, without hearing first whether its controller answers.
pub(super) fn reach(target: &Target, addresses: &[Address]) -> Result<Connection, CommandError> {
    target.reach(topology(addresses)?)
}

/// Connects to the topology that the addresses are about, and asks for all of it.
pub(super) fn look(
    target: &Target,
    addresses: &[Address],
) -> Result<(Connection, Snapshot), CommandError> {
    let mut connection = connect(target, addresses)?;
    let snapshot = connection.snapshot()?;
    Ok((connection, snapshot))
}

/// Identity of a process, which is not reused; `None` where it has ended.
pub(super) fn identity(process: &ProcessDocument) -> Option<Identity> {
    if is_over(process) {
        return None;
    }
    let pid = process.pids.first().copied().flatten()?;
    Some(Identity {
        path: process.path.clone(),
        pid,
        start_time: process.start_time?,
    })
}

/// Everything: each namespace, and behind it its processes.
fn in_order(snapshot: &Snapshot) -> Vec<Selected<'_>> {
    let mut inside: HashMap<&str, Vec<&ProcessDocument>> = HashMap::new();
    for process in &snapshot.processes {
        inside.entry(&process.ns).or_default().push(process);
    }
    let mut all = Vec::with_capacity(snapshot.namespaces.len() + snapshot.processes.len());
    for namespace in &snapshot.namespaces {
        all.push(Selected::Namespace(namespace));
        all.extend(
            inside
                .remove(&*namespace.path)
                .into_iter()
                .flatten()
                .map(Selected::Process),
        );
    }
    all
}

fn choose(
    address: &Address,
    snapshot: &Snapshot,
    all: &[Selected],
    chosen: &mut [bool],
) -> Result<(), Unresolved> {
    if let Some(number) = address.number() {
        let owners = owners(address, number, snapshot, all)?;
        for (is_chosen, selected) in chosen.iter_mut().zip(all) {
            *is_chosen |=
                matches!(selected, Selected::Process(process) if owners.contains(&&*process.path));
        }
        return Ok(());
    }
    if address.is_host() {
        return Err(Unresolved::Host);
    }
    let is_kind = |selected: &Selected| {
        address.wanted() == Wanted::Anything || matches!(selected, Selected::Namespace(_))
    };
    let mut mark = |matches: &dyn Fn(&str) -> bool| {
        let mut is_any = false;
        for (is_chosen, _) in chosen
            .iter_mut()
            .zip(all)
            .filter(|(_, selected)| is_kind(selected) && matches(selected.path()))
        {
            *is_chosen = true;
            is_any = true;
        }
        is_any
    };
    // A name that nothing bears means its instances, a wildcard that stands for nothing else a PID 1.
    if Address::READINGS
        .into_iter()
        .any(|reading| mark(&|path| reading(address, path)))
    {
        return Ok(());
    }
    Err(nothing(address, all))
}

fn nothing(address: &Address, all: &[Selected]) -> Unresolved {
    let process = all.iter().find(|selected| address.matches(selected.path()));
    if let Some(selected) = process {
        return Unresolved::NoNamespace {
            path: selected.path().to_owned(),
        };
    }
    let paths = all.iter().filter(|selected| {
        address.wanted() == Wanted::Anything || matches!(selected, Selected::Namespace(_))
    });
    let nearest = nearest(address, paths.map(|selected| selected.path()));
    Unresolved::Nothing {
        address: address.to_string(),
        nearest: nearest.into_iter().map(str::to_owned).collect(),
    }
}

/// The paths of the processes that have a number in the namespaces of an address at this moment.
fn owners<'a>(
    address: &Address,
    number: i32,
    snapshot: &'a Snapshot,
    all: &[Selected<'a>],
) -> Result<HashSet<&'a str>, Unresolved> {
    // By their paths, and on which level they count.
    let counting: Vec<(&str, usize)> = if address.is_host() {
        vec![("", 0)]
    } else {
        let spaces = |matches: &dyn Fn(&str) -> bool| -> Vec<(&str, usize)> {
            let namespaces = snapshot
                .namespaces
                .iter()
                .filter(|namespace| matches(&namespace.path));
            namespaces
                .map(|namespace| (&*namespace.path, namespace.level))
                .collect()
        };
        let named = spaces(&|path| address.matches(path));
        if named.is_empty() {
            spaces(&|path| address.matches_instances(path))
        } else {
            named
        }
    };
    if counting.is_empty() {
        return Err(nothing(address, all));
    }
    let undeclared = parents_of_undeclared(snapshot);
    let is_inside = |process: &ProcessDocument, space: &str| {
        let home = declared_around(&undeclared, &process.ns);
        space.is_empty()
            || home
                .strip_prefix(space)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let bearers: Vec<&ProcessDocument> = snapshot
        .processes
        .iter()
        .filter(|process| {
            counting.iter().any(|&(space, level)| {
                process.pids.get(level).copied().flatten() == Some(number)
                    && is_inside(process, space)
            })
        })
        .collect();
    let alive: HashSet<&str> = bearers
        .iter()
        .filter(|process| !is_over(process))
        .map(|process| &*process.path)
        .collect();
    if alive.is_empty() {
        let counting = counting.iter().map(|&(space, _)| space);
        let owners: HashSet<&str> = counting
            .filter_map(|space| threads::owner(snapshot, space, number))
            .collect();
        if !owners.is_empty() {
            return Ok(owners);
        }
        return Err(Unresolved::Number {
            space: address.path(),
            number,
            was: bearers.first().map(|process| process.path.clone()),
        });
    }
    Ok(alive)
}

/// The namespaces that programs have made, each with the one around it: their names do not say where they are.
pub(super) fn parents_of_undeclared(snapshot: &Snapshot) -> HashMap<&str, &str> {
    let undeclared = snapshot
        .namespaces
        .iter()
        .filter(|namespace| !namespace.declared);
    undeclared
        .filter_map(|namespace| Some((&*namespace.path, namespace.parent.as_deref()?)))
        .collect()
}

/// The declared namespace that one is, or is in.
pub(super) fn declared_around<'a>(
    undeclared: &HashMap<&'a str, &'a str>,
    mut space: &'a str,
) -> &'a str {
    while let Some(around) = undeclared.get(space) {
        space = around;
    }
    space
}

/// Chooses everything inside the chosen namespaces.
fn choose_insides(snapshot: &Snapshot, all: &[Selected], chosen: &mut [bool]) {
    let undeclared = parents_of_undeclared(snapshot);
    let outer: HashSet<&str> = all
        .iter()
        .zip(&*chosen)
        .filter_map(|(selected, &is_chosen)| match selected {
            Selected::Namespace(namespace) if is_chosen => Some(&*namespace.path),
            _ => None,
        })
        .collect();
    for (is_chosen, selected) in chosen.iter_mut().zip(all) {
        let space = selected.namespace();
        let own = match selected {
            Selected::Namespace(_) => undeclared.get(space).copied(),
            Selected::Process(_) => Some(space),
        };
        let made = std::iter::successors(own, |space| undeclared.get(space).copied());
        let home = declared_around(&undeclared, space);
        *is_chosen |= made.into_iter().any(|space| outer.contains(space))
            || home
                .match_indices('/')
                .any(|(slash, _)| outer.contains(&home[..slash]));
    }
}
