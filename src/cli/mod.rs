//! The command line: one file a verb, each with its arguments and one function that runs it.
//!
//! A verb returns the exit status of its answer, or the `CommandError` that kept it from one, which is printed here. To add
//! a verb: a file with `Args` and `run`, a variant of `Verb`, an arm in `Verb::run`.

mod abandoned;
mod actor;
mod answer_format;
mod attach;
mod capture;
mod check;
mod color;
mod command_error;
mod completions;
mod config;
mod console_reporter;
mod controller;
mod detach;
mod doctor;
mod doctor_file;
mod down;
mod ended;
mod events;
mod exec;
mod experiment;
mod explain;
mod file_reader;
mod follower;
mod graph;
mod inside;
mod inspect;
mod kill;
mod launch;
mod logs;
mod ls;
mod machine;
mod man;
mod names;
mod new;
mod output_file;
mod pause;
mod pid;
mod place;
mod point;
mod privilege;
mod prune;
mod ps;
mod release;
mod restart;
mod run;
mod running;
mod save;
mod schema;
mod see;
mod selection;
mod source;
mod standard_error;
mod status;
mod surroundings;
mod table_arguments;
mod target;
mod terminal;
mod test;
mod topology_arguments;
mod topology_file;
mod tree;
mod tree_document;
mod undeclared;
mod unresponsive;
mod up;
mod version;
mod wait;
mod whois;

use clap::{ArgMatches, CommandFactory, FromArgMatches as _, Parser, Subcommand};

use command_error::{CommandError, ErrorFormat};
pub(crate) use status::Status;

/// Build, supervise and take down trees of nested Linux PID namespaces described in TOML.
#[derive(Debug, Parser)]
#[command(
    name = "nestns",
    version,
    propagate_version = false,
    arg_required_else_help = true
)]
#[command(after_help = "\
Getting started:
  nestns run -- bash               a shell in a new PID namespace
  nestns new && nestns up          a commented example, created and then built
  nestns man topology | man -l -   all keys of a topology file

Exit status:
  0 success, 1 a process failed, 2 invalid command line, 3 invalid file, 4 not possible on this machine, 5 started but \
not completed and rolled back, 124 timeout, 128+n ended by signal n. `run` and `exec` exit with the status of their \
program, or with 125 if nestns itself failed, 126 if the program cannot be executed and 127 if it cannot be found

Environment:
  NESTNS_STATE_ROOT  Directory for the state of all topologies, created if missing. If set, only topologies whose \
state is there are found
  XDG_RUNTIME_DIR    Without NESTNS_STATE_ROOT, state is kept in `nestns` in this directory if it belongs to the \
caller, else in /run/nestns or, if that is not writable, in nestns-UID in TMPDIR. Running topologies are looked for \
in all of these, but only in XDG_RUNTIME_DIR if that is not /run/user/UID
  NESTNS_NAME        Default of --name, for commands that have it
  NESTNS_TRUTH       Set by `run`, `test` and `exec` to the file that describes the running topology \
(nestns.truth/1). As long as that topology runs, commands without a name use it
  NESTNS_<OPTION>    Default of an option: NESTNS_FORMAT=json is --format json. The help of each command has the names
  NO_COLOR, CLICOLOR_FORCE  No colours, or colours even if standard output is not a terminal")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// The word of `--format` for programs.
const JSON: &str = "json";

