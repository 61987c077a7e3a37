//! The PID namespaces of the whole machine, as far as the caller may look: their nesting, their members, and the
//! reasons why those without members are alive.
//!
//! Works on any process, of nestns or not, and changes nothing: every fact is read from /proc or from a namespace's
//! descriptor. Each namespace is opened when it is first met and stays open, so that its inode cannot be given to
//! another one while the rest is read (R18). A moment later all of it may be different: a caller that acts on a process
//! verifies it by a pidfd.

pub(crate) mod members;
mod pins;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use super::thread::{self, Thread};
use super::translation;
use nestns_sys::namespace;

/// Namespace of a [`HostSnapshot`], by its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PidNamespaceId(usize);

/// A PID namespace.
#[derive(Debug)]
pub struct PidNamespace {
    /// Inode in nsfs; recycled when the namespace is gone.
    pub inode: u64,
    /// Id, never used again; `None` before Linux 6.18.
    pub id: Option<u64>,
    /// Parent namespace; `None` for the reader's own, which is the first.
    pub parent: Option<PidNamespaceId>,
    /// Number of namespaces around it, the reader's own being 0. A member has one number more than that.
    pub level: usize,
    /// Evidence of its existence.
    pub evidence: Evidence,
    descriptor: OwnedFd,
}

/// Evidence that a namespace exists; of several kinds the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A process is a member.
    Member,
    /// The namespace is mounted, as that process sees it.
    Mount {
        /// Process in whose mount namespace it is mounted.
        seen_by: i32,
        /// Mount point.
        path: PathBuf,
    },
    /// A process has it open.
    Descriptor {
        /// The process.
        holder: i32,
        /// Number of the descriptor.
        number: i32,
    },
    /// Another of the namespaces is inside it.
    Child,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Numbers from the reader's namespace down to its own; never empty.
    pub numbers: Vec<i32>,
    /// Number of its parent in the reader's namespace, 0 if that is outside.
    pub parent: i32,
    /// `R`, `S`, `Z` and so on, as `proc_pid_stat(5)` has it.
    pub state: char,
    /// Name, as in `/proc/PID/comm`.
    pub name: String,
    /// Effective user, in the reader's numbering.
    pub user: u32,
    /// Namespace that it is in; `None` if that may not be seen.
    pub space: Option<PidNamespaceId>,
    /// Number of its process in the reader's namespace, for a thread.
    pub leader: Option<i32>,
}

impl ProcessInfo {
    /// Number in the reader's namespace.
    pub fn pid(&self) -> i32 {
        self.numbers[0]
    }

    /// Number in its own namespace.
    pub fn own(&self) -> i32 {
        self.numbers[self.numbers.len() - 1]
    }
}

/// Snapshot of all PID namespaces and processes.
#[derive(Debug)]
pub struct HostSnapshot {
    spaces: Vec<PidNamespace>,
    processes: Vec<ProcessInfo>,
    /// Threads that were asked about.
    threads: Vec<ProcessInfo>,
    /// Number of processes in a namespace that the caller may not see.
    pub unreadable: usize,
    /// Number of processes whose open files the caller may not see: they may be namespaces.
    pub closed: usize,
}

/// Extent of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Namespaces with members, and those around them.
    Members,
    /// Namespaces that a mount or a descriptor keeps alive as well. A second thread looks for them: not for processes
    /// that are going to fork.
    Everything,
}

