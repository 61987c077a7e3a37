//! `nestns wait`: until something of a running topology has started, is ready, has ended, or is gone.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use nix::libc::SIGKILL;
use nix::unistd::Pid;

use super::command_error::{CommandError, ErrorKind};
use super::ended::EndedTopology;
use super::launch;
use super::selection::{self, Selected, Selection, Unresolved, resolve};
use super::source::Source;
use super::status::Status;
use super::target::{Connection, Target};
use nestns_client::discovery::{self, Found};
use nestns_client::documents::{ExitDocument, ProcessDocument};
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Awaited, Reply, Request};
use nestns_client::state_directory::lock_in;
use nestns_observe::process;
use nestns_sys::moment::Moment;
use nestns_topology::{Address, Signal};

/// Time between two looks at a controller that was stopped.
const PULSE: Duration = Duration::from_millis(20);
/// Time that a controller that has said good-bye may take to remove its state.
const LAST: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without an address, waits for the whole topology. A namespace has started when it is released and its PID 1 \
runs, is ready when everything in it is ready, and has ended when its PID 1 has, since the kernel kills everything else in it at that \
point.

With --for exited or gone, how each process ended is written to standard output. With --exit-code, the exit status is \
that of the process that ended, or the highest of several. The status is 1 if the state can no longer be reached (it \
ended before it was ready), and 124 on timeout.

A topology that is named (-n NAME, or NAME:/) and is not running counts as gone. Of a detached one that has ended, \
the ends of its processes are known until `nestns prune` removes them or the name is used again; they are answered at \
once.

  nestns wait vm/db --for ready --timeout 30s
  nestns wait vm/job --exit-code                 exit with the status of the job
  nestns wait pod:/ --for gone                   until nothing is left of it")]
pub(super) struct Args {
    /// Processes or namespaces to wait for [default: the whole topology]
    #[arg(value_name = "ADDR")]
    addresses: Vec<Address>,

    /// State to wait for
    #[arg(
        long = "for",
        id = "for",
        value_name = "STATE",
        value_enum,
        default_value_t,
        env = "NESTNS_FOR"
    )]
    until: Until,

    /// Give up after this time, such as 30s, with status 124
    #[arg(long, value_name = "DURATION", env = "NESTNS_TIMEOUT", value_parser = launch::duration)]
    timeout: Option<Duration>,

    /// Exit with the status of the process that ended
    #[arg(long, env = "NESTNS_EXIT_CODE", value_parser = FalseyValueParser::new())]
    exit_code: bool,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    target: Target,

    /// Do not print how each process ended
    #[arg(short, long, env = "NESTNS_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Until {
    /// The program runs
    Started,
    /// The readiness probe has succeeded; a one-shot has exited successfully
    Ready,
    /// The process or namespace has ended
    #[default]
    Exited,
    /// Nothing of it is left; of a whole topology, not even its state
    Gone,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let deadline = args.timeout.map(|timeout| Moment::now().plus(timeout));
    let prefix = selection::topology(&args.addresses)?;
    if args.until == Until::Gone
        && let Some(name) = prefix.or(args.target.name.as_deref())
        && !runs(name)
    {
        return Ok(Status::Done);
    }
    if !await_controller(prefix.or(args.target.name.as_deref()), deadline) {
        return Err(late());
    }
    // Whatever else has gone wrong with one that runs, the timeout has expired as well.
    let is_one = || is_one(prefix.or(args.target.name.as_deref()));
    let is_late = || deadline.is_some_and(|deadline| deadline <= Moment::now());
    let in_time = |error: CommandError| {
        if is_late() && is_one() {
            error.with_status(Status::Other(ErrorKind::Timeout.status()))
        } else {
            error
        }
    };
    let mut connection = match Source::find(&args.target, &args.addresses).map_err(in_time)? {
        Source::Running(connection) => connection,
        Source::Ended(ended) => return of_ended(args, &ended),
    };
    let snapshot = connection.snapshot().map_err(in_time)?;
    let is_whole = args.addresses.iter().all(Address::is_everything) && args.selection.is_empty();
    let paths = match resolve(&snapshot, &args.addresses, &args.selection) {
        Ok(_) if is_whole => Vec::new(),
        Ok(selections) => selections
            .iter()
            .map(|selected| selected.address())
            .collect(),
        // Programs of `exec` are listed as long as they run; how they have ended is known to the controller for a while.
        Err(Unresolved::Nothing { address, .. })
            if is_exec_process(&address) && args.until == Until::Gone =>
        {
            return Ok(Status::Done);
        }
        Err(Unresolved::Nothing { address, .. })
            if is_exec_process(&address)
                && args.until == Until::Exited
                && args.addresses.len() == 1 =>
        {
            vec![args.addresses[0].path()]
        }
        Err(unresolved) => return Err(unresolved.into()),
    };
    let until = match args.until {
        Until::Started => Awaited::Started,
        Until::Ready => Awaited::Ready,
        Until::Exited | Until::Gone => Awaited::Exited,
    };
    connection
        .client
        .send(Request::Await { paths, until }, &[])
        .map_err(|error| connection.fail(&error))?;
    let exits = listen(&mut connection, args.until, deadline)?;
    if args.until == Until::Gone && is_whole {
        let Connection {
            name,
            directory,
            client,
        } = connection;
        let state = inode(&directory);
        // The controller waits a moment for clients that are still connected.
        drop(client);
        if state.is_some() && !await_end(&name, &directory, state, deadline) {
            return Err(late());
        }
    }
    answer(args, &exits)
}

