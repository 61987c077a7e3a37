//! `nestns doctor`: can this machine do it, and can it do this.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use super::answer_format::{AnswerFormat, write_document};
use super::color::When;
use super::command_error::CommandError;
use super::doctor_file;
use super::launch;
use super::status::Status;
use super::topology_arguments::TopologyArguments;
use crate::present::table::{Align, Columns};
use crate::present::tree::Colour;
use nestns_client::discovery;
use nestns_client::documents::{DoctorDocument, Kind};
use nestns_client::state_directory::usable_base;
use nestns_observe::doctor::{self as machine, Check, HostCheck};

#[derive(Debug, clap::Args)]
#[command(mut_arg("file", |arg| {
    arg.help(
        "Topology file to check the machine for; `-` is standard input, a directory means the only topology file in it \
        [default: none, only the machine is checked]",
    )
}))]
#[command(after_help = "\
Each check tries the operation itself, in short-lived processes that leave nothing behind. With FILE, what the \
topology needs is compared with what is available.

  ✔  works
  !  restricted; topologies that do not need it can still be built
  ✘  no topology can be built, or not this one

The exit status is 4 if there is a ✘, 3 if the file is wrong, and 0 otherwise. If another command exits with status \
4, its message names the check that explains the failure.")]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let checked = match &args.topology.file {
        None => None,
        Some(_) => Some(launch::check(&args.topology, None, args.color)?),
    };
    let machine = HostCheck::try_out();
    let mut checks = machine.checks();
    checks.push(state_directory());
    if let Some(checked) = &checked {
        checks.extend(doctor_file::checks(checked, &machine));
    }
    match args.format {
        AnswerFormat::Json => {
            write_document(&DoctorDocument {
                schema: Kind::Doctor.schema().into(),
                checks: checks.clone(),
            })?;
        }
        AnswerFormat::Human => {
            let stdout = std::io::stdout();
            let text = render(&checks, args.color.colour(&stdout));
            stdout.lock().write_all(text.as_bytes())?;
        }
    }
    let is_impossible = checks
        .iter()
        .any(|check| check.status == machine::Status::No);
    Ok(if is_impossible {
        Status::Other(4)
    } else {
        Status::Done
    })
}

/// Returns whether topologies have a place for their state.
pub(super) fn state_directory() -> Check {
    const ID: &str = "state-directory";
    let place = match usable_base() {
        Ok(place) => place.display().to_string(),
        Err(error) => return Check::no(ID, error.to_string(), error.help()),
    };
    match discovery::strange().first() {
        Some(error) => Check::warn(ID, error.to_string(), error.help()),
        None => Check::yes(ID, place),
    }
}

fn render(checks: &[Check], colour: Colour) -> String {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Check {
        id,
        status,
        found,
        remedy,
    } in checks
    {
        let (symbol, hue) = match status {
            machine::Status::Yes => ("✔", AnsiColor::Green),
            machine::Status::Warn => ("!", AnsiColor::Yellow),
            machine::Status::No => ("✘", AnsiColor::Red),
        };
        let mut columns = Columns::begin(&mut text, colour);
        columns.paint(symbol, hue.on_default());
        columns.paint(" ", Style::new());
        columns.put(id, Style::new(), width, Align::Left);
        columns.put(found, Style::new(), 0, Align::Left);
        columns.end();
        if let Some(remedy) = remedy {
            let mut columns = Columns::begin(&mut text, colour);
            columns.paint("  ", Style::new());
            columns.put("", Style::new(), width, Align::Left);
            columns.put(&format!("→ {remedy}"), Style::new(), 0, Align::Left);
            columns.end();
        }
    }
    text
}
