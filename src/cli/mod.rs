//! The command line: one file a verb, each with its arguments and one function that runs it.
//!
//! A verb returns the exit status; an error that it returns instead is one that has no status of its own, and is printed
//! here. To add a verb: a file with `Args` and `run`, a variant of `Verb`, an arm in `Verb::run`.

mod abandoned;
mod actor;
mod attach;
mod check;
mod color;
mod completions;
mod config;
mod detach;
mod doctor;
mod doctor_file;
mod down;
mod events;
mod exec;
mod experiment;
mod explain;
mod follower;
mod graph;
mod inspect;
mod kill;
mod launch;
mod logs;
mod ls;
mod machine;
mod man;
mod names;
mod new;
mod pause;
mod pid;
mod place;
mod point;
mod prune;
mod ps;
mod release;
mod restart;
mod run;
mod running;
mod schema;
mod see;
mod selection;
mod status;
mod story;
mod surroundings;
mod table_arguments;
mod target;
mod tell;
mod terminal;
mod topology_arguments;
mod topology_file;
mod tree;
mod tree_document;
mod up;
mod version;
mod wait;
mod whois;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use status::Status;

/// Build, supervise and take down trees of nested Linux PID namespaces described in TOML.
#[derive(Debug, Parser)]
#[command(name = "nestns", version, propagate_version = false, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Up(up::Args),
    Down(down::Args),
    Release(release::Args),
    Restart(restart::Args),
    Logs(logs::Args),
    Events(events::Args),
    Kill(kill::Args),
    Wait(wait::Args),
    Exec(exec::Args),
    Attach(attach::Args),
    Run(run::Args),
    Check(check::Args),
    Config(config::Args),
    Explain(explain::Args),
    Ls(ls::Args),
    Ps(ps::Args),
    Inspect(inspect::Args),
    Tree(tree::Args),
    Pid(pid::Args),
    Whois(whois::Args),
    See(see::Args),
    Experiment(experiment::Args),
    Graph(graph::Args),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeArgs),
    Doctor(doctor::Args),
    Prune(prune::Args),
    Schema(schema::Args),
    New(new::Args),
    Actor(actor::Args),
    Completions(completions::Args),
    Man(man::Args),
    Version(version::Args),
}

impl Verb {
    fn run(self) -> anyhow::Result<Status> {
        match self {
            Self::Up(args) => up::run(&args),
            Self::Down(args) => down::run(&args),
            Self::Logs(args) => logs::run(&args),
            Self::Events(args) => events::run(&args),
            Self::Kill(args) => kill::run(&args),
            Self::Wait(args) => wait::run(&args),
            Self::Release(args) => Ok(release::run(args)),
            Self::Restart(args) => restart::run(&args),
            Self::Exec(args) => exec::run(args),
            Self::Attach(args) => attach::run(args),
            Self::Run(args) => run::run(args),
            Self::Check(args) => check::run(&args),
            Self::Config(args) => config::run(&args),
            Self::Explain(args) => explain::run(&args),
            Self::Inspect(args) => inspect::run(&args),
            Self::Ps(args) => ps::run(&args),
            Self::Ls(args) => ls::run(&args),
            Self::Tree(args) => tree::run(&args),
            Self::Pid(args) => pid::run(&args),
            Self::Whois(args) => whois::run(&args),
            Self::See(args) => see::run(&args),
            Self::Experiment(args) => experiment::run(&args),
            Self::Graph(args) => graph::run(&args),
            Self::Pause(args) => pause::pause(&args),
            Self::Resume(args) => pause::resume(&args),
            Self::Doctor(args) => doctor::run(&args),
            Self::Prune(args) => prune::run(&args),
            Self::Schema(args) => schema::run(&args),
            Self::New(args) => new::run(&args),
            Self::Actor(args) => actor::run(&args),
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => man::run(&args, Cli::command()),
            Self::Version(args) => version::run(&args),
        }
    }
}

/// Reads the command line and does what it says. clap ends the process itself, with status 2, if it cannot be read.
pub fn main() -> ExitCode {
    completions::answer_shell(Cli::command);
    match Cli::parse().verb.run() {
        Ok(status) => status.into(),
        // Whoever read the output has seen enough of it, as `head` does.
        Err(error) if is_broken_pipe(&error) => Status::Done.into(),
        Err(error) => {
            // Where this cannot be written, there is nobody left to tell.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            Status::No.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command, CommandFactory};

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_can_be_set_by_the_environment() {
        fn check(command: &Command) {
            let is_flag =
                |arg: &&Arg| !matches!(arg.get_action(), ArgAction::Help | ArgAction::Version) && !arg.is_positional();
            for arg in command.get_arguments().filter(is_flag) {
                let expected = format!("NESTNS_{}", arg.get_id().as_str().to_uppercase().replace('-', "_"));
                assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "{arg:?}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
