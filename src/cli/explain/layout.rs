//! `nestns explain FILE [PATH]`.

use super::{Args, Status};

/// Writes the script.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    anyhow::bail!("not yet: {:?} {:?} {:?}", args.subject, args.path, args.color)
}
