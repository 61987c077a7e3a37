//! Start of the tree under test: by a controller that is forked, and ends with this process.

use super::fixture;
use super::{Args, NOT_READY};
use crate::cli::command_error::{CommandError, Context as _};
use crate::cli::console_reporter::{Detail, Progress, Reports};
use crate::cli::controller;
use crate::cli::detach::{Outcome, Side};
use crate::cli::launch::{self, Checked};
use crate::cli::status::Status as Exit;
use crate::present::line::Controls;
use nestns_runtime::controller::startup_report::WaitUntil;
use nestns_runtime::controller::{Fixture, LinesTo, Request};
use nestns_sys::pidfd::Pidfd;
use nestns_topology::config::{self, Arrangement};
use nestns_topology::{OnExit, Topology};

/// Process that goes on after the fork, and its result.
pub(super) enum Start {
    /// The controller, at its end.
    Controller(Exit),
    Caller(Outcome),
    /// This machine refuses system calls.
    Refused(CommandError),
}

/// Forks the controller, and waits until everything is ready.
pub(super) fn start(checked: &Checked, args: &Args) -> Result<Start, CommandError> {
    let files = &checked.topology.files;
    if let Err(error) = controller::check_calls(files) {
        return Ok(Start::Refused(error));
    }
    let own =
        Pidfd::open(nix::unistd::getpid()).context("cannot tie the topology to this process")?;
    let mut origin = checked.origin();
    origin.anonymous = args.name.is_none();
    let report_channel = match controller::split(WaitUntil::UntilReady, files)? {
        Side::Caller(outcome) => return Ok(Start::Caller(outcome)),
        Side::Controller(report_channel) => report_channel,
    };
    let mut topology: Topology = checked.topology.clone();
    let text = config::toml(&topology, Arrangement::Paths);
    topology.detach();
    fixture::excuse(&mut topology, &checked.topology.expectations);
    // The test decides when the tree ends; until then its processes end as they like.
    let mut options = launch::options();
    options.fixture = Some(Fixture {
        status: NOT_READY,
        on_exit: topology.on_exit,
    });
    topology.on_exit = OnExit::Ignore;
    options.timeout = args.timeout;
    options.announce_truth = true;
    options.stays = true;
    options.text = Some(text);
    options.lines_to = LinesTo::Nowhere;
    options.report_channel = Some(report_channel);
    options.tied_to = Some(own);
    let reports = Reports {
        progress: Progress::Auto,
        detail: Detail::Problems,
        color: launch::color(args.color, options.lines_to),
        controls: Controls::Shown,
    };
    let request = Request {
        topology,
        origin,
        base: checked.base.clone(),
        options,
    };
    let summary = controller::run(request, reports)?;
    Ok(Start::Controller(Exit::Other(
        summary.status_or(Exit::No.code()),
    )))
}
