//! `nestns release`: open the gates of a topology that was started with `--hold`.

use super::status::Status;
use super::target::Target;
use crate::controller::control::message::Request;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Topology, needed if several are running
    #[arg(value_name = "NAME", value_parser = super::launch::name)]
    name: Option<String>,
}

/// Runs the verb.
pub(super) fn run(args: Args) -> Status {
    let mut connection = match (Target { name: args.name }).connect(None) {
        Ok(connection) => connection,
        Err(status) => return status,
    };
    match connection.client.ask(Request::Release) {
        Ok(_) => Status::Done,
        Err(error) => connection.fail(&error),
    }
}
