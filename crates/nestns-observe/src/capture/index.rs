//! Index of a machine's processes by namespace: a machine of thousands of namespaces is captured namespace by
//! namespace.

use std::collections::{HashMap, HashSet};

use super::creation_order;
use super::names::Title;
use crate::host_snapshot::{HostSnapshot, PidNamespaceId, ProcessInfo};

/// The index.
#[derive(Debug)]
pub(super) struct Index<'m> {
    pub(super) machine: &'m HostSnapshot,
    members: HashMap<PidNamespaceId, Vec<&'m ProcessInfo>>,
    inside: HashMap<PidNamespaceId, Vec<PidNamespaceId>>,
    /// Processes that have made a PID namespace: parents of PID 1s in another one, and the ancestors of those.
    makers: HashSet<i32>,
    /// Titles of processes of nestns, by their number here.
    titles: HashMap<i32, Title>,
}

impl<'m> Index<'m> {
    pub(super) fn new(machine: &'m HostSnapshot) -> Self {
        let mut index = Self {
            machine,
            members: HashMap::new(),
            inside: HashMap::new(),
            makers: HashSet::new(),
            titles: HashMap::new(),
        };
        for (id, space) in machine.spaces() {
            if let Some(parent) = space.parent {
                index.inside.entry(parent).or_default().push(id);
            }
        }
        let by_number: HashMap<i32, &ProcessInfo> = machine
            .processes()
            .iter()
            .map(|process| (process.pid(), process))
            .collect();
        for process in machine.processes() {
            let Some(space) = process
                .space
                .filter(|_| !matches!(process.state, 'Z' | 'X'))
            else {
                continue;
            };
            if process.own() == 1
                && by_number
                    .get(&process.parent)
                    .is_some_and(|parent| parent.space != process.space)
            {
                index.makers.insert(process.parent);
            }
            if space == machine.own() {
                continue;
            }
            index.members.entry(space).or_default().push(process);
            if let Some(title) = Title::of(process) {
                index.titles.insert(process.pid(), title);
            }
        }
        // Run again, an ancestor of a maker would fork it again.
        for maker in index.makers.clone() {
            let line = std::iter::successors(by_number.get(&maker).copied(), |one| {
                by_number.get(&one.parent).copied()
            });
            let inside = line
                .skip(1)
                .take_while(|one| one.space.is_some_and(|space| space != machine.own()));
            // Bounded, because a chain of parents is a circle if numbers were reused while it was read.
            index
                .makers
                .extend(inside.take(by_number.len()).map(ProcessInfo::pid));
        }
        index.sort();
        index
    }

    /// Sorts processes, and namespaces by their PID 1s, in the order of creation, which is that of the file.
    fn sort(&mut self) {
        let order =
            creation_order::order(self.members.values().flatten().map(|process| process.pid()));
        let place = |process: &ProcessInfo| order.get(&process.pid()).copied();
        for members in self.members.values_mut() {
            members.sort_by_key(|process| place(process));
        }
        let leaders: HashMap<PidNamespaceId, Option<usize>> = self
            .members
            .keys()
            .map(|&id| (id, self.leader(id).and_then(place)))
            .collect();
        for inside in self.inside.values_mut() {
            inside.sort_by_key(|id| leaders.get(id).copied().flatten());
        }
    }

    /// Members of a namespace other than the reader's own.
    pub(super) fn members(&self, id: PidNamespaceId) -> &[&'m ProcessInfo] {
        self.members.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The PID 1 of a namespace other than the reader's own.
    pub(super) fn leader(&self, id: PidNamespaceId) -> Option<&'m ProcessInfo> {
        self.members(id)
            .iter()
            .find(|member| member.own() == 1)
            .copied()
    }

    /// The namespaces directly inside.
    pub(super) fn inside(&self, id: PidNamespaceId) -> &[PidNamespaceId] {
        self.inside.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Title of a process, if it is one of nestns.
    pub(super) fn title(&self, process: &ProcessInfo) -> Option<&Title> {
        self.titles.get(&process.pid())
    }

    /// True if a process has made a namespace: its program, run again, would make another one.
    pub(super) fn makes_namespaces(&self, process: &ProcessInfo) -> bool {
        self.makers.contains(&process.pid())
    }

    /// True if a process is in a namespace or somewhere inside it, or has made it, itself or by its descendants.
    pub(super) fn is_about(&self, id: PidNamespaceId, pid: i32) -> bool {
        let Some(process) = self.machine.process(pid) else {
            return false;
        };
        if process
            .space
            .is_some_and(|inner| self.machine.is_within(inner, id))
        {
            return true;
        }
        self.leader(id)
            .is_some_and(|leader| self.descends(leader, pid))
    }

    /// Number of a process's descendants, itself included, in namespaces that may not be looked into.
    pub(super) fn unread_below(&self, pid: i32) -> usize {
        let unread = self
            .machine
            .processes()
            .iter()
            .filter(|process| process.space.is_none() && process.state != 'Z');
        unread.filter(|process| self.descends(process, pid)).count()
    }

    fn descends(&self, process: &'m ProcessInfo, pid: i32) -> bool {
        let line =
            std::iter::successors(Some(process), |member| self.machine.process(member.parent));
        // A chain of parents is never longer than there are processes, unless numbers were reused while it was read.
        line.take(self.machine.processes().len())
            .any(|member| member.pid() == pid)
    }
}
