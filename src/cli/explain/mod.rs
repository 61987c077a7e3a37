//! `nestns explain`: a topology as the commands that people type without nestns, or what a code means.

mod code;
mod hint;
mod layout;
mod list;

use std::path::PathBuf;

use clap::builder::FalseyValueParser;

use super::color::When;
use super::status::Status;
use super::topology_arguments::Values;
use crate::cli::command_error::CommandError;

pub(super) use hint::hint;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Code, or topology file; `-` is standard input, a directory means the only topology file in it [default: .]
    #[arg(value_name = "FILE|NSnnn")]
    subject: Option<PathBuf>,

    /// Show only this namespace and what is inside it, or only the line of this process
    #[arg(value_name = "PATH")]
    path: Option<String>,

    #[command(flatten)]
    values: Values,

    /// List all codes with their titles
    #[arg(long, conflicts_with = "subject", env = "NESTNS_LIST", value_parser = FalseyValueParser::new())]
    list: bool,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    if args.list {
        return list::run();
    }
    match args
        .subject
        .as_deref()
        .and_then(|subject| subject.to_str())
        .filter(|subject| code::is_code(subject))
    {
        Some(_) if args.path.is_some() => Err(CommandError::usage(
            "PATH cannot be used with a code, which does not refer to a file",
        )),
        Some(code) => code::run(code, args.color),
        None => layout::run(args),
    }
}
