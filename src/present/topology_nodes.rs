//! Nodes to draw from a tree, declared or running.

use super::dependencies;
use super::node::{Facts, Kind, Label, Node, Runs};
use nestns_runtime::controller::roster::Roster;
use nestns_runtime::engine::plan::{
    InitPlan, NamespaceIndex, NamespacePlan, ProcessKey, Slot, part,
};
use nestns_topology::{After, Entry, Init, NamespaceId, Numbering, Process, Program, Topology};

/// Nodes of a declared topology, with the numbers that creation in file order will give.
pub(crate) fn declared(topology: &Topology) -> Vec<Node> {
    let numbering = Numbering::predict(topology);
    topology
        .roots()
        .iter()
        .map(|&root| declared_namespace(topology, &numbering, root))
        .collect()
}

fn declared_namespace(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Node {
    let namespace = topology.namespace(id);
    let after = |entries: &[After]| {
        let elsewhere = elsewhere(id.place(), entries);
        dependencies::words(&namespace.path, &elsewhere, |entry| {
            (entry.target.path(topology), condition(entry))
        })
    };
    let chain = |numbers: &[i32]| {
        std::iter::once(None)
            .chain(numbers.iter().copied().map(Some))
            .collect()
    };
    let process = |place: usize, process: &Process| Node {
        label: Label::of(&process.name),
        kind: Kind::Process,
        pids: chain(&numbering.process(id, place)),
        state: None,
        note: note(&process.program, process.entry),
        after: after(&process.after),
        facts: Facts {
            path: [&*namespace.path, "/", &process.name].concat(),
            runs: Runs::Program(words(&process.program)),
            entry: process.entry,
            description: process.description.clone(),
            labels: process.labels.clone(),
        },
        children: Vec::new(),
    };
    let runs = match &namespace.init {
        Init::Builtin => Runs::Builtin,
        Init::Pause => Runs::Pause,
        Init::Program(program) => Runs::Program(words(&program.program)),
    };
    let of_init = namespace.init.program().map(|init| &*init.after);
    let awaited = [&*namespace.after, of_init.unwrap_or_default()].concat();
    let processes = namespace
        .processes
        .iter()
        .enumerate()
        .map(|(place, declared)| process(place, declared));
    let children = topology
        .children(id)
        .into_iter()
        .map(|child| declared_namespace(topology, numbering, child));
    Node {
        label: Label::of(namespace.name()),
        kind: Kind::Namespace,
        pids: chain(numbering.init(id)),
        state: None,
        note: init_note(&runs),
        after: after(&awaited),
        facts: Facts {
            path: namespace.path.clone(),
            runs,
            entry: Entry::Init,
            description: namespace.description.clone(),
            labels: namespace.labels.clone(),
        },
        children: processes.chain(children).collect(),
    }
}

/// Nodes of a running tree, with the numbers that the kernel gave. Without states, which would all be the same.
pub(crate) fn standing(roster: &Roster) -> Vec<Node> {
    roster
        .plan()
        .roots()
        .map(|root| standing_namespace(roster, root))
        .collect()
}

fn standing_namespace(roster: &Roster, index: NamespaceIndex) -> Node {
    let plan = roster.plan().namespace(index);
    let after = |entries: &[After]| {
        let elsewhere = elsewhere(index, entries);
        dependencies::words(&plan.path, &elsewhere, |entry| {
            (roster.path_of(part(entry.target)), condition(entry))
        })
    };
    let chain = |slot: Slot| {
        let facts = roster
            .get(ProcessKey {
                namespace: index,
                slot,
            })
            .and_then(|record| record.facts.as_ref());
        facts
            .map(|facts| facts.numbers.iter().copied().map(Some).collect())
            .unwrap_or_default()
    };
    let processes = plan
        .declared_slots()
        .zip(&plan.processes)
        .map(|(slot, process)| Node {
            label: Label::of(&process.name),
            kind: Kind::Process,
            pids: chain(slot),
            state: None,
            note: note(&process.program, process.entry),
            after: after(&process.after),
            facts: Facts {
                path: plan.path_of(slot),
                runs: Runs::Program(words(&process.program)),
                entry: process.entry,
                description: None,
                labels: process.labels.clone(),
            },
            children: Vec::new(),
        });
    let children = roster
        .plan()
        .children(index)
        .map(|child| standing_namespace(roster, child));
    let runs = init_runs(&plan);
    let of_init = plan.process(Slot::Init).map(|init| &*init.after);
    let awaited = [&*plan.after, of_init.unwrap_or_default()].concat();
    Node {
        label: Label::of(plan.name()),
        kind: Kind::Namespace,
        pids: chain(Slot::Init),
        state: None,
        note: init_note(&runs),
        after: after(&awaited),
        facts: Facts {
            path: plan.path.clone(),
            runs,
            entry: Entry::Init,
            description: None,
            labels: plan.labels.clone(),
        },
        children: processes.chain(children).collect(),
    }
}

/// The entries of `after` that are about other namespaces.
fn elsewhere(home: u32, entries: &[After]) -> Vec<After> {
    let entries = entries.iter().copied();
    entries
        .filter(|entry| entry.target.namespace != home)
        .collect()
}

fn condition(entry: &After) -> &'static str {
    entry.condition.word(entry.target.part)
}

fn init_runs(plan: &NamespacePlan) -> Runs {
    match &plan.init {
        InitPlan::Builtin => Runs::Builtin,
        InitPlan::Pause => Runs::Pause,
        InitPlan::Program(program) => Runs::Program(words(&program.program)),
    }
}

fn init_note(runs: &Runs) -> String {
    match runs {
        Runs::Builtin => String::new(),
        Runs::Pause => "pause".to_owned(),
        Runs::Program(words) => format!("PID 1: {}", short(words)),
    }
}

fn note(program: &Program, entry: Entry) -> String {
    let words = short(&words(program));
    match entry {
        Entry::Join => format!("{words} (joined)"),
        Entry::Fork | Entry::Init => words,
    }
}

/// Text of a command.
fn words(program: &Program) -> String {
    match program {
        Program::Command(words) => words.join(" "),
        Program::Actor(actor) => format!("actor {actor}"),
    }
}

/// Text of a command in a line of a tree.
pub(super) fn short(words: &str) -> String {
    const LONGEST: usize = 48;
    if words.chars().count() <= LONGEST {
        return words.to_owned();
    }
    words.chars().take(LONGEST - 1).chain(['…']).collect()
}
