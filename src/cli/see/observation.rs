//! Observers and observed processes of one question, in a topology or on the machine.

use std::collections::HashMap;

use nix::unistd::Pid;

use crate::cli::command_error::CommandError;
use crate::cli::names::Names;
use crate::cli::place::Place;
use nestns_observe::host_snapshot::{HostSnapshot, PidNamespaceId, ProcessInfo};
use nestns_observe::thread;
use nestns_observe::visibility::Observer;
use nestns_topology::Address;

/// Observer with its path.
#[derive(Debug)]
pub(in crate::cli) struct NamedObserver {
    /// Path of the observer.
    pub(in crate::cli) path: String,
    /// The namespace that it is in, as the file has it; `None` outside a topology.
    pub(in crate::cli) place: Option<String>,
    pub(in crate::cli) level: usize,
    pub(in crate::cli) observer: Observer,
}

/// Observed process.
#[derive(Debug)]
pub(in crate::cli) struct Seen<'a> {
    pub(in crate::cli) path: String,
    /// The namespace that it is in, as the file has it; `None` outside a topology.
    pub(in crate::cli) place: Option<String>,
    pub(in crate::cli) level: usize,
    pub(in crate::cli) process: &'a ProcessInfo,
}

/// All of them.
#[derive(Debug)]
pub(in crate::cli) struct Observation<'a> {
    /// `None` of the machine.
    pub(in crate::cli) topology: Option<String>,
    pub(in crate::cli) observers: Vec<NamedObserver>,
    /// Places without an observer, as they were written: they have ended, or do not exist for the
    /// caller.
    pub(in crate::cli) missing: Vec<String>,
    pub(in crate::cli) seen: Vec<Seen<'a>>,
}

/// Observers and processes as they are named on a command line; none of either means all.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Question<'a> {
    pub(in crate::cli) from: &'a [Place],
    pub(in crate::cli) of: &'a [Address],
}

impl<'a> Observation<'a> {
    /// The machine: by default every namespace looks at every process.
    pub(in crate::cli) fn of_machine(
        machine: &'a HostSnapshot,
        names: &Names,
        Question { from, of }: Question<'_>,
    ) -> Result<Self, CommandError> {
        let members = members(machine);
        let mut observers = Vec::new();
        let mut seen = Vec::new();
        for (id, space) in machine.spaces() {
            let path = names.of_space(machine, id);
            let bare = path
                .split_once(":/")
                .map_or(&*path, |(_, bare)| bare)
                .to_owned();
            let is_wanted = |place: &Place| match place {
                Place::Everywhere => true,
                Place::Inode(inode) => *inode == space.inode,
                Place::Address(address) => address.matches_instances(&bare),
            };
            let inside = members.get(&id).map_or(&[][..], Vec::as_slice);
            if from.is_empty() || from.iter().any(is_wanted) {
                let observer = Observer {
                    space: id,
                    candidates: candidates(machine, id, inside),
                };
                observers.push(NamedObserver {
                    path,
                    place: None,
                    level: space.level,
                    observer,
                });
            }
            let mut processes: Vec<Seen> = inside
                .iter()
                .map(|process| Seen {
                    path: names.of_process(machine, process),
                    place: None,
                    level: space.level,
                    process,
                })
                .collect();
            let means = |address: &Address, path: &str| {
                address.matches_instances(path)
                    || address.matches_init_of_instances(path)
                    || address.to_string() == path
            };
            let is_wanted = |path: &str| of.iter().any(|address| means(address, path));
            processes.retain(|one| of.is_empty() || is_wanted(&one.path) || is_wanted(&bare));
            seen.extend(processes);
        }
        if observers.is_empty() || seen.is_empty() {
            let error = CommandError::not_found("there is nothing of that name on this machine");
            return Err(error.help("`nestns tree --host` shows what there is"));
        }
        let is_missing = |place: &&Place| matches!(place, Place::Inode(inode) if machine.by_inode(*inode).is_none());
        let missing = from
            .iter()
            .filter(is_missing)
            .map(ToString::to_string)
            .collect();
        Ok(Self {
            topology: None,
            observers,
            missing,
            seen,
        })
    }
}

/// Error of observers that cannot look.
pub(in crate::cli) fn nobody_looks(missing: &[String]) -> CommandError {
    let names: Vec<String> = missing.iter().map(|place| format!("`{place}`")).collect();
    let has = if names.len() == 1 { "has" } else { "have" };
    let names = names.join(", ");
    CommandError::not_found(format!(
        "there is no observer: {names} {has} ended, or cannot be examined"
    ))
}

pub(super) fn members(machine: &HostSnapshot) -> HashMap<PidNamespaceId, Vec<&ProcessInfo>> {
    let mut members: HashMap<PidNamespaceId, Vec<&ProcessInfo>> = HashMap::new();
    for process in machine.processes() {
        if let Some(space) = process.space {
            members.entry(space).or_default().push(process);
        }
    }
    members
}

/// Processes in a namespace that can stand in as observers: PID 1 first. The caller's own namespace
/// has none.
pub(super) fn candidates(
    machine: &HostSnapshot,
    space: PidNamespaceId,
    members: &[&ProcessInfo],
) -> Vec<i32> {
    if space == machine.own() {
        return Vec::new();
    }
    let (first, others): (Vec<&ProcessInfo>, Vec<&ProcessInfo>) = members
        .iter()
        .copied()
        .partition(|process| process.own() == 1);
    first.into_iter().chain(others).filter_map(alive).collect()
}

/// The number by which the place of a process can be taken: a thread's, where the first one has ended before the others.
pub(super) fn alive(process: &ProcessInfo) -> Option<i32> {
    if process.state != 'Z' {
        return Some(process.pid());
    }
    let threads = thread::of_process(Pid::from_raw(process.pid())).ok()?;
    threads
        .into_iter()
        .find(|thread| !matches!(thread.state, 'Z' | 'X'))
        .map(|thread| thread.tid())
}
