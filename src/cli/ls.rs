//! `nestns ls`: the topologies that run, as the kernel and their controllers say.

use std::fmt::Write as _;
use std::path::Path;

use clap::builder::FalseyValueParser;

use super::command_error::CommandError;
use super::ended::{age, reason};
use super::standard_error;
use super::status::Status;
use super::table_arguments::{Field, TableArguments};
use crate::present::age::{Age, date};
use crate::present::state::{State, style};
use crate::present::table::{Cell, Cut};
use nestns_client::discovery::{self, Found, Presence};
use nestns_client::documents::{EndEntry, EndedDocument, Kind, LsDocument, TopologyEntry};
use nestns_client::ended;
use nestns_client::protocol::message::Status as Numbers;
use nestns_client::state_directory::lock_in;
use nestns_observe::locks;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A topology is running if its controller answers. Others are listed too, with a state of their own: `starting` and \
`silent` have a controller that does not answer yet, or no longer; `leftover` is the state left behind by a \
controller that was killed, and `nestns prune` removes it; `strange` is answered by something else, such as a \
controller of another version. With --all, detached topologies that have ended are listed as well, as `ended`, until \
`nestns prune` removes what they left or their name is used again. Whatever has gone wrong without ending a topology, such as output that could not be \
kept, is its `problem`, and is shown below the table.

Columns: name, state, ns, procs, depth, age, controller, file, directory, since, ended, status, reason, problem. The table is for people; \
scripts should use --format json.")]
pub(super) struct Args {
    /// Include detached topologies that have ended
    #[arg(short, long, env = "NESTNS_ALL", value_parser = FalseyValueParser::new())]
    all: bool,

    #[command(flatten)]
    table: TableArguments,
}

type Of = Field<TopologyEntry>;

const FIELDS: [Of; 14] = [
    Of::new("name", "NAME", |one, _| Cell::text(&one.name)),
    Of::new("state", "STATE", |one, _| {
        Cell::styled(
            &one.state,
            State::of(&one.state).map(style).unwrap_or_default(),
        )
    }),
    Of::new("ns", "NS", |one, _| Cell::maybe(one.namespaces)).right(),
    Of::new("procs", "PROCS", |one, _| Cell::maybe(one.processes)).right(),
    Of::new("depth", "DEPTH", |one, _| Cell::maybe(one.depth)).right(),
    Of::new("age", "AGE", |one, redaction| {
        Cell::maybe(one.since.map(|since| redaction.time(Age(age(since)))))
    })
    .right(),
    Of::new("controller", "CONTROLLER", |one, redaction| {
        Cell::maybe(one.controller.map(|pid| redaction.host_pid(pid)))
    })
    .right(),
    Of::new("file", "FILE", |one, _| Cell::maybe(one.file.as_ref())).cut(Cut::Middle),
    Of::new("directory", "DIRECTORY", |one, _| {
        Cell::text(&one.directory)
    })
    .cut(Cut::Middle)
    .unusual(),
    Of::new("since", "SINCE", |one, redaction| {
        Cell::maybe(one.since.map(|since| redaction.time(date(since))))
    })
    .unusual(),
    Of::new("ended", "ENDED", |one, redaction| {
        Cell::maybe(one.end.as_ref().map(|end| redaction.time(date(end.ended))))
    })
    .unusual(),
    Of::new("status", "STATUS", |one, _| {
        Cell::maybe(one.end.as_ref().map(|end| end.status))
    })
    .right()
    .unusual(),
    Of::new("reason", "REASON", |one, _| {
        Cell::maybe(one.end.as_ref().map(|end| end.reason.clone()))
    })
    .cut(Cut::End)
    .unusual(),
    Of::new("problem", "PROBLEM", |one, _| {
        Cell::maybe(one.problem.as_ref())
    })
    .cut(Cut::End)
    .unusual(),
];

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let columns = args.table.columns(&FIELDS)?;
    let topologies: Vec<TopologyEntry> = discovery::everything()
        .into_iter()
        .filter(|found| args.all || !matches!(found.presence, Presence::Ended(_)))
        .filter_map(describe)
        .collect();
    write_notes(&topologies);
    if args.table.is_json() {
        args.table.answer().write(&LsDocument {
            schema: Kind::Ls.schema().into(),
            topologies,
        })?;
    } else {
        args.table.show(&columns, &topologies, |one| &one.name)?;
    }
    Ok(Status::Done)
}

