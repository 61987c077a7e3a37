//! `nestns.tree/1`: a tree that was not built, in the form of the document about one that is up.
//!
//! A hundred thousand namespaces are written one by one, and never all held at once.

use serde::Serialize;

use nestns_client::documents::{
    Kind, NamespaceDocument, ProcessDocument, Sequence, TreeDocument, TreeNamespace, TreeRow,
};
use nestns_topology::{
    After, Entry, Init, NamespaceId, Numbering, Part, Process, Program, Target, Topology,
};

/// The document of a topology of a file.
pub(super) fn document(topology: &Topology) -> TreeDocument<impl Serialize, impl Serialize> {
    TreeDocument {
        schema: Kind::Tree.schema().into(),
        topology: topology.name.clone(),
        from: None,
        namespaces: Sequence(move || {
            topology
                .pre_order()
                .into_iter()
                .map(move |id| namespace(topology, id))
        }),
        processes: Sequence(move || {
            let numbering = Numbering::predict(topology);
            topology
                .pre_order()
                .into_iter()
                .flat_map(move |id| processes(topology, &numbering, id))
        }),
    }
}

/// Dependencies of a part of a namespace.
fn after(topology: &Topology, id: NamespaceId, part: Part, after: &[After]) -> Vec<String> {
    let waiter = Target {
        namespace: id.place(),
        part,
    };
    let describe = |after: &After| after.describe(waiter, &after.target.path(topology));
    after.iter().map(describe).collect()
}

/// Document of a namespace; values known only to the kernel are null.
fn namespace(topology: &Topology, id: NamespaceId) -> TreeNamespace {
    let namespace = topology.namespace(id);
    TreeNamespace {
        namespace: namespace_document(topology, id),
        after: after(topology, id, Part::Namespace, &namespace.after),
    }
}

fn namespace_document(topology: &Topology, id: NamespaceId) -> NamespaceDocument {
    let namespace = topology.namespace(id);
    let init = match &namespace.init {
        Init::Builtin => "builtin",
        Init::Pause => "pause",
        Init::Program(program) if matches!(program.program, Program::Actor(_)) => "actor",
        Init::Program(_) => "program",
    };
    NamespaceDocument {
        path: namespace.path.clone(),
        parent: topology
            .parent(id)
            .map(|parent| topology.namespace(parent).path.clone()),
        level: namespace.level(),
        pidns: None,
        pidns_id: None,
        userns: None,
        mntns: None,
        init: init.into(),
        state: None,
        shared: namespace
            .isolation
            .shared()
            .into_iter()
            .map(Into::into)
            .collect(),
        labels: namespace.labels.clone(),
        declared: true,
        hostname: None,
        cgroup: None,
    }
}

fn processes(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Vec<TreeRow> {
    let namespace = topology.namespace(id);
    let init = numbering.init(id);
    // Where the parent is outside the namespace of a level the kernel answers 0; on the host it is not known yet.
    let outside: Vec<i32> = topology
        .parent(id)
        .map(|parent| nearest_init(topology, numbering, parent))
        .unwrap_or_default();
    let document = |name: &str,
                    numbers: &[i32],
                    parent: &[i32],
                    enter: &'static str,
                    process: Option<&Process>| {
        let chain = |numbers: &[i32]| -> Vec<Option<i32>> {
            let below = (0..init.len()).map(|level| Some(numbers.get(level).copied().unwrap_or(0)));
            std::iter::once(None).chain(below).collect()
        };
        ProcessDocument {
            path: format!("{}/{name}", namespace.path),
            ns: namespace.path.clone(),
            name: name.to_owned(),
            pids: chain(numbers),
            ppids: chain(parent),
            pgids: Vec::new(),
            sids: Vec::new(),
            state: None,
            exit: None,
            enter: enter.into(),
            argv: process.map_or_else(
                || vec!["nestns".to_owned(), "init".to_owned()],
                |process| process.program.words(),
            ),
            start_time: None,
            threads: Vec::new(),
            restarts: 0,
            labels: process
                .map(|process| process.labels.clone())
                .unwrap_or_default(),
            declared: true,
        }
    };
    let program = namespace.init.program();
    let row = |process: ProcessDocument, part, declared: Option<&Process>| TreeRow {
        process,
        after: declared
            .map(|process| after(topology, id, part, &process.after))
            .unwrap_or_default(),
        seen_as: None,
    };
    let first = document("init", init, &outside, "init", program);
    let mut rows = vec![row(first, Part::Init, program)];
    for (index, process) in (0..).zip(&namespace.processes) {
        let numbers = numbering.process(id, index as usize);
        let (parent, enter) = match process.entry {
            Entry::Join => (outside.as_slice(), "join"),
            Entry::Fork | Entry::Init => (init, "fork"),
        };
        let one = document(&process.name, &numbers, parent, enter, Some(process));
        rows.push(row(one, Part::Process(index), Some(process)));
    }
    rows
}

/// The numbers of the nearest builtin init from a namespace outward; none for the controller.
fn nearest_init(topology: &Topology, numbering: &Numbering, id: NamespaceId) -> Vec<i32> {
    if !matches!(topology.namespace(id).init, Init::Program(_)) {
        return numbering.init(id).to_vec();
    }
    topology
        .parent(id)
        .map(|parent| nearest_init(topology, numbering, parent))
        .unwrap_or_default()
}
