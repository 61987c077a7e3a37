//! `nestns down`: take a running topology down, by name.

mod silence;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use clap::builder::FalseyValueParser;

use self::silence::Silence;
use crate::cli::abandoned;
use crate::cli::answer_format::{AnswerFormat, write_document};
use crate::cli::color::When;
use crate::cli::command_error::{CommandError, ErrorKind};
use crate::cli::launch;
use crate::cli::selection::{Selection, resolve, threads};
use crate::cli::standard_error;
use crate::cli::status::Status;
use crate::cli::target::{Connection, Target, request_error};
use crate::cli::unresponsive;
use crate::present::duration::Human;
use crate::present::stop;
use nestns_client::discovery::{self, Found, Presence};
use nestns_client::documents::Timeline;
use nestns_client::protocol::client::Client;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Force, Reply, Request};
use nestns_sys::moment::Moment;
use nestns_topology::Address;

/// Interval between two looks at whether the controller still does anything.
const GLANCE: Duration = Duration::from_millis(500);
#[derive(Debug, clap::Args)]
#[command(after_help = "\
All processes are asked to stop, from the roots down, and given their grace period; those \
still being waited for are reported every second. Ctrl-C ends this command but not the stop; `nestns down --now` \
kills what is left. With --now, a controller that is stopped or does not answer is killed as well, and its guardian \
takes the tree down. The exit status is 0 when nothing is left of what was to be taken down, and 1 if no such \
topology is running.

With PATH, only that part is taken down. The rest keeps running: this does not count as a failure of the topology, no \
restart policy applies, and the surrounding namespace stays even if it is now empty, so that `nestns restart` can \
bring the part back. The path of a PID 1 means its namespace. When its last root namespace is taken down, the \
topology ends.

The logs, the events and the end of a detached topology are kept until `nestns prune` removes them or its name is \
used again.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Topology to take down, needed if several are running; `NAME:/path` means a part of it
    #[arg(value_name = "NAME", value_parser = Whole::parse)]
    name: Option<Whole>,

    /// Take down only these processes, or namespaces with everything in them
    #[arg(value_name = "PATH", requires = "name")]
    paths: Vec<Address>,

    /// Kill processes without asking them to stop first
    #[arg(long, env = "NESTNS_NOW", value_parser = FalseyValueParser::new())]
    now: bool,

    /// Take down all of the caller's topologies
    #[arg(long, env = "NESTNS_ALL", conflicts_with_all = ["name", "paths"], value_parser = FalseyValueParser::new())]
    all: bool,

    /// Do not ask for confirmation
    #[arg(short, long, env = "NESTNS_YES", value_parser = FalseyValueParser::new())]
    yes: bool,

    /// Kill what is left after this time, overriding the grace periods of the file
    #[arg(long, value_name = "DURATION", env = "NESTNS_TIMEOUT", value_parser = launch::duration)]
    timeout: Option<Duration>,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,

    /// Print errors only
    #[arg(short, long, env = "NESTNS_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// Argument in the place of the name.
#[derive(Debug, Clone)]
enum Whole {
    Name(String),
    Part(Address),
}

impl Whole {
    fn parse(text: &str) -> Result<Self, String> {
        launch::name(text)
            .map(Self::Name)
            .or_else(|why| match text.parse() {
                // Only a path is no name.
                Ok(address) if text.contains('/') => Ok(Self::Part(address)),
                _ => Err(why),
            })
    }
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    if args.all {
        return all(args);
    }
    let mut addresses = args.paths.clone();
    let name = match &args.name {
        Some(Whole::Name(name)) => Some(name.clone()),
        Some(Whole::Part(address)) => {
            addresses.insert(0, address.clone());
            address.topology().map(str::to_owned)
        }
        None => None,
    };
    if let Some(name) = &name
        && abandoned::end(name, args.format)?
    {
        return Ok(Status::Done);
    }
    let found = (Target { name }).find(None)?;
    end(found, &addresses, args)
}

