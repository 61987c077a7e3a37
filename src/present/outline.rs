//! From a tree, declared or standing, to the nodes that are drawn.

use super::tree::{Kind, Label, Node};
use crate::controller::roster::Roster;
use crate::engine::plan::{InitPlan, NamespaceIndex, NamespacePlan, Subject};
use crate::topology::{Entry, Init, NamespaceId, Numbering, Process, Program, Topology};

/// What the file declares, with the numbers that creation in file order will give.
pub fn declared(topology: &Topology) -> Vec<Node> {
    let numbering = Numbering::predict(topology);
    topology.roots().iter().map(|&root| declared_namespace(topology, &numbering, root)).collect()
}

fn declared_namespace(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Node {
    let namespace = topology.namespace(id);
    let chain = |numbers: &[i32]| std::iter::once(None).chain(numbers.iter().copied().map(Some)).collect();
    let process = |place: usize, process: &Process| Node {
        label: label(&process.name),
        kind: Kind::Process,
        pids: chain(&numbering.process(id, place)),
        state: None,
        note: note(&process.program, process.entry),
        children: Vec::new(),
    };
    let processes = namespace.processes.iter().enumerate().map(|(place, declared)| process(place, declared));
    let children = topology.children(id).into_iter().map(|child| declared_namespace(topology, numbering, child));
    Node {
        label: label(namespace.name()),
        kind: Kind::Namespace,
        pids: chain(numbering.init(id)),
        state: None,
        note: match &namespace.init {
            Init::Builtin => String::new(),
            Init::Pause => "pause".to_owned(),
            Init::Program(program) => format!("PID 1: {}", words(&program.program)),
        },
        children: processes.chain(children).collect(),
    }
}

/// What stands, with the numbers that the kernel gave. Nothing has a state yet that differs from the others'.
pub fn standing(roster: &Roster) -> Vec<Node> {
    roster.plan().roots().map(|root| standing_namespace(roster, root)).collect()
}

fn standing_namespace(roster: &Roster, index: NamespaceIndex) -> Node {
    let plan = roster.plan().namespace(index);
    let chain = |slot: u32| {
        let facts = roster.get(Subject { namespace: index, slot }).and_then(|record| record.facts.as_ref());
        facts.map(|facts| facts.numbers.iter().copied().map(Some).collect()).unwrap_or_default()
    };
    let processes = (1..).zip(&plan.processes).map(|(slot, process)| Node {
        label: label(&process.name),
        kind: Kind::Process,
        pids: chain(slot),
        state: None,
        note: note(&process.program, process.entry),
        children: Vec::new(),
    });
    let children = roster.plan().children(index).map(|child| standing_namespace(roster, child));
    Node {
        label: label(plan.name()),
        kind: Kind::Namespace,
        pids: chain(0),
        state: None,
        note: init_note(&plan),
        children: processes.chain(children).collect(),
    }
}

fn init_note(plan: &NamespacePlan) -> String {
    match &plan.init {
        InitPlan::Builtin => String::new(),
        InitPlan::Pause => "pause".to_owned(),
        InitPlan::Program(program) => format!("PID 1: {}", words(&program.program)),
    }
}

fn note(program: &Program, entry: Entry) -> String {
    match entry {
        Entry::Join => format!("{} (joined)", words(program)),
        Entry::Fork | Entry::Init => words(program),
    }
}

/// A command as it is shown in a line of a tree.
fn words(program: &Program) -> String {
    const LONGEST: usize = 48;
    let text = match program {
        Program::Command(words) => words.join(" "),
        Program::Actor(actor) => format!("actor {actor}"),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn label(name: &str) -> Label {
    match name.split_once('.').map(|(stem, index)| (stem, index.parse())) {
        Some((stem, Ok(index))) => Label { stem: stem.to_owned(), index: Some(index) },
        _ => Label { stem: name.to_owned(), index: None },
    }
}
