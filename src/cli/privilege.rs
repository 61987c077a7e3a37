//! The refusal to run with rights that the caller lacks.
//!
//! A topology is a list of commands. A copy of nestns with a set-user-ID bit, or with file capabilities, would run them with
//! its owner's rights for anybody who may execute it; nothing here is written to be trusted so far. The answer is no before
//! the command line is read.

use std::io::Write;

use super::Status;
use crate::sys::secure;

/// The status of nestns itself having failed, as `nestns run` gives it.
const REFUSED: Status = Status::Other(125);

/// Refuses secure execution; `None` where the program has the rights of its caller.
pub(super) fn refuse() -> Option<Status> {
    if !secure::is_secure_execution() {
        return None;
    }
    // Where this cannot be written, there is nobody left to tell.
    let _ = writeln!(
        std::io::stderr(),
        "error: this copy of nestns has more privileges than its caller: it is set-user-ID or set-group-ID, or has \
         file capabilities\n  = note: with them it would run the commands of any topology file for any user\n  = help: \
         remove them (`chmod u-s,g-s`, `setcap -r`); nestns does not need them: without root it uses a user namespace"
    );
    Some(REFUSED)
}
