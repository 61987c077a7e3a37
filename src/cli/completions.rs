//! `nestns completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

use super::status::Status;

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For which shell
    shell: Shell,
}

/// Writes the script for `command` to standard output.
pub(super) fn run(args: &Args, command: &mut Command) -> anyhow::Result<Status> {
    // clap_complete panics when it cannot write, as into `head`: it writes into memory, and we to the pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "nestns", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Status::Done)
}
