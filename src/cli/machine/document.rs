//! `nestns.tree/1` of the whole machine: the words of the document about a topology, and what else is known of a stranger.

use nix::unistd::Pid;
use serde::{Serialize, Serializer};

use crate::cli::names::Names;
use nestns_client::documents::{HostDocument, HostNamespace, HostProcess, KeptBy, Kind, Sequence};
use nestns_observe::host_snapshot::{Evidence, HostSnapshot, PidNamespaceId, ProcessInfo};
use nestns_observe::process;
use nestns_observe::thread::outlives_its_first;

#[derive(Debug)]
pub(super) struct Namespaces<'a>(&'a HostSnapshot, &'a Names);

/// The document of the whole machine, each of whose rows is computed as it is written.
pub(super) fn document<'a>(
    machine: &'a HostSnapshot,
    names: &'a Names,
) -> HostDocument<Namespaces<'a>, impl Serialize + use<'a>> {
    HostDocument {
        schema: Kind::Host.schema().into(),
        topology: None,
        namespaces: Namespaces(machine, names),
        processes: Sequence(move || {
            machine
                .processes()
                .iter()
                .map(move |one| process_document(machine, names, one))
        }),
        unreadable: machine.unreadable,
        closed: machine.closed,
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

impl Namespaces<'_> {
    fn document(&self, id: PidNamespaceId, members: usize, has_init: bool) -> HostNamespace {
        let Self(machine, names) = *self;
        let space = machine.space(id);
        let known = names.space(space.inode, space.id);
        let document = known.map(|known| known.document);
        HostNamespace {
            path: names.of_space(machine, id),
            parent: space.parent.map(|parent| names.of_space(machine, parent)),
            level: space.level,
            pidns: space.inode,
            pidns_id: space.id,
            userns: space.owner(),
            mntns: document.and_then(|document| document.mntns),
            init: document.map_or(
                if has_init { "program" } else { "none" }.into(),
                |document| document.init.clone(),
            ),
            state: document.and_then(|document| document.state.clone()),
            shared: document
                .map(|document| document.shared.clone())
                .unwrap_or_default(),
            labels: document
                .map(|document| document.labels.clone())
                .unwrap_or_default(),
            topology: known.map(|known| known.topology.to_owned()),
            members,
            kept_by: match &space.evidence {
                Evidence::Member => KeptBy::Members,
                Evidence::Mount { seen_by, path } => KeptBy::Mount {
                    path: path.display().to_string(),
                    seen_by: *seen_by,
                },
                Evidence::Descriptor { holder, number } => KeptBy::Descriptor {
                    holder: *holder,
                    number: *number,
                },
                Evidence::Child => KeptBy::Child,
            },
        }
    }
}

fn process_document(machine: &HostSnapshot, names: &Names, one: &ProcessInfo) -> HostProcess {
    let parent = machine.process(one.parent);
    let known = names.process(one.pid());
    // Where the parent is not visible the kernel answers 0.
    let line = one
        .space
        .map(|space| machine.line(space))
        .unwrap_or_default();
    let ppid = |&space: &PidNamespaceId| {
        parent
            .and_then(|parent| machine.number_in(parent, space))
            .unwrap_or(0)
    };
    let is_child = one.numbers.len() == 1
        || parent.is_some_and(|parent| match (parent.space, one.space) {
            (Some(parent), Some(space)) => machine.is_within(parent, space),
            _ => false,
        });
    HostProcess {
        path: names.of_process(machine, one),
        ns: one.space.map(|space| names.of_space(machine, space)),
        name: known
            .map_or(&one.name, |known| &known.document.name)
            .clone(),
        pids: one.numbers.clone(),
        ppids: line.iter().map(ppid).collect(),
        state: match one.state {
            'Z' | 'X' if !outlives_its_first(Pid::from_raw(one.pid())) => "exited".into(),
            _ => known
                .and_then(|known| known.document.state.clone())
                .unwrap_or("running".into()),
        },
        exit: None,
        enter: match one.own() {
            1 => "init",
            _ if is_child => "fork",
            _ => "join",
        }
        .into(),
        argv: process::command_line(Pid::from_raw(one.pid())),
        // That of one of ours was looked at when it was recognised.
        start_time: match known {
            Some(known) => known.document.start_time,
            None => process::start_time(Pid::from_raw(one.pid())).ok(),
        },
        labels: known
            .map(|known| known.document.labels.clone())
            .unwrap_or_default(),
        topology: known.map(|known| known.topology.to_owned()),
    }
}
