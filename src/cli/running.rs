//! A topology of the same name that runs already, from the view of whoever starts another one.

use std::io::Write as _;
use std::time::Duration;

use super::status::Status;
use super::tell::tell;
use super::wait::{await_end, inode};
use crate::controller::control::client::Client;
use crate::controller::control::client_error::ClientError;
use crate::controller::control::message::{Force, Reply, Request};
use crate::controller::state_directory::StateDirectory;
use crate::controller::truth::Origin;
use crate::engine::moment::Moment;

/// The time that a controller which has ended needs at most to be gone with its state.
const REMOVAL: Duration = Duration::from_secs(10);

/// What is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SameName {
    /// It stays.
    Keep,
    /// It is stopped.
    Stop,
}

/// Looks for a running topology of this name. `None` when there is none any more; else the status to end with, with all
/// that is to be said about it told.
pub(super) fn settle(
    origin: &Origin,
    same_name: SameName,
    detach: bool,
    is_quiet: bool,
) -> anyhow::Result<Option<Status>> {
    let place = StateDirectory::place(&origin.name);
    let Ok(mut client) = Client::connect(&place) else {
        // A controller on its way, a left-over, a place that cannot be trusted: the start itself tells.
        return Ok(None);
    };
    if same_name == SameName::Stop {
        if !is_quiet {
            tell(&format!("stopping the running `{}`\n", origin.name));
        }
        let state = inode(&place);
        client.send(Request::Stop { paths: Vec::new(), force: Force::Ask }, &[])?;
        // Its own deadlines bound the stop; it hangs up when it has ended.
        loop {
            match client.wait(Some(Duration::from_hours(1))) {
                Ok(_) => {}
                Err(ClientError::HungUp) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // One that is still there then is told of by the start.
        let _ = await_end(&origin.name, &place, state, Some(Moment::now().plus(REMOVAL)));
        return Ok(None);
    }
    let Ok(Reply::Status(status)) = client.ask(Request::Status) else { return Ok(None) };
    if detach && status.hash.is_some() && status.hash == origin.hash {
        let said = if is_quiet { "" } else { ": already running with the same content" };
        writeln!(std::io::stdout(), "{}{said}", origin.name)?;
        return Ok(Some(Status::Done));
    }
    let difference = if status.hash == origin.hash { "" } else { ", with different content" };
    tell(&format!(
        "error[NS501]: a topology named `{}` is already running{difference}\n  = help: stop it with `nestns down {}`, \
         give this one another name with `--name`, or replace it with `--recreate`\n",
        origin.name, origin.name
    ));
    Ok(Some(Status::No))
}
