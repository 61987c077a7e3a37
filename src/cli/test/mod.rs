//! `nestns test`: build a tree, compare it with what its file expects, run the program under test, take it down.
//!
//! The controller is a process of its own, as with `up -d`, and is tied to this one: however this one ends, the tree goes.

mod agent;
mod fixture;
mod interruption;
mod measure;
mod start;
mod trial;

use std::io::Write as _;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use clap::builder::FalseyValueParser;

use self::interruption::Interruption;
use self::start::{Start, start};
use self::trial::{Done, Trial};
use super::color::When;
use super::detach::Outcome;
use super::doctor_file;
use super::down;
use super::launch::{self, Checked};
use super::run::unique_name;
use super::status::Status as Exit;
use super::topology_arguments::TopologyArguments;
use crate::cli::command_error::{CommandError, Context as _, ErrorFormat, ErrorKind};
use crate::expect::report::{self, Format};
use crate::expect::{Case, Status, judge};
use nestns_client::protocol::message::{Force, Reply, Request as Question};
use nestns_observe::doctor::{self, HostCheck};
use nestns_runtime::controller::startup_report::NotReady;
use nestns_topology::Topology;

/// Build a topology, check the expectations in its file (`[[expect]]`), and take it down
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The tree is built under a unique name unless --name is given. Once everything is ready, each [[expect]] is compared \
with what the kernel reports; one with `within` may take that long to become true. Then CMD runs, whatever the \
results: it is the program under test, such as an agent that lists processes. NESTNS_TRUTH names the file that says \
what CMD should find (nestns.truth/1). The tree is always taken down at the end.

A failure shows the cells of the matrix that differ (see `nestns see`) and the line with the expectation. CMD counts \
as one more test case; with a format other than `pretty`, its standard output goes to standard error. If an essential \
process fails or ends before it is ready, the test is a single error, with the last output of that process, and CMD \
does not run; one that fails later and is covered by no [[expect]] is an error as well.

The exit status is 0 if everything passed, and 1 if an expectation failed, whatever the status of CMD, or if the \
topology did not become ready or failed; otherwise it is that of CMD. It is 5 if the topology could not be built, 3 \
for an invalid file, and 124 after --timeout. An expectation whose observer cannot be probed is skipped, with the \
reason, and the status is 4 if nothing failed; with --require it counts as failed. If this machine cannot build the \
tree at all, everything is skipped, with the reason, and the status is 0; with --require that is a failure, with \
status 4. A state directory that cannot be written is always a failure.

  nestns test examples/dind.toml
  nestns test pod.toml --format tap -- ./agent --once
  nestns test pod.toml --in node -- ./agent --once
  nestns test pod.toml --learn                    propose expectations from the current state")]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Namespace to run CMD in [default: host]
    #[arg(
        long = "in",
        id = "in",
        value_name = "PATH",
        env = "NESTNS_IN",
        requires = "command"
    )]
    namespace: Option<String>,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: FormatWord,

    /// Print expectations that hold at this moment, for review, without checking any
    #[arg(long, env = "NESTNS_LEARN", conflicts_with = "command", value_parser = FalseyValueParser::new())]
    learn: bool,

    /// Fail instead of skipping what this machine cannot do
    #[arg(long, env = "NESTNS_REQUIRE", value_parser = FalseyValueParser::new())]
    require: bool,

    /// Name of the topology [default: a unique one]
    #[arg(short, long, env = "NESTNS_NAME", value_parser = launch::name)]
    name: Option<String>,

    /// Give up after this time, such as 30s, with status 124
    #[arg(long, value_name = "DURATION", env = "NESTNS_TIMEOUT", value_parser = launch::duration)]
    timeout: Option<Duration>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,

    /// Command to test and its arguments
    #[arg(value_name = "CMD", last = true)]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormatWord {
    /// Text for people
    #[default]
    #[value(alias = "human")]
    Pretty,
    /// Test Anything Protocol, version 14
    Tap,
    /// XML test report, for CI systems
    Junit,
    /// One JSON document `nestns.test/1`
    Json,
}

impl From<FormatWord> for Format {
    fn from(word: FormatWord) -> Self {
        match word {
            FormatWord::Pretty => Self::Pretty,
            FormatWord::Tap => Self::Tap,
            FormatWord::Junit => Self::Junit,
            FormatWord::Json => Self::Json,
        }
    }
}

