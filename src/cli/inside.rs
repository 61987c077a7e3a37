//! Verbs that count as the host does, asked in another PID namespace: inside the tree, say.

use super::command_error::{CommandError, ErrorKind};
use nestns_client::protocol::message::Snapshot;
use nestns_observe::namespaces;

/// Refuses a verb that looks processes up by their host numbers where those mean nothing: in a PID namespace other than the
/// one in which the topology was started.
pub(super) fn refuse_inside(verb: &str, snapshot: &Snapshot) -> Result<(), CommandError> {
    if namespaces::own().map_or(true, |own| own == snapshot.host_pidns) {
        return Ok(());
    }
    let message = format!(
        "`nestns {verb}` does not work here: this is not the PID namespace in which `{}` was started, so PIDs of the host mean nothing here",
        snapshot.status.name
    );
    let help = "run it outside the tree; `nestns ps`, `tree` and `inspect` work here";
    Err(CommandError::new(ErrorKind::Forbidden, message).help(help))
}
