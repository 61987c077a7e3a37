//! `--format`: the reader of an answer, and how a document is written for programs.

use std::io::{BufWriter, Write as _};

use clap::ValueEnum;
use serde::Serialize;

use super::command_error::CommandError;

/// Reader of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum AnswerFormat {
    /// Text for people
    #[default]
    Human,
    /// JSON, for programs
    Json,
}

/// Writes a document to standard output, as one.
pub(super) fn write_document(document: &impl Serialize) -> Result<(), CommandError> {
    let mut stdout = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    // As an error of the stream, so that a reader that has left is known as one.
    serde_json::to_writer_pretty(&mut stdout, document).map_err(std::io::Error::from)?;
    writeln!(stdout)?;
    stdout.flush()?;
    Ok(())
}