/// The tree did not become ready.
const NOT_READY: u8 = 1;
/// This machine cannot do it.
const CANNOT: u8 = 4;

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Exit, CommandError> {
    let began = Instant::now();
    let mut checked = launch::check(&args.topology, None, args.color)?;
    let label = checked.topology.name.clone();
    let namespace = args.namespace.as_deref().filter(|path| *path != "host");
    if let Some(path) = namespace {
        let found = launch::find_namespace(&checked.topology, path, &label);
        found.map_err(|error| error.with_status(Exit::WrongCommandLine))?;
    }
    let is_empty = checked.topology.expectations.is_empty() && args.command.is_empty();
    if is_empty && !args.learn {
        let message = format!("{label} has no expectations, and there is no command to test");
        let error = CommandError::new(ErrorKind::File, message);
        return Err(error.help("add [[expect]] tables; `nestns test --learn` proposes some"));
    }
    checked.topology.name = args.name.clone().unwrap_or_else(|| unique_name("test"));
    let name = match start(&checked, args)? {
        Start::Controller(status) => return Ok(status),
        Start::Caller(Outcome::Detached(news)) => news.name,
        Start::Caller(Outcome::Ended(status, why)) => {
            return not_started(status, why.as_ref(), &label, &checked, args);
        }
        Start::Refused(error) if args.learn => return Err(error),
        Start::Refused(error) => {
            // What keeps a tree from being built is a finding of the test.
            error.print(ErrorFormat::Text);
            return not_started(error.status(), None, &label, &checked, args);
        }
    };
    let expectations = checked.topology.expectations.clone();
    let files = checked.topology.files.clone();
    let mut essential = checked.topology;
    fixture::excuse(&mut essential, &expectations);
    // Where this fails the controller, which is tied to this process, takes the tree down.
    let interruption = Interruption::open().context("cannot wait for signals (signalfd)")?;
    let trial = Trial {
        args,
        name: &name,
        expectations: &expectations,
        topology: &essential,
        files: &files,
        end: args.timeout.map(|timeout| began + timeout),
        interruption,
    };
    let result = if args.learn {
        trial.learn()
    } else {
        trial.carry_out(namespace)
    };
    let taken_down = take_down(&name);
    let (status, mut errors) = match result? {
        Done::Learnt(text) => {
            std::io::stdout().lock().write_all(text.as_bytes())?;
            (Exit::Done, Vec::new())
        }
        Done::Judged(cases, status) => {
            write_report(args, &label, &cases)?;
            (status, unknown(&cases))
        }
        Done::Stopped(status) => (status, Vec::new()),
    };
    // Whatever was found: something is left.
    errors.extend(taken_down.err());
    let or_found = |error: CommandError| {
        if status == Exit::Done {
            error
        } else {
            error.with_status(status)
        }
    };
    CommandError::of_several(errors.into_iter().map(or_found).collect()).map(|()| status)
}

/// Errors of what was not found out, whatever the report looks like.
fn unknown(cases: &[Case]) -> Vec<CommandError> {
    let unknown = cases.iter().filter(|case| case.status == Status::Skipped);
    let error = |case: &Case| format!("cannot determine whether {}: {}", case.name, case.found);
    let mut errors: Vec<_> = unknown
        .map(|case| CommandError::new(ErrorKind::Machine, error(case)))
        .collect();
    if let Some(last) = errors.pop() {
        errors.push(
            last.help("with --require what is not known has failed; root may look from everywhere"),
        );
    }
    errors
}

fn write_report(args: &Args, label: &str, cases: &[Case]) -> std::io::Result<()> {
    std::io::stdout()
        .lock()
        .write_all(report::render(args.format.into(), label, cases).as_bytes())
}

/// Report of a tree that was not built, or did not become ready.
fn not_started(
    status: u8,
    why: Option<&NotReady>,
    label: &str,
    checked: &Checked,
    args: &Args,
) -> Result<Exit, CommandError> {
    // Who has interrupted it wants no report.
    if args.learn || (status > 128 && why.is_none_or(|why| why.failed.is_empty())) {
        return Ok(Exit::Other(status));
    }
    if status == CANNOT && why.is_none() {
        return cannot(label, checked, args);
    }
    write_report(args, label, &[fixture::not_ready(status, why)])?;
    Ok(Exit::Other(status))
}

/// Nothing was built: everything is skipped where the machine cannot do it, and has failed where that is not enough or not so.
fn cannot(label: &str, checked: &Checked, args: &Args) -> Result<Exit, CommandError> {
    let machine = HostCheck::try_out();
    let checks = machine
        .checks()
        .into_iter()
        .chain(doctor_file::checks(checked, &machine));
    let reason = checks
        .into_iter()
        .find(|check| check.status == doctor::Status::No)
        .map(|check| check.as_last_line());
    // What the machine can do and has not done is no reason to skip: a state directory that is full, or cannot be written to.
    let Some(reason) = reason else {
        write_report(args, label, &[fixture::not_ready(CANNOT, None)])?;
        return Ok(Exit::Other(CANNOT));
    };
    let is_skipped = !args.require;
    let status = if is_skipped {
        Status::Skipped
    } else {
        Status::Failed
    };
    let nothing = crate::expect::facts::Facts::default();
    let Topology {
        expectations,
        files,
        ..
    } = &checked.topology;
    let mut cases: Vec<Case> = expectations
        .iter()
        .flat_map(|one| judge(one, &nothing, files))
        .collect();
    for case in &mut cases {
        *case = Case {
            status,
            found: reason.clone(),
            rows: Vec::new(),
            ..case.clone()
        };
    }
    if !args.command.is_empty() {
        cases.push(agent::case(&args.command, status, reason));
    }
    write_report(args, label, &cases)?;
    Ok(if is_skipped {
        Exit::Done
    } else {
        Exit::Other(CANNOT)
    })
}

/// Asks a topology to stop, and waits until nothing is left. One that has ended by itself is down as well.
fn take_down(name: &str) -> Result<(), CommandError> {
    let found = nestns_client::discovery::of(name).pop();
    let Some((directory, mut client)) =
        found.and_then(|found| Some((found.directory, found.client?)))
    else {
        return Ok(());
    };
    if client
        .send(
            Question::Stop {
                paths: Vec::new(),
                force: Force::Ask,
            },
            &[],
        )
        .is_ok()
    {
        // Whatever is wrong with the connection: the controller ends with this process, and the tree with it.
        while let Ok(answer) = client.wait(None) {
            let is_over =
                |reply: &Reply| matches!(reply, Reply::Stopped(_) | Reply::Done | Reply::Gone);
            if answer.is_some_and(|answer| is_over(&answer.reply)) {
                break;
            }
        }
    }
    drop(client);
    down::await_end(&directory)
}
