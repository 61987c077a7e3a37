//! Selection of the running topology for a verb: `-n NAME`, else `NESTNS_NAME`, else the `name:/…`
//! of an address, else the one that the caller is a program of, else the only one that runs. Never
//! the file in this directory.
//!
//! An unnamed topology, such as that of `run -- CMD`, does not count where there is a named one.

use std::path::PathBuf;

use nix::unistd::Pid;

use super::command_error::{CommandError, ErrorKind, Hint};
use super::ended::EndedTopology;
use super::launch;
use super::standard_error;
use super::status::Status;
use super::unresponsive;
use nestns_client::discovery::{self, Found, Presence};
use nestns_client::protocol::client::Client;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Reply, Request, RequestError, Snapshot};
use nestns_observe::process;

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
    pub(super) fn connect(&self, prefix: Option<&str>) -> Result<Connection, CommandError> {
        let Found {
            name,
            directory,
            client,
            presence,
        } = self.find(prefix)?;
        if let Presence::Silent { controller } = presence {
            // It had its time just now; whatever else is asked of it would wait as well.
            return Err(unresponsive::error(&name, controller));
        }
        match client.map_or_else(|| Client::connect(&directory), Ok) {
            Ok(client) => Ok(Connection {
                name,
                directory,
                client,
            }),
            Err(error) => Err(request_error(&name, &error)),
        }
    }

    /// Connects to the topology like [`connect`](Self::connect), without hearing first whether its
    /// controller answers: for a verb that asks for something at once, and bounds its wait itself.
    pub(super) fn reach(&self, prefix: Option<&str>) -> Result<Connection, CommandError> {
        // What is sent to one that was stopped stays there with its descriptors, and a pipe does not end that long.
        let is_stopped = |client: &Client| {
            process::is_stopped(Pid::from_raw(client.controller())).unwrap_or(false)
        };
        let wanted = self.wanted(prefix)?;
        let own = if wanted.is_none() {
            discovery::own()
        } else {
            None
        };
        match own.or_else(|| discovery::only(wanted.as_deref())) {
            Some((directory, client)) if !is_stopped(&client) => Ok(Connection {
                name: discovery::name_of(&directory),
                directory,
                client,
            }),
            _ => self.connect(prefix),
        }
    }

    /// Connects to all that a verb is about which shows everything where nothing is said: to one as [`connect`](Self::connect)
    /// does where a name is said or the caller is a program of one, else to every one that answers.
    pub(super) fn connect_all(&self) -> Result<Vec<Connection>, CommandError> {
        let running = if self.name.is_some() {
            Vec::new()
        } else {
            running(None)
        };
        if running.len() < 2 {
            return self.connect(None).map(|connection| vec![connection]);
        }
        let mut connections = Vec::new();
        for Found {
            name,
            directory,
            presence,
            client,
        } in running
        {
            match (presence, client) {
                (Presence::Controller(_), Some(client)) => connections.push(Connection {
                    name,
                    directory,
                    client,
                }),
                _ => standard_error::write(&format!(
                    "warning: `{name}` does not answer and is left out; see `nestns ls`\n"
                )),
            }
        }
        Ok(connections)
    }

    /// The name that is asked for, if one is.
    fn wanted(&self, prefix: Option<&str>) -> Result<Option<String>, CommandError> {
        match (prefix, &self.name) {
            (Some(prefix), Some(name)) if prefix != name => {
                let message = format!(
                    "the address says `{prefix}` and `--name` (or NESTNS_NAME) says `{name}`"
                );
                Err(CommandError::usage(message))
            }
            (Some(prefix), _) => Ok(Some(prefix.to_owned())),
            (None, name) => Ok(name.clone()),
        }
    }

    /// Finds the topology, whether its controller answers or not.
    pub(super) fn find(&self, prefix: Option<&str>) -> Result<Found, CommandError> {
        let wanted = self.wanted(prefix)?;
        let mut running = running(wanted.as_deref());
        let is_named = |found: &&Found| !found.is_anonymous();
        if running.len() > 1 && running.iter().filter(is_named).count() == 1 {
            running.retain(|found| !found.is_anonymous());
        }
        if running.len() > 1 {
            return Err(several(&running));
        }
        running.pop().ok_or_else(|| none(wanted.as_deref()))
    }
}

/// The running topologies of a name; without one that of the caller, else all.
fn running(wanted: Option<&str>) -> Vec<Found> {
    let own = || discovery::at(discovery::own()?.0).filter(Found::is_running);
    let mut running = match wanted {
        Some(name) => discovery::of(name),
        None => own().map_or_else(discovery::all, |own| vec![own]),
    };
    running.retain(Found::is_running);
    running
}

