//! `nestns events`: what happens to a running topology, as JSON Lines.

use std::collections::HashSet;
use std::io;

use clap::builder::FalseyValueParser;
use serde::{Deserialize, Serialize};

use super::command_error::{CommandError, Context as _};
use super::ended::EndedTopology;
use super::follower::{Follower, Wake};
use super::logs::with_note_on_lifetime;
use super::point;
use super::selection::{self, Selected, Selection, resolve};
use super::source::Source;
use super::standard_error;
use super::status::Status;
use super::target::{Connection, Target};
use nestns_client::documents::{NamespaceDocument, ProcessDocument};
use nestns_client::journal::event::WHOLE;
use nestns_client::journal::event_reader::EventReader;
use nestns_client::journal::stamp::Stamp;
use nestns_client::protocol::message::Snapshot;
use nestns_topology::Address;
use nestns_topology::address::Wanted;

/// So much is written at a time.
const FULL: usize = 64 * 1024;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each line is an object { ts, seq, event, path, … }: what was created, released, started or became ready; programs run \
by `nestns exec`, and who ran them; signals sent by nestns, exits, processes reparented to a PID 1, and the stages of \
a stop. `path` is `.` for the topology as a whole. `seq` is a counter; a gap means that events were lost.

By default, events are shown from now on until the topology ends, as with `docker events`; --since also shows earlier \
ones, of which the newest 8 to 16 MiB are kept. For a detached topology that \
has ended, all that are kept are shown, until `nestns prune` removes them or its name is used again. --no-follow shows the existing events, from the beginning unless \
--since is given, and exits.

With --snapshot, the first lines, with `event` \"snapshot\", are the state: the topology, its namespaces and its \
processes, one line each. The lines after them are the changes since then, without gaps or duplicates.

The address of a namespace means the namespace and the processes in it; if addresses are given, events about the \
topology as a whole are not shown.

  nestns events                          wait for events
  nestns events --snapshot vm/ci         the state of vm/ci, then its changes
  nestns events --no-follow | jq -r 'select(.event == \"exit\") | .path'")]
pub(super) struct Args {
    /// Processes or namespaces to show events of [default: the whole topology]
    #[arg(value_name = "ADDR")]
    addresses: Vec<Address>,

    /// Show the current state first
    #[arg(long, env = "NESTNS_SNAPSHOT", value_parser = FalseyValueParser::new())]
    snapshot: bool,

    /// Exit after the existing events, instead of waiting for more
    #[arg(long, env = "NESTNS_NO_FOLLOW", value_parser = FalseyValueParser::new())]
    no_follow: bool,

    /// Show events since this time: 10m (ago), or 2026-11-25T10:00:00Z
    #[arg(long, value_name = "TIME", env = "NESTNS_SINCE", conflicts_with = "snapshot", value_parser = point::parse)]
    since: Option<Stamp>,

    /// Show events up to this time, then exit
    #[arg(long, value_name = "TIME", env = "NESTNS_UNTIL", value_parser = point::parse)]
    until: Option<Stamp>,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    target: Target,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let source = Source::find(&args.target, &args.addresses).map_err(with_note_on_lifetime)?;
    let what = format!("cannot show the events of `{}`", source.name());
    match source {
        Source::Running(connection) => show_running(connection, args, &what),
        Source::Ended(ended) => show_ended(&ended, args, &what),
    }
}

/// Shows all events that there are: none follows.
fn show_ended(ended: &EndedTopology, args: &Args, what: &str) -> Result<Status, CommandError> {
    let snapshot = ended.snapshot()?;
    let scope = Scope::new(&snapshot, &args.addresses, &args.selection)?;
    let mut shown = Vec::new();
    if args.snapshot {
        write_snapshot(&snapshot, &scope, &mut shown);
    }
    let first = if args.snapshot { snapshot.events } else { 0 };
    let mut reader = EventReader::from(&ended.directory, first);
    reader.pin().context(what)?;
    ended.confirm()?;
    ended.tell();
    let mut events = Events {
        reader,
        scope,
        shown,
        is_first: true,
        end: None,
    };
    let mut follower = Follower::after_the_end();
    events.follow(&mut follower, args).context(what)?;
    Ok(Status::Done)
}

