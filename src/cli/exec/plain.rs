//! A program without a terminal: its streams are the caller's, so that there is nothing to do but wait and pass signals on.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::libc;

use super::process::{ExecProcess, Outcome};
use crate::cli::command_error::{CommandError, Context as _};
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::{Exchange, Signals};
use nestns_client::discovery;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::ExecRequest;
use nestns_sys::descriptor;
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Time without a message after which the controller is asked whether it answers at all: no request
/// has been sent before.
const SUSPICION: Duration = Duration::from_secs(1);

/// Outcome of the run.
pub(super) enum Ran {
    /// The status to end with.
    Over(Status),
    /// The place to run in is no namespace; nothing has happened.
    NoNamespace(Connection),
}

/// Runs it.
pub(super) fn run(
    connection: Connection,
    execution: ExecRequest,
    tied_to: Option<&Pidfd>,
) -> Result<Ran, CommandError> {
    let signals = Signals::open(tied_to).context("cannot block the signals to forward")?;
    let streams =
        [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO].map(descriptor::inherited);
    let mut process = ExecProcess::begin(connection, execution, &streams)?;
    match wait(&mut process, &signals).context("cannot wait for the program (poll)")? {
        Outcome::NoNamespace => Ok(Ran::NoNamespace(process.into_connection())),
        outcome => {
            let status = outcome.into_status(process.connection());
            // The kernel hangs up when this process has ended. If it did so itself, the controller would be woken by it, and
            // have its turn first. The bench row is `exec one -- true` of `life`.
            std::mem::forget(process);
            status.map(Ran::Over)
        }
    }
}

fn wait(process: &mut ExecProcess, signals: &Signals) -> nix::Result<Outcome> {
    let mut suspicion = Some(Moment::now().plus(SUSPICION));
    let mut exchange = Exchange::new(signals, None, None);
    loop {
        let turn = exchange.turn(Some(process.as_fd()), None, suspicion)?;
        if turn.is_told {
            suspicion = None;
        } else if suspicion.is_some_and(|at| at <= Moment::now()) {
            suspicion = None;
            if discovery::is_silent(&process.connection().directory) {
                return Ok(Outcome::Failed(ClientError::Silent));
            }
        }
        if turn.is_untied {
            return Ok(Outcome::Untied);
        }
        for signal in turn.signals {
            process.pass_on(signal);
        }
        if turn.is_told
            && let Some(outcome) = process.receive()
        {
            return Ok(outcome);
        }
    }
}
