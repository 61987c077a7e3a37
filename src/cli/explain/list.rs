//! `nestns explain --list`: every code in one table.

use std::io::{self, Write as _};

use super::Status;
use crate::cli::command_error::CommandError;
use crate::present::table::aligned;
use nestns_topology::diagnostic::Code;

/// Writes the table.
pub(super) fn run() -> Result<Status, CommandError> {
    let mut rows = vec![["CODE", "LEVEL", "TITLE"].map(str::to_owned)];
    let row = |code: &Code| {
        [
            code.text().to_owned(),
            code.level().to_string(),
            code.title().to_owned(),
        ]
    };
    rows.extend(Code::ALL.iter().map(row));
    io::stdout().lock().write_all(aligned(&rows).as_bytes())?;
    Ok(Status::Done)
}