fn show_running(
    mut connection: Connection,
    args: &Args,
    what: &str,
) -> Result<Status, CommandError> {
    let directory = connection.directory.clone();
    let snapshot = connection.snapshot()?;
    let mut follower = if args.no_follow {
        Follower::once(connection)
    } else {
        Follower::begin(connection, &directory).context(what)?
    };
    let scope = Scope::new(&snapshot, &args.addresses, &args.selection)?;
    let mut shown = Vec::new();
    let is_from_start = args.since.is_some() || (args.no_follow && !args.snapshot);
    if args.snapshot {
        write_snapshot(&snapshot, &scope, &mut shown);
    }
    let mut events = Events {
        reader: EventReader::from(&directory, if is_from_start { 0 } else { snapshot.events }),
        scope,
        shown,
        is_first: is_from_start,
        end: args.no_follow.then_some(snapshot.events),
    };
    events.follow(&mut follower, args).context(what)?;
    Ok(Status::Done)
}

/// Events that were read, and the selection of those that are shown.
struct Events {
    reader: EventReader,
    scope: Scope,
    shown: Vec<u8>,
    /// True if nothing was read from the beginning on, so that the earlier events are unknown.
    is_first: bool,
    /// The number of the first event that is not shown.
    end: Option<u64>,
}

