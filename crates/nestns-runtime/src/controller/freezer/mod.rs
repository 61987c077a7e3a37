//! Pausing namespaces: cgroups of version 2, into which everything of a namespace is moved for as
//! long as it is paused.
//!
//! Not SIGSTOP: a stopped PID 1 leaves the others running (R8). Not the freezer of version 1
//! either, whose members cannot be killed: what is frozen here dies by KILL like anything else.
//!
//! A group is frozen before the first member comes, so that each stops as it arrives; a process
//! that has not come yet may still fork, and the search is repeated until none is found outside.
//! The way back is taken while all are frozen, when none can fork.

pub(in crate::controller) mod group;
pub mod orphans;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{Pid, getpid};

use crate::engine::plan::NamespaceIndex;
use group::{Group, admit};
use nestns_client::state_directory::Directory;
use nestns_observe::cgroup::Tree;
use nestns_observe::stat;
use nestns_observe::subtree::Subtree;
use nestns_sys::errno::{number_of, of_io};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

pub use group::recorded;

/// Time that is spent on the search for processes that are still outside.
const GATHERING: Duration = Duration::from_secs(2);
/// Number of groups of one name that may belong to others.
const ATTEMPTS: u32 = 100;

/// Obstacle to a pause.
#[derive(Debug, thiserror::Error)]
pub(in crate::controller) enum Hindrance {
    #[error(
        "no cgroup v2 is mounted, and only cgroup v2 can freeze processes so that they can still be killed"
    )]
    NoTree,
    #[error("this process is in a cgroup v2 outside of what is mounted")]
    Elsewhere,
    #[error("cannot create a cgroup in {}: {}", above.display(), of_io(source))]
    Make { above: PathBuf, source: io::Error },
    #[error("cannot move process {pid} into {}: {}", group.display(), of_io(source))]
    Move {
        pid: Pid,
        group: PathBuf,
        source: io::Error,
    },
    #[error("cannot find its processes: {}", of_io(.0))]
    Look(io::Error),
    #[error("it creates processes faster than they can be frozen")]
    Unsettled,
}

impl Hindrance {
    /// True if it is this machine that does not allow it.
    pub(in crate::controller) fn is_machine(&self) -> bool {
        let refused = |source: &io::Error| {
            matches!(
                number_of(source),
                Errno::EACCES | Errno::EPERM | Errno::EROFS | Errno::ENOENT | Errno::EAGAIN
            )
        };
        match self {
            Self::NoTree | Self::Elsewhere => true,
            Self::Make { source, .. } | Self::Move { source, .. } => refused(source),
            Self::Look(_) | Self::Unsettled => false,
        }
    }
}

/// A namespace that is paused, or about to be.
#[derive(Debug)]
struct Paused {
    group: Group,
    tree: Tree,
    subtree: Subtree,
    /// Original groups of the members; for the others, and where that group is gone, the
    /// controller's own.
    origins: HashMap<Pid, PathBuf>,
    home: PathBuf,
}

/// Everything that is paused.
#[derive(Debug, Default)]
pub(in crate::controller) struct Freezer {
    paused: BTreeMap<NamespaceIndex, Paused>,
    next: u32,
}

impl Freezer {
    /// Freezes a namespace with all that is in it; when everything is, [`Freezer::is_frozen`] says
    /// so.
    ///
    /// # Errors
    ///
    /// [`Hindrance`]; nothing has changed then.
    pub(in crate::controller) fn freeze(
        &mut self,
        index: NamespaceIndex,
        subtree: Subtree,
        name: &str,
        state: &Directory,
    ) -> Result<(), Hindrance> {
        let tree = Tree::find().ok_or(Hindrance::NoTree)?;
        let home = tree
            .group_of(getpid())
            .map_err(Hindrance::Look)?
            .ok_or(Hindrance::Elsewhere)?;
        let group = self.make_group(&home, name, state)?;
        let mut paused = Paused {
            group,
            tree,
            subtree,
            origins: HashMap::new(),
            home,
        };
        let frozen = paused.group.freeze(true).map_err(|source| Hindrance::Make {
            above: paused.home.clone(),
            source,
        });
        match frozen.and_then(|()| paused.gather()) {
            Ok(_) => {
                self.paused.insert(index, paused);
                Ok(())
            }
            Err(hindrance) => {
                paused.release();
                Err(hindrance)
            }
        }
    }