// What a verb takes is put together when it is the one that is asked for: with every verb's arguments, that is half of the
// time that a short command needs. What `nestns --help` says of each is therefore here.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Verb {
    /// Build and supervise a tree of namespaces, in the foreground or detached
    Up(up::Args),
    /// Take down a running topology, or a part of it
    Down(down::Args),
    /// Run the programs of a topology started with `nestns up --hold`
    Release(release::Args),
    /// Restart processes, or namespaces with everything in them
    Restart(restart::Args),
    /// Show the output of programs
    Logs(logs::Args),
    /// Show events as JSON Lines
    Events(events::Args),
    /// Send a signal to processes of a running topology
    Kill(kill::Args),
    /// Wait for processes or namespaces to reach a state
    Wait(wait::Args),
    /// Run a program in a namespace of a running topology
    Exec(exec::Args),
    /// Attach to the output of a process, and to its terminal if it has one
    Attach(attach::Args),
    /// Run a command in new namespaces, or with a topology that lasts as long as the command
    Run(run::Args),
    /// Check topology files without building anything
    Check(check::Args),
    /// Print the expanded topology, with everything merged, substituted and generated, as a topology file
    Config(config::Args),
    /// Show a topology as plain unshare(1), nsenter(1) and mount(8) commands, or explain a code such as NS301
    Explain(explain::Args),
    /// List running topologies
    Ls(ls::Args),
    /// List the processes of a running topology
    Ps(ps::Args),
    /// Show everything known about a namespace or process
    Inspect(inspect::Args),
    /// Show namespaces and processes as a tree, of a running topology or of a file
    Tree(tree::Args),
    /// Translate the PID of a process between namespaces
    Pid(pid::Args),
    /// Find the processes that have a given PID, in one namespace or in any
    Whois(whois::Args),
    /// Show which processes are visible from where, and under which PID
    See(see::Args),
    /// Build a topology, check the expectations in its file (`[[expect]]`), and take it down
    Test(test::Args),
    /// Write a topology file that rebuilds existing namespaces
    Capture(capture::Args),
    /// Save the expanded file of a running topology and a description of its current state
    Save(save::Args),
    /// Show and check how the kernel behaves, one claim at a time
    Experiment(experiment::Args),
    /// Draw a topology file as nested boxes
    Graph(graph::Args),
    /// Freeze namespaces with everything in them
    Pause(pause::PauseArgs),
    /// Resume paused namespaces
    Resume(pause::ResumeArgs),
    /// Check what this machine supports, and whether it can build a topology
    Doctor(doctor::Args),
    /// Remove the state of topologies whose namespaces are gone
    Prune(prune::Args),
    /// Print the JSON Schema (draft-07) of topology files, for editors
    Schema(schema::Args),
    /// Create a commented example topology
    New(new::Args),
    /// Run a built-in workload, as `actor = "…"` in a file does
    Actor(actor::Args),
    /// Print shell completions
    Completions(completions::Args),
    /// Print a manual page, as roff for `man -l -`
    Man(man::Args),
    /// Print name and version
    Version(version::Args),
}