impl Events {
    fn follow(&mut self, follower: &mut Follower, args: &Args) -> io::Result<()> {
        loop {
            let is_last = follower.is_over() || args.no_follow;
            let has_passed = self.read(follower, args)?;
            self.write(follower)?;
            let now = std::time::SystemTime::now();
            if has_passed || is_last || args.until.is_some_and(|until| Stamp::from(now) > until) {
                return Ok(());
            }
            if follower.is_over() {
                continue;
            }
            let left = args.until.map(|until| {
                std::time::SystemTime::from(until)
                    .duration_since(now)
                    .unwrap_or_default()
            });
            if follower.wait(left, &mut || self.reader.pin())? == Wake::Unread {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    /// Reads what there is. Returns whether there was an event from after the end.
    fn read(&mut self, follower: &mut Follower, args: &Args) -> io::Result<bool> {
        while let Some(line) = self.reader.read()? {
            if self.end.is_some_and(|end| line.seq >= end) {
                return Ok(false);
            }
            if !std::mem::take(&mut self.is_first) && line.lost > 0 {
                standard_error::write(&format!(
                    "warning: {} events were lost before they could be read\n",
                    line.lost
                ));
            }
            let Ok(head) = serde_json::from_str::<Head>(&line.text) else {
                continue;
            };
            let stamp = Stamp::parse(head.ts.as_bytes()).unwrap_or_default();
            if args.until.is_some_and(|until| stamp > until) {
                return Ok(true);
            }
            if args.since.is_none_or(|since| stamp >= since) && self.scope.has(&head.path) {
                self.shown.extend_from_slice(line.text.as_bytes());
                self.shown.push(b'\n');
            }
            if self.shown.len() >= FULL {
                self.write(follower)?;
            }
        }
        Ok(false)
    }

    fn write(&mut self, follower: &mut Follower) -> io::Result<()> {
        follower.write(&std::mem::take(&mut self.shown), &mut || self.reader.pin())
    }
}

#[derive(Debug, Deserialize)]
struct Head {
    ts: String,
    path: String,
}

/// Selection of the events that are shown.
#[derive(Debug, Default)]
struct Scope {
    /// Everything where there is none.
    chosen: Option<HashSet<String>>,
    /// Namespaces of which everything is shown that comes into them.
    namespaces: HashSet<String>,
    /// Namespaces that are not shown: one inside another is no process of it.
    others: HashSet<String>,
    /// Addresses that select from namespaces and processes still to come.
    addresses: Vec<Address>,
}

impl Scope {
    fn new(
        snapshot: &Snapshot,
        addresses: &[Address],
        selection: &Selection,
    ) -> Result<Self, selection::Unresolved> {
        let is_narrowed =
            !selection.label.is_empty() || !selection.state.is_empty() || selection.leaves;
        if !is_narrowed && addresses.iter().all(Address::is_everything) {
            return Ok(Self {
                chosen: None,
                ..Self::default()
            });
        }
        let selections = resolve(snapshot, addresses, selection)?;
        let namespaces = selections.iter().filter_map(|selected| match selected {
            Selected::Namespace(namespace) => Some(namespace.path.clone()),
            Selected::Process(_) => None,
        });
        let namespaces: HashSet<String> = namespaces.collect();
        let others = snapshot
            .namespaces
            .iter()
            .map(|namespace| namespace.path.clone());
        let others = others.filter(|path| !namespaces.contains(path)).collect();
        let chosen = Some(
            selections
                .iter()
                .map(|selected| selected.path().to_owned())
                .collect(),
        );
        if is_narrowed {
            // Nothing is known yet of what comes, by which it could be kept or left out.
            return Ok(Self {
                chosen,
                ..Self::default()
            });
        }
        let addresses = addresses
            .iter()
            .filter(|address| address.number().is_none());
        let addresses = addresses
            .filter(|address| address.wanted() == Wanted::Anything)
            .cloned()
            .collect();
        Ok(Self {
            chosen,
            namespaces,
            others,
            addresses,
        })
    }

    fn has(&self, path: &str) -> bool {
        self.chosen.as_ref().is_none_or(|chosen| {
            let is_inside = path
                .rsplit_once('/')
                .is_some_and(|(namespace, _)| self.namespaces.contains(namespace));
            chosen.contains(path)
                || (is_inside && !self.others.contains(path))
                || self.addresses.iter().any(|address| address.matches(path))
        })
    }
}

#[derive(Debug, Serialize)]
struct State<'a, T> {
    ts: &'a str,
    event: &'static str,
    #[serde(flatten)]
    selected: T,
}

#[derive(Debug, Serialize)]
struct Whole<'a> {
    path: &'static str,
    /// The number of the first event that follows.
    seq: u64,
    name: &'a str,
    state: &'a str,
    namespaces: u32,
    processes: u32,
    depth: u32,
    controller: i32,
}

fn write_snapshot(snapshot: &Snapshot, scope: &Scope, shown: &mut Vec<u8>) {
    let ts = Stamp::from(std::time::SystemTime::now()).to_string();
    let status = &snapshot.status;
    let whole = Whole {
        path: WHOLE,
        seq: snapshot.events,
        name: &status.name,
        state: &status.state,
        namespaces: status.namespaces,
        processes: status.processes,
        depth: status.depth,
        controller: status.controller,
    };
    if scope.has(WHOLE) {
        write_state(&ts, whole, shown);
    }
    let mut inside: std::collections::HashMap<&str, Vec<&ProcessDocument>> =
        std::collections::HashMap::new();
    for process in &snapshot.processes {
        inside.entry(&process.ns).or_default().push(process);
    }
    for namespace in &snapshot.namespaces {
        if scope.has(&namespace.path) {
            write_state::<&NamespaceDocument>(&ts, namespace, shown);
        }
        for process in inside
            .remove(&*namespace.path)
            .into_iter()
            .flatten()
            .filter(|process| scope.has(&process.path))
        {
            write_state::<&ProcessDocument>(&ts, process, shown);
        }
    }
}

fn write_state<T: Serialize>(ts: &str, selected: T, shown: &mut Vec<u8>) {
    // Documents have no maps but with text as keys, so that they can always be written.
    if serde_json::to_writer(
        &mut *shown,
        &State {
            ts,
            event: "snapshot",
            selected,
        },
    )
    .is_ok()
    {
        shown.push(b'\n');
    }
}
