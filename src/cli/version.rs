//! `nestns version`: name and version.

use std::io::{self, Write};

use super::command_error::CommandError;
use super::status::Status;

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Writes one line to standard output.
pub(super) fn run(_args: &Args) -> Result<Status, CommandError> {
    writeln!(
        io::stdout().lock(),
        "{} {}",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION")
    )?;
    Ok(Status::Done)
}
