//! `nestns see`: visibility between processes, measured by a mechanism of the kernel's.

mod comparison;
mod differences;
mod document;
pub(super) mod observation;
pub(super) mod topology_observation;

use std::io::Write as _;

use clap::ValueEnum;
use clap::builder::{FalseyValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};

use self::comparison::Comparison;
use self::differences::differences;
use self::document::Sheet;
use self::observation::{Observation, Question};
use super::answer_format::write_document;
use super::color::When;
use super::console_reporter::charset;
use super::inside::refuse_inside;
use super::names::Names;
use super::place::Place;
use super::selection;
use super::standard_error;
use super::status::Status;
use super::target::Target;
use crate::cli::command_error::CommandError;
use crate::present::matrix::{Line, Look, Mark, Matrix};
use crate::present::redact::Redaction;
use nestns_client::documents::MismatchEntry;
use nestns_observe::host_snapshot::{HostSnapshot, Search};
use nestns_observe::visibility::{self, Answer, Rows, View};
use nestns_topology::Address;
use nestns_topology::address::HOST;
use nestns_topology::expectation::Mechanism;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each column is an observer and each row a process; a cell shows the number under which the observer sees the process, \
or `·` if it is invisible. By default the observers are the host and every namespace; FROM selects others. A \
namespace observes as its PID 1 would; a process observes with its namespaces and user. Without --of, all processes \
are shown, undeclared ones included (`vm/ci#12`). A namespace in --of means the processes directly in it.

Nothing is computed: for every mechanism but `chain`, a short-lived process is placed where the observer is and tries \
all numbers of all processes, including those of other namespaces, so invisibility is proven rather than assumed. The \
probe does not disturb PID allocation: below the host it is created with a number near the maximum (clone3(2) with \
set_tid), which leaves the counters unchanged, and it is reaped at once. If that is not permitted, the observer is \
not probed and its column shows `?`; the exit status is 1 if this happens to an observer given as FROM, or to every \
observer.

--diff shows only where the result differs from the rule (a namespace sees the processes in it and in those inside \
it), and why: a /proc of another namespace, hidepid, a shared namespace. The exit status is then 1 if there is a \
difference.

  nestns see                             all processes, seen from the host and every namespace
  nestns see vm/ci --via kill            what PID 1 of `vm/ci` may signal
  nestns see 'vm/**' --of vm/ci/runner   which observers see the runner, and its numbers
  nestns see --via proc --diff           where /proc is misleading
  nestns see --host --fold=always        the whole machine, with similar rows folded")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    /// Observers: namespaces or processes of the topology, `host`, `pid:[INODE]` [default: `host` and all namespaces]
    #[arg(value_name = "FROM")]
    from: Vec<Place>,

    /// Targets: processes, or namespaces for the processes directly in them [default: all processes]
    #[arg(long, value_name = "PATH", num_args = 1.., env = "NESTNS_OF", value_delimiter = ' ')]
    of: Vec<Address>,

    /// Mechanism that determines visibility
    #[arg(long, value_parser = mechanisms(), default_value = Mechanism::default().word(), env = "NESTNS_VIA")]
    via: Mechanism,

    /// Show where visibility differs from the nesting of the namespaces, and why
    #[arg(long, env = "NESTNS_DIFF", value_parser = FalseyValueParser::new())]
    diff: bool,

    /// Show instances of one declaration as one row; without a value, always
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value_t, default_missing_value = "always", env = "NESTNS_FOLD")]
    fold: Fold,

    /// Show processes as columns and observers as rows
    #[arg(long, env = "NESTNS_TRANSPOSE", value_parser = FalseyValueParser::new())]
    transpose: bool,

    /// Show the whole machine: every namespace that the caller may see, created by nestns or not
    #[arg(long, env = "NESTNS_HOST", value_parser = FalseyValueParser::new())]
    host: bool,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: Format,

    /// Replace values that differ on every run (host PIDs), for comparisons
    #[arg(long, env = "NESTNS_REDACT", value_parser = FalseyValueParser::new())]
    redact: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,

    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Fold {
    /// If there are more than 40 rows
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Text for people
    #[default]
    #[value(alias = "human")]
    Table,
    /// One JSON document `nestns.see/1`
    Json,
    /// CSV, for spreadsheets
    Csv,
}

/// More rows than this are folded.
const MANY: usize = 40;

