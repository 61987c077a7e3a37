//! `nestns restart`: start processes again, or build namespaces anew with all that is in them.

use std::io::Write as _;

use clap::builder::FalseyValueParser;

use super::command_error::CommandError;
use super::down::write_waiting;
use super::selection::{self, Selected, Selection, is_over, resolve};
use super::standard_error;
use super::status::Status;
use super::target::Target;
use crate::present::count::count;
use nestns_client::protocol::message::{Reply, Request, Snapshot};
use nestns_topology::Address;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Running processes are asked to stop and given their grace period, as with `nestns down`. Then they are created again \
as they originally were: a process by the same parent, in its namespace, with a new PID; a namespace with everything \
inside, in the order of the file. Before any of them runs, the state in the kernel is checked against the topology; \
`after` applies as at the first start. The path of a PID 1 means its namespace: `vm/ci/init` is `vm/ci`.

Processes and namespaces that have ended, or were taken down, are brought back in the same way, as long as the \
surrounding namespace exists. Everything else keeps running, and the topology does not count the stop as a failure.

What is about to be restarted is announced on standard error; the paths of what was restarted are written to standard \
output. The exit status is 0 when everything is running again, and 5 if something was stopped but could not be \
brought back; whatever is left of it is then removed.

  nestns restart vm/ci/runner        one process
  nestns restart vm/ci               the namespace, and everything in it
  nestns restart 'w.*/job'           one in each of many")]
pub(super) struct Args {
    /// Processes or namespaces to restart
    #[arg(value_name = "ADDR", required = true)]
    addresses: Vec<Address>,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    target: Target,

    /// Print errors only
    #[arg(long, short, env = "NESTNS_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let (mut connection, snapshot) = selection::look(&args.target, &args.addresses)?;
    let selections = resolve(&snapshot, &args.addresses, &args.selection)?;
    let paths = outermost(&selections, &args.addresses);
    if paths.is_empty() {
        let message =
            "none of the addresses can be restarted: programs started by `exec` run only once";
        return Err(CommandError::not_found(message));
    }
    if !args.quiet {
        for path in &paths {
            standard_error::write(&plan(path, &snapshot));
        }
    }
    connection
        .client
        .send(Request::Restart { paths }, &[])
        .map_err(|error| connection.fail(&error))?;
    loop {
        match connection.client.wait(None) {
            Ok(Some(answer)) => match answer.reply {
                Reply::Waiting(waiting) if !args.quiet => write_waiting(&connection.name, &waiting),
                Reply::Restarted(paths) => {
                    let text = paths.join("\n") + "\n";
                    if !args.quiet {
                        std::io::stdout().lock().write_all(text.as_bytes())?;
                    }
                    return Ok(Status::Done);
                }
                _ => {}
            },
            Ok(None) => {}
            Err(error) => return Err(connection.fail(&error)),
        }
    }
}

/// The paths of what is meant, without what is inside of something else that is.
fn outermost(selections: &[Selected<'_>], addresses: &[Address]) -> Vec<String> {
    // A pattern for what is in a namespace does not mean the namespace, for which its PID 1 stands.
    let is_meant = |selected: &&Selected<'_>| match selected {
        Selected::Namespace(_) => true,
        Selected::Process(process) => {
            let is_named = addresses
                .iter()
                .any(|address| address.path() == process.path);
            process.enter != "exec" && (process.enter != "init" || is_named)
        }
    };
    let mut paths: Vec<String> = Vec::new();
    for selected in selections.iter().filter(is_meant) {
        let path = match selected {
            Selected::Process(process) if process.enter == "init" => &process.ns,
            selected => selected.path(),
        };
        if !paths
            .iter()
            .any(|outer| path == outer || is_inside(path, outer))
        {
            paths.push(path.to_owned());
        }
    }
    paths
}

fn is_inside(path: &str, namespace: &str) -> bool {
    path.strip_prefix(namespace)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Announces the restart of a process or namespace.
fn plan(path: &str, snapshot: &Snapshot) -> String {
    if let Some(process) = snapshot
        .processes
        .iter()
        .find(|process| process.path == path)
    {
        let what = if is_over(process) {
            "to be started again"
        } else {
            "to be stopped and started again"
        };
        return format!("restarting `{path}`: 1 process, {what}\n");
    }
    let is_own = |inner: &str| inner == path || is_inside(inner, path);
    let namespaces = snapshot
        .namespaces
        .iter()
        .filter(|namespace| is_own(&namespace.path))
        .count();
    // PID 1s of nestns are part of their namespace; programs of `exec` do not come again.
    let declared: Vec<_> = snapshot
        .processes
        .iter()
        .filter(|process| is_own(&process.ns) && process.enter != "exec")
        .filter(|process| process.enter != "init" || process.argv != ["nestns", "init"])
        .collect();
    let running = declared.iter().filter(|process| !is_over(process)).count();
    let what = match running {
        0 => "to be created again; nothing of it is running".to_owned(),
        running if running == declared.len() => "to be stopped and created again".to_owned(),
        running => format!("to be stopped and created again; {running} of them running now"),
    };
    format!(
        "restarting `{path}`: {}, {}, {what}\n",
        count(namespaces, "namespace"),
        count(declared.len(), "process")
    )
}
