//! Snapshots of a running topology with what its file does not declare: children of programs, containers, zombies.
//!
//! A controller tells what it has started. The rest is found here, in the kernel, at this moment, for the verbs that show or
//! address it; verbs that act on many at once (`kill`, `wait`, `restart`) keep to what is declared.

use std::time::Duration;

use super::command_error::CommandError;
use super::selection;
use super::standard_error;
use super::target::{Connection, Target};
use nestns_client::documents::NamespaceDocument;
use nestns_client::documents::Undeclared;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Reply, Request, Snapshot};
use nestns_client::undeclared::Tree;
use nestns_observe::memberships::{self, Depth};
use nestns_observe::process::Clock;
use nestns_observe::{hostname, namespaces, undeclared};
use nestns_topology::Address;

/// Younger ones than this may be declared, and have been started since the controller was asked.
const YOUNG: Duration = Duration::from_secs(2);
/// Of so many namespaces the host names are read: each takes a process that goes there.
const NAMED: usize = 64;

/// Connects to the topology that the addresses are about, and asks for all of it and for what is undeclared.
pub(super) fn look(
    target: &Target,
    addresses: &[Address],
) -> Result<(Connection, Snapshot), CommandError> {
    let mut connection = selection::connect(target, addresses)?;
    let snapshot = snapshot(&mut connection)?;
    Ok((connection, snapshot))
}

/// Asks for all of a topology, and adds what is undeclared: at the end of its namespaces and of its processes.
pub(super) fn snapshot(connection: &mut Connection) -> Result<Snapshot, CommandError> {
    let (mut snapshot, undeclared) = both(connection)?;
    snapshot.namespaces.extend(undeclared.namespaces);
    snapshot.processes.extend(undeclared.processes);
    Ok(snapshot)
}

/// Asks for all of a topology, and looks for what is undeclared.
pub(super) fn both(connection: &mut Connection) -> Result<(Snapshot, Undeclared), CommandError> {
    let sent = connection.client.send(Request::Snapshot, &[]);
    sent.map_err(|error| connection.fail(&error))?;
    // While the controller writes its answer.
    let numbers = undeclared::numbers();
    let snapshot = received(connection)?;
    // The numbers of a controller that counts in another namespace are not ours.
    if namespaces::own().ok() != Some(snapshot.host_pidns) {
        return Ok((snapshot, Undeclared::default()));
    }
    let find = |snapshot: &Snapshot, numbers: &[i32]| {
        Tree::of_documents(&snapshot.namespaces, &snapshot.processes).undeclared(numbers)
    };
    let found = numbers.and_then(|numbers| Ok((find(&snapshot, &numbers)?, numbers)));
    let (found, numbers) = match found {
        Ok(found) => found,
        Err(error) => {
            standard_error::write(&format!(
                "note: cannot look for undeclared processes: {error}\n"
            ));
            return Ok((snapshot, Undeclared::default()));
        }
    };
    if !has_young(&found) {
        return Ok((snapshot, found));
    }
    // A declared process that was there when the numbers were read is in a snapshot that is younger than they are.
    let snapshot = connection.snapshot()?;
    let found = find(&snapshot, &numbers).unwrap_or(found);
    Ok((snapshot, found))
}

fn received(connection: &mut Connection) -> Result<Snapshot, CommandError> {
    let answer = connection.client.answer();
    match answer {
        Ok(Reply::Snapshot(snapshot)) => Ok(*snapshot),
        Ok(_) => Err(connection.fail(&ClientError::Unreadable("it is something else".to_owned()))),
        Err(error) => Err(connection.fail(&error)),
    }
}

fn has_young(found: &Undeclared) -> bool {
    let clock = Clock::now();
    found
        .processes
        .iter()
        .filter_map(|process| process.start_time)
        .any(|start| clock.age(start) < YOUNG)
}

/// Reads the host names of undeclared namespaces, where they are others than around.
pub(super) fn name_hosts(snapshot: &mut Snapshot) {
    let init = |path: &str| {
        let init = snapshot
            .processes
            .iter()
            .find(|process| process.enter == "init" && process.ns == path);
        init.and_then(|init| init.pids.first().copied().flatten())
    };
    let uts = |pid: i32| {
        let found = memberships::read(nix::unistd::Pid::from_raw(pid), Depth::Inodes).ok()?;
        found
            .into_iter()
            .find(|membership| membership.kind == "uts")
            .map(|membership| membership.inode)
    };
    let name = |namespace: &NamespaceDocument| {
        let (own, around) = (init(&namespace.path)?, init(namespace.parent.as_deref()?)?);
        (uts(own)? != uts(around)?)
            .then(|| hostname::of(own).ok())
            .flatten()
    };
    let undeclared = snapshot
        .namespaces
        .iter()
        .enumerate()
        .filter(|(_, namespace)| !namespace.declared);
    let names: Vec<(usize, String)> = undeclared
        .take(NAMED)
        .filter_map(|(at, namespace)| Some((at, name(namespace)?)))
        .collect();
    for (at, name) in names {
        snapshot.namespaces[at].hostname = Some(name);
    }
}

/// How many processes and namespaces of a snapshot are undeclared, in words; nothing where none is.
pub(super) fn in_words(snapshot: &Snapshot) -> Option<String> {
    use crate::present::count::count;
    let processes = snapshot
        .processes
        .iter()
        .filter(|process| !process.declared)
        .count();
    let namespaces = snapshot
        .namespaces
        .iter()
        .filter(|namespace| !namespace.declared)
        .count();
    match (processes, namespaces) {
        (0, 0) => None,
        (_, 0) => Some(format!("{} undeclared", count(processes, "process"))),
        _ => Some(format!(
            "{} and {} undeclared",
            count(processes, "process"),
            count(namespaces, "namespace")
        )),
    }
}