/// Waits as long as the controller is stopped, if it is to be waited for at most until a deadline; says whether it goes on.
fn await_controller(name: Option<&str>, deadline: Option<Moment>) -> bool {
    let Some(deadline) = deadline else {
        return true;
    };
    let Some((_, client)) = discovery::only(name) else {
        return true;
    };
    let controller = Pid::from_raw(client.controller());
    drop(client);
    while process::is_stopped(controller).unwrap_or(false) {
        if deadline <= Moment::now() {
            return false;
        }
        std::thread::sleep(PULSE);
    }
    true
}

/// Returns whether it is clear which of the topologies that run is meant.
fn is_one(name: Option<&str>) -> bool {
    let count_all = || {
        let all = discovery::all();
        all.iter().filter(|found| found.is_running()).count()
    };
    name.map_or_else(|| count_all() == 1, runs)
}

fn runs(name: &str) -> bool {
    discovery::of(name).iter().any(Found::is_running)
}

fn is_exec_process(address: &str) -> bool {
    address
        .rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with("exec."))
}

/// Answers from the record of a topology: as one that has waited for its end.
fn of_ended(args: &Args, ended: &EndedTopology) -> Result<Status, CommandError> {
    if matches!(args.until, Until::Started | Until::Ready) {
        return Err(ended.error());
    }
    let snapshot = ended.snapshot()?;
    ended.tell();
    let is_whole = args.addresses.iter().all(Address::is_everything) && args.selection.is_empty();
    let namespaces: Vec<&str> = if is_whole {
        let roots = snapshot
            .namespaces
            .iter()
            .filter(|one| one.parent.is_none());
        roots.map(|one| &*one.path).collect()
    } else {
        Vec::new()
    };
    let selections = if is_whole {
        Vec::new()
    } else {
        resolve(&snapshot, &args.addresses, &args.selection)?
    };
    let is_meant = |process: &&ProcessDocument| {
        let is_init = process.enter == "init";
        (is_init && namespaces.contains(&&*process.ns))
            || selections.iter().any(|selected| match selected {
                Selected::Namespace(namespace) => is_init && process.ns == namespace.path,
                Selected::Process(other) => process.path == other.path,
            })
    };
    // Without an end of its own it went with its namespace, which the kernel does by KILL.
    let exit = |process: &ProcessDocument| {
        let killed = ExitDocument::Signal(SIGKILL);
        (process.path.clone(), Some(process.exit.unwrap_or(killed)))
    };
    let exits = snapshot
        .processes
        .iter()
        .filter(is_meant)
        .map(exit)
        .collect();
    answer(args, &exits)
}

type Exits = Vec<(String, Option<ExitDocument>)>;

fn listen(
    connection: &mut Connection,
    until: Until,
    deadline: Option<Moment>,
) -> Result<Exits, CommandError> {
    loop {
        let left = deadline.map(|deadline| deadline.since(Moment::now()));
        match connection.client.wait(left) {
            Ok(Some(answer)) => match answer.reply {
                Reply::Awaited(exits) => return Ok(exits),
                Reply::Gone => return ended(connection, until),
                _ => {}
            },
            Ok(None) if deadline.is_some_and(|deadline| deadline <= Moment::now()) => {
                return Err(late());
            }
            Ok(None) => {}
            Err(ClientError::HungUp) => return ended(connection, until),
            Err(error) => return Err(connection.fail(&error)),
        }
    }
}

/// The topology has ended before there was an answer.
fn ended(connection: &Connection, until: Until) -> Result<Exits, CommandError> {
    match until {
        Until::Exited | Until::Gone => Ok(Vec::new()),
        Until::Started | Until::Ready => {
            let message = format!("`{}` ended before it reached that state", connection.name);
            Err(CommandError::not_found(message))
        }
    }
}

fn late() -> CommandError {
    CommandError::new(ErrorKind::Timeout, "the timeout has expired")
}

/// Inode of the lock in a state directory, which is there as long as a topology has the name.
pub(super) fn inode(directory: &Path) -> Option<u64> {
    std::fs::metadata(lock_in(directory))
        .ok()
        .map(|found| found.ino())
}

/// Waits until the state directory is removed, or only a record; says whether that was in time.
pub(super) fn await_end(
    name: &str,
    directory: &Path,
    state: Option<u64>,
    deadline: Option<Moment>,
) -> bool {
    let last = Moment::now().plus(LAST);
    // Another one of the same name may have come since.
    while inode(directory) == state {
        let now = Moment::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return false;
        }
        if last <= now && !runs(name) {
            // A killed controller has removed nothing, and its guardian neither.
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

fn answer(args: &Args, exits: &Exits) -> Result<Status, CommandError> {
    let is_end = matches!(args.until, Until::Exited | Until::Gone);
    let mut text = String::new();
    let mut worst = 0;
    for (path, exit) in exits {
        let Some(exit) = exit else { continue };
        worst = worst.max(exit.status());
        let _ = match exit {
            ExitDocument::Code(code) => writeln!(text, "{path}: {code}"),
            ExitDocument::Signal(signal) => {
                writeln!(text, "{path}: {}", Signal::from_number(*signal))
            }
        };
    }
    if is_end && !args.quiet {
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    Ok(if args.exit_code && worst != 0 {
        Status::Other(worst)
    } else {
        Status::Done
    })
}
