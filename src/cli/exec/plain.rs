//! A program without a terminal: its streams are the caller's, so that there is nothing to do but wait and pass signals on.

use std::os::fd::AsFd;

use nix::libc;

use super::session::{Outcome, Session};
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::{Arrived, Signals, Watch};
use crate::controller::control::message::Execution;
use crate::sys::descriptor;

/// Runs it.
pub(super) fn run(connection: Connection, execution: Execution) -> anyhow::Result<Status> {
    let signals = Signals::open()?;
    let streams = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO].map(descriptor::inherited);
    let mut session = match Session::begin(connection, execution, &streams) {
        Ok(session) => session,
        Err(failed) => return Ok(Outcome::Failed(failed.1).tell(&failed.0)),
    };
    let outcome = wait(&mut session, &signals)?;
    Ok(outcome.tell(session.connection()))
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
