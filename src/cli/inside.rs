//! Verbs that count as the host does, asked in another PID namespace: inside the tree, say.

use super::status::Status;
use super::tell::tell;
use crate::controller::control::message::Snapshot;
use crate::observe::namespaces;

/// Refuses a verb that looks processes up by their host numbers where those mean nothing: in a PID namespace other than the
/// one in which the topology was started.
///
/// # Errors
///
/// The status to end with; why has been told.
pub(super) fn refuse_inside(verb: &str, snapshot: &Snapshot) -> Result<(), Status> {
    if namespaces::own().is_ok_and(|own| own != snapshot.host_pidns) {
        tell(&format!(
            "error: `nestns {verb}` does not work here: this is not the PID namespace in which `{}` was started, so \
             PIDs of the host mean nothing here\n  = help: run it outside the tree; `nestns ps`, `tree` and `inspect` \
             work here\n",
            snapshot.status.name
        ));
        return Err(Status::No);
    }
    Ok(())
}
