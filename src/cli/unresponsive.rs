//! Controllers that do not answer: stopped, as by Ctrl-Z, frozen, or hanging. Said with what to do, and ended by force.
//!
//! A controller that is killed takes its tree along: the guardian sees to it, and removes what is left. Nobody is killed for
//! having a number: the process is the one that listens on the control socket, as the kernel says, or one that has the lock of
//! the state directory open.

use std::path::Path;
use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::tell::tell;
use crate::controller::control::client::Client;
use crate::controller::state_directory::lock_in;
use crate::observe::holders::{Holder, holders};
use crate::observe::process;
use crate::sys::pidfd::Pidfd;

/// How long a killed controller may take to be gone.
const COLLAPSE: Duration = Duration::from_secs(5);
/// The name of a guardian.
const GUARDIAN: &str = "nestns-guardian";

/// What is the matter with a controller that does not answer, and what to do.
pub(super) fn words(name: &str, controller: i32) -> (String, String) {
    let kill = format!("`nestns down --now {name}` kills it and its whole tree");
    match process::is_stopped(Pid::from_raw(controller)) {
        Ok(true) => (
            format!(
                "the controller of `{name}`, PID {controller}, is stopped, as by Ctrl-Z, and does not answer until it \
                 is resumed"
            ),
            format!("`kill -CONT {controller}` (or `fg` in its shell) resumes it; {kill}"),
        ),
        _ => (
            format!(
                "the controller of `{name}`, PID {controller}, does not answer: it hangs, is frozen or held by a \
                 debugger, or the machine is very busy"
            ),
            format!("try again; {kill}"),
        ),
    }
}

/// Kills a controller. Says whether it is gone; why not has been told.
pub(super) fn kill(name: &str, directory: &Path, client: Option<&Client>) -> bool {
    let Some(process) = verified(directory, client) else {
        tell(&format!(
            "error: cannot determine for certain which process is the controller of `{name}`; nothing was killed\n  = \
             help: `fuser {}` shows which process holds it has its lock\n",
            lock_in(directory).display()
        ));
        return false;
    };
    if let Err(errno) = process.signal(libc::SIGKILL)
        && errno != nix::errno::Errno::ESRCH
    {
        tell(&format!("error: cannot kill the controller of `{name}`: {}\n", crate::sys::errno::spelled(errno)));
        return false;
    }
    if !process.await_end(COLLAPSE) {
        tell(&format!("error: the controller of `{name}` was killed {} s ago but has not ended\n", COLLAPSE.as_secs()));
        return false;
    }
    true
}

/// Lets a guardian go on that was stopped as well: its controller is dead, and it has work to do.
pub(super) fn wake_guardian(directory: &Path) {
    for holder in having_lock(directory).into_iter().filter(|holder| holder.name == GUARDIAN) {
        // It may end in this moment, with everything done.
        let _ = holder.process.signal(libc::SIGCONT);
    }
}

/// Kills a guardian that does not do its work: what is left is for whoever calls.
pub(super) fn kill_guardian(directory: &Path) {
    for holder in having_lock(directory).into_iter().filter(|holder| holder.name == GUARDIAN) {
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
    let mut controllers = having_lock(directory).into_iter().filter(|holder| holder.name != GUARDIAN);
    let first = controllers.next()?;
    controllers.next().is_none().then_some(first.process)
}

/// Whoever has the lock open, whether it is still there or has been removed.
fn having_lock(directory: &Path) -> Vec<Holder> {
    let lock = lock_in(directory);
    let lock = std::fs::canonicalize(&lock).unwrap_or(lock).display().to_string();
    holders(|link| link.strip_suffix(" (deleted)").unwrap_or(link) == lock).unwrap_or_default()
}
