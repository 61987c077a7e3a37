//! `nestns pause` and `nestns resume`: freeze namespaces with all that is in them, and let them go on.

use std::io::Write as _;

use clap::builder::FalseyValueParser;

use super::command_error::CommandError;
use super::selection::{self, Selected, Selection, resolve};
use super::status::Status;
use super::target::Target;
use nestns_client::protocol::message::{Reply, Request, Snapshot};
use nestns_topology::Address;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
All processes in the namespace and in the namespaces inside it, whatever created them and however they entered, are \
moved into a cgroup that is then frozen; the command returns when the kernel confirms that all of them are frozen. \
The processes notice only that time has passed.

No process can be started in a paused namespace. Signals are delivered when it resumes, except KILL, which takes \
effect at once. A paused tree can be taken down like any other: `nestns down` resumes it first. A namespace that was \
paused itself stays paused when a paused namespace around it resumes.

Requires a cgroup v2 in which the caller may create cgroups: see `nestns doctor`.

  nestns pause vm/ci             this namespace
  nestns pause 'vm/w.*'          each of them
  nestns pause .                 the whole topology")]
pub(super) struct PauseArgs {
    #[command(flatten)]
    targets: Targets,
}

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("addresses", |arg| arg.help("Namespaces to resume")),
    after_help = "Each process returns to the cgroup it came from. `.` means everything that is paused."
)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    targets: Targets,
}

#[derive(Debug, clap::Args)]
struct Targets {
    /// Namespaces to pause
    #[arg(value_name = "ADDR", required = true)]
    addresses: Vec<Address>,

    #[command(flatten)]
    target: Target,

    /// Do not print what was done
    #[arg(short, long, env = "NESTNS_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Pause,
    Resume,
}

/// Runs `pause`.
pub(super) fn pause(args: &PauseArgs) -> Result<Status, CommandError> {
    run(&args.targets, What::Pause)
}

/// Runs `resume`.
pub(super) fn resume(args: &ResumeArgs) -> Result<Status, CommandError> {
    run(&args.targets, What::Resume)
}

fn run(targets: &Targets, what: What) -> Result<Status, CommandError> {
    let (mut connection, snapshot) = selection::look(&targets.target, &targets.addresses)?;
    let paths = namespaces(&snapshot, &targets.addresses, what)?;
    for path in paths {
        let request = match what {
            What::Pause => Request::Pause { path: path.clone() },
            What::Resume => Request::Resume { path: path.clone() },
        };
        match connection.client.ask(request) {
            Ok(Reply::Done) if targets.quiet => {}
            Ok(_) => {
                let done = if what == What::Pause {
                    "paused"
                } else {
                    "resumed"
                };
                writeln!(std::io::stdout(), "{done} {path}")?;
            }
            Err(error) => return Err(connection.fail(&error)),
        }
    }
    Ok(Status::Done)
}

/// The outermost of the namespaces that are meant: what is inside of them is with them.
fn namespaces(
    snapshot: &Snapshot,
    addresses: &[Address],
    what: What,
) -> Result<Vec<String>, CommandError> {
    let mut paths: Vec<&str> = Vec::new();
    for address in addresses {
        if address.is_everything() {
            let is_meant = |state: Option<&str>| what == What::Pause || state == Some("paused");
            let all = snapshot
                .namespaces
                .iter()
                .filter(|namespace| is_meant(namespace.state.as_deref()));
            paths.extend(all.map(|namespace| &*namespace.path));
            if paths.is_empty() {
                return Err(CommandError::not_found("nothing is paused"));
            }
            continue;
        }
        let selections = resolve(
            snapshot,
            std::slice::from_ref(address),
            &Selection::default(),
        );
        for selected in selections? {
            match selected {
                Selected::Namespace(namespace) => paths.push(&namespace.path),
                // A pattern means the namespaces among what it matches.
                Selected::Process(_) if !address.is_exact() => {}
                Selected::Process(process) => {
                    let (path, namespace) = (&process.path, &process.ns);
                    let error = CommandError::not_found(format!(
                        "`{path}` is a process, but only namespaces can be paused"
                    ));
                    return Err(error.help(format!(
                        "pause `{namespace}`, or stop the process alone: `nestns kill -s STOP {path}`"
                    )));
                }
            }
        }
    }
    if paths.is_empty() {
        return Err(CommandError::not_found(
            "none of the addresses is a namespace",
        ));
    }
    let is_inside = |path: &str, outer: &str| {
        path.strip_prefix(outer)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let mut outermost: Vec<String> = Vec::new();
    for path in &paths {
        if !paths.iter().any(|outer| is_inside(path, outer))
            && !outermost.iter().any(|known| known == path)
        {
            outermost.push((*path).to_owned());
        }
    }
    Ok(outermost)
}
