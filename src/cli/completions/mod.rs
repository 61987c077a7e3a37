//! Completion of the command line, with what runs at that moment: `nestns completions SHELL` prints the script, which asks
//! this program at every Tab, with `COMPLETE=SHELL` in the environment.

mod bash;
mod candidates;

use std::io::{self, Write};

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::env::{CompleteEnv, Elvish, Fish, Powershell, Shells, Zsh};

use super::status::Status;
use crate::cli::command_error::CommandError;
use bash::Bash;

/// By this variable a script asks.
const VARIABLE: &str = "COMPLETE";
const SHELLS: Shells<'static> = Shells(&[&Bash, &Elvish, &Fish, &Powershell, &Zsh]);
/// Verbs whose paths are those of a file.
const OF_FILES: [&str; 2] = ["explain", "config"];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The script completes commands, options and what is running: names of topologies, paths of namespaces and processes.

  bash        nestns completions bash > ~/.local/share/bash-completion/completions/nestns
  zsh         nestns completions zsh > _nestns       in a directory of $fpath
  fish        nestns completions fish > ~/.config/fish/completions/nestns.fish
  this shell  source <(nestns completions bash)")]
pub(super) struct Args {
    /// Shell to print completions for
    shell: Shell,
}

/// Writes the script to standard output.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let name = args.shell.to_string();
    let nothing = || CommandError::usage(format!("there are no completions for {name}"));
    let shell = SHELLS.completer(&name).ok_or_else(nothing)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "nestns", "nestns", "nestns", &mut script)?;
    io::stdout().lock().write_all(&script)?;
    Ok(Status::Done)
}

/// Answers the script of a shell, where it is one that asks, and ends the process.
pub(super) fn answer_shell(command: fn() -> Command) {
    if std::env::var_os(VARIABLE).is_some() {
        CompleteEnv::with_factory(move || with_candidates(command()))
            .var(VARIABLE)
            .shells(SHELLS)
            .complete();
    }
}

/// Tells which arguments are names and addresses of what runs, by what they are called.
fn with_candidates(command: Command) -> Command {
    command.mut_subcommands(|verb| {
        if OF_FILES.contains(&verb.get_name()) {
            return verb;
        }
        verb.mut_args(|arg| {
            if is_topology(&arg) {
                arg.add(ArgValueCompleter::new(candidates::topologies))
            } else if is_address(&arg) {
                arg.add(ArgValueCompleter::new(candidates::addresses))
            } else {
                arg
            }
        })
    })
}

fn value_name(arg: &Arg) -> Option<&str> {
    arg.get_value_names()
        .and_then(<[_]>::first)
        .map(clap::builder::Str::as_str)
}

fn is_topology(arg: &Arg) -> bool {
    // `up --name` and `run --name` give a name, and have one of their own.
    arg.get_id() == "name" && (arg.is_positional() || arg.get_short() == Some('n'))
}

fn is_address(arg: &Arg) -> bool {
    arg.is_positional()
        && matches!(
            value_name(arg),
            Some("ADDRESS" | "ADDR" | "PATH" | "TARGET")
        )
}