impl Connection {
    /// Asks for all of it.
    pub(super) fn snapshot(&mut self) -> Result<Snapshot, CommandError> {
        match self.client.ask(Request::Snapshot) {
            Ok(Reply::Snapshot(snapshot)) => Ok(*snapshot),
            Ok(_) => Err(self.fail(&ClientError::Unreadable("it is something else".to_owned()))),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Error of a request that was not met.
    pub(super) fn fail(&self, error: &ClientError) -> CommandError {
        request_error(&self.name, error)
    }
}

/// Error of a topology that could not be asked, or that has refused.
pub(super) fn request_error(name: &str, error: &ClientError) -> CommandError {
    let text = error.to_string();
    match error {
        ClientError::Refused(problem) => {
            let refused =
                CommandError::new(kind(problem), text).with_status(Status::Other(problem.status()));
            match problem.help() {
                Some(help) => refused.help(help),
                None => refused,
            }
        }
        ClientError::Silent => CommandError::new(ErrorKind::Unresponsive, text).help(format!(
            "the controller of `{name}` may be stopped; `nestns ls` shows its PID"
        )),
        ClientError::Absent { .. } | ClientError::HungUp => {
            CommandError::new(ErrorKind::Unresponsive, text)
        }
        ClientError::Foreign { .. } => CommandError::new(ErrorKind::Forbidden, text),
        _ => CommandError::failed(text),
    }
}

/// Kind of a refusal; most depend on the present state.
fn kind(problem: &RequestError) -> ErrorKind {
    match problem {
        RequestError::Malformed { .. } | RequestError::Nothing => ErrorKind::Usage,
        RequestError::Inside { .. } | RequestError::Elsewhere => ErrorKind::Forbidden,
        RequestError::NoNamespace { .. }
        | RequestError::NoProcess { .. }
        | RequestError::Undeclared { .. }
        | RequestError::Gone { .. }
        | RequestError::Unnamed { .. }
        | RequestError::Ended { .. }
        | RequestError::TargetEnded { .. }
        | RequestError::ProgramEnded
        | RequestError::InitEnded { .. }
        | RequestError::TopologyEnded
        | RequestError::InitExited { .. }
        | RequestError::Never { .. }
        | RequestError::NotStarted { .. }
        | RequestError::NeverReady { .. } => ErrorKind::NotFound,
        RequestError::Unreleased
        | RequestError::Released
        | RequestError::TopologyStopping
        | RequestError::TooLateToPause
        | RequestError::NamespaceStopping { .. }
        | RequestError::NothingAround { .. }
        | RequestError::Paused { .. }
        | RequestError::PausedAlready { .. }
        | RequestError::PausedWith { .. }
        | RequestError::NotPaused { .. }
        | RequestError::Resumed { .. }
        | RequestError::Foreground { .. }
        | RequestError::BuiltinInit { .. }
        | RequestError::TerminalOfUp { .. }
        | RequestError::NotKept { .. } => ErrorKind::Conflict,
        RequestError::CannotPause { check: Some(_), .. }
        | RequestError::Failed { status: 4, .. } => ErrorKind::Machine,
        RequestError::Failed { status: 5, .. } => ErrorKind::Start,
        _ => ErrorKind::Failed,
    }
}

fn several(running: &[Found]) -> CommandError {
    let line = |found: &Found| format!("\n  {}  ({})", found.name, found.directory.display());
    let list: String = running.iter().map(line).collect();
    CommandError::new(
        ErrorKind::Ambiguous,
        format!("several topologies are running; specify one{list}"),
    )
    .help("`--name NAME`, an address `NAME:/path`, or just NAME for `down` and `release`")
}

fn none(wanted: Option<&str>) -> CommandError {
    if let Some(ended) = wanted.and_then(EndedTopology::find) {
        return ended.error();
    }
    let all = discovery::all();
    let Some(wanted) = wanted else {
        let error = CommandError::not_found("no topology is running")
            .help("start one with `nestns up -d FILE`");
        let has_ended = |found: &Found| matches!(found.presence, Presence::Ended(_));
        return if all.iter().any(has_ended) {
            error.hint(Hint::Note(
                "`nestns ls -a` lists those that have ended".to_owned(),
            ))
        } else {
            error
        };
    };
    let names = all
        .iter()
        .filter(|found| found.is_running())
        .map(|found| &*found.name);
    let mut names: Vec<(usize, &str)> = names
        .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
        .collect();
    names.sort_unstable();
    let error = CommandError::not_found(format!("no topology named `{wanted}` is running"));
    match names.as_slice() {
        [] => error.help("none runs at all; start one with `nestns up -d FILE`"),
        [(0, name), ..] => {
            CommandError::failed(format!("`{name}` could not be queried a moment ago"))
                .help("try again")
        }
        [(distance, name), ..] if *distance <= 3 => error.help(format!("did you mean `{name}`?")),
        names => {
            let list: Vec<String> = names
                .iter()
                .take(5)
                .map(|(_, name)| format!("`{name}`"))
                .collect();
            error.help(format!("these run: {}", list.join(", ")))
        }
    }
}