impl HostSnapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    ///
    /// If /proc cannot be listed, and `Unsupported` if it belongs to another PID namespace than the caller is in: its
    /// numbers are not the caller's.
    pub fn read(search: Search) -> io::Result<Self> {
        let mut found = PidNamespaces::default();
        // The reader's own is the first: it has no parent here.
        let own = File::open("/proc/self/ns/pid")?;
        found.add(own.into(), Evidence::Member, None)?;
        let members = members::read(&mut found, search)?;
        let mut machine = Self {
            spaces: Vec::new(),
            processes: members.processes,
            threads: Vec::new(),
            unreadable: members.unreadable,
            closed: members.closed,
        };
        found.complete()?;
        machine.resolve(found.spaces);
        machine.attribute();
        Ok(machine)
    }

    /// Finds the namespaces of processes that may not be looked into, such as one that executes a file its user may not
    /// read (R42): a namespace gives the number that any process has in it (R12), and one on the level of a process's
    /// own number is its own.
    fn attribute(&mut self) {
        let mut processes = std::mem::take(&mut self.processes);
        for process in processes
            .iter_mut()
            .filter(|process| process.space.is_none() && process.numbers.len() > 1)
        {
            let (level, pid, own) = (
                process.numbers.len() - 1,
                Pid::from_raw(process.pid()),
                process.own(),
            );
            let is_it = |space: &PidNamespace| {
                space.level == level && namespace::pid_in(space, pid) == Ok(Pid::from_raw(own))
            };
            process.space = self.spaces.iter().position(is_it).map(PidNamespaceId);
            self.unreadable -= usize::from(process.space.is_some());
        }
        self.processes = processes;
    }

    /// Raises the soft limit on descriptors to the hard one, as far as that is allowed: a shell's usual 1024 are less than
    /// the namespaces of a large machine, each of which is held open. Children inherit it, so that this is for processes
    /// that execute nothing.
    pub fn make_room() {
        if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
            && soft < hard
        {
            // If refused, fewer namespaces can be read; that is reported when it happens.
            let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
        }
    }

    /// Sorts the namespaces so that each stands behind its parent. Siblings stay in the order in which they were met,
    /// that of their members' numbers; ids are given out in portions to each processor, and give no order.
    fn resolve(&mut self, spaces: Vec<PidNamespace>) {
        let mut children: HashMap<Option<PidNamespaceId>, Vec<usize>> = HashMap::new();
        for (place, space) in spaces.iter().enumerate() {
            children.entry(space.parent).or_default().push(place);
        }
        let mut order = Vec::with_capacity(spaces.len());
        // Others without a parent are not inside the reader's own.
        let mut next = vec![0];
        while let Some(place) = next.pop() {
            order.push(place);
            next.extend(
                children
                    .get(&Some(PidNamespaceId(place)))
                    .into_iter()
                    .flatten()
                    .rev(),
            );
        }
        let mut new = vec![None; spaces.len()];
        order
            .iter()
            .enumerate()
            .for_each(|(to, &from)| new[from] = Some(PidNamespaceId(to)));
        let mut spaces: Vec<Option<PidNamespace>> = spaces.into_iter().map(Some).collect();
        for from in order {
            let Some(mut space) = spaces[from].take() else {
                continue;
            };
            space.parent = space.parent.and_then(|parent| new[parent.0]);
            space.level = space
                .parent
                .map_or(0, |parent| self.space(parent).level + 1);
            self.spaces.push(space);
        }
        for process in &mut self.processes {
            process.space = process.space.and_then(|space| new[space.0]);
        }
    }

    /// The reader's own namespace.
    pub fn own(&self) -> PidNamespaceId {
        PidNamespaceId(0)
    }

    /// Every namespace, parents before children.
    pub fn spaces(&self) -> impl Iterator<Item = (PidNamespaceId, &PidNamespace)> {
        self.spaces
            .iter()
            .enumerate()
            .map(|(place, space)| (PidNamespaceId(place), space))
    }

    /// Namespace with this index.
    pub fn space(&self, id: PidNamespaceId) -> &PidNamespace {
        &self.spaces[id.0]
    }

    /// Namespace with this inode.
    pub fn by_inode(&self, inode: u64) -> Option<PidNamespaceId> {
        self.spaces
            .iter()
            .position(|space| space.inode == inode)
            .map(PidNamespaceId)
    }

    /// A namespace and those around it, from the reader's own inward.
    pub fn line(&self, id: PidNamespaceId) -> Vec<PidNamespaceId> {
        let mut line: Vec<PidNamespaceId> =
            std::iter::successors(Some(id), |&id| self.space(id).parent).collect();
        line.reverse();
        line
    }

    /// True if a namespace is another one, or inside it.
    pub fn is_within(&self, inner: PidNamespaceId, outer: PidNamespaceId) -> bool {
        let level = self.space(outer).level;
        let mut at = Some(inner);
        // A parent comes before its children.
        while let Some(id) = at.filter(|&id| self.space(id).level > level) {
            at = self.space(id).parent;
        }
        at == Some(outer)
    }

    /// Every process, in the order of the reader's numbers.
    pub fn processes(&self) -> &[ProcessInfo] {
        &self.processes
    }

    /// The process that has this number in the reader's namespace.
    pub fn process(&self, pid: i32) -> Option<&ProcessInfo> {
        self.processes
            .binary_search_by_key(&pid, ProcessInfo::pid)
            .ok()
            .map(|place| &self.processes[place])
    }

    /// The number that a process has in a namespace, by its `NSpid`.
    pub fn number_in(&self, process: &ProcessInfo, space: PidNamespaceId) -> Option<i32> {
        let own = process.space?;
        self.is_within(own, space)
            .then(|| process.numbers.get(self.space(space).level).copied())
            .flatten()
    }

    /// All uses of a number: the namespaces in which it is given (`None` if the caller may not see it), and the process
    /// that has it.
    pub fn bearers(&self, number: i32) -> Vec<(Option<PidNamespaceId>, &ProcessInfo)> {
        let mut found = Vec::new();
        for process in self
            .processes
            .iter()
            .filter(|process| process.numbers.contains(&number))
        {
            let mut line: Vec<Option<PidNamespaceId>> = self
                .line(process.space.unwrap_or(self.own()))
                .into_iter()
                .map(Some)
                .collect();
            line.resize(process.numbers.len(), None);
            let here = line
                .into_iter()
                .zip(&process.numbers)
                .filter(|&(_, &other)| other == number);
            found.extend(here.map(|(space, _)| (space, process)));
        }
        found.sort_by_key(|&(space, _)| (space.is_none(), space));
        found
    }
}

