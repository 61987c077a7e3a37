//! `nestns explain FILE [PATH]`.

use std::io::Write as _;

use super::super::launch;
use super::super::topology_arguments::TopologyArguments;
use super::{Args, Status};
use crate::cli::command_error::CommandError;
use crate::present::script::{Scope, script};
use nestns_topology::{NamespaceId, Setting, Topology};

/// More names than these are no help.
const MOST_NAMES: usize = 3;

/// Writes the script.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let arguments = TopologyArguments {
        file: args.subject.clone(),
        values: args.values.clone(),
    };
    let checked = launch::check(&arguments, None, args.color)?;
    let part = match args
        .path
        .as_deref()
        .map(|path| find(&checked.topology, path))
    {
        None => Scope::Whole,
        Some(Ok(part)) => part,
        Some(Err(near)) => {
            let path = args.path.as_deref().unwrap_or_default();
            let error = CommandError::not_found(format!(
                "nothing in this file is named `{}`",
                path.escape_debug()
            ));
            if near.is_empty() {
                return Err(error);
            }
            let near: Vec<_> = near.iter().map(|name| format!("`{name}`")).collect();
            return Err(error.help(format!("similar: {}", near.join(", "))));
        }
    };
    let words = words(checked.file.as_deref(), args);
    std::io::stdout()
        .lock()
        .write_all(script(&checked.topology, &words, part).as_bytes())?;
    Ok(Status::Done)
}

/// Words by which a command line calls the same topology.
fn words(file: Option<&str>, args: &Args) -> Vec<String> {
    // What was read from standard input is called `<stdin>`.
    let file = file
        .filter(|file| !file.starts_with('<'))
        .unwrap_or("-")
        .to_owned();
    let files = args
        .values
        .vars_file
        .iter()
        .flat_map(|file| ["--vars-file".to_owned(), file.display().to_string()]);
    let values = args.values.words().filter_map(|setting| match setting {
        Setting::Word { name, value } => Some(["--set".to_owned(), format!("{name}={value}")]),
        Setting::File(_) => None,
    });
    std::iter::once(file)
        .chain(files)
        .chain(values.flatten())
        .collect()
}

/// Resolves a path: `.`, a namespace, a process, or the PID 1 of a namespace; else the most similar
/// paths.
fn find(topology: &Topology, path: &str) -> Result<Scope, Vec<String>> {
    let (path, is_namespace) = path
        .strip_suffix('/')
        .map_or((path, false), |path| (path, true));
    if path == "." {
        return Ok(Scope::Whole);
    }
    if let Some(id) = topology.find(path) {
        return Ok(Scope::Subtree(id));
    }
    let process = || {
        let (namespace, name) = path.rsplit_once('/')?;
        let id = topology.find(namespace)?;
        if name == "init" {
            return Some(Scope::Init(id));
        }
        let place = topology
            .namespace(id)
            .processes
            .iter()
            .position(|process| process.name == name)?;
        Some(Scope::Process(id, place))
    };
    (!is_namespace)
        .then(process)
        .flatten()
        .ok_or_else(|| nearest(topology, path))
}

/// The paths that differ in no more than a third of the letters, the most similar first, and otherwise those that end
/// in the same name.
fn nearest(topology: &Topology, path: &str) -> Vec<String> {
    let paths = topology
        .pre_order()
        .into_iter()
        .flat_map(|id| paths(topology, id));
    let length = path.chars().count();
    let limit = length.div_ceil(3).min(length.saturating_sub(1));
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut near: Vec<(usize, String)> = paths
        .filter_map(|candidate| {
            let distance = strsim::damerau_levenshtein(path, &candidate);
            let distance = if name(&candidate) == name(path) {
                distance.min(limit)
            } else {
                distance
            };
            (distance <= limit).then_some((distance, candidate))
        })
        .collect();
    near.sort();
    near.truncate(MOST_NAMES);
    near.into_iter().map(|(_, path)| path).collect()
}

fn paths(topology: &Topology, id: NamespaceId) -> Vec<String> {
    let namespace = topology.namespace(id);
    let processes = namespace
        .processes
        .iter()
        .map(|process| format!("{}/{}", namespace.path, process.name));
    std::iter::once(namespace.path.clone())
        .chain(processes)
        .collect()
}
