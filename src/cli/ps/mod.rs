//! `nestns ps`: a row a process.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anstyle::Style;
use clap::builder::FalseyValueParser;

use super::command_error::CommandError;
use super::selection::{self, Selected, Selection, Unresolved};
use super::standard_error;
use super::status::Status;
use super::table_arguments::{Field, TableArguments};
use super::target::{Connection, Target};
use super::undeclared;
use crate::present::age::Age;
use crate::present::depth;
use crate::present::redact::Redaction;
use crate::present::state::{State, style};
use crate::present::table::{Cell, Cut};
use nestns_client::documents::{
    ExitDocument, Kind, NamespaceOf, NamespaceRelations, ProcessDocument, PsDocument, PsRow,
    Sequence,
};
use nestns_client::protocol::message::Snapshot;
use nestns_client::shared_namespaces::SharedNamespaces;
use nestns_observe::memberships::Depth;
use nestns_observe::process::Clock;
use nestns_topology::{Address, Signal};

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

Columns: path, pid, ppid, state, age, command, ns, name, enter, exit, hostpid, labels; with -N also pidns, userns, \
mntns, netns, utsns, ipcns, cgroupns, timens. The table is for people; scripts should use --format json.")]
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

/// A row of the table, and of the document.
#[derive(Debug)]
struct Row<'a> {
    process: &'a ProcessDocument,
    topology: &'a str,
    /// Path for people, with the topology in front where several are shown.
    path: Cow<'a, str>,
    state: Option<State>,
    age: Option<Duration>,
    /// Of a row that stands for others like this one: how many.
    more: Option<(usize, Cow<'a, str>)>,
    /// Answer of the kernel about the namespaces of the process, when that was asked for, or why it does not.
    namespaces: Option<Result<NamespaceRelations, String>>,
}

const fn usual<'a>() -> [Field<Row<'a>>; 12] {
    [
        Field::new("path", "PATH", |row: &Row, _| {
            let style = depth::style(row.process.pids.len().saturating_sub(1));
            match &row.more {
                Some((more, like)) => {
                    Cell::styled(&format!("… {more} more like {like}"), style.dimmed())
                }
                None => Cell::styled(&row.path, style),
            }
        })
        .cut(Cut::Middle),
        Field::new("pid", "PID", |row: &Row, redaction| {
            row.while_it_lives(|process| Cell::text(&redaction.chain(&process.pids)))
        }),
        Field::new("ppid", "PPID", |row: &Row, _| {
            row.while_it_lives(|process| Cell::maybe(process.ppids.last().copied().flatten()))
        })
        .right(),
        Field::new("state", "STATE", |row: &Row, _| row.one(state)),
        Field::new("age", "AGE", |row: &Row, redaction| {
            row.one(|row| Cell::maybe(row.age.map(|age| redaction.time(Age(age)))))
        })
        .right(),
        Field::new("command", "COMMAND", |row: &Row, _| row.one(command)).cut(Cut::End),
        Field::new("ns", "NS", |row: &Row, _| Cell::text(&row.process.ns))
            .cut(Cut::Middle)
            .unusual(),
        Field::new("name", "NAME", |row: &Row, _| Cell::text(&row.process.name)).unusual(),
        Field::new("enter", "ENTER", |row: &Row, _| {
            Cell::text(&row.process.enter)
        })
        .unusual(),
        Field::new("exit", "EXIT", |row: &Row, _| {
            Cell::maybe(row.process.exit.map(ExitDocument::status))
        })
        .right()
        .unusual(),
        Field::new("hostpid", "HOSTPID", |row: &Row, redaction| {
            let pid = |process: &ProcessDocument| process.pids.first().copied().flatten();
            row.while_it_lives(|process| {
                Cell::maybe(pid(process).map(|pid| redaction.host_pid(pid)))
            })
        })
        .right()
        .unusual(),
        Field::new("labels", "LABELS", |row: &Row, _| {
            let labels = row
                .process
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"));
            Cell::text(&labels.collect::<Vec<_>>().join(","))
        })
        .cut(Cut::End)
        .unusual(),
    ]
}