/// Threads are read only where they are asked about: a machine has many more of them than processes.
impl HostSnapshot {
    /// Threads that were asked about.
    pub fn threads(&self) -> &[ProcessInfo] {
        &self.threads
    }

    /// Adds the thread that has a number in a namespace, if the number is a thread's.
    pub fn ask_about(&mut self, space: PidNamespaceId, number: i32) {
        let found = self.thread_in(space, number);
        self.threads.extend(found);
    }

    /// Threads that have a number somewhere: like [`HostSnapshot::bearers`].
    pub fn threads_with(&self, number: i32) -> Vec<(Option<PidNamespaceId>, ProcessInfo)> {
        let seen = self
            .spaces()
            .filter_map(|(id, _)| Some((Some(id), self.thread_in(id, number)?)));
        let hidden = self
            .processes
            .iter()
            .filter(|process| process.space.is_none());
        let hidden = hidden.flat_map(|process| self.threads_of(process));
        // The reader's own namespace is among those that were asked.
        let hidden = hidden
            .filter(|thread| thread.numbers[1..].contains(&number))
            .map(|thread| (None, thread));
        seen.chain(hidden).collect()
    }

    fn thread_in(&self, space: PidNamespaceId, number: i32) -> Option<ProcessInfo> {
        if let Ok(found) = translation::bearer(self.space(space), number) {
            let thread = thread::read(found?).ok()??;
            return self
                .process_info(thread)
                .filter(|thread| self.number_in(thread, space) == Some(number));
        }
        // The kernel cannot be asked.
        let is_inside =
            |process: &&ProcessInfo| process.space.is_some_and(|own| self.is_within(own, space));
        let mut threads = self
            .processes
            .iter()
            .filter(is_inside)
            .flat_map(|process| self.threads_of(process));
        threads.find(|thread| self.number_in(thread, space) == Some(number))
    }

    fn threads_of(&self, process: &ProcessInfo) -> Vec<ProcessInfo> {
        let threads = thread::of_process(Pid::from_raw(process.pid())).unwrap_or_default();
        threads
            .into_iter()
            .filter_map(|thread| self.process_info(thread))
            .collect()
    }

    /// A thread as a member of its process's namespace.
    fn process_info(&self, thread: Thread) -> Option<ProcessInfo> {
        let process = self.process(thread.pid())?;
        (process.numbers == thread.process).then(|| ProcessInfo {
            leader: Some(process.pid()),
            numbers: thread.numbers,
            state: thread.state,
            name: thread.name,
            ..process.clone()
        })
    }
}

impl PidNamespace {
    /// Inode of the user namespace that owns it; `None` if that is outside the reader's.
    pub fn owner(&self) -> Option<u64> {
        fstat(namespace::owner(self).ok()?)
            .ok()
            .map(|owner| owner.st_ino)
    }
}

impl AsFd for PidNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Namespaces while they are collected.
#[derive(Debug, Default)]
struct PidNamespaces {
    spaces: Vec<PidNamespace>,
    by_inode: HashMap<u64, PidNamespaceId>,
}

impl PidNamespaces {
    fn get(&self, inode: u64) -> Option<PidNamespaceId> {
        self.by_inode.get(&inode).copied()
    }

    /// Adds a namespace, unless it is known; with its parent, if that is known.
    fn add(
        &mut self,
        descriptor: OwnedFd,
        evidence: Evidence,
        parent: Option<PidNamespaceId>,
    ) -> io::Result<PidNamespaceId> {
        let status = fstat(&descriptor)?;
        if status.st_mode & libc::S_IFMT == libc::S_IFDIR {
            // The process may not be looked into, on a kernel that refuses it so (R43).
            return Err(Errno::EACCES.into());
        }
        let inode = status.st_ino;
        if let Some(known) = self.get(inode) {
            return Ok(known);
        }
        let id = namespace::id(&descriptor);
        let place = PidNamespaceId(self.spaces.len());
        self.by_inode.insert(inode, place);
        self.spaces.push(PidNamespace {
            inode,
            id,
            parent,
            level: 0,
            evidence,
            descriptor,
        });
        Ok(place)
    }

    /// Finds the parent of each, and with it the namespaces that only a child keeps alive.
    fn complete(&mut self) -> io::Result<()> {
        let mut place = 1;
        while place < self.spaces.len() {
            if self.spaces[place].parent.is_none() {
                match namespace::parent(&self.spaces[place].descriptor) {
                    Ok(parent) => {
                        self.spaces[place].parent =
                            Some(self.add(parent, Evidence::Child, None)?);
                    }
                    // Not inside the reader's own.
                    Err(Errno::EPERM) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
            place += 1;
        }
        Ok(())
    }
}

/// True if /proc is that of the caller's own PID namespace.
fn is_own_proc() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| {
        std::fs::metadata(format!("/proc/{}", nix::unistd::getpid()))
            .is_ok_and(|by_number| by_number.ino() == own.ino())
    })
}
