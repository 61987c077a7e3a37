//! `nestns man`: the manual pages, made from the same text as `--help`.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::status::Status;

/// Print a manual page, as roff for `man -l -`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The verb whose page it is, instead of the program's
    #[arg(value_name = "VERB")]
    verb: Option<String>,
}

/// Writes the page of `command`, or of one of its verbs, to standard output.
pub(super) fn run(args: &Args, mut command: Command) -> anyhow::Result<Status> {
    // Gives the verbs their full names, `nestns-up`.
    command.build();
    let page_of = match &args.verb {
        None => command,
        Some(verb) => {
            let Some(found) = command.find_subcommand(verb) else {
                writeln!(io::stderr(), "error: there is no verb `{verb}`")?;
                return Ok(Status::WrongCommandLine);
            };
            found.clone().display_name(format!("nestns-{verb}"))
        }
    };
    let mut page = Vec::new();
    Man::new(page_of).render(&mut page)?;
    io::stdout().lock().write_all(&page)?;
    Ok(Status::Done)
}
