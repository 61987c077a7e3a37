//! A topology of the same name that runs already, from the view of a caller that starts another one.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::command_error::{CommandError, ErrorKind};
use super::standard_error;
use super::status::Status;
use super::target;
use super::wait::{await_end, inode};
use nestns_client::protocol::client::Client;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Force, Reply, Request};
use nestns_runtime::controller::state_directory::StateDirectory;
use nestns_runtime::controller::truth::Origin;
use nestns_sys::moment::Moment;
use nestns_topology::diagnostic::Code;

/// The time that a controller which has ended needs at most to be gone with its state.
const REMOVAL: Duration = Duration::from_secs(10);

/// Treatment of a running topology of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SameName {
    /// The running topology stays.
    Keep,
    /// The running topology is stopped.
    Stop,
}

/// Looks for a running topology of this name. `None` when there is none any more; else the status to end with, where the one that
/// runs is as good.
pub(super) fn look_for(
    origin: &Origin,
    same_name: SameName,
    detach: bool,
    is_quiet: bool,
) -> Result<Option<Status>, CommandError> {
    let place = StateDirectory::place(&origin.name);
    let Ok(mut client) = Client::connect(&place) else {
        // A controller on its way, a left-over, a place that cannot be trusted: the start itself tells.
        return Ok(None);
    };
    if same_name == SameName::Stop {
        if !is_quiet {
            standard_error::write(&format!("stopping the running `{}`\n", origin.name));
        }
        stop(client, &place, origin)?;
        return Ok(None);
    }
    let Ok(Reply::Status(status)) = client.ask(Request::Status) else {
        return Ok(None);
    };
    if detach && status.hash.is_some() && status.hash == origin.hash {
        let rest = if is_quiet {
            ""
        } else {
            ": already running with the same content"
        };
        writeln!(std::io::stdout(), "{}{rest}", origin.name)?;
        return Ok(Some(Status::Done));
    }
    let difference = if status.hash == origin.hash {
        ""
    } else {
        ", with different content"
    };
    let name = &origin.name;
    let message = format!("a topology named `{name}` is already running{difference}");
    let help = format!(
        "stop it with `nestns down {name}`, give this one another name with `--name`, or replace it with `--recreate`"
    );
    Err(CommandError::new(ErrorKind::Conflict, message)
        .code(Code::NameInUse)
        .help(help))
}

fn stop(mut client: Client, place: &Path, origin: &Origin) -> Result<(), CommandError> {
    let failed = |error: ClientError| target::request_error(&origin.name, &error);
    let state = inode(place);
    client
        .send(
            Request::Stop {
                paths: Vec::new(),
                force: Force::Ask,
            },
            &[],
        )
        .map_err(failed)?;
    // Its own deadlines bound the stop; it hangs up when it has ended.
    loop {
        match client.wait(Some(Duration::from_hours(1))) {
            Ok(_) => {}
            Err(ClientError::HungUp) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    // One that is still there then is told of by the start.
    let _ = await_end(
        &origin.name,
        place,
        state,
        Some(Moment::now().plus(REMOVAL)),
    );
    Ok(())
}
