//! Topologies of the caller: the state directories, and whether a controller answers in each.
//!
//! A directory proves nothing. A controller that answers does; without one, what a file tells is
//! believed as far as the kernel agrees with it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use crate::documents::EndedDocument;
use crate::ended;
use crate::protocol::client::{Answer, Client};
use crate::protocol::client_error::ClientError;
use crate::protocol::message::{Reply, Request, Status};
use crate::state_directory::{self, Directory, Homeless, StateError};
use nestns_sys::moment::Moment;

/// A state directory and its occupant.
#[derive(Debug)]
pub struct Found {
    /// The topology's name: that of the directory.
    pub name: String,
    /// The directory.
    pub directory: PathBuf,
    /// Occupant of the directory.
    pub presence: Presence,
    /// Connection to that controller, for more questions. A controller that ends waits a moment for
    /// its connected clients: do not keep the connection longer than it is used.
    pub client: Option<Client>,
}

/// Occupant of a state directory.
#[derive(Debug)]
pub enum Presence {
    /// A controller, which says this.
    Controller(Box<Status>),
    /// A controller that does not answer: it was stopped, or the machine is very busy.
    #[expect(missing_docs, reason = "its PID, as the socket tells it")]
    Silent { controller: i32 },
    /// A controller of another version, or what calls itself one.
    Strange(String),
    /// No controller any more: the topology has ended like this, and left a record.
    Ended(Box<EndedDocument>),
    /// No controller.
    Nobody,
}

impl Found {
    /// True if the name was made up rather than chosen. For a controller that does not answer, the
    /// name itself decides.
    pub fn is_anonymous(&self) -> bool {
        match &self.presence {
            Presence::Controller(status) => status.anonymous,
            Presence::Silent { .. }
            | Presence::Strange(_)
            | Presence::Ended(_)
            | Presence::Nobody => is_made_up(&self.name),
        }
    }

    /// True if there is a controller, whether it answers or not.
    pub fn is_running(&self) -> bool {
        !matches!(self.presence, Presence::Ended(_) | Presence::Nobody)
    }
}

/// Time that a controller has to answer; all of them have it at the same time.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Looks at all of the caller's state directories, in the order of their names.
pub fn all() -> Vec<Found> {
    sorted(look(directories()))
}

/// The same, with controllers whose directory was removed, for which all processes have to be
/// looked at.
pub fn everything() -> Vec<Found> {
    let mut found = look(directories());
    found.extend(homeless(|_| true));
    sorted(found)
}

/// Controllers of names that are meant, whose directory was removed.
fn homeless(is_meant: impl Fn(&str) -> bool) -> Vec<Found> {
    let places = state_directory::candidates();
    let is_ours = |directory: &Path| {
        let above = directory.parent();
        places.iter().any(|place| above == Some(place)) && is_meant(&name_of(directory))
    };
    let found = state_directory::homeless(is_ours).into_iter();
    let describe = |Homeless {
                        directory,
                        controller,
                    }| Found {
        name: name_of(&directory),
        directory,
        presence: Presence::Silent { controller },
        client: None,
    };
    found.map(describe).collect()
}

fn sorted(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| (&a.name, &a.directory).cmp(&(&b.name, &b.directory)));
    found
}

/// Looks at those of a name: more than one where the caller has started some with another
/// `XDG_RUNTIME_DIR`.
pub fn of(name: &str) -> Vec<Found> {
    let found = look(directories_of(name));
    if found.is_empty() {
        homeless(|other| other == name)
    } else {
        found
    }
}

/// The topology that the caller is a program of, if its controller takes connections: the
/// environment tells where to ask, and the kernel that a process of the caller's user listens
/// there.
pub fn own() -> Option<(PathBuf, Client)> {
    let directory = state_directory::of_environment()?;
    let client = Client::connect(&directory).ok()?;
    Some((directory, client))
}

/// Looks into a state directory.
pub fn at(directory: PathBuf) -> Option<Found> {
    look([directory]).pop()
}

/// The record of the topology of this name that has ended last, if none of that name runs.
pub fn ended(name: &str) -> Option<(PathBuf, EndedDocument)> {
    let mut last: Option<(PathBuf, EndedDocument)> = None;
    for found in of(name) {
        match found.presence {
            Presence::Ended(document)
                if last
                    .as_ref()
                    .is_none_or(|(_, other)| other.ended < document.ended) =>
            {
                last = Some((found.directory, *document));
            }
            Presence::Ended(_) | Presence::Nobody => {}
            _ => return None,
        }
    }
    last
}

/// Connects to the only controller, of this name or at all, and asks nothing. None where there is
/// not exactly one that takes connections: then the caller has to list them.
pub fn only(name: Option<&str>) -> Option<(PathBuf, Client)> {
    let mut found = None;
    for directory in name.map_or_else(directories, directories_of) {
        match Client::connect(&directory) {
            Ok(client) if found.is_none() => found = Some((directory, client)),
            Err(ClientError::Absent { .. }) => {}
            _ => return None,
        }
    }
    found
}

