//! `nestns schema`: what an editor needs to complete, explain and check a topology file while it is written.

use std::io::{self, Write};

use super::command_error::CommandError;
use super::status::Status;
use crate::topology::schema::schema;

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Writes the schema to standard output.
pub(super) fn run(_args: &Args) -> Result<Status, CommandError> {
    let mut text = serde_json::to_string_pretty(&schema())?;
    text.push('\n');
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(Status::Done)
}
