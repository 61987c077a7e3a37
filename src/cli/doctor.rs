//! `nestns doctor`: can this machine do it, and can it do this.

use std::fmt::Write as _;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde::Serialize;

use super::color::When;
use super::command_error::CommandError;
use super::doctor_file;
use super::launch;
use super::status::Status;
use super::topology_arguments::TopologyArguments;
use crate::controller::census;
use crate::controller::state_directory::usable_base;
use crate::diagnostic::Color;
use crate::observe::doctor::{self as machine, Check, Machine};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each check tries the operation itself, in short-lived processes that leave nothing behind. With FILE, what the \
topology needs is compared with what is available.

  ✔  works
  !  restricted; topologies that do not need it can still be built
  ✘  no topology can be built, or not this one

The exit status is 4 if there is a ✘, 3 if the file is wrong, and 0 otherwise. When another command exits with status \
4, its message names the check that covers the failure.")]
pub(super) struct Args {
    /// Topology to check the machine for; without it, only the machine is checked
    #[command(flatten)]
    topology: TopologyArguments,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum AnswerFormat {
    /// Text for people: one line per check, with the remedy below
    #[default]
    Human,
    /// One JSON document `nestns.doctor/1`
    Json,
}

#[derive(Debug, Serialize)]
struct DoctorDocument<'a> {
    schema: &'static str,
    checks: &'a [Check],
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let checked = match &args.topology.file {
        None => None,
        Some(_) => Some(launch::check(&args.topology, None, args.color)?),
    };
    let machine = Machine::try_out();
    let mut checks = machine.checks();
    checks.push(state_directory());
    if let Some(checked) = &checked {
        checks.extend(doctor_file::checks(checked, &machine));
    }
    match args.format {
        AnswerFormat::Json => {
            let mut stdout = std::io::stdout().lock();
            serde_json::to_writer_pretty(&mut stdout, &DoctorDocument { schema: "nestns.doctor/1", checks: &checks })
                .map_err(std::io::Error::from)?;
            writeln!(stdout)?;
        }
        AnswerFormat::Human => {
            let stdout = std::io::stdout();
            let text = render(&checks, args.color.resolve(&stdout));
            stdout.lock().write_all(text.as_bytes())?;
        }
    }
    let is_impossible = checks.iter().any(|check| check.status == machine::Status::No);
    Ok(if is_impossible { Status::Other(4) } else { Status::Done })
}

/// Whether topologies have a place for their state.
pub(super) fn state_directory() -> Check {
    const ID: &str = "state-directory";
    let place = match usable_base() {
        Ok(place) => place.display().to_string(),
        Err(error) => return Check::no(ID, error.to_string(), error.help()),
    };
    match census::strange().first() {
        Some(error) => Check::warn(ID, error.to_string(), error.help()),
        None => Check::yes(ID, place),
    }
}

fn render(checks: &[Check], color: Color) -> String {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    // Writing into a string cannot fail.
    for Check { id, status, found, remedy } in checks {
        let (symbol, color_of) = match status {
            machine::Status::Yes => ('✔', AnsiColor::Green),
            machine::Status::Warn => ('!', AnsiColor::Yellow),
            machine::Status::No => ('✘', AnsiColor::Red),
        };
        let style = if color == Color::Styled { color_of.on_default() } else { Style::new() };
        let _ = writeln!(text, "{style}{symbol}{style:#} {id:width$}  {found}");
        if let Some(remedy) = remedy {
            let _ = writeln!(text, "  {:width$}  → {remedy}", "");
        }
    }
    text
}
