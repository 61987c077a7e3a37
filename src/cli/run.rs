//! `nestns run`: a command in namespaces, or beside a tree, and its exit status.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::FalseyValueParser;

use super::color::When;
use super::command_error::{CommandError, Context as _};
use super::console_reporter::{Detail, Progress, Reports};
use super::controller;
use super::detach;
use super::launch::{self, Checked};
use super::status::Status;
use super::topology_arguments::{TopologyArguments, Values};
use crate::present::line::Controls;
use nestns_observe::namespaces;
use nestns_runtime::controller::{Command, Fixture, LinesTo, Options, Request, SignalsFor};
use nestns_runtime::engine::plan::ProcessPlan;
use nestns_topology::config::{self, Arrangement};
use nestns_topology::wrap::{self, Connection, Role};
use nestns_topology::{OnExit, Process, Terminal};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without FILE, the command runs inside --depth nested namespaces, as a child of the innermost PID 1 or, with \
--as-init, as that PID 1.

With FILE, the tree is built, the command runs once everything is ready, and then the tree is taken down. The command \
runs on the host or, with --in, in a namespace of the tree; NESTNS_TRUTH names a file that describes the tree. If an \
essential process fails, or ends before it is ready, the command is not run. A failure after that does not interrupt \
the command, but if the command then exits with 0, the status is 125; `essential = false`, `on_exit = \"ignore\"` and \
`nestns kill` prevent that from counting as a failure.

Signals sent to nestns are forwarded to the command unchanged, real-time signals included, and only the command \
decides how to react; the tree is taken down when it ends. A command that is PID 1 (--as-init) with the default \
action for INT, TERM, HUP or QUIT would not get them from the kernel: in that case the tree is stopped. TSTP, TTIN \
and TTOU are forwarded to a command that handles them; otherwise everything in its session is stopped, nestns stops \
as well, and CONT resumes them all. Before the command runs, INT, TERM, HUP and QUIT take down what was built. If \
standard input is a terminal, it belongs to the command, Ctrl-C included; on any other terminal the first Ctrl-C is \
forwarded, and the second kills everything.

The exit status is that of the command; 1, 2 or 3 if --in, the command line or FILE is wrong, 125 if nestns itself or \
the tree failed, 126 if the command cannot be executed, 127 if it cannot be found, and 124 after --timeout.")]
pub(super) struct Args {
    /// Topology file; `-` is standard input, a directory means the only topology file in it
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    #[command(flatten)]
    values: Values,

    /// Namespace to run CMD in [default: host]
    #[arg(
        long = "in",
        id = "in",
        value_name = "PATH",
        env = "NESTNS_IN",
        requires = "file"
    )]
    namespace: Option<String>,

    /// Number of namespaces to nest, without FILE
    #[arg(long, value_name = "N", default_value_t = 1, env = "NESTNS_DEPTH", conflicts_with = "file",
          value_parser = clap::value_parser!(u8).range(1..=32))]
    depth: u8,

    /// Make the command itself PID 1, without FILE
    #[arg(long, env = "NESTNS_AS_INIT", conflicts_with = "file", value_parser = FalseyValueParser::new())]
    as_init: bool,

    /// Name of the topology [default: a unique one]
    #[arg(short, long, env = "NESTNS_NAME", value_parser = launch::name)]
    name: Option<String>,

    /// Stop after this time, such as 30s, with status 124
    #[arg(long, value_name = "DURATION", env = "NESTNS_TIMEOUT", value_parser = launch::duration)]
    timeout: Option<Duration>,

    /// Stop when the process that started `nestns run` ends, for whatever reason
    #[arg(long, env = "NESTNS_TIE_TO_PARENT", value_parser = FalseyValueParser::new())]
    tie_to_parent: bool,

    /// Print the output of programs unfiltered, including sequences that move the cursor or clear the screen
    #[arg(long, env = "NESTNS_RAW", value_parser = FalseyValueParser::new())]
    raw: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,

    /// Command and its arguments
    #[arg(value_name = "CMD", last = true, required = true)]
    command: Vec<String>,
}

/// nestns itself has failed: docker's convention, which leaves the codes below to the command.
const OWN_FAILURE: u8 = 125;

