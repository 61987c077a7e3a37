//! `nestns up`: check, create, verify, release, stay, take down.

use std::io::Write;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use super::answer_format::{AnswerFormat, write_document};
use super::color::When;
use super::command_error::{CommandError, Context as _};
use super::console_reporter::{Detail, Progress, Reports};
use super::controller;
use super::detach::{self, Outcome, Side};
use super::launch;
use super::running;
use super::status::Status;
use super::topology_arguments::TopologyArguments;
use super::tree;
use crate::present::count::count;
use crate::present::duration::Human;
use crate::present::line::Controls;
use nestns_client::documents::{Kind, UpDocument};
use nestns_runtime::controller::startup_report::{StartupReport, WaitUntil};
use nestns_runtime::controller::timeline::milliseconds;
use nestns_runtime::controller::{Gates, Leaves, LinesTo, Options, Request, Summary};
use nestns_runtime::engine::plan::Order;
use nestns_runtime::engine::report::Ending;
use nestns_topology::config::{self, Arrangement};
use nestns_topology::{OnExit, Topology};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ctrl-C asks all processes to stop, from the roots down; a second Ctrl-C kills the roots, and with them everything.

The exit status is 0 if no process failed, that of the essential process whose failure stopped the topology (128+n if \
signal n killed it), and 1 if only other processes failed; 3 for an invalid file, 4 if this machine cannot build the \
topology, 5 if the start failed and was rolled back, 124 after --timeout, 130 after Ctrl-C, 137 after a second one, \
and 143 after TERM. With --detach, it is 0 once everything is ready.

With --detach, the logs, the events and the way it ended are kept after the end, until `nestns prune` removes them or \
the name is used again: `nestns ls -a`, `nestns logs NAME:/`, `nestns inspect NAME:/`.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Show what would be built, with the PIDs it would get, without building it
    #[arg(long, env = "NESTNS_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,

    /// Return once everything is ready and leave the topology running, to be addressed by its name
    #[arg(short, long, env = "NESTNS_DETACH", value_parser = FalseyValueParser::new())]
    detach: bool,

    /// With --detach, return as soon as everything has been released, without waiting for it to become ready
    #[arg(long, env = "NESTNS_NO_WAIT", requires = "detach", value_parser = FalseyValueParser::new())]
    no_wait: bool,

    /// Create everything, but run no program until `nestns release`
    #[arg(long, env = "NESTNS_HOLD", value_parser = FalseyValueParser::new())]
    hold: bool,

    /// Stop when the process that started `nestns up` ends, for whatever reason
    #[arg(long, env = "NESTNS_TIE_TO_PARENT", value_parser = FalseyValueParser::new())]
    tie_to_parent: bool,

    /// Stop a running topology of the same name first
    #[arg(long, env = "NESTNS_RECREATE", value_parser = FalseyValueParser::new())]
    recreate: bool,

    /// Name of the topology [default: `name` in the file, else derived from the name of the file]
    #[arg(short, long, env = "NESTNS_NAME", value_parser = launch::name)]
    name: Option<String>,

    /// Number of subtrees of a namespace to create concurrently; the PIDs are the same as with 1
    #[arg(short, long, value_name = "N", default_value_t = 1, env = "NESTNS_JOBS",
          value_parser = clap::value_parser!(u32).range(1..))]
    jobs: u32,

    /// Stop after this time, such as 30s, with status 124; with --detach, the time allowed to become ready
    #[arg(long, value_name = "DURATION", env = "NESTNS_TIMEOUT", value_parser = launch::duration)]
    timeout: Option<Duration>,

    /// Event that ends the topology, overriding `on_exit` in the file
    #[arg(long, value_enum, value_name = "WHEN", env = "NESTNS_ON_EXIT")]
    on_exit: Option<OnExitWord>,

    /// Stop when this process ends, and exit with its status
    #[arg(long, value_name = "PATH", env = "NESTNS_EXIT_CODE_FROM")]
    exit_code_from: Option<String>,

    /// Style of progress output
    #[arg(long, value_enum, default_value_t, env = "NESTNS_PROGRESS")]
    progress: Progress,

    /// Same as --progress quiet; with -d, print only the name
    #[arg(short, long, env = "NESTNS_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,

    /// Output format; with `json`, the output of programs goes to standard error
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,

    /// Print the output of programs unfiltered, including sequences that move the cursor or clear the screen
    #[arg(long, env = "NESTNS_RAW", value_parser = FalseyValueParser::new())]
    raw: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// The words for [`OnExit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnExitWord {
    /// Failure of an essential process
    Fail,
    /// End of any process
    Any,
    /// End of all processes
    Ignore,
}

