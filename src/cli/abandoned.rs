//! Topologies whose controller is gone, ended by name: what a dead controller's guardian could not do any more.

use std::path::Path;
use std::time::Duration;

use super::answer_format::{AnswerFormat, write_document};
use super::command_error::CommandError;
use super::standard_error;
use super::status::Status;
use super::unresponsive;
use nestns_client::discovery::{self, Found, Presence};
use nestns_client::documents::{Kind, Timeline};
use nestns_client::state_directory::StateError;
use nestns_runtime::controller::state_directory::{Seized, seize};
use nestns_sys::moment::Moment;

/// Time that the guardian of a controller that has just died may take.
const GUARDIAN_TIME: Duration = Duration::from_secs(6);
/// Interval between two looks.
const PULSE: Duration = Duration::from_millis(5);

/// Ends and removes what topologies of this name have left without a controller. Returns whether there was such a thing.
pub(super) fn end(name: &str, format: AnswerFormat) -> Result<bool, CommandError> {
    let mut has_ended = false;
    let mut errors = Vec::new();
    for found in discovery::of(name)
        .into_iter()
        .filter(|found| matches!(found.presence, Presence::Nobody))
    {
        match end_one(name, &found.directory) {
            Ok(ended) => has_ended |= ended,
            Err(error) => errors.push(error),
        }
    }
    CommandError::of_several(errors)?;
    if has_ended && format == AnswerFormat::Json {
        let schema = Kind::Stop.schema().into();
        write_document(&Timeline {
            schema,
            topology: name.to_owned(),
            ms: 0.0,
            steps: Vec::new(),
        })?;
    }
    Ok(has_ended)
}

/// Ends and removes what is left of one whose controller has just been killed, also where its guardian was stopped or hangs.
pub(super) fn end_killed(name: &str, directory: &Path) -> Result<Status, CommandError> {
    unresponsive::wake_guardian(directory);
    let until = Moment::now().plus(GUARDIAN_TIME);
    while matches!(seize(directory), Ok(Seized::Held)) {
        if Moment::now() >= until {
            unresponsive::kill_guardian(directory);
            break;
        }
        std::thread::sleep(PULSE);
    }
    end_one(name, directory)?;
    standard_error::write(&format!(
        "killed the controller of `{name}` and its whole tree\n"
    ));
    Ok(Status::Done)
}

/// Returns whether there was something to end.
fn end_one(name: &str, directory: &Path) -> Result<bool, CommandError> {
    let until = Moment::now().plus(GUARDIAN_TIME);
    let mut has_waited = false;
    loop {
        match seize(directory).map_err(|error| state_error(&error))? {
            Seized::Held if Moment::now() < until => {
                let is_answered =
                    |found: &Found| found.directory == directory && found.is_running();
                if discovery::of(name).iter().any(is_answered) {
                    // It was about to open its socket.
                    return Ok(false);
                }
                has_waited = true;
                std::thread::sleep(PULSE);
            }
            Seized::Held => {
                let error = CommandError::failed(format!(
                    "the lock of `{name}` is held, but no controller answers"
                ));
                return Err(error.help(format!(
                    "`fuser {}` shows which process holds it",
                    directory.join("lock").display()
                )));
            }
            Seized::Vanished | Seized::Record(_) => {
                if has_waited {
                    standard_error::write(&format!(
                        "the controller of `{name}` had just died; waited until its tree was gone\n"
                    ));
                }
                return Ok(has_waited);
            }
            Seized::LeftOver(left_over) => {
                let cleared = left_over.remove().map_err(|error| state_error(&error))?;
                standard_error::write(&format!(
                    "removed what `{name}` left behind without a controller{}\n",
                    cleared.words()
                ));
                return Ok(true);
            }
        }
    }
}

/// Error of a state directory, with its remedy.
pub(super) fn state_error(error: &StateError) -> CommandError {
    CommandError::failed(error.to_string()).help(error.help())
}