/// `None` for what has gone while it was looked at.
fn describe(found: Found) -> Option<TopologyEntry> {
    let Found {
        name,
        directory,
        presence,
        ..
    } = found;
    let (state, numbers, problem) = match presence {
        Presence::Ended(end) => return Some(describe_ended(&directory, &end)),
        Presence::Controller(numbers) => {
            let problem = (!numbers.problems.is_empty()).then(|| numbers.problems.join("; "));
            (numbers.state.clone(), Some(numbers), problem)
        }
        Presence::Silent { controller } => (
            "silent".to_owned(),
            None,
            Some(format!("its controller, PID {controller}, does not answer")),
        ),
        Presence::Strange(reason) => ("strange".to_owned(), None, Some(reason)),
        // The lock is the controller's or the guardian's, which is about to answer, or to tidy up.
        Presence::Nobody => match locks::is_locked(&lock_in(&directory)) {
            Some(true) => (
                "starting".to_owned(),
                None,
                Some("its controller has not opened its socket".to_owned()),
            ),
            _ if directory.exists() => (
                "leftover".to_owned(),
                None,
                Some("its controller has died and left this state behind".to_owned()),
            ),
            _ => return None,
        },
    };
    let numbers: Option<Box<Numbers>> = numbers;
    let of = |field: fn(&Numbers) -> u32| numbers.as_deref().map(field);
    Some(TopologyEntry {
        name,
        state,
        namespaces: of(|numbers| numbers.namespaces),
        processes: of(|numbers| numbers.processes),
        depth: of(|numbers| numbers.depth),
        since: numbers.as_ref().map(|numbers| numbers.since),
        file: numbers.as_ref().and_then(|numbers| numbers.file.clone()),
        controller: numbers.as_ref().map(|numbers| numbers.controller),
        directory: directory.display().to_string(),
        problem,
        end: None,
    })
}

fn describe_ended(directory: &Path, end: &EndedDocument) -> TopologyEntry {
    TopologyEntry {
        name: end.topology.clone(),
        state: ended::STATE.to_owned(),
        namespaces: Some(end.namespaces),
        processes: Some(end.processes),
        depth: Some(end.depth),
        since: Some(end.since),
        file: end.file.clone(),
        controller: None,
        directory: directory.display().to_string(),
        problem: (!end.problems.is_empty()).then(|| end.problems.join("; ")),
        end: Some(EndEntry {
            ended: end.ended,
            reason: reason(end),
            status: end.status,
        }),
    }
}

fn write_notes(topologies: &[TopologyEntry]) {
    let mut text = String::new();
    for one in topologies {
        if let Some(EndEntry {
            ended,
            reason,
            status,
        }) = &one.end
        {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "note: `{}` ended {} ago: {reason}; status {status}",
                one.name,
                Age(age(*ended))
            );
        }
        // Writing to a string cannot fail.
        let _ = match one.state.as_str() {
            "leftover" => writeln!(
                text,
                "note: `{}` is a leftover: its controller has died; `nestns prune` removes {}",
                one.name, one.directory
            ),
            "silent" => writeln!(
                text,
                "note: `{}` is silent: {}; it is stopped, or the machine is very busy. `kill -CONT` resumes a stopped \
                 one, `kill -KILL` kills it and its whole tree",
                one.name,
                one.problem.as_deref().unwrap_or_default()
            ),
            "strange" => {
                writeln!(
                    text,
                    "note: `{}` cannot be queried: {}",
                    one.name,
                    one.problem.as_deref().unwrap_or_default()
                )
            }
            name => one.problem.iter().try_for_each(|problem| {
                if name == "starting" {
                    Ok(())
                } else {
                    writeln!(text, "warning: `{}`: {problem}", one.name)
                }
            }),
        };
    }
    if !text.is_empty() {
        standard_error::write(&text);
    }
}
