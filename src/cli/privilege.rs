//! The refusal to run with rights that the caller lacks.
//!
//! A topology is a list of commands. A copy of nestns with a set-user-ID bit, or with file
//! capabilities, would run them with its owner's rights for every user that may execute it; nothing
//! here is written to be trusted so far. The answer is no before the command line is read.

use super::command_error::{CommandError, ErrorKind, Hint};
use super::status::Status;
use nestns_sys::secure;

/// Refuses secure execution; nothing is wrong where the program has the rights of its caller.
pub(super) fn refuse() -> Result<(), CommandError> {
    if !secure::is_secure_execution() {
        return Ok(());
    }
    let message = "this copy of nestns has more privileges than its caller: it is set-user-ID or set-group-ID, or has file capabilities";
    let note = "with them it would run the commands of any topology file for any user";
    let help = "remove them (`chmod u-s,g-s`, `setcap -r`); nestns does not need them: without root it uses a user namespace";
    // The status of nestns itself having failed, as `nestns run` gives it.
    let error = CommandError::new(ErrorKind::Forbidden, message).with_status(Status::Other(125));
    Err(error.hint(Hint::Note(note.to_owned())).help(help))
}