/// The words of `--via`, with what each means.
fn mechanisms() -> impl TypedValueParser<Value = Mechanism> {
    let words = Mechanism::WORDS.iter().map(|&(word, via)| {
        PossibleValue::new(word).help(match via {
            Mechanism::Chain => {
                "The kernel's report from outside: `NSpid` and the surrounding namespaces"
            }
            Mechanism::Proc => "The list in the observer's /proc",
            Mechanism::Kill => {
                "kill(2) with signal 0; EPERM means visible, but not to be signalled by the observer"
            }
            Mechanism::Pidfd => "`pidfd_open(2)`",
            Mechanism::Ptrace => "The permission check of ptrace(2), without attaching",
            Mechanism::Cred => "The number that `SCM_CREDENTIALS` delivers to the observer",
        })
    });
    PossibleValuesParser::new(words).map(|word| Mechanism::of(&word).unwrap_or_default())
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let (snapshot, names) = if args.host {
        (None, Names::all())
    } else {
        let addresses: Vec<Address> = args
            .from
            .iter()
            .filter_map(Place::address)
            .chain(&args.of)
            .cloned()
            .collect();
        let (_, snapshot) = selection::look(&args.target, &addresses)?;
        refuse_inside("see", &snapshot)?;
        (Some(snapshot.clone()), Names::of(vec![snapshot]))
    };
    HostSnapshot::make_room();
    let mut machine = HostSnapshot::read(Search::Members)?;
    if let Some(snapshot) = &snapshot {
        topology_observation::ask_about_threads(&mut machine, snapshot, &args.of);
    }
    let question = Question {
        from: &args.from,
        of: &args.of,
    };
    let observation = match &snapshot {
        Some(snapshot) => topology_observation::of_topology(&machine, snapshot, &names, question),
        None => Observation::of_machine(&machine, &names, question),
    };
    let observation = observation?;
    let rows = Rows::new(
        &machine,
        observation.seen.iter().map(|one| one.process).collect(),
    );
    let positions: Vec<_> = observation
        .observers
        .iter()
        .map(|named| named.observer.clone())
        .collect();
    let views = visibility::look(&rows, &positions, args.via)?;
    let comparison = Comparison {
        machine: &machine,
        names: &names,
        observation: &observation,
        via: args.via,
    };
    let mismatches = comparison.mismatches(&views);
    write_notes(&observation, &views);
    write(args, &comparison, &views, &mismatches)?;
    let mut troubles = views.iter().map(|view| view.trouble.is_some());
    // Of all processes some may not be looked from; one that was named was meant.
    let is_blind = if args.from.is_empty() {
        troubles.all(|trouble| trouble)
    } else {
        troubles.any(|trouble| trouble)
    };
    if !observation.missing.is_empty() {
        return Err(observation::nobody_looks(&observation.missing));
    }
    let is_no = (args.diff && !mismatches.is_empty()) || is_blind;
    Ok(if is_no { Status::No } else { Status::Done })
}

/// Writes the result in the format that is asked for.
fn write(
    args: &Args,
    comparison: &Comparison<'_>,
    views: &[View],
    mismatches: &[MismatchEntry],
) -> Result<(), CommandError> {
    let observation = comparison.observation;
    let sheet = Sheet {
        observation,
        views,
        via: args.via.word(),
        redaction: if args.redact {
            Redaction::On
        } else {
            Redaction::Off
        },
    };
    let mut stdout = std::io::stdout();
    match args.format {
        Format::Json => write_document(&sheet.document(mismatches))?,
        Format::Csv => {
            let mut stdout = std::io::BufWriter::with_capacity(1 << 16, stdout.lock());
            sheet.write_csv(&mut stdout, args.transpose)?;
            stdout.flush()?;
        }
        Format::Table if args.diff => {
            stdout.write_all(differences(args, observation, mismatches).as_bytes())?;
        }
        Format::Table => {
            let drawing = drawing(args, comparison.machine, observation, views);
            stdout.write_all(drawing.as_bytes())?;
        }
    }
    Ok(())
}

impl Args {
    fn is_folded(&self, rows: usize) -> bool {
        match self.fold {
            Fold::Auto => rows > MANY,
            Fold::Always => true,
            Fold::Never => false,
        }
    }

    fn look(&self) -> Look {
        Look {
            charset: charset(),
            colour: self.color.colour(&std::io::stdout()),
        }
    }
}

fn drawing(
    args: &Args,
    machine: &HostSnapshot,
    observation: &Observation<'_>,
    views: &[View],
) -> String {
    // Strangers have nothing in common but the namespace that they are in.
    let kin = |one: &observation::Seen<'_>| match (&observation.topology, one.process.space) {
        (None, Some(space)) => machine.space(space).inode,
        _ => 0,
    };
    let mut matrix = Matrix {
        rows: observation
            .seen
            .iter()
            .map(|one| Line {
                kin: kin(one),
                ..Line::new(&one.path, one.level)
            })
            .collect(),
        columns: observation
            .observers
            .iter()
            .map(|named| Line::new(&named.path, named.level))
            .collect(),
        ..Matrix::default()
    };
    for (column, view) in views.iter().enumerate() {
        for (&row, cell) in &view.cells {
            let redacted = args.redact && observation.observers[column].path == HOST;
            let refused = match cell.answer {
                Answer::Yes if redacted => Some(Redaction::On.host_pid(cell.number)),
                Answer::Yes => None,
                answer => Some(answer.to_string()),
            };
            matrix.marks.insert(
                (row, column),
                Mark {
                    first: cell.number,
                    last: cell.number,
                    refused,
                },
            );
        }
        if view.trouble.is_some() {
            matrix.blind.push(column);
        }
    }
    if args.is_folded(matrix.rows.len()) {
        matrix = matrix.folded();
    }
    if args.transpose {
        matrix = matrix.transposed();
    }
    matrix.render(args.look())
}

/// Prints the observers that could not look, each with the reason.
fn write_notes(observation: &Observation<'_>, views: &[View]) {
    const NAMED: usize = 5;
    let blind: Vec<_> = observation
        .observers
        .iter()
        .zip(views)
        .filter_map(|(named, view)| Some((&named.path, view.trouble.as_ref()?)))
        .collect();
    for (path, trouble) in blind.iter().take(NAMED) {
        standard_error::write(&format!("note: cannot observe from `{path}`: {trouble}\n"));
    }
    if blind.len() > NAMED {
        standard_error::write(&format!("note: nor from {} more\n", blind.len() - NAMED));
    }
}
