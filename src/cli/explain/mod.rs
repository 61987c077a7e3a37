//! `nestns explain`: a topology as the commands that people type without nestns, or what a code means.

mod code;
mod layout;

use std::path::PathBuf;

use super::color::When;
use super::status::Status;

/// Show a topology as plain unshare(1), nsenter(1) and mount(8) lines, or explain a code such as NS301
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A code, or a topology file; `-` is standard input, a directory stands for the only one in it [default: .]
    #[arg(value_name = "FILE|NSnnn")]
    subject: Option<PathBuf>,

    /// Only this namespace and what is inside it
    #[arg(value_name = "PATH")]
    path: Option<String>,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    match args.subject.as_deref().and_then(|subject| subject.to_str()).filter(|subject| code::is_code(subject)) {
        Some(code) => code::run(code),
        None => layout::run(args),
    }
}
