//! `nestns tree`: what runs, with the numbers that it has, or what a file declares, with those that it will get.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::FalseyValueParser;

use super::answer_format::{AnswerFormat, write_document};
use super::color::When;
use super::command_error::CommandError;
use super::console_reporter::charset;
use super::launch;
use super::machine;
use super::place::{self, Place};
use super::selection::{self, Selected, Selection};
use super::status::Status;
use super::table_arguments::AnswerArguments;
use super::target::{Connection, Target};
use super::topology_arguments::{TopologyArguments, Values};
use super::tree_document;
use super::undeclared;
use crate::present::count::count;
use crate::present::snapshot_nodes::{self, Dependencies, Scope, View};
use crate::present::state::State;
use crate::present::topology_nodes;
use crate::present::tree::{self, Folding, Look};
use nestns_client::discovery;
use nestns_client::documents::{
    Kind, NamespaceDocument, ProcessDocument, TreeDocument, TreeNamespace, TreeRow,
};
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{Reply, Request, Snapshot};
use nestns_topology::{Address, Topology};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The argument is a topology file if it is `-`, ends with `.toml`, begins with `/`, `./` or `../`, or is the name of an \
existing file; otherwise it is an address in a running topology. Without an argument the running topology is shown \
or, if none is running, the only topology file of this directory.

Numbers are PIDs, outermost first. For a file, they are the PIDs that creation in file order will assign; those on \
the host are unknown. `·` means invisible from the chosen namespace, `—` means ended. `after ../db ready` says what a \
process or namespace waits for in other namespaces, by the path from its own.

With --host, namespaces of running topologies are shown by path, all others as in /proc, pid:[INODE], followed by the \
id, which the kernel never reuses. Namespaces without processes that are kept alive by a mount, an open descriptor or \
a namespace inside are found as well. The processes of the host itself are only counted; --format json lists them.")]
pub(super) struct Args {
    /// Topology file, or address in a running topology [default: the running topology, else the file in this directory]
    #[arg(value_name = "FILE|ADDR")]
    subject: Option<String>,

    #[command(flatten)]
    target: Target,

    /// Show the PIDs as seen from this namespace, a path or `pid:[INODE]`; processes outside it have none
    #[arg(long, value_name = "NS", env = "NESTNS_FROM")]
    from: Option<Place>,

    /// Show the whole machine: every PID namespace that the caller may see, created by nestns or not
    #[arg(long, env = "NESTNS_HOST", conflicts_with_all = ["subject", "from"], value_parser = FalseyValueParser::new())]
    host: bool,

    /// Show every instance, instead of folding those that are alike
    #[arg(long, env = "NESTNS_NO_FOLD", value_parser = FalseyValueParser::new())]
    no_fold: bool,

    #[command(flatten)]
    values: Values,

    #[command(flatten)]
    answer: AnswerArguments,
}

