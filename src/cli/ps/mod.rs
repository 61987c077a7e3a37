//! `nestns ps`: a row a process.

mod columns;
mod row;

use std::collections::{HashMap, HashSet};

use clap::builder::FalseyValueParser;

use self::columns::{GROUPS, fields};
use self::row::{Row, fold};
use crate::cli::command_error::CommandError;
use crate::cli::selection::{self, Selected, Selection, Unresolved};
use crate::cli::standard_error;
use crate::cli::status::Status;
use crate::cli::table_arguments::TableArguments;
use crate::cli::target::{Connection, Target};
use crate::cli::undeclared;
use crate::present::state::State;
use nestns_client::documents::{Kind, ProcessDocument, PsDocument, Sequence};
use nestns_client::protocol::message::Snapshot;
use nestns_client::shared_namespaces::SharedNamespaces;
use nestns_observe::memberships::Depth;
use nestns_observe::process::Clock;
use nestns_topology::Address;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without ADDR and -n, the processes of all topologies are shown, each prefixed with `NAME:/` if there are several; \
inside `nestns run`, `test` and `exec`, those of their own topology.

PID is the chain of numbers of a process, outermost first: `5303/7/4` is 5303 on the host, 7 in the surrounding \
namespace and 4 in its own. PPID is the number of its parent in its own namespace, 0 if the parent is outside. A \
process that has ended has no PID.

Undeclared processes, which were forked by a program of the tree or have entered by other means such as nsenter(1), \
are addressed by their number in the nearest surrounding namespace of the file: `vm#17`. Those in a namespace created \
by a program, such as a container, have one more number. A `zombie` has exited and has not been reaped by its parent. \
Of more than six processes that are alike, five are shown.

With -N there is a column for each kind of namespace. It shows the inode, followed by `=` if it is that of the \
surrounding namespace (for a root, that of the host), or by `!` if it is the process's own, different from both that \
and the one of its PID 1. `?` means that the caller may not read it.

Columns: path, pid, ppid, state, age, command, ns, name, enter, exit, hostpid, pgid, sid, labels; with -N also pidns, \
userns, mntns, netns, utsns, ipcns, cgroupns, timens. The table is for people; scripts should use --format json.")]
pub(super) struct Args {
    /// Processes, or namespaces for the processes directly in them [default: everything in all topologies]
    #[arg(value_name = "ADDR")]
    addresses: Vec<Address>,

    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    selection: Selection,

    /// Show the namespaces that each process is in now
    #[arg(short = 'N', long, env = "NESTNS_NAMESPACES", value_parser = FalseyValueParser::new())]
    namespaces: bool,

    /// Show only processes declared in the file or started by `exec`
    #[arg(long, env = "NESTNS_DECLARED", value_parser = FalseyValueParser::new())]
    declared: bool,

    /// Show every undeclared process, instead of folding those that are alike
    #[arg(long, env = "NESTNS_NO_FOLD", value_parser = FalseyValueParser::new())]
    no_fold: bool,

    #[command(flatten)]
    table: TableArguments,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let fields = fields(args.namespaces);
    let columns = args.table.columns(&fields)?;
    let mut snapshots = snapshots(args)?;
    if args.table.is_json() || columns.iter().any(|column| GROUPS.contains(&column.name)) {
        for snapshot in &mut snapshots {
            snapshot
                .processes
                .iter_mut()
                .for_each(ProcessDocument::read_groups);
        }
    }
    let mut all = Vec::new();
    let mut nothing = None;
    for snapshot in &snapshots {
        match select(snapshot, args) {
            Ok(processes) => all.extend(rows(snapshot, processes, args, snapshots.len())),
            Err(unresolved) => nothing = Some(unresolved),
        }
    }
    if let Some(nothing) = nothing.filter(|_| all.is_empty()) {
        return Err(nothing.into());
    }
    if !args.no_fold && args.table.is_for_people() {
        fold(&mut all);
    }
    if args.table.is_json() {
        let only = snapshots.first().filter(|_| snapshots.len() == 1);
        let topology = only.map(|snapshot| snapshot.status.name.clone());
        let processes = Sequence(|| all.iter().map(Row::document));
        args.table.answer().write(&PsDocument {
            schema: Kind::Ps.schema().into(),
            topology,
            processes,
        })?;
    } else {
        args.table.show(&columns, &all, |row| &row.path)?;
    }
    // The process is about to end: there is no need to free each of ten thousand processes. The bench row is `ps, 1000
    // processes` of `life`.
    std::mem::forget(all);
    std::mem::forget(snapshots);
    Ok(Status::Done)
}

