//! Controllers that do not answer: stopped, as by Ctrl-Z, frozen, or hanging. Said with what to do, and ended by force.
//!
//! A controller that is killed takes its tree along: the guardian sees to it, and removes what is
//! left. No process is killed for having a number: the process is the one that listens on the
//! control socket, as the kernel says, or one that has the lock of the state directory open.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::command_error::{CommandError, Context as _, ErrorKind};
use nestns_client::protocol::client::Client;
use nestns_client::state_directory::lock_in;
use nestns_observe::holders::{Holder, holders};
use nestns_observe::process;
use nestns_sys::pidfd::Pidfd;

/// How long a killed controller may take to be gone.
const COLLAPSE: Duration = Duration::from_secs(5);
/// The name of a guardian.
const GUARDIAN: &str = "nestns-guardian";

/// Error of a controller that does not answer, with what to do.
pub(super) fn error(name: &str, controller: i32) -> CommandError {
    let kill = format!("`nestns down --now {name}` kills it and its whole tree");
    let (state, help) = match process::is_stopped(Pid::from_raw(controller)) {
        Ok(true) => (
            "is stopped, as by Ctrl-Z, and answers nothing until it continues",
            format!("`kill -CONT {controller}` (or `fg` in its shell) resumes it; {kill}"),
        ),
        _ => (
            "does not answer: it hangs, is frozen, is held by a debugger, or the machine is very busy",
            format!("try again; {kill}"),
        ),
    };
    let message = format!("the controller of `{name}`, PID {controller}, {state}");
    CommandError::new(ErrorKind::Unresponsive, message).help(help)
}

/// Kills a controller, and waits until it is gone.
pub(super) fn kill(
    name: &str,
    directory: &Path,
    client: Option<&Client>,
) -> Result<(), CommandError> {
    let Some(process) = verified(directory, client) else {
        let message = format!(
            "cannot determine for certain which process is the controller of `{name}`; nothing was killed"
        );
        return Err(CommandError::failed(message).help(format!(
            "`fuser {}` shows which process holds its lock",
            lock_in(directory).display()
        )));
    };
    match process.signal(libc::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => {
            return Err(errno).context(format_args!("cannot kill the controller of `{name}`"));
        }
    }
    if !process.await_end(COLLAPSE) {
        let seconds = COLLAPSE.as_secs();
        return Err(CommandError::failed(format!(
            "the controller of `{name}` was killed {seconds} s ago, and has not ended"
        )));
    }
    Ok(())
}

/// Lets a guardian go on that was stopped as well: its controller is dead, and it has work to do.
pub(super) fn wake_guardian(directory: &Path) {
    for holder in having_lock(directory)
        .into_iter()
        .filter(|holder| holder.name == GUARDIAN)
    {
        // It may end in this moment, with everything done.
        let _ = holder.process.signal(libc::SIGCONT);
    }
}

/// Kills a guardian that does not do its work: what is left is for the caller.
pub(super) fn kill_guardian(directory: &Path) {
    for holder in having_lock(directory)
        .into_iter()
        .filter(|holder| holder.name == GUARDIAN)
    {
        let _ = holder.process.signal(libc::SIGKILL);
        holder.process.await_end(COLLAPSE);
    }
}

fn verified(directory: &Path, client: Option<&Client>) -> Option<Pidfd> {
    if let Some(client) = client
        && let Ok(process) = client.process()
    {
        return Some(process);
    }
    let mut controllers = having_lock(directory)
        .into_iter()
        .filter(|holder| holder.name != GUARDIAN);
    let first = controllers.next()?;
    controllers.next().is_none().then_some(first.process)
}

/// Processes that have the lock open, which may have been removed.
fn having_lock(directory: &Path) -> Vec<Holder> {
    let lock = lock_in(directory);
    let lock = std::fs::canonicalize(&lock)
        .unwrap_or(lock)
        .display()
        .to_string();
    holders(|link| link.strip_suffix(" (deleted)").unwrap_or(link) == lock).unwrap_or_default()
}
