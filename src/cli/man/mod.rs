//! `nestns man`: the manual pages, made from the same text as `--help`, and that of the topology file, made from the schema.

mod topology;

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::status::Status;
use crate::cli::command_error::CommandError;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Command to print the page of, or `topology` for the file format with all keys [default: nestns itself]
    #[arg(value_name = "VERB|topology")]
    subject: Option<String>,
}

/// The subject that is no verb.
const TOPOLOGY: &str = "topology";

/// Writes the page of `command`, of one of its verbs, or of the topology file to standard output.
pub(super) fn run(args: &Args, mut command: Command) -> Result<Status, CommandError> {
    if args.subject.as_deref() == Some(TOPOLOGY) {
        io::stdout().lock().write_all(topology::page().as_bytes())?;
        return Ok(Status::Done);
    }
    // Gives the verbs their full names, `nestns-up`.
    command.build();
    let page_of = match &args.subject {
        None => command,
        Some(verb) => {
            let Some(found) = command.find_subcommand(verb) else {
                return Err(CommandError::usage(format!("there is no command `{verb}`")));
            };
            found.clone().display_name(format!("nestns-{verb}"))
        }
    };
    let mut page = Vec::new();
    Man::new(page_of).render(&mut page)?;
    io::stdout().lock().write_all(&page)?;
    Ok(Status::Done)
}
