//! `nestns actor`: a built-in workload, by hand.

use super::command_error::CommandError;
use super::status::Status;
use nestns_runtime::engine::actor;
use nestns_topology::Actor;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
idle                                   waits; ends on TERM
serve                                  writes `ready`, then waits
tree [--children N]                    forks children that wait (2)
zombie                                 never reaps a child that has exited
orphan                                 leaves a grandchild behind
ignore-term                            ignores TERM
fork-storm [--rate N] [--for DURATION] forks children that exit at once (100 per second)
log [--rate N] [--for DURATION]        writes lines (1 per second)
threads [--count N]                    starts threads that wait (2)
exit [--code N] [--after DURATION]     exits on its own (with 0, at once)

Defaults are in parentheses; without --for, there is no time limit.")]
pub(super) struct Args {
    /// Name and options of the workload
    #[arg(
        value_name = "NAME",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<String>,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let performed =
        Actor::parse(&args.words).map_err(|error| CommandError::usage(error.to_string()))?;
    Ok(Status::Other(
        u8::try_from(actor::perform(&performed)).unwrap_or(1),
    ))
}
