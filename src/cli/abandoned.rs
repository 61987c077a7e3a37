//! Topologies whose controller is gone, ended by name: what a dead controller's guardian could not do any more.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::status::Status;
use super::tell::tell;
use super::unresponsive;
use crate::controller::census::{self, Presence};
use crate::controller::state_directory::{Seized, StateError, seize};
use crate::engine::moment::Moment;

/// How long the guardian of a controller that has just died may take.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often it is looked.
const NAP: Duration = Duration::from_millis(5);

/// Ends and removes what topologies of this name have left without a controller. `None` when there is no such thing.
pub(super) fn end(name: &str, json: bool) -> anyhow::Result<Option<Status>> {
    let mut result = None;
    for found in census::of(name).into_iter().filter(|found| matches!(found.presence, Presence::Nobody)) {
        let Some(status) = end_one(name, &found.directory) else { continue };
        if result.is_none_or(|before| before == Status::Done) {
            result = Some(status);
        }
    }
    if json && result == Some(Status::Done) {
        let document = serde_json::json!({ "schema": "nestns.stop/1", "topology": name, "ms": 0.0, "steps": [] });
        writeln!(std::io::stdout(), "{document:#}")?;
    }
    Ok(result)
}

/// Ends and removes what is left of one whose controller has just been killed, also where its guardian was stopped or hangs.
pub(super) fn end_killed(name: &str, directory: &Path) -> Status {
    unresponsive::wake_guardian(directory);
    let until = Moment::now().plus(PATIENCE);
    while matches!(seize(directory), Ok(Seized::Held)) {
        if Moment::now() >= until {
            unresponsive::kill_guardian(directory);
            break;
        }
        std::thread::sleep(NAP);
    }
    match end_one(name, directory) {
        None | Some(Status::Done) => {
            tell(&format!("killed the controller of `{name}` and its whole tree\n"));
            Status::Done
        }
        Some(status) => status,
    }
}

fn end_one(name: &str, directory: &Path) -> Option<Status> {
    let until = Moment::now().plus(PATIENCE);
    let mut has_waited = false;
    loop {
        match seize(directory) {
            Ok(Seized::Held) if Moment::now() < until => {
                if census::of(name)
                    .iter()
                    .any(|found| found.directory == directory && !matches!(found.presence, Presence::Nobody))
                {
                    // It was about to open its socket.
                    return None;
                }
                has_waited = true;
                std::thread::sleep(NAP);
            }
            Ok(Seized::Held) => {
                tell(&format!(
                    "error: the lock of `{name}` is held, but no controller answers\n  = help: `fuser {}` shows which \
                     process holds it\n",
                    directory.join("lock").display()
                ));
                return Some(Status::No);
            }
            Ok(Seized::Vanished) if has_waited => {
                tell(&format!("the controller of `{name}` had just died; waited until its tree was gone\n"));
                return Some(Status::Done);
            }
            Ok(Seized::Vanished) => return None,
            Ok(Seized::LeftOver(left_over)) => {
                return Some(match left_over.remove() {
                    Ok(cleared) => {
                        tell(&format!("removed what `{name}` left behind without a controller{}\n", cleared.words()));
                        Status::Done
                    }
                    Err(error) => fail(&error),
                });
            }
            Err(error) => return Some(fail(&error)),
        }
    }
}

fn fail(error: &StateError) -> Status {
    let mut text = format!("error: {error}\n");
    let _ = writeln!(text, "  = help: {}", error.help());
    tell(&text);
    Status::No
}
