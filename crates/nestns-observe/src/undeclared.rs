//! Processes inside a tree that are not declared, and PID namespaces that they have made: children of programs,
//! containers of a container engine, processes that came in by nsenter(1), zombies that are not reaped.
//!
//! Found by exclusion. One listing of /proc has every number (0.3 ms for a thousand processes, measured); declared
//! processes are taken away; and the outermost namespaces are asked about each number that is left with one ioctl
//! (R12), which is answered for zombies as well (R41). Only processes that are inside are read. So the cost is that of
//! the machine's other processes, however large the tree is.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::Pid;

use super::cgroup;
use super::host_snapshot::ProcessInfo;
use super::host_snapshot::members::look;
use super::namespace_link::linked;
use super::process;
use nestns_sys::errno::is_gone;
use nestns_sys::{directory, namespace};

/// Number of outermost namespaces up to which they are asked one by one; with more, each process is, for its namespace.
const ASKED: usize = 8;

/// A PID namespace of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// Inode.
    pub inode: u64,
    /// Id, where the kernel has one.
    pub id: Option<u64>,
    /// Index of the parent among the declared namespaces; `None` for an outermost one.
    pub parent: Option<usize>,
    /// PID 1, in the reader's numbering.
    pub init: i32,
}

/// Namespace of a process or of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A declared one, by its index.
    Declared(usize),
    /// A namespace made by a program, by its index among those found.
    Made(usize),
}

/// An undeclared process.
#[derive(Debug)]
pub struct Process {
    /// Numbers, parent, state and name.
    pub process_info: ProcessInfo,
    /// Namespace that it is in.
    pub place: Place,
    /// Numbers of its parent on the levels of its own numbers; 0 where the parent is not visible.
    pub parents: Vec<i32>,
    /// Start time; see [`process::Process::start_time`].
    pub start_time: u64,
    /// Command line; empty for a zombie.
    pub argv: Vec<String>,
}

/// A PID namespace that a program of the tree has made.
#[derive(Debug)]
pub struct Made {
    /// Inode, which is not given to another namespace as long as this value lives.
    pub inode: u64,
    /// Id, where the kernel has one.
    pub id: Option<u64>,
    /// Parent namespace.
    pub around: Place,
    /// PID 1, in the reader's numbering; `None` if that has ended.
    pub init: Option<i32>,
    /// Last component of the cgroup of its PID 1, if that is another one than that of the declared namespace around.
    pub cgroup: Option<String>,
    descriptor: OwnedFd,
}

impl Made {
    /// The user namespace that owns it.
    pub fn owner(&self) -> Option<u64> {
        namespace::owner(&self.descriptor)
            .ok()
            .and_then(|owner| fstat(&owner).ok())
            .map(|found| found.st_ino)
    }
}

/// Undeclared processes and namespaces.
#[derive(Debug, Default)]
pub struct Undeclared {
    /// Processes, in the order of their numbers.
    pub processes: Vec<Process>,
    /// Namespaces, each behind its parent.
    pub namespaces: Vec<Made>,
}

/// Every process that the reader's /proc shows.
///
/// # Errors
///
/// If /proc cannot be listed.
pub fn numbers() -> io::Result<Vec<i32>> {
    let mut numbers = directory::numbers(File::open("/proc")?)?;
    numbers.sort_unstable();
    Ok(numbers)
}

