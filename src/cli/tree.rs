//! `nestns tree FILE`: what a file declares, with the numbers that it will get.

use std::io::Write;

use clap::ValueEnum;
use serde_json::json;

use super::color::When;
use super::launch;
use super::status::Status;
use super::story::charset;
use super::topology_arguments::TopologyArguments;
use super::up::counts;
use crate::diagnostic::Color;
use crate::present::count::count;
use crate::present::outline;
use crate::present::tree::{self, Colour, Folding, Look};
use crate::topology::{Entry, Init, NamespaceId, Numbering, Process, Program, Topology};

/// Show what a file declares, with the numbers that it will get
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    topology: TopologyArguments,

    /// Who is to read it
    #[arg(long, value_enum, default_value_t, env = "NESTNS_FORMAT")]
    format: TreeFormat,

    /// When to use colours
    #[arg(long, value_enum, default_value_t, env = "NESTNS_COLOR")]
    color: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum TreeFormat {
    /// People
    #[default]
    Human,
    /// Programs: one document `nestns.tree/1`, the host's numbers null
    Json,
}

/// Runs the verb.
pub(super) fn run(args: &Args) -> anyhow::Result<Status> {
    let checked = match launch::check(&args.topology, None, args.color) {
        Ok(checked) => checked,
        Err(status) => return Ok(status),
    };
    match args.format {
        TreeFormat::Human => show(&checked.topology, FOLDING, args.color),
        TreeFormat::Json => answer(&checked.topology),
    }
}

/// How many of alike siblings people are shown.
pub(super) const FOLDING: Folding = Folding::Keep(5);

/// Draws the tree for people.
pub(super) fn show(topology: &Topology, folding: Folding, when: When) -> anyhow::Result<Status> {
    let (namespaces, processes, depth) = counts(topology);
    let title = format!(
        "{}: {}, {}, depth {depth}",
        topology.name,
        count(namespaces, "namespace"),
        count(processes, "process")
    );
    let mut stdout = std::io::stdout().lock();
    let colour = if when.resolve(&stdout) == Color::Styled { Colour::On } else { Colour::Off };
    let look = Look { charset: charset(), colour, folding };
    stdout.write_all(tree::render(&title, &outline::declared(topology), look).as_bytes())?;
    Ok(Status::Done)
}

/// Writes `nestns.tree/1`.
pub(super) fn answer(topology: &Topology) -> anyhow::Result<Status> {
    writeln!(std::io::stdout(), "{:#}", document(topology))?;
    Ok(Status::Done)
}

fn document(topology: &Topology) -> serde_json::Value {
    let numbering = Numbering::predict(topology);
    let order = topology.pre_order();
    let namespaces: Vec<_> = order.iter().map(|&id| namespace(topology, id)).collect();
    let processes: Vec<_> = order.iter().flat_map(|&id| processes(topology, &numbering, id)).collect();
    json!({
        "schema": "nestns.tree/1", "topology": topology.name, "namespaces": namespaces, "processes": processes,
    })
}

/// What only the kernel knows is null.
fn namespace(topology: &Topology, id: NamespaceId) -> serde_json::Value {
    let namespace = topology.namespace(id);
    let shared = namespace.isolation.shared();
    let init = match &namespace.init {
        Init::Builtin => "builtin",
        Init::Pause => "pause",
        Init::Program(program) if matches!(program.program, Program::Actor(_)) => "actor",
        Init::Program(_) => "program",
    };
    json!({
        "path": namespace.path,
        "parent": topology.parent(id).map(|parent| topology.namespace(parent).path.clone()),
        "level": namespace.level(), "pidns": null, "pidns_id": null, "userns": null, "mntns": null,
        "init": init, "state": null, "shared": shared, "labels": namespace.labels,
    })
}

fn processes(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Vec<serde_json::Value> {
    let namespace = topology.namespace(id);
    let init = numbering.init(id);
    // Where the parent is outside the namespace of a level the kernel answers 0; on the host it is not known yet.
    let outside: Vec<i32> = topology.parent(id).map(|parent| keeper(topology, numbering, parent)).unwrap_or_default();
    let entry = |name: &str, numbers: &[i32], parent: &[i32], enter: &str, process: Option<&Process>| {
        let chain = |numbers: &[i32]| -> Vec<Option<i32>> {
            let below = (0..init.len()).map(|level| Some(numbers.get(level).copied().unwrap_or(0)));
            std::iter::once(None).chain(below).collect()
        };
        let argv =
            process.map_or_else(|| vec!["nestns".to_owned(), "init".to_owned()], |process| process.program.words());
        json!({
            "path": format!("{}/{name}", namespace.path), "ns": namespace.path, "name": name,
            "pids": chain(numbers), "ppids": chain(parent), "state": null, "exit": null, "enter": enter, "argv": argv,
            "start_time": null, "labels": process.map(|process| process.labels.clone()).unwrap_or_default(),
        })
    };
    let program = match &namespace.init {
        Init::Program(program) => Some(&**program),
        Init::Builtin | Init::Pause => None,
    };
    let mut documents = vec![entry("init", init, &outside, "init", program)];
    for (place, process) in namespace.processes.iter().enumerate() {
        let numbers = numbering.process(id, place);
        let (parent, enter) = match process.entry {
            Entry::Join => (outside.as_slice(), "join"),
            Entry::Fork | Entry::Init => (init, "fork"),
        };
        documents.push(entry(&process.name, &numbers, parent, enter, Some(process)));
    }
    documents
}

/// The numbers of the nearest builtin init from a namespace outward; none for the controller.
fn keeper(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Vec<i32> {
    if !matches!(topology.namespace(id).init, Init::Program(_)) {
        return numbering.init(id).to_vec();
    }
    topology.parent(id).map(|parent| keeper(topology, numbering, parent)).unwrap_or_default()
}
