//! From the machine to the nodes that are drawn. The processes of the host itself are counted, not drawn.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::cli::names::Names;
use crate::present::node::{Facts, Kind, Label, Node, Runs};
use nestns_observe::host_snapshot::{Evidence, HostSnapshot, PidNamespaceId, ProcessInfo};
use nestns_topology::{Entry, Labels};

/// Processes in each namespace, and the namespaces inside it.
struct Inside<'a> {
    machine: &'a HostSnapshot,
    names: &'a Names,
    members: HashMap<PidNamespaceId, Vec<&'a ProcessInfo>>,
    spaces: HashMap<PidNamespaceId, Vec<PidNamespaceId>>,
}

pub(super) fn nodes(machine: &HostSnapshot, names: &Names) -> Vec<Node> {
    let mut inside = Inside {
        machine,
        names,
        members: HashMap::new(),
        spaces: HashMap::new(),
    };
    for process in machine.processes() {
        if let Some(space) = process.space {
            inside.members.entry(space).or_default().push(process);
        }
    }
    for (id, space) in machine.spaces() {
        if let Some(parent) = space.parent {
            inside.spaces.entry(parent).or_default().push(id);
        }
    }
    inside.below(machine.own())
}

impl Inside<'_> {
    fn below(&self, space: PidNamespaceId) -> Vec<Node> {
        self.spaces
            .get(&space)
            .into_iter()
            .flatten()
            .map(|&id| self.space(id))
            .collect()
    }

    fn space(&self, id: PidNamespaceId) -> Node {
        let space = self.machine.space(id);
        let members = self.members.get(&id).map_or(&[][..], Vec::as_slice);
        let init = members.iter().find(|process| process.own() == 1);
        let path = self.names.of_space(self.machine, id);
        let mut note = match init {
            // What a PID 1 of ours is called is the name of the namespace.
            Some(_) if self.names.space(space.inode, space.id).is_some() => String::new(),
            Some(init) => init.name.clone(),
            None => remark(&space.evidence, members.len()),
        };
        if let Some(id) = space
            .id
            .filter(|_| self.names.space(space.inode, space.id).is_none())
        {
            // Writing to a string cannot fail.
            let _ = write!(note, "  id {id}");
        }
        let processes = members
            .iter()
            .filter(|process| process.own() != 1)
            .map(|process| self.process(process));
        Node {
            label: Label::of(self.short(id, &path)),
            kind: Kind::Namespace,
            pids: init
                .map(|init| init.numbers.iter().copied().map(Some).collect())
                .unwrap_or_default(),
            state: None,
            note,
            after: String::new(),
            facts: facts(path.clone(), Entry::Init),
            children: processes.chain(self.below(id)).collect(),
        }
    }

    /// The last segment, where the line above says the rest.
    fn short<'p>(&self, id: PidNamespaceId, path: &'p str) -> &'p str {
        let space = self.machine.space(id);
        let known = self.names.space(space.inode, space.id);
        let around = space.parent.map(|parent| self.machine.space(parent));
        let around = around.and_then(|space| self.names.space(space.inode, space.id));
        match (known, around) {
            (Some(known), Some(around))
                if known.document.parent.as_deref() == Some(&*around.document.path) =>
            {
                path.rsplit('/').next().unwrap_or(path)
            }
            _ => path,
        }
    }

    fn process(&self, process: &ProcessInfo) -> Node {
        let known = self.names.process(process.pid());
        // One that is not declared is called by its name in the kernel.
        let label = known.map_or_else(|| process.name.clone(), |known| known.document.name.clone());
        let is_joined = process.parent != 0
            && self.machine.process(process.parent).is_none_or(|parent| {
                match (parent.space, process.space) {
                    (Some(parent), Some(space)) => !self.machine.is_within(parent, space),
                    _ => true,
                }
            });
        // An actor bears its name in the file, as far as there is room for it.
        let mut note = if label.starts_with(&process.name) {
            String::new()
        } else {
            process.name.clone()
        };
        if is_joined {
            note.push_str(if note.is_empty() {
                "(joined)"
            } else {
                " (joined)"
            });
        }
        if process.state == 'Z' {
            note.push_str(" (zombie)");
        }
        Node {
            label: Label::of(&label),
            kind: Kind::Process,
            pids: process.numbers.iter().copied().map(Some).collect(),
            state: None,
            note: note.trim_start().to_owned(),
            after: String::new(),
            facts: facts(
                self.names.of_process(self.machine, process),
                if is_joined { Entry::Join } else { Entry::Fork },
            ),
            children: Vec::new(),
        }
    }
}

/// Why a namespace without a PID 1 is there.
fn remark(evidence: &Evidence, members: usize) -> String {
    match evidence {
        Evidence::Member if members > 0 => "its PID 1 has ended".to_owned(),
        Evidence::Member => "empty".to_owned(),
        Evidence::Mount { seen_by, path } => {
            format!("empty; mounted at {} as {seen_by} sees it", path.display())
        }
        Evidence::Descriptor { holder, number } => {
            format!("empty; open in {holder} as descriptor {number}")
        }
        Evidence::Child => "empty; kept alive by a namespace inside".to_owned(),
    }
}

fn facts(path: String, entry: Entry) -> Facts {
    Facts {
        path,
        runs: Runs::Program(String::new()),
        entry,
        description: None,
        labels: Labels::default(),
    }
}
