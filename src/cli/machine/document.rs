//! `nestns.tree/1` of the whole machine: the words of the document about a topology, and what else is known of a stranger.

use nix::unistd::Pid;
use serde::{Serialize, Serializer};

use crate::cli::names::Names;
use nestns_observe::host_snapshot::{Evidence, HostSnapshot, PidNamespaceId, ProcessInfo};
use nestns_observe::process;
use nestns_observe::thread::outlives_its_first;
use nestns_topology::Labels;

#[derive(Debug, Serialize)]
pub(super) struct MachineDocument<'a> {
    schema: &'static str,
    topology: Option<&'static str>,
    namespaces: Namespaces<'a>,
    processes: Processes<'a>,
    /// How many processes are in namespaces that the caller may not see.
    unreadable: usize,
    /// How many processes may keep namespaces alive that the caller does not see.
    closed: usize,
}

#[derive(Debug)]
struct Namespaces<'a>(&'a HostSnapshot, &'a Names);

#[derive(Debug)]
struct Processes<'a>(&'a HostSnapshot, &'a Names);

#[derive(Debug, Serialize)]
struct NamespaceDocument<'a> {
    path: String,
    parent: Option<String>,
    level: usize,
    pidns: u64,
    pidns_id: Option<u64>,
    userns: Option<u64>,
    mntns: Option<u64>,
    /// `none` where there is no PID 1.
    init: &'a str,
    state: Option<&'a str>,
    shared: &'a [std::borrow::Cow<'static, str>],
    labels: Labels,
    topology: Option<&'a str>,
    /// How many are in it, those further inside not counted.
    members: usize,
    kept_by: KeptBy,
}

/// Reason why a namespace stays alive.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum KeptBy {
    Members,
    Mount { path: String, seen_by: i32 },
    Descriptor { holder: i32, number: i32 },
    Child,
}

#[derive(Debug, Serialize)]
struct ProcessDocument<'a> {
    path: String,
    /// None where the caller may not see it.
    ns: Option<String>,
    name: &'a str,
    pids: &'a [i32],
    ppids: Vec<i32>,
    state: &'a str,
    exit: Option<()>,
    enter: &'static str,
    argv: Vec<String>,
    start_time: Option<u64>,
    labels: Labels,
    topology: Option<&'a str>,
}

impl<'a> MachineDocument<'a> {
    pub(super) fn of(machine: &'a HostSnapshot, names: &'a Names) -> Self {
        Self {
            schema: "nestns.tree/1",
            topology: None,
            namespaces: Namespaces(machine, names),
            processes: Processes(machine, names),
            unreadable: machine.unreadable,
            closed: machine.closed,
        }
    }
}

impl Serialize for Namespaces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let machine = self.0;
        let mut members = std::collections::HashMap::new();
        let mut inits = std::collections::HashSet::new();
        for process in machine.processes() {
            *members.entry(process.space).or_insert(0) += 1;
            if process.own() == 1 {
                inits.insert(process.space);
            }
        }
        serializer.collect_seq(machine.spaces().map(|(id, _)| {
            let members = members.get(&Some(id)).copied().unwrap_or(0);
            self.document(id, members, inits.contains(&Some(id)))
        }))
    }
}

impl<'a> Namespaces<'a> {
    fn document(&self, id: PidNamespaceId, members: usize, has_init: bool) -> NamespaceDocument<'a> {
        let Self(machine, names) = *self;
        let space = machine.space(id);
        let known = names.space(space.inode, space.id);
        let document = known.map(|known| known.document);
        NamespaceDocument {
            path: names.of_space(machine, id),
            parent: space.parent.map(|parent| names.of_space(machine, parent)),
            level: space.level,
            pidns: space.inode,
            pidns_id: space.id,
            userns: space.owner(),
            mntns: document.and_then(|document| document.mntns),
            init: document.map_or(if has_init { "program" } else { "none" }, |document| &*document.init),
            state: document.and_then(|document| document.state.as_deref()),
            shared: document.map_or(&[], |document| &document.shared),
            labels: document.map(|document| document.labels.clone()).unwrap_or_default(),
            topology: known.map(|known| known.topology),
            members,
            kept_by: match &space.evidence {
                Evidence::Member => KeptBy::Members,
                Evidence::Mount { seen_by, path } => {
                    KeptBy::Mount { path: path.display().to_string(), seen_by: *seen_by }
                }
                Evidence::Descriptor { holder, number } => KeptBy::Descriptor { holder: *holder, number: *number },
                Evidence::Child => KeptBy::Child,
            },
        }
    }
}

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(machine, names) = *self;
        serializer.collect_seq(machine.processes().iter().map(|one| process_document(machine, names, one)))
    }
}

fn process_document<'a>(machine: &HostSnapshot, names: &'a Names, one: &'a ProcessInfo) -> ProcessDocument<'a> {
    let parent = machine.process(one.parent);
    let known = names.process(one.pid());
    // Where the parent is not visible the kernel answers 0.
    let line = one.space.map(|space| machine.line(space)).unwrap_or_default();
    let ppid = |&space: &PidNamespaceId| parent.and_then(|parent| machine.number_in(parent, space)).unwrap_or(0);
    let is_child = one.numbers.len() == 1
        || parent.is_some_and(|parent| match (parent.space, one.space) {
            (Some(parent), Some(space)) => machine.is_within(parent, space),
            _ => false,
        });
    ProcessDocument {
        path: names.of_process(machine, one),
        ns: one.space.map(|space| names.of_space(machine, space)),
        name: known.map_or(&*one.name, |known| &*known.document.name),
        pids: &one.numbers,
        ppids: line.iter().map(ppid).collect(),
        state: match one.state {
            'Z' | 'X' if !outlives_its_first(Pid::from_raw(one.pid())) => "exited",
            _ => known.and_then(|known| known.document.state.as_deref()).unwrap_or("running"),
        },
        exit: None,
        enter: match one.own() {
            1 => "init",
            _ if is_child => "fork",
            _ => "join",
        },
        argv: process::command_line(Pid::from_raw(one.pid())),
        // That of one of ours was looked at when it was recognised.
        start_time: match known {
            Some(known) => known.document.start_time,
            None => process::start_time(Pid::from_raw(one.pid())).ok(),
        },
        labels: known.map(|known| known.document.labels.clone()).unwrap_or_default(),
        topology: known.map(|known| known.topology),
    }
}
