//! `nestns prune`: remove the state of topologies of which nothing is left.

use std::io::Write;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use serde::Serialize;

use super::status::Status;
use super::tell::tell;
use crate::controller::census::{self, Found, Presence};
use crate::controller::freezer::orphans::{Orphan, orphans};
use crate::controller::state_directory::{Seized, StateError, seize};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Only what is proven gone is removed: nobody holds its lock, and its PID 1s have ended or are from before the last boot. \
So are cgroups of pauses that nobody has dissolved. Topologies that run are not concerned. The status is 1 when something else stays: what still runs without a controller, \
which `nestns down NAME` ends, and what nestns has not made or cannot understand, which is never touched.")]
pub(super) struct Args {
    /// Say what would be removed, and remove nothing
    #[arg(short = 'n', long, env = "NESTNS_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,

    /// What to answer
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: AnswerFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum AnswerFormat {
    /// People: a line each
    #[default]
    Human,
    /// Programs: one document `nestns.prune/1`
    Json,
}

#[derive(Debug, Serialize)]
struct PruneDocument {
    schema: &'static str,
    dry_run: bool,
    removed: Vec<Removed>,
    kept: Vec<Kept>,
}

#[derive(Debug, Serialize)]
struct Removed {
    name: String,
    directory: String,
    why: &'static str,
}

#[derive(Debug, Serialize)]
struct Kept {
    /// `null` for what is not in the place of a topology.
    name: Option<String>,
    why: String,
    help: String,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    let mut document =
        PruneDocument { schema: "nestns.prune/1", dry_run: args.dry_run, removed: Vec::new(), kept: Vec::new() };
    for error in census::strange() {
        document.kept.push(kept(None, &error));
    }
    for found in census::all() {
        // Whoever is at home, or calls himself so, looks after it.
        if matches!(found.presence, Presence::Nobody) {
            prune(found, args.dry_run, &mut document);
        }
    }
    // After those that a state directory tells of, which have gone with it.
    for orphan in &orphans() {
        prune_group(orphan, args.dry_run, &mut document);
    }
    let mut stdout = std::io::stdout().lock();
    match args.format {
        AnswerFormat::Json => {
            serde_json::to_writer_pretty(&mut stdout, &document).map_err(std::io::Error::from)?;
            writeln!(stdout)?;
        }
        AnswerFormat::Human => {
            let did = if args.dry_run { "would remove" } else { "removed" };
            for Removed { name, why, .. } in &document.removed {
                writeln!(stdout, "{did} {name}: {why}")?;
            }
        }
    }
    for Kept { why, help, .. } in &document.kept {
        tell(&format!("error: {why}\n  = help: {help}\n"));
    }
    Ok(if document.kept.is_empty() { Status::Done } else { Status::No })
}

fn prune(found: Found, dry_run: bool, document: &mut PruneDocument) {
    let Found { name, directory, .. } = found;
    let left_over = match seize(&directory) {
        Ok(Seized::LeftOver(left_over)) => left_over,
        // A guardian at work, or a controller on its way.
        Ok(Seized::Held | Seized::Vanished) => return,
        Err(error) => {
            document.kept.push(kept(Some(name), &error));
            return;
        }
    };
    let living: Vec<String> = left_over.living().into_iter().map(|path| format!("`{path}`")).collect();
    if !living.is_empty() {
        let verb = if living.len() == 1 { "runs" } else { "run" };
        let why = format!("{} of `{name}` still {verb}, without a controller", living.join(", "));
        let help = format!("`nestns down {name}` ends what is left of it");
        document.kept.push(Kept { name: Some(name), why, help });
        return;
    }
    let why = left_over.fate().words();
    if !dry_run && let Err(error) = left_over.remove() {
        document.kept.push(kept(Some(name), &error));
        return;
    }
    document.removed.push(Removed { name, directory: directory.display().to_string(), why });
}

/// Removes the cgroup of a pause whose topology has left nothing else.
fn prune_group(orphan: &Orphan, dry_run: bool, document: &mut PruneDocument) {
    let Orphan { name, directory, members } = orphan;
    let directory = directory.display().to_string();
    if *members > 0 {
        let why = format!("processes of `{name}` are still in {directory}, without a controller");
        let help = format!("`echo 1 > {directory}/cgroup.kill` ends them");
        document.kept.push(Kept { name: Some(name.clone()), why, help });
        return;
    }
    if !dry_run && let Err(error) = orphan.remove() {
        let why = format!("cannot remove the cgroup {directory}: {error}");
        let help = "look at who is in it: `cat cgroup.procs`".to_owned();
        document.kept.push(Kept { name: Some(name.clone()), why, help });
        return;
    }
    let why = "the cgroup of a pause, of which nothing else is left";
    document.removed.push(Removed { name: name.clone(), directory, why });
}

fn kept(name: Option<String>, error: &StateError) -> Kept {
    Kept { name, why: error.to_string(), help: error.help() }
}
