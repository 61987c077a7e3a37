//! Which running topology a verb is about: `-n NAME`, else `NESTNS_NAME`, else the `name:/…` of an address, else the one that
//! the caller is a program of, else the only one that runs. Never the file in this directory.
//!
//! A topology that nobody has named, such as that of `run -- CMD`, does not count where there is one that somebody has.

use std::fmt::Write as _;
use std::path::PathBuf;

use nix::unistd::Pid;

use super::launch;
use super::status::Status;
use super::tell::tell;
use super::unresponsive;
use crate::controller::census::{self, Found, Presence};
use crate::controller::control::client::Client;
use crate::controller::control::client_error::ClientError;
use crate::controller::control::message::{Reply, Request, Snapshot};
use crate::observe::process;

// The argument.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Target {
    /// Topology, needed if several are running [default: inside `run`, `test` and `exec`, their own]
    #[arg(short, long, env = "NESTNS_NAME", value_parser = launch::name)]
    pub(super) name: Option<String>,
}

/// A running topology and the connection to it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) name: String,
    pub(super) directory: PathBuf,
    pub(super) client: Client,
}

impl Target {
    /// Finds the topology and connects to it. `prefix` is that of an address.
    ///
    /// # Errors
    ///
    /// The status to end with; why has been told.
    pub(super) fn connect(&self, prefix: Option<&str>) -> Result<Connection, Status> {
        let Found { name, directory, client, presence } = self.find(prefix)?;
        if let Presence::Silent { controller } = presence {
            // It had its time just now; whatever else is asked of it would wait as well.
            let (what, help) = unresponsive::words(&name, controller);
            tell(&format!("error: {what}\n  = help: {help}\n"));
            return Err(Status::No);
        }
        match client.map_or_else(|| Client::connect(&directory), Ok) {
            Ok(client) => Ok(Connection { name, directory, client }),
            Err(error) => Err(fail(&name, &error)),
        }
    }

    /// Connects to the topology like [`connect`](Self::connect), without hearing first whether its controller answers: for who
    /// asks for something at once, and waits with patience of his own.
    ///
    /// # Errors
    ///
    /// The status to end with; why has been told.
    pub(super) fn reach(&self, prefix: Option<&str>) -> Result<Connection, Status> {
        // What is sent to one that was stopped stays there with its descriptors, and a pipe does not end that long.
        let is_stopped = |client: &Client| process::is_stopped(Pid::from_raw(client.controller())).unwrap_or(false);
        let wanted = self.wanted(prefix)?;
        let own = if wanted.is_none() { census::own() } else { None };
        match own.or_else(|| census::only(wanted.as_deref())) {
            Some((directory, client)) if !is_stopped(&client) => {
                Ok(Connection { name: census::name_of(&directory), directory, client })
            }
            _ => self.connect(prefix),
        }
    }

    /// Connects to all that a verb is about which shows everything where nothing is said: to one as [`connect`](Self::connect)
    /// does where a name is said or the caller is a program of one, else to every one that answers.
    ///
    /// # Errors
    ///
    /// The status to end with, where there is none; why has been told.
    pub(super) fn connect_all(&self) -> Result<Vec<Connection>, Status> {
        let running = if self.name.is_some() { Vec::new() } else { running(None) };
        if running.len() < 2 {
            return self.connect(None).map(|connection| vec![connection]);
        }
        let mut connections = Vec::new();
        for Found { name, directory, presence, client } in running {
            match (presence, client) {
                (Presence::Controller(_), Some(client)) => connections.push(Connection { name, directory, client }),
                _ => tell(&format!("warning: `{name}` does not answer and is left out; see `nestns ls`\n")),
            }
        }
        Ok(connections)
    }

    /// The name that is asked for, if one is.
    fn wanted(&self, prefix: Option<&str>) -> Result<Option<String>, Status> {
        match (prefix, &self.name) {
            (Some(prefix), Some(name)) if prefix != name => {
                tell(&format!("error: the address says `{prefix}` and `--name` (or NESTNS_NAME) says `{name}`\n"));
                Err(Status::WrongCommandLine)
            }
            (Some(prefix), _) => Ok(Some(prefix.to_owned())),
            (None, name) => Ok(name.clone()),
        }
    }

