//! Controller of a tree, in this process or in a fork of it: its reports go to standard error, and what keeps the tree from
//! standing is an error of the program.

use super::command_error::CommandError;
use super::console_reporter::{ConsoleReporter, Reports};
use super::detach::{self, Side};
use super::launch;
use nestns_observe::doctor::required;
use nestns_runtime::controller::start_error::StartError;
use nestns_runtime::controller::startup_report::WaitUntil;
use nestns_runtime::controller::{self, Request, Summary};

/// Brings a topology to life, reports on it, and returns when it has ended.
pub(super) fn run(request: Request, reports: Reports) -> Result<Summary, CommandError> {
    let files = request.topology.files.clone();
    let mut reporter = ConsoleReporter::new(reports, files.clone(), request.origin.name.clone());
    controller::run(request, &mut reporter).map_err(|error| launch::start_error(&error, &files))
}

/// Forks a controller, and waits in the caller; `files` are those of the topology. An error is that of a controller that has
/// failed as early.
pub(super) fn split(wait_until: WaitUntil, files: &[String]) -> Result<Side, CommandError> {
    detach::split(wait_until).map_err(|cause| {
        let what = "start a controller";
        launch::start_error(&StartError::System { what, cause }, files)
    })
}

/// Fails where this machine refuses system calls that a controller makes. A controller that is forked would report them too
/// late.
pub(super) fn check_calls(files: &[String]) -> Result<(), CommandError> {
    let refused = required::refused_calls();
    if refused.is_empty() {
        Ok(())
    } else {
        Err(launch::start_error(&StartError::Calls(refused), files))
    }
}
