//! `nestns prune`: remove the state of topologies of which nothing is left.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use clap::builder::FalseyValueParser;

use super::answer_format::{AnswerFormat, write_document};
use super::command_error::{CommandError, ErrorKind};
use super::ended::age;
use super::launch;
use super::status::Status;
use crate::present::age::Age;
use nestns_client::discovery::{self, Found};
use nestns_client::documents::{Kept, Kind, PruneDocument, Removed};
use nestns_client::state_directory::StateError;
use nestns_runtime::controller::freezer::orphans::{Orphan, orphans};
use nestns_runtime::controller::state_directory::{EndRecord, Seized, seize};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Removes only state that is proven stale: its lock is not held, and its PID 1s have ended or date from before the last \
boot; and the logs, the events and the end of detached topologies that have ended. The same goes for cgroups left over \
from pauses. Running topologies are not touched. The exit status is 1 if something else remains: namespaces that still \
run without a controller, which `nestns down NAME` ends, and files that nestns did not create or cannot read, which are \
never touched; and if a NAME is that of a running topology, or of none.

  nestns prune --older-than 7d           what ended more than a week ago")]
pub(super) struct Args {
    /// Topologies to remove the state of [default: all]
    #[arg(value_name = "NAME", value_parser = launch::name)]
    names: Vec<String>,

    /// Remove only what detached topologies have left that ended longer ago than this, such as 1h
    #[arg(long, value_name = "DURATION", env = "NESTNS_OLDER_THAN", value_parser = launch::duration)]
    older_than: Option<Duration>,

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
    let is_about_all = args.names.is_empty() && args.older_than.is_none();
    if is_about_all {
        for error in discovery::strange() {
            document.kept.push(kept(None, &error));
        }
    }
    let (running, ended): (Vec<Found>, Vec<Found>) =
        found(&args.names).into_iter().partition(Found::is_running);
    // A controller that answers, or something that claims to be one, looks after its own.
    let mut errors = unmet(&args.names, &running, &ended);
    for found in ended {
        prune(found, args, &mut document);
    }
    if is_about_all {
        // After those that a state directory tells of, which have gone with it.
        for orphan in &orphans() {
            prune_group(orphan, args.dry_run, &mut document);
        }
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
    let kept = document.kept.into_iter();
    errors.extend(kept.map(|Kept { why, help, .. }| CommandError::failed(why).help(help)));
    CommandError::of_several(errors).map(|()| Status::Done)
}

/// Errors of the names of which nothing is to be removed.
fn unmet(names: &[String], running: &[Found], ended: &[Found]) -> Vec<CommandError> {
    let has = |list: &[Found], name: &String| list.iter().any(|found| found.name == *name);
    let unmet = names.iter().filter(|name| !has(ended, name));
    let error = |name: &String| {
        if has(running, name) {
            let message = format!("`{name}` is running, so that nothing of it is removed");
            CommandError::new(ErrorKind::Conflict, message)
                .help(format!("`nestns down {name}` takes it down"))
        } else {
            CommandError::not_found(format!("no topology named `{name}` has left anything"))
                .help("`nestns ls -a` lists those that have")
        }
    };
    unmet.map(error).collect()
}

/// The state directories of these names, or all of them.
fn found(names: &[String]) -> Vec<Found> {
    if names.is_empty() {
        discovery::all()
    } else {
        names.iter().flat_map(|name| discovery::of(name)).collect()
    }
}

fn prune(found: Found, args: &Args, document: &mut PruneDocument) {
    let Found {
        name, directory, ..
    } = found;
    let left_over = match seize(&directory) {
        Ok(Seized::LeftOver(left_over)) => left_over,
        Ok(Seized::Record(record)) => {
            prune_record((name, &directory), record, args, document);
            return;
        }
        // A guardian at work, or a controller on its way.
        Ok(Seized::Held | Seized::Vanished) => return,
        Err(error) => {
            document.kept.push(kept(Some(name), &error));
            return;
        }
    };
    if args.older_than.is_some() {
        // It has not ended in order, and tells no time.
        return;
    }
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
    let removal = (!args.dry_run).then(|| left_over.remove().map(drop));
    note_removal((name, &directory), why.into(), removal, document);
}

/// Removes what a topology has left that has ended, if that is long enough ago.
fn prune_record(
    (name, directory): (String, &Path),
    record: EndRecord,
    args: &Args,
    document: &mut PruneDocument,
) {
    let end = record.ended();
    let is_meant = |least| end.as_ref().is_some_and(|end| age(end.ended) >= least);
    if args.older_than.is_some_and(|least| !is_meant(least)) {
        return;
    }
    let why = end.map_or_else(
        || "it has ended".to_owned(),
        |end| format!("it ended {} ago: {}", Age(age(end.ended)), end.reason),
    );
    let removal = (!args.dry_run).then(|| record.remove());
    note_removal((name, directory), why, removal, document);
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

/// Notes that a state directory was removed, or, where nothing is removed, that it would be; or what kept it.
fn note_removal(
    (name, directory): (String, &Path),
    why: String,
    removal: Option<Result<(), StateError>>,
    document: &mut PruneDocument,
) {
    match removal {
        Some(Err(error)) => document.kept.push(kept(Some(name), &error)),
        Some(Ok(())) | None => document.removed.push(Removed {
            name,
            directory: directory.display().to_string(),
            why: why.into(),
        }),
    }
}

fn kept(name: Option<String>, error: &StateError) -> Kept {
    Kept {
        name,
        why: error.to_string(),
        help: error.help(),
    }
}