/// The columns, those of the namespaces with them where they were asked for.
fn fields<'a>(with_namespaces: bool) -> Vec<Field<Row<'a>>> {
    let mut fields: Vec<_> = usual().into();
    if with_namespaces {
        // A function pointer holds nothing, so that each kind has its own.
        fields.extend([
            Field::new("pidns", "PIDNS", |row: &Row, redaction| {
                space(row, "pid", redaction)
            })
            .right(),
            Field::new("userns", "USERNS", |row: &Row, redaction| {
                space(row, "user", redaction)
            })
            .right(),
            Field::new("mntns", "MNTNS", |row: &Row, redaction| {
                space(row, "mnt", redaction)
            })
            .right(),
            Field::new("netns", "NETNS", |row: &Row, redaction| {
                space(row, "net", redaction)
            })
            .right(),
            Field::new("utsns", "UTSNS", |row: &Row, redaction| {
                space(row, "uts", redaction)
            })
            .right(),
            Field::new("ipcns", "IPCNS", |row: &Row, redaction| {
                space(row, "ipc", redaction)
            })
            .right(),
            Field::new("cgroupns", "CGROUPNS", |row: &Row, redaction| {
                space(row, "cgroup", redaction)
            })
            .right(),
            Field::new("timens", "TIMENS", |row: &Row, redaction| {
                space(row, "time", redaction)
            })
            .right(),
        ]);
    }
    fields
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    let fields = fields(args.namespaces);
    let columns = args.table.columns(&fields)?;
    let snapshots = snapshots(args)?;
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
    // The process is about to end: there is no need to free each of ten thousand processes.
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

/// More undeclared processes than this that are alike are folded, to one less and a row for the others.
const ALIKE: usize = 6;

/// Folds undeclared processes of one parent, name and state.
fn fold(rows: &mut Vec<Row<'_>>) {
    let is_alike = |one: &Row<'_>, next: &Row<'_>| {
        let (process, other) = (one.process, next.process);
        !process.declared
            && !other.declared
            && one.topology == next.topology
            && (&process.ns, &process.name, &process.state)
                == (&other.ns, &other.name, &other.state)
            && process.ppids.first() == other.ppids.first()
    };
    let mut at = 0;
    while at < rows.len() {
        let alike = 1 + rows[at + 1..]
            .iter()
            .take_while(|row| is_alike(&rows[at], row))
            .count();
        if alike > ALIKE {
            let first = at + ALIKE - 1;
            let more = alike - (ALIKE - 1);
            rows[first].more = Some((more, rows[at].path.clone()));
            rows.drain(first + 1..at + alike);
            at = first + 1;
        } else {
            at += alike;
        }
    }
}

impl<'a> Row<'a> {
    fn document(&self) -> PsRow<&'a ProcessDocument> {
        let (namespaces, problem) = match &self.namespaces {
            None => (None, None),
            Some(Ok(relations)) => (Some(relations.clone()), None),
            Some(Err(problem)) => (Some(NamespaceRelations::default()), Some(problem.clone())),
        };
        PsRow {
            process: self.process,
            topology: self.topology.to_owned(),
            namespaces,
            problem,
        }
    }

    /// A cell about the process; nothing where it stands for several.
    fn one(&self, cell: impl FnOnce(&Self) -> Cell) -> Cell {
        if self.more.is_some() {
            Cell::text("")
        } else {
            cell(self)
        }
    }

    fn has_ended(&self) -> bool {
        selection::is_over(self.process)
    }

    /// A number may be given to another process as soon as its own has ended.
    fn while_it_lives(&self, cell: impl FnOnce(&ProcessDocument) -> Cell) -> Cell {
        self.one(|row| {
            if row.has_ended() {
                Cell::None
            } else {
                cell(row.process)
            }
        })
    }
}

/// The command line; the name where there is none, as `ps` of procps has it.
fn command(row: &Row) -> Cell {
    match (row.process.argv.as_slice(), &*row.process.name) {
        ([], name) if !row.process.declared => Cell::text(&format!("[{name}]")),
        (argv, _) => Cell::text(&argv.join(" ")),
    }
}

/// The word, with what it ended with where that is not plain.
fn state(row: &Row) -> Cell {
    let word = row.process.state.as_deref().unwrap_or_default();
    let text = match row.process.exit {
        Some(ExitDocument::Signal(signal)) => format!("{word} ({})", Signal::from_number(signal)),
        Some(ExitDocument::Code(code)) if code != 0 => format!("{word} ({code})"),
        _ => word.to_owned(),
    };
    Cell::styled(&text, row.state.map(style).unwrap_or_default())
}

fn space(row: &Row, kind: &str, redaction: Redaction) -> Cell {
    let Some(spaces) = &row.namespaces else {
        return Cell::None;
    };
    match spaces
        .as_ref()
        .ok()
        .and_then(|relations| relations.get(kind))
    {
        Some(relation) => {
            let inode = redaction.inode(relation.inode);
            match relation.of {
                Some(NamespaceOf::Around) => {
                    Cell::styled(&format!("{inode}="), Style::new().dimmed())
                }
                Some(NamespaceOf::Namespace) => Cell::text(&format!("{inode} ")),
                Some(NamespaceOf::Process) => Cell::text(&format!("{inode}!")),
                None => Cell::text(&format!("{inode}?")),
            }
        }
        None if row.has_ended() => Cell::None,
        None => Cell::text("?"),
    }
}
