//! Topologies that have ended: the records that detached ones leave.
//!
//! A record is a state directory with `ended.json` in it and without a controller: the logs, the
//! events, the last truth, the expanded file and the end. It stays until it is pruned or its name
//! is used again. Any reader may find that it goes meanwhile.

use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use nestns_topology::State;

use crate::documents::{EndedDocument, TruthDocument, Word};
use crate::journal::event_reader::EventReader;
use crate::protocol::message::{Snapshot, Status};
use crate::state_directory::{Directory, ENDED, TRUTH};

/// State of a topology that has ended.
pub const STATE: &str = "ended";

/// The end of the topology with this state directory; `None` if it has none, or cannot be read.
pub fn read(directory: &Path) -> Option<EndedDocument> {
    document(&Directory::open(directory).ok()?, ENDED).ok()?
}

/// The topology as it was at its end, in the same form as a controller tells of a running one. What
/// was still there when the controller was killed is gone.
///
/// # Errors
///
/// Those of open(2) and read(2), and an error if the record has been removed or is damaged.
pub fn snapshot(directory: &Path, ended: &EndedDocument) -> io::Result<Snapshot> {
    let opened = Directory::open(directory)?;
    let truth: Option<TruthDocument> = document(&opened, TRUTH)?;
    let truth = truth.ok_or(io::ErrorKind::NotFound)?;
    let (mut namespaces, mut processes) = (truth.namespaces, truth.processes);
    for namespace in &mut namespaces {
        end(&mut namespace.state);
    }
    for process in &mut processes {
        end(&mut process.state);
        if process.exit.is_none() {
            // Its number may be another process's by now, and nothing is to be looked up by it.
            process.start_time = None;
        }
    }
    let status = Status {
        name: ended.topology.clone(),
        state: STATE.to_owned(),
        namespaces: ended.namespaces,
        processes: ended.processes,
        depth: ended.depth,
        since: ended.since,
        file: ended.file.clone(),
        hash: truth.hash,
        controller: truth.controller,
        anonymous: false,
        problems: ended.problems.clone(),
    };
    Ok(Snapshot {
        status,
        boot_id: truth.boot_id,
        host_pidns: truth.host.pidns,
        namespaces,
        processes,
        unmarked: ended.unmarked.clone(),
        events: EventReader::end(directory)?,
    })
}

/// Ends what was there when the controller was killed.
fn end(state: &mut Option<Word>) {
    let is_over = state
        .as_deref()
        .and_then(State::of)
        .is_some_and(State::is_over);
    if !is_over {
        *state = Some(State::Gone.word().into());
    }
}

fn document<T: DeserializeOwned>(directory: &Directory, name: &str) -> io::Result<Option<T>> {
    let Some(file) = directory.read(name)? else {
        return Ok(None);
    };
    Ok(Some(serde_json::from_reader(io::BufReader::new(file))?))
}
