//! `nestns prune`: remove the state of topologies of which nothing is left.

use std::io::Write;

use clap::builder::FalseyValueParser;

use super::answer_format::{AnswerFormat, write_document};
use super::command_error::CommandError;
use super::status::Status;
use nestns_client::discovery::{self, Found, Presence};
use nestns_client::documents::{Kept, Kind, PruneDocument, Removed};
use nestns_client::state_directory::StateError;
use nestns_runtime::controller::freezer::orphans::{Orphan, orphans};
use nestns_runtime::controller::state_directory::{Seized, seize};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Removes only state that is proven stale: its lock is not held, and its PID 1s have ended or date from before the last \
boot. The same goes for cgroups left over from pauses. Running topologies are not touched. The exit status is 1 if \
something else remains: namespaces that still run without a controller, which `nestns down NAME` ends, and files that \
nestns did not create or cannot read, which are never touched.")]
pub(super) struct Args {
    /// Print what would be removed without removing it
    #[arg(short = 'n', long, env = "NESTNS_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,

    /// Output format
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let mut document = PruneDocument {
        schema: Kind::Prune.schema().into(),
        dry_run: args.dry_run,
        removed: Vec::new(),
        kept: Vec::new(),
    };
    for error in discovery::strange() {
        document.kept.push(kept(None, &error));
    }
    for found in discovery::all() {
        // A controller that answers, or something that claims to be one, looks after it.
        if matches!(found.presence, Presence::Nobody) {
            prune(found, args.dry_run, &mut document);
        }
    }
    // After those that a state directory tells of, which have gone with it.
    for orphan in &orphans() {
        prune_group(orphan, args.dry_run, &mut document);
    }
    match args.format {
        AnswerFormat::Json => write_document(&document)?,
        AnswerFormat::Human => {
            let mut stdout = std::io::stdout().lock();
            let did = if args.dry_run {
                "would remove"
            } else {
                "removed"
            };
            for Removed { name, why, .. } in &document.removed {
                writeln!(stdout, "{did} {name}: {why}")?;
            }
        }
    }
    let errors = document
        .kept
        .into_iter()
        .map(|Kept { why, help, .. }| CommandError::failed(why).help(help));
    CommandError::of_several(errors.collect()).map(|()| Status::Done)
}

fn prune(found: Found, dry_run: bool, document: &mut PruneDocument) {
    let Found {
        name, directory, ..
    } = found;
    let left_over = match seize(&directory) {
        Ok(Seized::LeftOver(left_over)) => left_over,
        // A guardian at work, or a controller on its way.
        Ok(Seized::Held | Seized::Vanished) => return,
        Err(error) => {
            document.kept.push(kept(Some(name), &error));
            return;
        }
    };
    let alive: Vec<String> = left_over
        .alive()
        .into_iter()
        .map(|path| format!("`{path}`"))
        .collect();
    if !alive.is_empty() {
        let verb = if alive.len() == 1 { "runs" } else { "run" };
        let why = format!(
            "{} of `{name}` still {verb} without a controller",
            alive.join(", ")
        );
        let help = format!("`nestns down {name}` ends what is left of it");
        document.kept.push(Kept {
            name: Some(name),
            why,
            help,
        });
        return;
    }
    let why = left_over.fate().words();
    if !dry_run && let Err(error) = left_over.remove() {
        document.kept.push(kept(Some(name), &error));
        return;
    }
    document.removed.push(Removed {
        name,
        directory: directory.display().to_string(),
        why: why.into(),
    });
}

/// Removes the cgroup of a pause whose topology has left nothing else.
fn prune_group(orphan: &Orphan, dry_run: bool, document: &mut PruneDocument) {
    let Orphan {
        name,
        directory,
        members,
    } = orphan;
    let directory = directory.display().to_string();
    if *members > 0 {
        let why = format!("processes of `{name}` are still in {directory} without a controller");
        let help = format!("`echo 1 > {directory}/cgroup.kill` ends them");
        document.kept.push(Kept {
            name: Some(name.clone()),
            why,
            help,
        });
        return;
    }
    if !dry_run && let Err(error) = orphan.remove() {
        let why = format!("cannot remove the cgroup {directory}: {error}");
        let help = "`cat cgroup.procs` there shows the processes in it".to_owned();
        document.kept.push(Kept {
            name: Some(name.clone()),
            why,
            help,
        });
        return;
    }
    let why = "a cgroup left over from a pause";
    document.removed.push(Removed {
        name: name.clone(),
        directory,
        why: why.into(),
    });
}

fn kept(name: Option<String>, error: &StateError) -> Kept {
    Kept {
        name,
        why: error.to_string(),
        help: error.help(),
    }
}