/// Snapshot of the topology that is asked for; of each one by default.
fn snapshots(args: &Args) -> Result<Vec<Snapshot>, CommandError> {
    let look = |connection: &mut Connection| {
        if args.declared {
            connection.snapshot()
        } else {
            undeclared::snapshot(connection)
        }
    };
    if !args.addresses.is_empty() {
        let mut connection = selection::connect(&args.target, &args.addresses)?;
        return look(&mut connection).map(|snapshot| vec![snapshot]);
    }
    let mut connections = args.target.connect_all()?;
    if let [only] = connections.as_mut_slice() {
        return look(only).map(|snapshot| vec![snapshot]);
    }
    // One that ends meanwhile is left out like one that has ended before.
    let snapshots = connections.iter_mut().filter_map(|connection| {
        look(connection)
            .inspect_err(|error| standard_error::write(&error.as_warning()))
            .ok()
    });
    Ok(snapshots.collect())
}

/// The processes that are asked for. A namespace stands for those directly in it; one that passes the filter of labels does
/// so with them, while a state is each process's own.
fn select<'a>(snapshot: &'a Snapshot, args: &Args) -> Result<Vec<&'a ProcessDocument>, Unresolved> {
    let wanted = &args.selection;
    let is_filtered = !wanted.label.is_empty() || !wanted.state.is_empty() || wanted.leaves;
    let inside = Selection {
        recursive: wanted.recursive || wanted.leaves,
        ..Selection::default()
    };
    selection::threads::note(snapshot, &args.addresses);
    let named = selection::resolve(snapshot, &args.addresses, &inside)?;
    let (named_spaces, named_paths) = apart(&named);
    let filtered = if is_filtered {
        let everything = Selection {
            recursive: false,
            ..wanted.clone()
        };
        Some(selection::resolve(snapshot, &[], &everything)?)
    } else {
        None
    };
    let filtered = filtered.as_deref().map(apart);
    let passes = |process: &&ProcessDocument| {
        let is_named = named_paths.contains(&*process.path) || named_spaces.contains(&*process.ns);
        is_named
            && filtered.as_ref().is_none_or(|(spaces, paths)| {
                paths.contains(&*process.path)
                    || (wanted.state.is_empty() && spaces.contains(&*process.ns))
            })
    };
    let mut processes: Vec<&ProcessDocument> = snapshot.processes.iter().filter(passes).collect();
    if processes.is_empty() {
        return Err(Unresolved::Filtered { has: Vec::new() });
    }
    // Programs of `exec` stand at the end of a snapshot; here they are among those of their namespace.
    let places: HashMap<&str, usize> = snapshot
        .namespaces
        .iter()
        .enumerate()
        .map(|(place, namespace)| (&*namespace.path, place))
        .collect();
    processes.sort_by_key(|process| places.get(&*process.ns));
    Ok(processes)
}

/// The paths of the namespaces, and those of the processes.
fn apart<'a>(selections: &[Selected<'a>]) -> (HashSet<&'a str>, HashSet<&'a str>) {
    let (mut spaces, mut paths) = (HashSet::new(), HashSet::new());
    for selected in selections {
        match selected {
            Selected::Namespace(namespace) => spaces.insert(&*namespace.path),
            Selected::Process(process) => paths.insert(&*process.path),
        };
    }
    (spaces, paths)
}

/// The rows of one topology, which is one of `shown`.
fn rows<'a>(
    snapshot: &'a Snapshot,
    processes: Vec<&'a ProcessDocument>,
    args: &Args,
    shown: usize,
) -> Vec<Row<'a>> {
    let topology = &*snapshot.status.name;
    let depth = if args.table.is_json() {
        Depth::Ids
    } else {
        Depth::Inodes
    };
    let mut shared = args
        .namespaces
        .then(|| SharedNamespaces::new(snapshot, depth));
    let clock = Clock::now();
    let row = |process: &'a ProcessDocument| {
        let state = process.state.as_deref().and_then(State::of);
        let is_over = selection::is_over(process);
        Row {
            process,
            topology,
            path: if shown > 1 {
                format!("{topology}:/{}", process.path).into()
            } else {
                (&*process.path).into()
            },
            state,
            age: process
                .start_time
                .filter(|_| !is_over)
                .map(|start| clock.age(start)),
            more: None,
            namespaces: shared
                .as_mut()
                .map(|shared| shared.of(process).map_err(|error| error.to_string())),
        }
    };
    processes.into_iter().map(row).collect()
}