/// True if a controller is in this state directory and does not answer.
pub fn is_silent(directory: &Path) -> bool {
    at(directory.to_owned()).is_some_and(|found| matches!(found.presence, Presence::Silent { .. }))
}

/// The name of the topology whose state directory it is.
pub fn name_of(directory: &Path) -> String {
    directory
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// True if a name looks like those that `run` and `test` make up: `run-17`, `test-4026532301-17`.
fn is_made_up(name: &str) -> bool {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-').is_some_and(|(verb, numbers)| {
        matches!(verb, "run" | "test")
            && numbers.split('-').count() <= 2
            && numbers.split('-').all(is_number)
    })
}

/// The caller's state directories.
fn directories() -> Vec<PathBuf> {
    let places = state_directory::places();
    let all = places.iter().flat_map(|place| {
        named_in(place)
            .into_iter()
            .map(|name| place.path().join(name))
    });
    all.filter(|directory| is_worth_asking(directory)).collect()
}

fn named_in(place: &Directory) -> Vec<OsString> {
    // One that cannot be listed is told of as a strange one.
    place.names().unwrap_or_default()
}

fn directories_of(name: &str) -> Vec<PathBuf> {
    let places = state_directory::candidates()
        .into_iter()
        .map(|place| place.join(name));
    places
        .filter(|directory| is_worth_asking(directory))
        .collect()
}

/// True if a controller may be there: one that cannot be looked at is asked, and the error told
/// then.
fn is_worth_asking(directory: &Path) -> bool {
    match Directory::open(directory) {
        Err(error @ StateError::System { .. }) => {
            matches!(
                error.errno(),
                Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS | Errno::EIO
            )
        }
        opened => opened.is_ok(),
    }
}

/// Entries in the places of state directories that cannot be trusted: nothing in them is ever
/// looked into.
pub fn strange() -> Vec<StateError> {
    let mut strange: Vec<StateError> = state_directory::strange_places();
    for place in state_directory::places() {
        match place.names() {
            // Those that were removed in this moment are not there to be told of.
            Ok(names) => {
                let errors = names.iter().filter_map(|name| place.inside(name).err());
                strange.extend(errors.filter(|error| !error.is_not_found()));
            }
            Err(error) => strange.push(error),
        }
    }
    strange
}

/// Asks every controller first and waits for the answers then, so that many that are silent take no
/// longer than one.
fn look(directories: impl IntoIterator<Item = PathBuf>) -> Vec<Found> {
    let ask = |directory: PathBuf| {
        let asked = Client::connect(&directory).and_then(|mut client| {
            client.send(Request::Status, &[])?;
            Ok(client)
        });
        (directory, asked)
    };
    let asked: Vec<_> = directories.into_iter().map(ask).collect();
    let end = Moment::now().plus(TIMEOUT);
    let hear = |(directory, asked): (PathBuf, Result<Client, ClientError>)| {
        let name = name_of(&directory);
        let (presence, client) = match asked {
            Ok(mut client) => (hear(&mut client, end), Some(client)),
            Err(error) => (presence_of(&error, 0), None),
        };
        let presence = or_ended(presence, &directory);
        Found {
            name,
            directory,
            presence,
            client,
        }
    };
    asked.into_iter().map(hear).collect()
}

fn hear(client: &mut Client, end: Moment) -> Presence {
    let controller = client.controller();
    let answer = loop {
        match client.wait(Some(end.since(Moment::now()).max(Duration::from_millis(1)))) {
            // Interrupted, as by Ctrl-Z and fg.
            Ok(None) if Moment::now() < end => {}
            answer => break answer,
        }
    };
    match answer {
        Ok(Some(Answer {
            reply: Reply::Status(status),
            ..
        })) => Presence::Controller(status),
        Ok(Some(_)) => Presence::Strange("it sends an unexpected answer".to_owned()),
        Ok(None) => Presence::Silent { controller },
        Err(error) => presence_of(&error, controller),
    }
}

/// A controller that refuses to say how its topology is may be about to leave, with the record
/// already there.
fn or_ended(presence: Presence, directory: &Path) -> Presence {
    match presence {
        Presence::Nobody | Presence::Strange(_) => match ended::read(directory) {
            Some(document) => Presence::Ended(Box::new(document)),
            None => presence,
        },
        presence => presence,
    }
}

fn presence_of(error: &ClientError, controller: i32) -> Presence {
    match error {
        ClientError::Absent { .. } | ClientError::HungUp => Presence::Nobody,
        ClientError::Silent => Presence::Silent { controller },
        error => Presence::Strange(error.to_string()),
    }
}