    /// Finds the topology, whether its controller answers or not.
    ///
    /// # Errors
    ///
    /// The status to end with; why has been told.
    pub(super) fn find(&self, prefix: Option<&str>) -> Result<Found, Status> {
        let wanted = self.wanted(prefix)?;
        let mut running = running(wanted.as_deref());
        let is_named = |found: &&Found| !found.is_anonymous();
        if running.len() > 1 && running.iter().filter(is_named).count() == 1 {
            running.retain(|found| !found.is_anonymous());
        }
        if running.len() > 1 {
            tell(&several(&running));
            return Err(Status::No);
        }
        let found = running.pop().ok_or_else(|| {
            tell(&none(wanted.as_deref()));
            Status::No
        })?;
        Ok(found)
    }
}

/// The running topologies of a name; without one that of the caller, else all.
fn running(wanted: Option<&str>) -> Vec<Found> {
    let is_there = |found: &Found| !matches!(found.presence, Presence::Nobody);
    let own = || census::at(census::own()?.0).filter(is_there);
    let mut running = match wanted {
        Some(name) => census::of(name),
        None => own().map_or_else(census::all, |own| vec![own]),
    };
    running.retain(is_there);
    running
}

impl Connection {
    /// Asks for all of it.
    ///
    /// # Errors
    ///
    /// The status to end with; why has been told.
    pub(super) fn snapshot(&mut self) -> Result<Snapshot, Status> {
        match self.client.ask(Request::Snapshot) {
            Ok(Reply::Snapshot(snapshot)) => Ok(*snapshot),
            Ok(_) => Err(fail(&self.name, &ClientError::Unreadable("it is something else".to_owned()))),
            Err(error) => Err(fail(&self.name, &error)),
        }
    }

    /// Tells why a request was not met, and with which status to end.
    pub(super) fn fail(&self, error: &ClientError) -> Status {
        fail(&self.name, error)
    }
}

/// Tells why a topology could not be asked, and with which status to end.
pub(super) fn fail(name: &str, error: &ClientError) -> Status {
    let mut text = format!("error: {error}\n");
    let (help, status) = match error {
        ClientError::Refused(problem) => (problem.help.clone(), Status::Other(problem.status)),
        ClientError::Silent => {
            (Some(format!("the controller of `{name}` may be stopped; `nestns ls` shows its PID")), Status::No)
        }
        _ => (None, Status::No),
    };
    if let Some(help) = help {
        let _ = writeln!(text, "  = help: {help}");
    }
    tell(&text);
    status
}

fn several(running: &[Found]) -> String {
    let mut text = "error: several topologies are running\n".to_owned();
    for found in running {
        let _ = writeln!(text, "  {}  ({})", found.name, found.directory.display());
    }
    text.push_str("  = help: choose one with `-n NAME`, or with an address `NAME:/path`\n");
    text
}

fn none(wanted: Option<&str>) -> String {
    let Some(wanted) = wanted else {
        return "error: no topology is running\n  = help: start one with `nestns up -d FILE`\n".to_owned();
    };
    let all = census::all();
    let names = all.iter().filter(|found| !matches!(found.presence, Presence::Nobody)).map(|found| &*found.name);
    let mut names: Vec<(usize, &str)> = names.map(|name| (strsim::damerau_levenshtein(name, wanted), name)).collect();
    names.sort_unstable();
    let mut text = format!("error: no topology named `{wanted}` is running\n");
    match names.as_slice() {
        [] => text.push_str("  = help: no topology is running; start one with `nestns up -d FILE`\n"),
        [(0, name), ..] => {
            text = format!("error: `{name}` could not be queried a moment ago\n  = help: try again\n");
        }
        [(distance, name), ..] if *distance <= 3 => {
            let _ = writeln!(text, "  = help: did you mean `{name}`?");
        }
        names => {
            let list: Vec<String> = names.iter().take(5).map(|(_, name)| format!("`{name}`")).collect();
            let _ = writeln!(text, "  = help: running topologies: {}", list.join(", "));
        }
    }
    text
}
