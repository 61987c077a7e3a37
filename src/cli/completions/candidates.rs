//! Running topologies and their contents, as completed by a shell.
//!
//! Paths are completed as file names are, a segment at a time: a namespace ends with `/`, which an address may, and one more
//! Tab shows what is inside.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;

use nestns_client::discovery;
use nestns_client::protocol::client::Client;
use nestns_client::protocol::message::{Reply, Request, Snapshot};
use nestns_client::state_directory;

/// Longest wait for a Tab.
const TIMEOUT: Duration = Duration::from_millis(700);

/// The names of the topologies that run.
pub(super) fn topologies(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    names()
        .into_iter()
        .filter(|name| name.starts_with(&*current))
        .map(CompletionCandidate::new)
        .collect()
}

/// Addresses in the topology that the command line is about.
pub(super) fn addresses(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    if let Some((name, path)) = current.split_once(':') {
        let path = path.strip_prefix('/').unwrap_or(path);
        let prefix = format!("{name}:/");
        return paths(name, path)
            .into_iter()
            .map(|path| CompletionCandidate::new(format!("{prefix}{path}")))
            .collect();
    }
    let words: Vec<OsString> = std::env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    if let Some(name) = named(&words) {
        return paths(&name, &current)
            .into_iter()
            .map(CompletionCandidate::new)
            .collect();
    }
    let own = discovery::own().map(|(directory, _)| vec![discovery::name_of(&directory)]);
    match own.unwrap_or_else(names).as_slice() {
        [name] => paths(name, &current)
            .into_iter()
            .map(CompletionCandidate::new)
            .collect(),
        several => {
            let prefixes = several.iter().map(|name| format!("{name}:/"));
            prefixes
                .filter(|prefix| prefix.starts_with(&*current))
                .map(CompletionCandidate::new)
                .collect()
        }
    }
}

/// The topology that the words of a command line name.
fn named(words: &[OsString]) -> Option<String> {
    let text: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
    let by_flag = text
        .iter()
        .enumerate()
        .find_map(|(place, word)| match &**word {
            "-n" | "--name" => text.get(place + 1).map(|name| name.clone().into_owned()),
            word => word.strip_prefix("--name=").map(str::to_owned),
        });
    // `down NAME PATH`
    let by_place = || {
        let is_down = text.get(1).is_some_and(|verb| verb == "down");
        let mut names = text.iter().skip(2).filter(|word| !word.starts_with('-'));
        is_down
            .then(|| names.next().map(|name| name.clone().into_owned()))
            .flatten()
    };
    by_flag
        .or_else(by_place)
        .or_else(|| std::env::var("NESTNS_NAME").ok())
        .filter(|name| !name.is_empty())
}

fn names() -> Vec<String> {
    let mut names = BTreeSet::new();
    for place in state_directory::places() {
        let alive = place.names().unwrap_or_default().into_iter();
        let alive = alive.filter(|name| Client::connect(&place.path().join(name)).is_ok());
        names.extend(alive.map(|name| name.to_string_lossy().into_owned()));
    }
    names.into_iter().collect()
}

fn paths(name: &str, current: &str) -> Vec<String> {
    snapshot(name)
        .map(|snapshot| next_segments(&snapshot, current))
        .unwrap_or_default()
}

fn snapshot(name: &str) -> Option<Snapshot> {
    // It is a word that is just being typed.
    if name.contains('/') || name.starts_with('.') {
        return None;
    }
    let mut places = state_directory::places()
        .into_iter()
        .map(|place| place.path().join(name));
    let mut client = places.find_map(|directory| Client::connect(&directory).ok())?;
    client.send(Request::Snapshot, &[]).ok()?;
    match client.wait(Some(TIMEOUT)).ok()??.reply {
        Reply::Snapshot(snapshot) => Some(*snapshot),
        _ => None,
    }
}

/// Continuations of `current`, up to the next `/`, in the order of creation.
fn next_segments(snapshot: &Snapshot, current: &str) -> Vec<String> {
    let namespaces = snapshot
        .namespaces
        .iter()
        .map(|namespace| format!("{}/", namespace.path));
    let processes = snapshot
        .processes
        .iter()
        .map(|process| process.path.clone());
    let mut seen = BTreeSet::new();
    let next = namespaces.chain(processes).filter_map(|path| {
        let rest = path.strip_prefix(current).filter(|rest| !rest.is_empty())?;
        let end = rest
            .find('/')
            .map_or(path.len(), |slash| current.len() + slash + 1);
        Some(path[..end].to_owned())
    });
    next.filter(|path| seen.insert(path.clone())).collect()
}
