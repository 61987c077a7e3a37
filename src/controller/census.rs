//! Which topologies the caller has: the state directories, and whether anybody is at home there.
//!
//! A directory proves nothing. A controller that answers does; without one, what a file tells is believed as far as the
//! kernel agrees with it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::control::client::{Client, ClientError};
use super::control::message::{Reply, Request, Status};
use super::state_directory::{self, StateError};

/// A state directory and who is there.
#[derive(Debug)]
pub struct Found {
    /// The topology's name: that of the directory.
    pub name: String,
    /// The directory.
    pub directory: PathBuf,
    /// Who is there.
    pub presence: Presence,
}

/// Who is in a state directory.
#[derive(Debug)]
pub enum Presence {
    /// A controller, which says this.
    Controller(Box<Status>),
    /// A controller that does not answer: it was stopped, or the machine is very busy.
    Silent,
    /// A controller of another version, or what calls itself one.
    Strange(String),
    /// Nobody.
    Nobody,
}

/// Looks at all of the caller's state directories, in the order of their names.
pub fn all() -> Vec<Found> {
    let mut found: Vec<Found> = state_directory::places()
        .into_iter()
        .flat_map(|place| std::fs::read_dir(place).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|directory| state_directory::trust(directory).is_ok())
        .map(|directory| look(&directory))
        .collect();
    found.sort_by(|a, b| (&a.name, &a.directory).cmp(&(&b.name, &b.directory)));
    found
}

/// Looks at those of a name: more than one where the caller has started some with another `XDG_RUNTIME_DIR`.
pub fn of(name: &str) -> Vec<Found> {
    let places = state_directory::places().into_iter().map(|place| place.join(name));
    places.filter(|directory| state_directory::trust(directory).is_ok()).map(|directory| look(&directory)).collect()
}

/// What is in the places of state directories and cannot be trusted: nothing of it is ever looked into.
pub fn strange() -> Vec<StateError> {
    let entries =
        state_directory::places().into_iter().flat_map(|place| std::fs::read_dir(place).into_iter().flatten());
    let mut strange: Vec<StateError> = state_directory::strange_places();
    strange.extend(entries.flatten().filter_map(|entry| match state_directory::trust(&entry.path()) {
        // Removed in this moment.
        Err(StateError::System { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        result => result.err(),
    }));
    strange
}

fn look(directory: &Path) -> Found {
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let presence = match Client::connect(directory).and_then(|mut client| client.ask(Request::Status)) {
        Ok(Reply::Status(status)) => Presence::Controller(status),
        Ok(_) => Presence::Strange("it answers something else".to_owned()),
        Err(ClientError::Absent { .. } | ClientError::HungUp) => Presence::Nobody,
        Err(ClientError::Silent) => Presence::Silent,
        Err(error) => Presence::Strange(error.to_string()),
    };
    Found { name, directory: directory.to_owned(), presence }
}