impl Verb {
    fn run(self) -> Result<Status, CommandError> {
        match self {
            Self::Up(args) => up::run(&args),
            Self::Down(args) => down::run(&args),
            Self::Logs(args) => logs::run(&args),
            Self::Events(args) => events::run(&args),
            Self::Kill(args) => kill::run(&args),
            Self::Wait(args) => wait::run(&args),
            Self::Release(args) => release::run(args),
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
            Self::Capture(args) => capture::run(&args),
            Self::Save(args) => save::run(&args),
            Self::See(args) => see::run(&args),
            Self::Test(args) => test::run(&args),
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

/// Reads the command line, does what it says, and returns the exit status: 2 if it cannot be read.
pub(crate) fn main() -> u8 {
    if let Err(error) = privilege::refuse() {
        error.print(ErrorFormat::Text);
        return error.status();
    }
    completions::answer_shell(whole_command);
    let mut matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        Err(answer) => return print(&answer),
    };
    let format = error_format(&matches);
    let result = match Cli::from_arg_matches_mut(&mut matches) {
        Ok(cli) => cli.verb.run(),
        Err(answer) => return print(&answer.format(&mut Cli::command())),
    };
    match result {
        Ok(status) => status.code(),
        Err(error) => {
            error.print(format);
            error.status()
        }
    }
}

/// Form of the errors of a verb: that of its answer, where it has one for programs.
fn error_format(matches: &ArgMatches) -> ErrorFormat {
    let Some((_, verb)) = matches.subcommand() else {
        return ErrorFormat::Text;
    };
    match verb.try_get_raw("format") {
        Ok(words) => match words.into_iter().flatten().next_back() {
            Some(word) if word == JSON => ErrorFormat::Json,
            _ => ErrorFormat::Text,
        },
        Err(_) => error_format(verb),
    }
}

/// Form of the errors of a command line that could not be read.
fn error_format_of_words(words: impl Iterator<Item = String>) -> ErrorFormat {
    let mut is_json = std::env::var("NESTNS_FORMAT").is_ok_and(|format| format == JSON);
    let mut words = words.take_while(|word| word != "--");
    while let Some(word) = words.next() {
        if word == "--format" {
            is_json = words.next().is_some_and(|format| format == JSON);
        } else if let Some(format) = word.strip_prefix("--format=") {
            is_json = format == JSON;
        }
    }
    if is_json {
        ErrorFormat::Json
    } else {
        ErrorFormat::Text
    }
}

/// Prints what clap answers: what is wrong with the command line, or help. Returns the exit status.
fn print(answer: &clap::Error) -> u8 {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    if answer.use_stderr() && error_format_of_words(words) == ErrorFormat::Json {
        let error = CommandError::of_usage(&answer.to_string());
        error.print(ErrorFormat::Json);
        return error.status();
    }
    match answer.print() {
        _ if answer.use_stderr() => Status::WrongCommandLine.code(),
        Err(error) => {
            let error = CommandError::from(error);
            error.print(ErrorFormat::Text);
            error.status()
        }
        Ok(()) => Status::Done.code(),
    }
}

/// The command line with every verb's arguments.
fn whole_command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction, Command, CommandFactory};

    use super::command_error::ErrorFormat;
    use super::{Cli, error_format, error_format_of_words, whole_command};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn errors_have_the_form_of_the_answer() {
        let of = |line: &str| error_format(&Cli::command().get_matches_from(line.split(' ')));
        let of_words = |line: &str| error_format_of_words(line.split(' ').map(str::to_owned));
        for json in [
            "nestns ps --format json",
            "nestns experiment ls --format=json",
            "nestns up x --format json",
        ] {
            assert_eq!(
                (of(json), of_words(json)),
                (ErrorFormat::Json, ErrorFormat::Json),
                "{json}"
            );
        }
        for text in [
            "nestns ps",
            "nestns exec x --",
            "nestns run -- x --format json",
            "nestns ps --format human",
        ] {
            assert_eq!(
                (of(text), of_words(text)),
                (ErrorFormat::Text, ErrorFormat::Text),
                "{text}"
            );
        }
    }

    #[test]
    fn a_verb_says_what_it_does_and_not_what_its_arguments_are() {
        // A doc comment on a struct that is flattened into the arguments would take the place of the verb's.
        let said: Vec<_> = Cli::command()
            .get_subcommands()
            .map(|verb| verb.get_about().map(ToString::to_string))
            .collect();
        for (verb, said) in whole_command().get_subcommands().zip(said) {
            assert_eq!(
                verb.get_about().map(ToString::to_string),
                said,
                "{}",
                verb.get_name()
            );
        }
    }

    #[test]
    fn every_flag_can_be_set_by_the_environment() {
        fn check(command: &Command) {
            let is_flag = |arg: &&Arg| {
                !matches!(arg.get_action(), ArgAction::Help | ArgAction::Version)
                    && !arg.is_positional()
            };
            for arg in command.get_arguments().filter(is_flag) {
                let expected = format!(
                    "NESTNS_{}",
                    arg.get_id().as_str().to_uppercase().replace('-', "_")
                );
                assert_eq!(
                    arg.get_env().and_then(|name| name.to_str()),
                    Some(expected.as_str()),
                    "{arg:?}"
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&whole_command());
    }

    #[test]
    fn every_verb_says_in_one_line_what_it_is_for() {
        for verb in Cli::command().get_subcommands() {
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
        }
    }
}