/// Takes one down, whether its controller answers or not.
fn end(found: Found, addresses: &[Address], args: &Args) -> Result<Status, CommandError> {
    let Found {
        name,
        directory,
        presence,
        client,
    } = found;
    if let Presence::Silent { controller } = presence {
        if args.now && addresses.is_empty() {
            return kill(&name, &directory, client.as_ref());
        }
        return Err(unresponsive::error(&name, controller));
    }
    let client = client.map_or_else(|| Client::connect(&directory), Ok);
    let client = client.map_err(|error| request_error(&name, &error))?;
    take_down(
        Connection {
            name,
            directory,
            client,
        },
        addresses,
        args,
    )
}

fn kill(name: &str, directory: &Path, client: Option<&Client>) -> Result<Status, CommandError> {
    unresponsive::kill(name, directory, client)?;
    abandoned::end_killed(name, directory)
}

fn all(args: &Args) -> Result<Status, CommandError> {
    let mut found: Vec<_> = discovery::everything()
        .into_iter()
        .filter(Found::is_running)
        .collect();
    // Each is connected to in its turn; until then it may end without a client to wait for.
    for one in &mut found {
        one.client = None;
    }
    if found.is_empty() {
        standard_error::write("no topology is running\n");
        return Ok(Status::Done);
    }
    if !args.yes {
        let names: Vec<&str> = found.iter().map(|found| &*found.name).collect();
        if !std::io::stdin().is_terminal() {
            let error = CommandError::usage(format!("this would take down {}", names.join(", ")));
            return Err(error.help("use `--yes` to confirm"));
        }
        standard_error::write(&format!("take down {}? [y/N] ", names.join(", ")));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Ok(Status::No);
        }
    }
    let mut errors = Vec::new();
    for found in found {
        let ended = match (Client::connect(&found.directory), &found.presence) {
            // It has ended meanwhile.
            (Err(ClientError::Absent { .. }), Presence::Controller(_)) => continue,
            (client, _) => end(
                Found {
                    client: client.ok(),
                    ..found
                },
                &[],
                args,
            ),
        };
        errors.extend(ended.err());
    }
    CommandError::of_several(errors).map(|()| Status::Done)
}

/// The paths that addresses mean.
fn named(connection: &mut Connection, addresses: &[Address]) -> Result<Vec<String>, CommandError> {
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(other) = addresses
        .iter()
        .filter_map(Address::topology)
        .find(|name| *name != connection.name)
    {
        let message = format!(
            "the address is in `{other}`, not in `{}`, which is to be taken down",
            connection.name
        );
        return Err(CommandError::usage(message));
    }
    let snapshot = connection.snapshot()?;
    for address in addresses {
        if let Some(thread) = threads::named(&snapshot, address) {
            let message = format!(
                "`{address}` is a thread ({}), but only a whole process can be taken down",
                thread.name
            );
            return Err(CommandError::not_found(message)
                .help("name the process, by its path or its own number"));
        }
    }
    let selections = resolve(&snapshot, addresses, &Selection::default())?;
    Ok(selections
        .into_iter()
        .map(|selected| selected.path().to_owned())
        .collect())
}