/// Source of the tree that the argument names.
#[derive(Debug)]
enum Source {
    File(Option<PathBuf>),
    Running(Option<Address>),
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> Result<Status, CommandError> {
    if args.host {
        return match args.answer.format {
            AnswerFormat::Human => machine::show(folding(args), args.answer.color()),
            AnswerFormat::Json => machine::answer(),
        };
    }
    match source(args)? {
        Source::File(file) => of_file(args, file),
        Source::Running(address) => of_running(args, address),
    }
}

fn source(args: &Args) -> Result<Source, CommandError> {
    let Some(word) = args.subject.as_deref() else {
        let is_about_running = args.target.name.is_some() || args.from.is_some();
        let is_about_file = !args.values.are_empty();
        let runs_nothing = || {
            discovery::own().is_none() && discovery::all().iter().all(|found| !found.is_running())
        };
        let is_file = is_about_file || (!is_about_running && runs_nothing());
        return Ok(if is_file {
            Source::File(None)
        } else {
            Source::Running(None)
        });
    };
    if is_file(word) {
        return Ok(Source::File(Some(word.into())));
    }
    match word.parse() {
        Ok(address) => Ok(Source::Running(Some(address))),
        Err(error) => {
            let error = CommandError::usage(format!(
                "`{word}` is neither a file that exists nor an address: {error}"
            ));
            Err(error.help("write a file with its `.toml`, or with a leading `./`"))
        }
    }
}

/// Returns whether a word is meant as a file: no address has a `/` in front, or a dot behind a dot.
fn is_file(word: &str) -> bool {
    let begins = ["/", "./", "../"]
        .iter()
        .any(|beginning| word.starts_with(beginning));
    word == "-"
        || begins
        || Path::new(word)
            .extension()
            .is_some_and(|extension| extension == "toml")
        || word == ".."
        || Path::new(word).is_file()
}

fn of_file(args: &Args, file: Option<PathBuf>) -> Result<Status, CommandError> {
    if let Some(from) = &args.from {
        let error = CommandError::usage(format!("`--from {from}` needs a running topology"));
        let help = "start it with `nestns up -d`; for a file, the PIDs of every level are shown";
        return Err(error.help(help));
    }
    let arguments = TopologyArguments {
        file,
        values: args.values.clone(),
    };
    let checked = launch::check(&arguments, None, args.answer.color())?;
    declared(
        &checked.topology,
        args.answer.format,
        folding(args),
        args.answer.color(),
    )
}

fn folding(args: &Args) -> Folding {
    if args.no_fold {
        Folding::Never
    } else {
        FOLDING
    }
}

fn of_running(args: &Args, address: Option<Address>) -> Result<Status, CommandError> {
    let addresses: Vec<Address> = address.into_iter().collect();
    let from = args
        .from
        .as_ref()
        .filter(|from| from.is_in_topology())
        .and_then(Place::address);
    let named: Vec<Address> = addresses.iter().chain(from).cloned().collect();
    let (mut connection, mut snapshot) = undeclared::look(&args.target, &named)?;
    let after = dependencies(&mut connection)?;
    undeclared::name_hosts(&mut snapshot);
    if args.answer.format == AnswerFormat::Json {
        let processes = snapshot.processes.iter_mut();
        processes.for_each(ProcessDocument::read_groups);
    }
    let snapshot = snapshot;
    let from = args
        .from
        .as_ref()
        .map(|from| observer(&snapshot, from))
        .transpose()?
        .flatten();
    let inside = Selection {
        recursive: true,
        ..Selection::default()
    };
    selection::threads::note(&snapshot, &addresses);
    let selections = selection::resolve(&snapshot, &addresses, &inside)?;
    let scope = scope(&snapshot, &selections);
    match args.answer.format {
        AnswerFormat::Json => args
            .answer
            .write(&running(&snapshot, &after, &scope, from))?,
        AnswerFormat::Human => {
            let look = Look {
                charset: charset(),
                colour: args.answer.colour(),
                folding: folding(args),
            };
            let made = from
                .filter(|from| !from.declared)
                .map(|from| (from.level, inside_of(&snapshot, from)));
            let view = match &made {
                Some((level, inside)) => View::Made(*level, inside),
                None => from.map_or(View::Host, View::Namespace),
            };
            let nodes = snapshot_nodes::nodes(&snapshot, &after, &scope, view);
            std::io::stdout()
                .write_all(tree::render(&title(&snapshot, from), &nodes, look).as_bytes())?;
        }
    }
    Ok(Status::Done)
}

/// Dependencies of everything in a running tree.
fn dependencies(connection: &mut Connection) -> Result<Dependencies, CommandError> {
    match connection.client.ask(Request::Dependencies) {
        Ok(Reply::Dependencies(dependencies)) => Ok(dependencies),
        Ok(_) => Err(connection.fail(&ClientError::Unreadable("it is something else".to_owned()))),
        Err(error) => Err(connection.fail(&error)),
    }
}

/// The namespace to look from; `None` for the host.
fn observer<'a>(
    snapshot: &'a Snapshot,
    from: &Place,
) -> Result<Option<&'a NamespaceDocument>, CommandError> {
    match from {
        Place::Everywhere => {
            let error =
                CommandError::usage("`--from` takes one namespace, but `*` means all of them");
            Err(error.help("`nestns see` shows what each of them sees"))
        }
        Place::Address(address) if address.is_host() => Ok(None),
        Place::Address(address) => place::namespace(snapshot, address).map(Some),
        Place::Inode(inode) if *inode == snapshot.host_pidns => Ok(None),
        Place::Inode(inode) => {
            // The kernel may have given the inode of one that has ended to another one.
            let is_over = |namespace: &NamespaceDocument| {
                namespace
                    .state
                    .as_deref()
                    .and_then(State::of)
                    .is_some_and(State::is_over)
            };
            let same = snapshot
                .namespaces
                .iter()
                .filter(|namespace| namespace.is_namespace(*inode, None));
            let found = same.min_by_key(|namespace| is_over(namespace));
            found.map(Some).ok_or_else(|| {
                CommandError::not_found(format!(
                    "nothing of `{}` is in `{from}`",
                    snapshot.status.name
                ))
                .help("`nestns tree --host` shows every namespace of this machine")
            })
        }
    }
}

/// The paths of a namespace that a program has made, and of those inside it.
fn inside_of<'a>(snapshot: &'a Snapshot, from: &'a NamespaceDocument) -> HashSet<&'a str> {
    let mut inside = HashSet::from([&*from.path]);
    loop {
        let before = inside.len();
        let more = snapshot.namespaces.iter().filter(|one| {
            one.parent
                .as_deref()
                .is_some_and(|parent| inside.contains(parent))
        });
        let more: Vec<&str> = more.map(|one| &*one.path).collect();
        inside.extend(more);
        if inside.len() == before {
            return inside;
        }
    }
}

