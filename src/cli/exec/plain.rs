//! A program without a terminal: its streams are the caller's, so that there is nothing to do but wait and pass signals on.

use std::os::fd::AsFd;

use nix::libc;

use super::session::{Outcome, Session};
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::{Arrived, Signals, Watch};
use crate::controller::control::message::Execution;
use crate::sys::descriptor;

/// What came of it.
pub(super) enum Ran {
    /// The status to end with.
    Over(Status),
    /// Where it was to run is no namespace; nothing has happened.
    NoNamespace(Connection),
}

/// Runs it.
pub(super) fn run(connection: Connection, execution: Execution) -> anyhow::Result<Ran> {
    let signals = Signals::open()?;
    let streams = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO].map(descriptor::inherited);
    let mut session = match Session::begin(connection, execution, &streams) {
        Ok(session) => session,
        Err(failed) => return Ok(Ran::Over(Outcome::Failed(failed.1).tell(&failed.0))),
    };
    Ok(match wait(&mut session, &signals)? {
        Outcome::NoNamespace => Ran::NoNamespace(session.into_connection()),
        outcome => Ran::Over(outcome.tell(session.connection())),
    })
}

fn wait(session: &mut Session, signals: &Signals) -> nix::Result<Outcome> {
    loop {
        let mut watch = Watch::default();
        let said = watch.readable(Some(session.as_fd()));
        watch.readable(Some(signals.as_fd()));
        watch.wait(None)?;
        let is_told = watch.is_ready(said);
        while let Some(arrived) = signals.next() {
            if let Arrived::ForProgram(signal) = arrived {
                session.pass_on(signal);
            }
        }
        if is_told && let Some(outcome) = session.hear() {
            return Ok(outcome);
        }
    }
}