fn take_down(
    mut connection: Connection,
    addresses: &[Address],
    args: &Args,
) -> Result<Status, CommandError> {
    let milliseconds = |timeout: Duration| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    let ask = args.timeout.map_or(Force::Ask, |timeout| {
        Force::AskWithin(milliseconds(timeout))
    });
    let force = if args.now { Force::Kill } else { ask };
    let paths = named(&mut connection, addresses)?;
    let request = |force| Request::Stop {
        paths: paths.clone(),
        force,
    };
    connection
        .client
        .send(request(force), &[])
        .map_err(|error| connection.fail(&error))?;
    let mut deadline = args.timeout.map(|timeout| Moment::now().plus(timeout));
    let mut silence = Silence::begin(force);
    loop {
        let left = deadline.map(|deadline| deadline.since(Moment::now()));
        let answer = connection
            .client
            .wait(Some(left.map_or(GLANCE, |left| left.min(GLANCE))));
        if matches!(answer, Ok(Some(_))) {
            silence.break_it();
        }
        match answer {
            Ok(Some(answer)) => match answer.reply {
                Reply::Waiting(waiting) if !args.quiet => write_waiting(&connection.name, &waiting),
                Reply::Stopped(timeline) => {
                    return done(connection, Some(&timeline), addresses, args);
                }
                Reply::Done => return done(connection, None, addresses, args),
                Reply::Unrecorded(problem) => standard_error::write(&format!(
                    "warning: the logs and events of `{}` are not kept: {problem}\n",
                    connection.name
                )),
                _ => {}
            },
            Ok(None) if deadline.is_some_and(|deadline| deadline <= Moment::now()) => {
                deadline = None;
                connection
                    .client
                    .send(request(Force::Kill), &[])
                    .map_err(|error| connection.fail(&error))?;
                silence = Silence::begin(Force::Kill);
            }
            Ok(None) => {
                let controller = connection.client.controller();
                if silence.is_over(controller) && addresses.is_empty() {
                    return kill(
                        &connection.name,
                        &connection.directory,
                        Some(&connection.client),
                    );
                }
                if silence.is_news(controller) {
                    standard_error::write(
                        &unresponsive::error(&connection.name, controller).as_warning(),
                    );
                }
            }
            Err(ClientError::HungUp) => {
                let message = format!(
                    "the controller of `{}` has ended without an answer",
                    connection.name
                );
                return Err(CommandError::new(ErrorKind::Unresponsive, message));
            }
            Err(error) => return Err(connection.fail(&error)),
        }
    }
}

fn done(
    connection: Connection,
    timeline: Option<&Timeline>,
    addresses: &[Address],
    args: &Args,
) -> Result<Status, CommandError> {
    if let Some(timeline) = timeline {
        let mut stdout = std::io::stdout();
        match args.format {
            AnswerFormat::Json => write_document(timeline)?,
            AnswerFormat::Human if args.quiet => {}
            AnswerFormat::Human if addresses.is_empty() => {
                stdout.write_all(stop::render(timeline).as_bytes())?;
            }
            AnswerFormat::Human => {
                let part = Timeline {
                    topology: addresses
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(", "),
                    ..timeline.clone()
                };
                stdout.write_all(stop::render(&part).as_bytes())?;
            }
        }
    }
    if addresses.is_empty() {
        let Connection {
            directory, client, ..
        } = connection;
        // The controller waits a moment for clients that are still connected.
        drop(client);
        await_end(&directory)?;
    }
    Ok(Status::Done)
}

/// The controller removes its state when it has said everything; the next one finds the name free.
pub(super) fn await_end(directory: &Path) -> Result<(), CommandError> {
    let end = Moment::now().plus(Duration::from_secs(10));
    while directory.join("lock").exists() {
        if Moment::now() >= end {
            let message = format!(
                "everything has ended, but {} is still there",
                directory.display()
            );
            return Err(CommandError::failed(message)
                .help("`nestns prune` removes it, or reports what prevents that"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Writes what a stop waits for.
pub(super) fn write_waiting(name: &str, waiting: &[(String, Option<(f64, f64)>)]) {
    const NAMED: usize = 4;
    if waiting.is_empty() {
        return;
    }
    let one = |(path, time): &(String, Option<(f64, f64)>)| match time {
        Some((passed, grace)) => format!("{path} ({passed:.0} s of {})", Human::of_seconds(*grace)),
        None => path.clone(),
    };
    let mut names: Vec<String> = waiting.iter().take(NAMED).map(one).collect();
    if waiting.len() > NAMED {
        names.push(format!("{} more", waiting.len() - NAMED));
    }
    standard_error::write(&format!("{name}: waiting for {}\n", names.join(", ")));
}
