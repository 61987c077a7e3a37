//! `nestns release`: open the gates of a topology that was started with `--hold`.

use super::command_error::CommandError;
use super::status::Status;
use super::target::Target;
use nestns_client::protocol::message::Request;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Topology to release, needed if several are running [default: inside `run`, `test` and `exec`, their own]
    #[arg(value_name = "NAME", value_parser = super::launch::name)]
    name: Option<String>,
}

/// Runs the verb.
pub(super) fn run(args: Args) -> Result<Status, CommandError> {
    let mut connection = Target { name: args.name }.connect(None)?;
    connection
        .client
        .ask(Request::Release)
        .map_err(|error| connection.fail(&error))?;
    Ok(Status::Done)
}