    fn make_group(
        &mut self,
        home: &Path,
        name: &str,
        state: &Directory,
    ) -> Result<Group, Hindrance> {
        let mut attempts = 0;
        loop {
            // Two topologies of a name, of two users, are told apart by their controllers.
            let place = state.path().parent().unwrap_or(state.path());
            let full = orphans::name(name, place, getpid(), self.next);
            self.next = self.next.wrapping_add(1);
            match Group::make(home, &full, state) {
                Ok(group) => return Ok(group),
                Err(error)
                    if error.kind() == io::ErrorKind::AlreadyExists && attempts < ATTEMPTS =>
                {
                    attempts += 1;
                }
                Err(source) => {
                    return Err(Hindrance::Make {
                        above: home.to_owned(),
                        source,
                    });
                }
            }
        }
    }

    /// True if everything of a namespace is frozen: those that have come meanwhile, from outside,
    /// are fetched first.
    ///
    /// # Errors
    ///
    /// [`Hindrance`] when a process cannot be fetched.
    pub(in crate::controller) fn is_frozen(
        &mut self,
        index: NamespaceIndex,
    ) -> Result<bool, Hindrance> {
        let Some(paused) = self.paused.get_mut(&index) else {
            return Ok(false);
        };
        if !paused.group.is_frozen().map_err(Hindrance::Look)? {
            return Ok(false);
        }
        Ok(paused.gather()? == 0)
    }

    /// The first member that is not frozen: one that waits in the kernel for what cannot be
    /// interrupted.
    pub(in crate::controller) fn laggard(&self, index: NamespaceIndex) -> Option<Pid> {
        let members = self.paused.get(&index)?.group.members().ok()?;
        members
            .iter()
            .find(|&&pid| stat::state(pid) == Some('D'))
            .copied()
    }

    /// Notes all groups again, in another state directory.
    ///
    /// # Errors
    ///
    /// Those of open(2) and write(2).
    pub(in crate::controller) fn note_again(&self, state: &Directory) -> io::Result<()> {
        self.paused
            .values()
            .try_for_each(|paused| paused.group.note(state))
    }

    /// Lets a namespace go on, and returns every process to the group that it came from.
    pub(in crate::controller) fn thaw(&mut self, index: NamespaceIndex) {
        if let Some(paused) = self.paused.remove(&index) {
            paused.release();
        }
    }
}

impl Paused {
    /// Moves every process in that is still outside; says how many those were.
    fn gather(&mut self) -> Result<usize, Hindrance> {
        let end = Moment::now().plus(GATHERING);
        let mut moved = 0;
        loop {
            let inside: HashSet<Pid> = self
                .group
                .members()
                .map_err(Hindrance::Look)?
                .into_iter()
                .collect();
            let mut outside = 0;
            for pid in self.subtree.members().map_err(Hindrance::Look)? {
                if !inside.contains(&pid) && self.fetch(pid)? {
                    outside += 1;
                }
            }
            if outside == 0 {
                return Ok(moved);
            }
            moved += outside;
            if Moment::now() >= end {
                return Err(Hindrance::Unsettled);
            }
        }
    }

    /// Moves a process in; says whether it was there to be moved.
    fn fetch(&mut self, pid: Pid) -> Result<bool, Hindrance> {
        let Ok(pidfd) = Pidfd::open(pid) else {
            return Ok(false);
        };
        if pidfd.has_ended() || !self.subtree.holds(pid) {
            return Ok(false);
        }
        let origin = match self.tree.group_of(pid) {
            Ok(origin) => origin.unwrap_or_else(|| self.home.clone()),
            Err(_) if pidfd.has_ended() => return Ok(false),
            Err(error) => return Err(Hindrance::Look(error)),
        };
        match admit(self.group.directory(), pid) {
            Ok(()) => {}
            Err(error) if number_of(&error) == Errno::ESRCH => return Ok(false),
            Err(source) => {
                return Err(Hindrance::Move {
                    pid,
                    group: self.group.directory().to_owned(),
                    source,
                });
            }
        }
        // It may have ended in between, and its number belong to another process that was moved
        // instead.
        if pidfd.has_ended() && !self.subtree.holds(pid) {
            let _ = admit(&self.home, pid);
            return Ok(false);
        }
        self.origins.insert(pid, origin);
        Ok(true)
    }

    /// Moves every process back and removes the group.
    fn release(self) {
        for pid in self.group.members().unwrap_or_default() {
            let origin = self.origins.get(&pid).unwrap_or(&self.home);
            // Its group may be gone, or be closed to processes by now.
            if admit(origin, pid).is_err() {
                let _ = admit(&self.home, pid);
            }
        }
        let _ = self.group.freeze(false);
        // A fork that was under way when its parent was frozen.
        for pid in self.group.members().unwrap_or_default() {
            let _ = admit(&self.home, pid);
        }
        // What cannot be removed now is in the list of the state directory, and removed with it.
        let _ = self.group.dissolve();
    }
}
