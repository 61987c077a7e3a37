//! `nestns exec`: run a program in a namespace of a running topology, and end with its status.
//!
//! The controller forks and reaps the program; what this side has is its streams, or the other side of its terminal.

mod many;
mod plain;
mod process;
mod terminal;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};

use clap::ArgAction;
use clap::builder::FalseyValueParser;

use super::color::When;
use super::detach;
use super::selection::{self, Selected, Selection, resolve, resolve_one};
use super::status::Status;
use super::target::{Connection, Target};
use super::terminal::DetachKeys;
use super::undeclared;
use crate::cli::command_error::{CommandError, Context as _};
use nestns_client::protocol::message::ExecRequest;
use nestns_client::state_directory::{STATE_ROOT, TRUTH_VARIABLE, state_root, truth_in};
use nestns_runtime::engine::plan;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Address, Session};
use plain::Ran;
use process::{ExecProcess, own_failure};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The program enters every namespace of the target (pid, mnt, net, …): those of PID 1 if ADDR is a namespace, its own \
if ADDR is a process. Without CMD, $SHELL is run, with a terminal if the caller has one. The environment is that of \
the topology, then the caller's, then the namespace's `env`, then -e, later ones overriding earlier ones; the program \
starts in the namespace's `cwd`.

Standard input, output and error are the caller's own descriptors: nothing is copied, and nothing is mixed. With -t all \
three are a new pseudo-terminal. Signals are passed on to the program, real-time signals included, except those of \
job control (CONT, TSTP, TTIN and TTOU). If this command is killed, the program is killed with everything in its \
session (with --session inherit, in its process group); with --tie-to-parent also when the process that started this \
command has ended.

The exit status is that of the program, or 128+n if signal n killed it; 1 if there is no such target, 125 if nestns \
itself failed, 126 if the program cannot be executed and 127 if it cannot be found. With --all, it is the highest of \
them.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(super) struct Args {
    #[command(flatten)]
    topology: Target,

    /// Keep standard input open; this is the default without -d
    #[arg(short, long, env = "NESTNS_INTERACTIVE", value_parser = FalseyValueParser::new())]
    interactive: bool,

    /// Allocate a pseudo-terminal for the program
    #[arg(short, long, env = "NESTNS_TTY", value_parser = FalseyValueParser::new())]
    tty: bool,

    /// Start the program and return; its output is kept for `nestns logs`
    #[arg(short, long, env = "NESTNS_DETACH", value_parser = FalseyValueParser::new())]
    detach: bool,

    /// End the program when the process that started `nestns exec` ends, for whatever reason
    #[arg(long, env = "NESTNS_TIE_TO_PARENT", value_parser = FalseyValueParser::new(), conflicts_with = "detach")]
    tie_to_parent: bool,

    /// Session and process group of the program: its own, or with `inherit` ones led from outside, whose numbers are 0
    /// inside, as under nsenter(1); not with a terminal
    #[arg(
        long,
        value_enum,
        value_name = "WHICH",
        default_value_t,
        env = "NESTNS_SESSION"
    )]
    session: SessionWord,

    /// User to run as, by name or number, optionally with a group [default: the user that started the topology]
    #[arg(short, long, value_name = "USER[:GROUP]", env = "NESTNS_USER")]
    user: Option<String>,

    /// Working directory of the program [default: the namespace's `cwd`]
    #[arg(short, long, value_name = "DIR", env = "NESTNS_WORKDIR")]
    workdir: Option<String>,

    /// Set an environment variable; without a value, pass on the caller's
    #[arg(short, long, value_name = "NAME[=VALUE]", env = "NESTNS_ENV", action = ArgAction::Append)]
    env: Vec<String>,

    /// Run in every namespace that ADDR matches, at the same time; lines are prefixed with the path
    #[arg(long, env = "NESTNS_ALL", value_parser = FalseyValueParser::new(), conflicts_with_all = ["tty", "detach"])]
    all: bool,

    #[command(flatten)]
    selection: Selection,

    /// Kinds of namespaces to enter, separated by commas; `pid` is always entered [default: all]
    #[arg(long, value_name = "KINDS", env = "NESTNS_ONLY", value_delimiter = ',',
          value_parser = ["pid", "mnt", "uts", "ipc", "net", "cgroup", "user", "time"])]
    only: Option<Vec<String>>,

    /// Keys that detach from a program with a terminal: characters and `ctrl-X`, separated by commas; empty for none
    #[arg(
        long,
        value_name = "KEYS",
        default_value = "ctrl-p,ctrl-q",
        env = "NESTNS_DETACH_KEYS"
    )]
    detach_keys: DetachKeys,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,

    /// Namespace to run in, such as `vm/ci`, or process whose namespaces to enter
    #[arg(value_name = "ADDR")]
    target: Address,

    /// Program and its arguments [default: $SHELL]
    #[arg(
        value_name = "CMD",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// Value of `--session`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum SessionWord {
    /// A session of its own, which it leads
    #[default]
    Own,
    /// The session of the controller, and a process group without a leader inside: both numbers are 0 there
    Inherit,
}

impl From<SessionWord> for Session {
    fn from(word: SessionWord) -> Self {
        match word {
            SessionWord::Own => Self::Own,
            SessionWord::Inherit => Self::Inherit,
        }
    }
}