/// Selected namespaces and processes, with the namespaces around them.
fn scope<'a>(snapshot: &'a Snapshot, selections: &[Selected<'a>]) -> Scope<'a> {
    let undeclared = selection::parents_of_undeclared(snapshot);
    let mut scope = Scope {
        namespaces: HashSet::new(),
        processes: HashSet::new(),
    };
    for selected in selections {
        let made = std::iter::successors(Some(selected.namespace()), |space| {
            undeclared.get(space).copied()
        });
        scope.namespaces.extend(made);
        let home = selection::declared_around(&undeclared, selected.namespace());
        scope.namespaces.insert(home);
        scope
            .namespaces
            .extend(home.match_indices('/').map(|(slash, _)| &home[..slash]));
        if let Selected::Process(process) = selected {
            scope.processes.insert(&process.path);
        }
    }
    scope
}

fn title(snapshot: &Snapshot, from: Option<&NamespaceDocument>) -> String {
    let status = &snapshot.status;
    let namespaces = count(status.namespaces as usize, "namespace");
    let processes = count(status.processes as usize, "process");
    let others = undeclared::in_words(snapshot)
        .map(|words| format!(" ({words})"))
        .unwrap_or_default();
    let view = from
        .map(|from| format!(", as seen from {}", from.path))
        .unwrap_or_default();
    format!(
        "{}: {namespaces}, {processes}{others}, depth {}, {}{view}",
        status.name, status.depth, status.state
    )
}

/// The document of a topology that runs.
fn running<'a>(
    snapshot: &'a Snapshot,
    after: &Dependencies,
    scope: &Scope<'_>,
    from: Option<&'a NamespaceDocument>,
) -> TreeDocument<Vec<TreeNamespace<&'a NamespaceDocument>>, Vec<TreeRow<&'a ProcessDocument>>> {
    let after = |path: &str| after.get(path).cloned().unwrap_or_default();
    let namespaces = snapshot
        .namespaces
        .iter()
        .filter(|one| scope.namespaces.contains(&*one.path))
        .map(|namespace| TreeNamespace {
            namespace,
            after: after(&namespace.path),
        });
    let undeclared = selection::parents_of_undeclared(snapshot);
    let is_in_scope = |process: &&ProcessDocument| scope.processes.contains(&*process.path);
    let made = from
        .filter(|from| !from.declared)
        .map(|from| inside_of(snapshot, from));
    let seen = |process: &'a ProcessDocument| TreeRow {
        process,
        after: after(&process.path),
        seen_as: from.map(|from| {
            if let Some(inside) = &made {
                let number = process.pids.get(from.level).copied().flatten();
                return number.filter(|_| inside.contains(&*process.ns));
            }
            let rest =
                selection::declared_around(&undeclared, &process.ns).strip_prefix(&*from.path)?;
            let is_inside = rest.is_empty() || rest.starts_with('/');
            process
                .pids
                .get(from.level)
                .copied()
                .flatten()
                .filter(|_| is_inside && !selection::is_over(process))
        }),
    };
    TreeDocument {
        schema: Kind::Tree.schema().into(),
        topology: snapshot.status.name.clone(),
        from: from.map(|from| from.path.clone()),
        namespaces: namespaces.collect(),
        processes: snapshot
            .processes
            .iter()
            .filter(is_in_scope)
            .map(seen)
            .collect(),
    }
}

/// How many of alike siblings people are shown.
pub(super) const FOLDING: Folding = Folding::Keep(5);

/// Shows what a file declares, as a tree or as `nestns.tree/1`.
pub(super) fn declared(
    topology: &Topology,
    format: AnswerFormat,
    folding: Folding,
    when: When,
) -> Result<Status, CommandError> {
    if format == AnswerFormat::Json {
        write_document(&tree_document::document(topology))?;
        return Ok(Status::Done);
    }
    let (namespaces, processes, depth) = topology.counts();
    let title = format!(
        "{}: {}, {}, depth {depth}",
        topology.name,
        count(namespaces, "namespace"),
        count(processes, "process")
    );
    let mut stdout = std::io::stdout().lock();
    let look = Look {
        charset: charset(),
        colour: when.colour(&stdout),
        folding,
    };
    let nodes = topology_nodes::declared(topology);
    stdout.write_all(tree::render(&title, &nodes, look).as_bytes())?;
    // The process is about to end: there is no need to free each of a hundred thousand nodes. The bench row
    // is `up --dry-run` of `language`.
    std::mem::forget(nodes);
    Ok(Status::Done)
}
