//! `nestns explain --list`: every code in one table.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use super::Status;
use crate::cli::command_error::CommandError;
use crate::diagnostic::Code;

/// Writes the table.
pub(super) fn run() -> Result<Status, CommandError> {
    let mut text = format!("{:5}  {:7}  TITLE\n", "CODE", "LEVEL");
    for code in Code::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:5}  {:7}  {}", code.text(), code.level().to_string(), code.title());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(Status::Done)
}