/// Runs the verb.
pub(super) fn run(args: Args) -> Result<Status, CommandError> {
    let mut execution = execution(&args).map_err(CommandError::usage)?;
    let addresses = [args.target.clone()];
    let tied_to = args.tie_to_parent.then(tie_to_parent).transpose()?;
    let tied_to = tied_to.as_ref();
    let is_plain = !args.all && !execution.terminal && !execution.detached;
    let is_at_once = is_plain && is_full_path(&args.target);
    let connect = if is_at_once {
        selection::reach
    } else {
        selection::connect
    };
    let mut connection = connect(&args.topology, &addresses).map_err(own_failure)?;
    let truth = truth_in(&connection.directory).display().to_string();
    execution.env.insert(TRUTH_VARIABLE.to_owned(), truth);
    if let Some(root) = state_root() {
        execution
            .env
            .insert(STATE_ROOT.to_owned(), root.display().to_string());
    }
    if is_at_once {
        // Most often it is a namespace: a request for `vm/ci` need not be told first of all that
        // runs.
        let execution = ExecRequest {
            namespace: args.target.path(),
            ..execution.clone()
        };
        connection = match plain::run(connection, execution, tied_to)? {
            Ran::Over(status) => return Ok(status),
            Ran::NoNamespace(connection) => connection,
        };
    }
    let mut executions = executions(&mut connection, &args, &execution)?;
    if args.all {
        let lines = many::lines(args.color, &executions);
        return many::run(&connection, executions, lines, tied_to);
    }
    let no_namespace = || own_failure(CommandError::not_found("there is no such namespace"));
    let execution = executions.pop().ok_or_else(no_namespace)?;
    if is_plain {
        return match plain::run(connection, execution, tied_to)? {
            Ran::Over(status) => Ok(status),
            Ran::NoNamespace(_) => Err(no_namespace()),
        };
    }
    if execution.terminal {
        return terminal::run(connection, execution, args.detach_keys, tied_to);
    }
    start(connection, execution)
}

/// Returns whether it names one namespace or one process, and not by a number.
fn is_full_path(target: &Address) -> bool {
    target.is_exact() && !target.is_host() && target.number().is_none()
}

/// The process with which the program ends.
fn tie_to_parent() -> Result<Pidfd, CommandError> {
    let parent = detach::parent();
    let what = "cannot tie the program to the process that started `nestns exec`";
    parent.context(what).map_err(own_failure)
}

/// Makes an execution for each of the places that are addressed.
fn executions(
    connection: &mut Connection,
    args: &Args,
    execution: &ExecRequest,
) -> Result<Vec<ExecRequest>, CommandError> {
    // A number may be that of any process, a name is that of a declared one.
    let snapshot = if args.target.number().is_some() {
        undeclared::snapshot(connection)
    } else {
        connection.snapshot()
    };
    let snapshot = snapshot.map_err(own_failure)?;
    let undeclared = selection::parents_of_undeclared(&snapshot);
    let found = if args.all {
        resolve(
            &snapshot,
            std::slice::from_ref(&args.target),
            &args.selection,
        )
        .map(|selections| many::where_to(&selections))
    } else {
        resolve_one(&snapshot, &args.target).map(|selected| vec![selected])
    };
    let places = found?;
    let mut executions = Vec::new();
    for selected in places {
        let beside = match selected {
            Selected::Namespace(_) => None,
            Selected::Process(process) => {
                let Some(identity) = selection::identity(process) else {
                    let message = format!(
                        "`{}` has ended, so nothing can be started next to it",
                        process.path
                    );
                    return Err(own_failure(CommandError::not_found(message)));
                };
                Some(identity)
            }
        };
        let namespace = selection::declared_around(&undeclared, selected.namespace()).to_owned();
        executions.push(ExecRequest {
            namespace,
            beside,
            ..execution.clone()
        });
    }
    Ok(executions)
}

/// Starts it, and goes.
fn start(connection: Connection, execution: ExecRequest) -> Result<Status, CommandError> {
    let mut process = ExecProcess::begin(connection, execution, &[])?;
    loop {
        if let Some(path) = process.path() {
            writeln!(std::io::stdout(), "{path}")?;
            return Ok(Status::Done);
        }
        if let Some(outcome) = process
            .wait()
            .context("cannot wait for the program (poll)")?
        {
            return outcome.into_status(process.connection());
        }
    }
}

/// Makes an execution that lacks only the namespace.
fn execution(asked: &Args) -> Result<ExecRequest, String> {
    let inherits = asked.session == SessionWord::Inherit;
    if inherits && asked.tty {
        return Err(
            "`--session inherit` and `--tty` cannot be used together: a terminal controls the session that its \
             program leads"
                .to_owned(),
        );
    }
    let is_shell = asked.command.is_empty();
    let argv = if is_shell {
        let shell = std::env::var("SHELL")
            .ok()
            .filter(|shell| !shell.is_empty());
        vec![shell.unwrap_or_else(|| "/bin/sh".to_owned())]
    } else {
        asked.command.clone()
    };
    let has_terminal = is_shell
        && !inherits
        && !asked.all
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal();
    let identity = asked
        .user
        .as_deref()
        .map(plan::Identity::look_up)
        .transpose()
        .map_err(|unknown| unknown.to_string())?;
    Ok(ExecRequest {
        namespace: String::new(),
        beside: None,
        argv,
        // What is not UTF-8 cannot be said in JSON.
        env: std::env::vars_os()
            // The manager of this command listens there.
            .filter(|(name, _)| name != "NOTIFY_SOCKET")
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        set: variables(&asked.env)?,
        cwd: asked.workdir.clone(),
        identity: identity.map(|identity| (identity.uid, identity.gid, identity.groups)),
        terminal: asked.tty || (has_terminal && !asked.detach),
        detached: asked.detach,
        only: asked.only.clone(),
        session: asked.session.into(),
    })
}

/// The variables of `-e`.
fn variables(words: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), std::env::var(word).ok()),
        };
        if name.is_empty() {
            return Err(format!("`--env {word}`: the name before `=` is missing"));
        }
        // One that the caller does not have either is not set, as with docker.
        if let Some(value) = value {
            variables.insert(name.to_owned(), value);
        }
    }
    Ok(variables)
}
