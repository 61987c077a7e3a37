//! `nestns man`: the manual pages, made from the same text as `--help`.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::status::Status;

/// Print the manual page, as roff for `man -l -`
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Writes the page of `command` to standard output.
pub(super) fn run(_args: &Args, command: Command) -> anyhow::Result<Status> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    io::stdout().lock().write_all(&page)?;
    Ok(Status::Done)
}
