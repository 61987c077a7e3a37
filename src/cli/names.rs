//! Names that the caller's running topologies give to the namespaces and processes of the kernel.
//!
//! Names are a topology's, facts the kernel's: a namespace is recognised by its id (by its inode where the kernel has no
//! ids), a process by its number and when it began. What no topology of the caller's knows is called by its number.

use std::cell::RefCell;
use std::collections::HashMap;

use nix::unistd::Pid;

use nestns_client::discovery::{self, Presence};
use nestns_client::documents::{NamespaceDocument, ProcessDocument};
use nestns_client::protocol::message::{Reply, Request, Snapshot};
use nestns_observe::host_snapshot::{HostSnapshot, PidNamespaceId, ProcessInfo};
use nestns_observe::{namespaces, process};
use nestns_topology::address::HOST;

/// The snapshots, and where each namespace and process is in them.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The inode of the caller's PID namespace.
    own: Option<u64>,
    snapshots: Vec<Snapshot>,
    /// Those that have or had the inode.
    spaces: HashMap<u64, Vec<(usize, usize)>>,
    processes: HashMap<i32, (usize, usize)>,
    /// Numbers that were looked at, and whether they are still those of the processes that are
    /// meant.
    verified: RefCell<HashMap<i32, bool>>,
}

/// Namespace or process of that name, and its topology.
#[derive(Debug)]
pub(super) struct Named<'a, T> {
    pub(super) topology: &'a str,
    pub(super) document: &'a T,
}

impl<T> Clone for Named<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Named<'_, T> {}

impl Names {
    /// Asks every controller of the caller's. One that does not answer names nothing.
    pub(super) fn all() -> Self {
        let running = discovery::all()
            .into_iter()
            .filter(|found| matches!(found.presence, Presence::Controller(_)));
        let snapshots = running.filter_map(|found| match found.client?.ask(Request::Snapshot) {
            Ok(Reply::Snapshot(snapshot)) => Some(*snapshot),
            _ => None,
        });
        Self::of(snapshots.collect())
    }

    /// Those of some topologies.
    pub(super) fn of(mut snapshots: Vec<Snapshot>) -> Self {
        // The numbers of a controller that counts in another namespace are not ours.
        let own = namespaces::own().ok();
        snapshots.retain(|snapshot| Some(snapshot.host_pidns) == own);
        let mut names = Self {
            own,
            snapshots,
            ..Self::default()
        };
        for (at, snapshot) in names.snapshots.iter().enumerate() {
            for (place, namespace) in snapshot.namespaces.iter().enumerate() {
                if let Some(inode) = namespace.pidns {
                    names.spaces.entry(inode).or_default().push((at, place));
                }
            }
            for (place, process) in snapshot
                .processes
                .iter()
                .enumerate()
                .filter(|(_, process)| process.exit.is_none())
            {
                names.processes.extend(
                    process
                        .pids
                        .first()
                        .copied()
                        .flatten()
                        .map(|pid| (pid, (at, place))),
                );
            }
        }
        names
    }

    /// Finds a namespace.
    pub(super) fn space(
        &self,
        inode: u64,
        id: Option<u64>,
    ) -> Option<Named<'_, NamespaceDocument>> {
        self.spaces
            .get(&inode)?
            .iter()
            .rev()
            .find_map(|&(at, place)| {
                let snapshot = &self.snapshots[at];
                let document = &snapshot.namespaces[place];
                document.is_namespace(inode, id).then_some(Named {
                    topology: &snapshot.status.name,
                    document,
                })
            })
    }

    /// Finds the process with this number on the host.
    pub(super) fn process(&self, pid: i32) -> Option<Named<'_, ProcessDocument>> {
        let &(at, place) = self.processes.get(&pid)?;
        let snapshot = &self.snapshots[at];
        let document = &snapshot.processes[place];
        let is_it = *self.verified.borrow_mut().entry(pid).or_insert_with(|| {
            let began = process::start_time(Pid::from_raw(pid)).ok();
            began.is_some() && began == document.start_time
        });
        is_it.then_some(Named {
            topology: &snapshot.status.name,
            document,
        })
    }

    /// A namespace in words: `host`, the path of one of ours, with the topology in front where there are several, and for
    /// others what /proc calls them.
    pub(super) fn space_in_words(&self, inode: u64, id: Option<u64>) -> String {
        if self.own == Some(inode) {
            return HOST.to_owned();
        }
        self.space(inode, id).map_or_else(
            || format!("pid:[{inode}]"),
            |named| self.qualified(named.topology, &named.document.path),
        )
    }

    /// The same of one that was found on the machine.
    pub(super) fn of_space(&self, machine: &HostSnapshot, id: PidNamespaceId) -> String {
        let space = machine.space(id);
        self.space_in_words(space.inode, space.id)
    }

    /// The topology of a process and its address there: the path of one that is declared, `vm/ci#12` for another one inside;
    /// `None` for all others of the machine.
    pub(super) fn address(
        &self,
        machine: &HostSnapshot,
        process: &ProcessInfo,
    ) -> Option<(&str, String)> {
        if let Some(named) = self.process(process.pid()) {
            return Some((named.topology, named.document.path.clone()));
        }
        // In a namespace that a program has made, by the number in the one of ours around it.
        std::iter::successors(process.space, |&id| machine.space(id).parent).find_map(|id| {
            let space = machine.space(id);
            let (named, number) = (
                self.space(space.inode, space.id)?,
                process.numbers.get(space.level)?,
            );
            Some((named.topology, format!("{}#{number}", named.document.path)))
        })
    }

    /// A process in words: its address, and `host#5304` for one of no topology.
    pub(super) fn of_process(&self, machine: &HostSnapshot, process: &ProcessInfo) -> String {
        match self.address(machine, process) {
            Some((topology, address)) => self.qualified(topology, &address),
            None => format!("{HOST}#{}", process.pid()),
        }
    }

    fn qualified(&self, topology: &str, path: &str) -> String {
        if self.snapshots.len() > 1 {
            format!("{topology}:/{path}")
        } else {
            path.to_owned()
        }
    }
}