/// Runs the verb.
pub(super) fn run(mut args: Args) -> Result<Status, CommandError> {
    let is_anonymous = args.name.is_none();
    let name = args.name.take().unwrap_or_else(|| unique_name("run"));
    let connection = connection();
    // What the command writes to its terminal goes to the caller's, not into a redirected output.
    let is_redirected = connection.terminal == Terminal::Own && connection.stdout_inherited;
    let process = wrap::command("cmd", std::mem::take(&mut args.command), connection);
    let reports = Reports {
        progress: Progress::Auto,
        detail: Detail::Problems,
        color: launch::color(args.color, LinesTo::Stderr),
        controls: Controls::of_raw(args.raw),
    };
    let mut options = launch::options();
    options.timeout = args.timeout;
    options.announce_truth = true;
    options.signals_for = SignalsFor::Command;
    if args.tie_to_parent {
        let what = "cannot tie the command to the process that started `nestns run`";
        let parent = detach::parent().context(what);
        let own_failure = |error: CommandError| error.with_status(Status::Other(OWN_FAILURE));
        options.tied_to = Some(parent.map_err(own_failure)?);
    }
    let mut request = match args.file.take() {
        None => around(&args, name, process, options),
        Some(file) => beside(file, args, name, &process, options)?,
    };
    request.origin.anonymous = is_anonymous;
    request.options.lines_to = if !request.topology.files.is_empty() || is_redirected {
        LinesTo::Stderr
    } else {
        LinesTo::Stdout
    };
    let summary = controller::run(request, reports)
        .map_err(|error| error.with_status(Status::Other(OWN_FAILURE)))?;
    Ok(Status::Other(summary.status_or(OWN_FAILURE)))
}

/// Namespaces around a command.
fn around(args: &Args, name: String, process: Process, mut options: Options) -> Request {
    let role = if args.as_init {
        Role::Init
    } else {
        Role::Child
    };
    let depth = args.depth.into();
    let topology = wrap::around(name, depth, role, process);
    options.status_from = Some(wrap::path(depth, role));
    options.text = Some(config::toml(&topology, Arrangement::Paths));
    let checked = Checked {
        topology,
        file: None,
        base: PathBuf::from("/"),
        variables: Vec::new(),
    };
    Request {
        origin: checked.origin(),
        topology: checked.topology,
        base: checked.base,
        options,
    }
}

/// The tree of a file, and a command beside it or in it.
fn beside(
    file: PathBuf,
    args: Args,
    name: String,
    process: &Process,
    mut options: Options,
) -> Result<Request, CommandError> {
    let label = file.display().to_string();
    let arguments = TopologyArguments {
        file: Some(file),
        values: args.values,
    };
    let checked = launch::check(&arguments, Some(name), args.color)?;
    let namespace = args.namespace.filter(|path| path != "host");
    if let Some(path) = &namespace {
        launch::find_namespace(&checked.topology, path, &label)?;
    }
    let origin = checked.origin();
    let Checked {
        mut topology, base, ..
    } = checked;
    options.text = Some(config::toml(&topology, Arrangement::Paths));
    options.fixture = Some(Fixture {
        status: OWN_FAILURE,
        on_exit: topology.on_exit,
    });
    // The command decides when the tree ends; until then its processes end as they like.
    topology.on_exit = OnExit::Ignore;
    let process = ProcessPlan::new(
        process,
        namespace.as_deref().unwrap_or("host"),
        Path::new("/"),
    );
    let process = process.map_err(|error| CommandError::failed(error.to_string()))?;
    options.command = Some(Command { process, namespace });
    Ok(Request {
        topology,
        origin,
        base,
        options,
    })
}

/// `VERB-PID`; inside a PID namespace also with that one's inode, because its numbers are others' numbers elsewhere, and a
/// state directory may be common to both.
pub(super) fn unique_name(verb: &str) -> String {
    let pid = std::process::id();
    match namespaces::own() {
        Ok(inode) if inode != namespaces::INITIAL => format!("{verb}-{inode}-{pid}"),
        _ => format!("{verb}-{pid}"),
    }
}

/// The command's descriptors are the caller's own. When standard input is a terminal, it gets one of its own in its place,
/// and for those of the other two that are terminals: a redirected one stays redirected.
fn connection() -> Connection {
    if !std::io::stdin().is_terminal() {
        return Connection::INHERITED;
    }
    Connection {
        terminal: Terminal::Own,
        stdout_inherited: !std::io::stdout().is_terminal(),
        stderr_inherited: !std::io::stderr().is_terminal(),
    }
}