impl From<OnExitWord> for OnExit {
    fn from(word: OnExitWord) -> Self {
        match word {
            OnExitWord::Fail => Self::Fail,
            OnExitWord::Any => Self::Any,
            OnExitWord::Ignore => Self::Ignore,
        }
    }
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let checked = launch::check(&args.topology, args.name.clone(), args.color)?;
    if let Some(path) = &args.exit_code_from
        && !checked.topology.has_process(path)
    {
        let message = format!("there is no process `{path}` in {}", checked.topology.name);
        return Err(CommandError::usage(message));
    }
    if args.dry_run {
        let status = tree::declared(&checked.topology, args.format, tree::FOLDING, args.color)?;
        // The process is about to end: there is no need to free each of a hundred thousand
        // namespaces. The bench row is `up --dry-run` of `language`.
        std::mem::forget(checked);
        return Ok(status);
    }
    let origin = checked.origin();
    let launch::Checked {
        mut topology, base, ..
    } = checked;
    if let Some(on_exit) = args.on_exit {
        topology.on_exit = on_exit.into();
    }
    let same_name = if args.recreate {
        running::SameName::Stop
    } else {
        running::SameName::Keep
    };
    if let Some(status) = running::look_for(&origin, same_name, args.detach, args.quiet)? {
        return Ok(status);
    }
    let mut options = args.options(&topology)?;
    let mut detail = Detail::Everything;
    if args.detach {
        controller::check_calls(&topology.files)?;
        match controller::split(args.wait_until(), &topology.files)? {
            Side::Caller(Outcome::Ended(status, _)) => return Ok(Status::Other(status)),
            Side::Caller(Outcome::Detached(news)) => {
                let what = format!("`{}` is running, but this cannot be reported", news.name);
                return write_detached(&news, args).map_err(|error| error.context(what));
            }
            Side::Controller(report_channel) => options.report_channel = Some(report_channel),
        }
        // Output to the caller's own streams would not be read.
        topology.detach();
        options.lines_to = LinesTo::Nowhere;
        options.leaves = Leaves::Record;
        detail = Detail::Start;
    }
    let reports = Reports {
        progress: if args.quiet {
            Progress::Quiet
        } else {
            args.progress
        },
        detail,
        color: launch::color(args.color, options.lines_to),
        controls: Controls::of_raw(args.raw),
    };
    let request = Request {
        topology,
        origin,
        base,
        options,
    };
    let summary = controller::run(request, reports)?;
    if args.format == AnswerFormat::Json && !args.detach {
        write_document(&of_summary(&summary))?;
    }
    Ok(Status::Other(summary.status_or(Status::No.code())))
}

impl Args {
    /// Options of the controller, but for those of one in the background.
    fn options(&self, topology: &Topology) -> Result<Options, CommandError> {
        let mut options = launch::options();
        options.timeout = self.timeout;
        options.status_from = self
            .exit_code_from
            .clone()
            .or_else(|| topology.main.clone());
        options.lines_to = if self.format == AnswerFormat::Json {
            LinesTo::Stderr
        } else {
            LinesTo::Stdout
        };
        options.text = Some(config::toml(topology, Arrangement::Paths));
        if self.hold {
            options.gates = Gates::Held;
        }
        if self.tie_to_parent {
            options.tied_to = Some(
                detach::parent()
                    .context("cannot tie the topology to the process that started it")?,
            );
        }
        if self.jobs > 1 {
            options.order = Order::Parallel(self.jobs);
        }
        Ok(options)
    }

    /// Moment at which `--detach` returns.
    fn wait_until(&self) -> WaitUntil {
        if self.no_wait {
            WaitUntil::UntilReleased
        } else {
            WaitUntil::UntilReady
        }
    }
}

/// Tells the caller of `up -d` that the topology goes on by itself.
fn write_detached(news: &StartupReport, args: &Args) -> Result<Status, CommandError> {
    match args.format {
        AnswerFormat::Json => {
            let document = UpDocument {
                schema: Kind::Up.schema().into(),
                name: news.name.clone(),
                state: news.state.clone(),
                truth: news.truth.clone(),
                namespaces: news.namespaces,
                processes: news.processes,
                depth: news.depth,
                create_ms: Some(news.create_ms),
                release_ms: news.release_ms,
                exit: None,
                stop: None,
            };
            write_document(&document)?;
        }
        AnswerFormat::Human if args.quiet => writeln!(std::io::stdout(), "{}", news.name)?,
        AnswerFormat::Human => {
            let time = |ms: Option<f64>| Human::of_milliseconds(ms.unwrap_or_default());
            let how = match (&*news.state, args.no_wait) {
                ("created", _) => format!(
                    "created in {}, held until `nestns release`",
                    time(Some(news.create_ms))
                ),
                (_, true) => format!("released in {}", time(news.release_ms)),
                _ if !news.failed.is_empty() => format!("not ready: {}", news.failed.join(", ")),
                _ => format!("ready in {}", time(news.ready_ms)),
            };
            let namespaces = count(news.namespaces as usize, "namespace");
            let processes = count(news.processes as usize, "process");
            let (name, depth) = (&news.name, news.depth);
            writeln!(
                std::io::stdout(),
                "{name}: {namespaces}, {processes}, depth {depth}, {how}"
            )?;
        }
    }
    Ok(if news.failed.is_empty() {
        Status::Done
    } else {
        Status::No
    })
}

/// The document of a topology that has ended.
fn of_summary(summary: &Summary) -> UpDocument {
    UpDocument {
        schema: Kind::Up.schema().into(),
        name: summary.name.clone(),
        state: "gone".to_owned(),
        truth: summary.truth.display().to_string(),
        namespaces: summary.counts.namespaces,
        processes: summary.counts.processes,
        depth: summary.counts.depth,
        create_ms: summary.create.map(milliseconds),
        release_ms: summary.release.map(milliseconds),
        exit: Some(Ending::Exited(summary.status_or(Status::No.code())).into()),
        stop: summary.timeline.clone(),
    }
}