/// Finds those of these processes that are inside the tree and not declared. `is_known` is true for declared ones.
///
/// # Errors
///
/// If there are too few descriptors.
pub fn find(
    numbers: &[i32],
    is_known: impl Fn(i32) -> bool,
    declared: &[Declared],
) -> io::Result<Undeclared> {
    let mut search = Search::new(declared)?;
    for &pid in numbers.iter().filter(|&&pid| !is_known(pid)) {
        match search.take(pid) {
            Ok(()) => {}
            // The process has ended meanwhile.
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(search.finish())
}

struct Search<'a> {
    declared: &'a [Declared],
    by_inode: HashMap<u64, Place>,
    /// The outermost namespaces; `None` if each process has to be looked at instead.
    asked: Option<Vec<OwnedFd>>,
    own: u64,
    found: Undeclared,
}

impl<'a> Search<'a> {
    fn new(declared: &'a [Declared]) -> io::Result<Self> {
        let by_inode = declared
            .iter()
            .enumerate()
            .map(|(place, one)| (one.inode, Place::Declared(place)))
            .collect();
        let roots: Vec<&Declared> = declared.iter().filter(|one| one.parent.is_none()).collect();
        let open = |root: &&Declared| -> Option<OwnedFd> {
            let descriptor: OwnedFd = File::open(format!("/proc/{}/ns/pid", root.init))
                .ok()?
                .into();
            let is_it = fstat(&descriptor).ok()?.st_ino == root.inode
                && (root.id.is_none() || namespace::id(&descriptor) == root.id);
            is_it.then_some(descriptor)
        };
        let asked = if roots.len() <= ASKED {
            roots.iter().map(open).collect()
        } else {
            None
        };
        let own = super::namespaces::own()?;
        Ok(Self {
            declared,
            by_inode,
            asked,
            own,
            found: Undeclared::default(),
        })
    }

    /// Records a process, if it is inside.
    fn take(&mut self, pid: i32) -> io::Result<()> {
        let is_outside = |asked: &Vec<OwnedFd>| {
            // A kernel that does not know the request leaves it to the link below.
            asked
                .iter()
                .all(|root| namespace::pid_in(root, Pid::from_raw(pid)) == Err(Errno::ESRCH))
        };
        if self.asked.as_ref().is_some_and(is_outside) {
            return Ok(());
        }
        if self.asked.is_none() {
            let link = linked(nix::fcntl::AT_FDCWD, &format!("/proc/{pid}/ns/pid"), "pid");
            if link.as_ref().is_ok_and(|&inode| inode == self.own) {
                return Ok(());
            }
        }
        let Some((directory, process_info)) = look(pid)? else {
            return Ok(());
        };
        if process_info.numbers.len() < 2 {
            return Ok(());
        }
        let Some(place) = self.place(&directory, &process_info)? else {
            return Ok(());
        };
        if let Place::Made(at) = place
            && process_info.own() == 1
        {
            self.found.namespaces[at].init = Some(pid);
            self.found.namespaces[at].cgroup = self
                .init_around(place)
                .and_then(|beside| cgroup::name_apart(Pid::from_raw(pid), Pid::from_raw(beside)));
        }
        let start_time = process::start_time(Pid::from_raw(pid))?;
        let argv = process::command_line(Pid::from_raw(pid));
        self.found.processes.push(Process {
            process_info,
            place,
            parents: Vec::new(),
            start_time,
            argv,
        });
        Ok(())
    }

    /// Namespace of a process; `None` if that is not of this tree.
    fn place(
        &mut self,
        directory: &OwnedFd,
        process_info: &ProcessInfo,
    ) -> io::Result<Option<Place>> {
        const LINK: &str = "ns/pid";
        match linked(directory, LINK, "pid") {
            Ok(inode) => {
                if let Some(&place) = self.by_inode.get(&inode) {
                    return Ok(Some(place));
                }
                let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
                self.made(openat(directory, LINK, flags, Mode::empty())?)
            }
            // Another user's process, which may not be looked into: the namespaces around it may be asked all the same.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Ok(self.deepest(process_info))
            }
            Err(error) => Err(error),
        }
    }

    /// Records a namespace that is met for the first time, and those around it.
    fn made(&mut self, descriptor: OwnedFd) -> io::Result<Option<Place>> {
        let inode = fstat(&descriptor)?.st_ino;
        if let Some(&place) = self.by_inode.get(&inode) {
            return Ok(Some(place));
        }
        let around = match namespace::parent(&descriptor) {
            Ok(parent) => self.made(parent)?,
            // The reader's own namespace, or one around it.
            Err(Errno::EPERM) => None,
            Err(errno) => return Err(errno.into()),
        };
        let Some(around) = around else {
            return Ok(None);
        };
        let place = Place::Made(self.found.namespaces.len());
        let id = namespace::id(&descriptor);
        self.found.namespaces.push(Made {
            inode,
            id,
            around,
            init: None,
            cgroup: None,
            descriptor,
        });
        self.by_inode.insert(inode, place);
        Ok(Some(place))
    }

    /// The innermost namespace that is known to contain a process whose own may not be seen.
    fn deepest(&self, process_info: &ProcessInfo) -> Option<Place> {
        let pid = Pid::from_raw(process_info.pid());
        let holds = |one: &Declared| {
            let descriptor = File::open(format!("/proc/{}/ns/pid", one.init)).ok();
            descriptor.is_some_and(|descriptor| namespace::pid_in(descriptor.as_fd(), pid).is_ok())
        };
        // A namespace comes before those inside it.
        let last = self
            .declared
            .iter()
            .enumerate()
            .rev()
            .find(|(_, one)| holds(one));
        last.map(|(place, _)| Place::Declared(place))
    }

    /// The PID 1 of the declared namespace around a place.
    fn init_around(&self, mut place: Place) -> Option<i32> {
        loop {
            place = match place {
                Place::Declared(at) => return self.declared.get(at).map(|one| one.init),
                Place::Made(at) => self.found.namespaces[at].around,
            };
        }
    }

    /// The inodes of a namespace and those around it, from the outermost inward.
    fn line(&self, place: Place) -> Vec<u64> {
        let mut line = Vec::new();
        let mut at = Some(place);
        while let Some(place) = at {
            let (inode, around) = match place {
                Place::Declared(at) => (
                    self.declared[at].inode,
                    self.declared[at].parent.map(Place::Declared),
                ),
                Place::Made(at) => (
                    self.found.namespaces[at].inode,
                    Some(self.found.namespaces[at].around),
                ),
            };
            line.push(inode);
            at = around;
        }
        line.reverse();
        line
    }

    fn finish(mut self) -> Undeclared {
        let mut parents: HashMap<i32, (Vec<i32>, Vec<u64>)> = HashMap::new();
        let mut numbered = Vec::with_capacity(self.found.processes.len());
        for process in &self.found.processes {
            let pid = process.process_info.parent;
            let (numbers, line) = parents.entry(pid).or_insert_with(|| self.facts(pid));
            let own = self.line(process.place);
            // On the level of the reader every process is visible, and below as far as the namespaces are the same.
            let common = 1 + own
                .iter()
                .zip(&*line)
                .take_while(|(own, other)| own == other)
                .count();
            let levels = 0..process.process_info.numbers.len();
            let number = |level| {
                numbers
                    .get(level)
                    .copied()
                    .filter(|_| level < common)
                    .unwrap_or(0)
            };
            numbered.push(levels.map(number).collect());
        }
        for (process, parents) in self.found.processes.iter_mut().zip(numbered) {
            process.parents = parents;
        }
        self.found
    }

    /// The numbers of a parent, and the namespaces around it.
    fn facts(&self, pid: i32) -> (Vec<i32>, Vec<u64>) {
        let numbers = process::Process::read(Pid::from_raw(pid))
            .map(|process| process.numbers)
            .unwrap_or(vec![pid]);
        let inode = linked(nix::fcntl::AT_FDCWD, &format!("/proc/{pid}/ns/pid"), "pid").ok();
        let place = inode.and_then(|inode| self.by_inode.get(&inode));
        (
            numbers,
            place.map(|&place| self.line(place)).unwrap_or_default(),
        )
    }
}
