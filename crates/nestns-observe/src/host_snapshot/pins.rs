//! Reasons why a namespace without members is alive: a mount of its file in nsfs, or an open descriptor of it.
//!
//! Mounts are read once for each mount namespace, descriptors of every process. Both are recognised by their text,
//! `nsfs` and `pid:[4026531836]`, and only namespaces without known members are opened. Nothing in the kernel leads
//! from a namespace to the mounts and descriptors that keep it, so that all of them have to be looked at; several
//! threads share the processes among themselves.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{fstat, stat};
use nix::unistd::{Pid, getpid};

use super::{Evidence, PidNamespaces};
use crate::mountinfo::mounts;
use crate::namespace_link::{inode_of, linked};
use nestns_sys::{directory, kcmp};

/// End of the line of a mount of nsfs in mountstats.
const NSFS: &[u8] = b"with fstype nsfs\n";

/// The processes that are searched, each by one of the threads that have joined.
#[derive(Debug)]
pub(super) struct Hunt<'a> {
    pids: &'a [i32],
    next: AtomicUsize,
    /// Mount namespaces that a thread reads or has read.
    mount_namespaces: Mutex<HashSet<u64>>,
}

/// Access of the caller to the open files of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Granted,
    Denied,
}

/// Namespaces found, by inode.
#[derive(Debug)]
pub(super) struct Pins {
    found: Vec<(u64, Evidence)>,
    /// Number of processes that could not be looked at.
    pub(super) closed: usize,
    text: Vec<u8>,
    /// The process looked at before, and how many of its lowest descriptors are not of a PID namespace.
    before: (Pid, i32),
}

impl<'a> Hunt<'a> {
    pub(super) fn new(pids: &'a [i32]) -> Self {
        Self {
            pids,
            next: AtomicUsize::new(0),
            mount_namespaces: Mutex::default(),
        }
    }

    /// Searches the processes that no other thread has taken, until there are no more.
    pub(super) fn join(&self) -> Pins {
        // A large buffer: every read of a file of /proc makes a part of it anew.
        let mut pins = Pins {
            found: Vec::new(),
            closed: 0,
            text: vec![0; 64 * 1024],
            before: (getpid(), 0),
        };
        while let Some(&pid) = self.pids.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if linked(AT_FDCWD, &format!("/proc/{pid}/ns/mnt"), "mnt")
                .is_ok_and(|inode| self.is_new(inode))
            {
                pins.mounts(pid);
            }
            pins.closed += usize::from(pins.descriptors(pid) == Access::Denied);
        }
        pins
    }

    fn is_new(&self, mount_namespace: u64) -> bool {
        let mut known = self
            .mount_namespaces
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        known.insert(mount_namespace)
    }
}

impl Pins {
    /// Merges the results of another thread, ordered by process as if one thread had found them all.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.found.extend(other.found);
        self.found.sort_by_key(|(_, evidence)| match evidence {
            Evidence::Mount { seen_by: pid, .. } | Evidence::Descriptor { holder: pid, .. } => *pid,
            Evidence::Member | Evidence::Child => 0,
        });
        Self {
            closed: self.closed + other.closed,
            ..self
        }
    }

    fn mounts(&mut self, pid: i32) {
        // It says the least of every mount, and costs half of mountinfo, which says where nsfs is mounted. Only the
        // process's own user may open it.
        let statistics = self.read(&format!("/proc/{pid}/mountstats"));
        if statistics.is_some_and(|text| !text.windows(NSFS.len()).any(|text| text == NSFS)) {
            return;
        }
        let Some(text) = self.read(&format!("/proc/{pid}/mountinfo")) else {
            return;
        };
        let pinned = mounts(text)
            .filter(|mount| mount.kind == b"nsfs")
            .filter_map(|mount| {
                let inode = inode_of(mount.root().to_str()?.trim_start_matches('/'), "pid")?;
                Some((
                    inode,
                    Evidence::Mount {
                        seen_by: pid,
                        path: mount.point(),
                    },
                ))
            });
        let pinned: Vec<_> = pinned.collect();
        self.found.extend(pinned);
    }

    /// Reads a file, if it may be opened.
    fn read(&mut self, path: &str) -> Option<&[u8]> {
        let mut file = File::open(path).ok()?;
        let mut length = 0;
        while let Ok(count @ 1..) = file.read(&mut self.text[length..]) {
            length += count;
            if self.text.len() - length < 4096 {
                self.text.resize(self.text.len() * 2, 0);
            }
        }
        Some(&self.text[..length])
    }

    fn descriptors(&mut self, pid: i32) -> Access {
        let path = format!("/proc/{pid}/fd");
        // Its size is the number of descriptors, since Linux 6.2, and most processes have the lowest numbers open:
        // these need not be listed.
        let count = stat(path.as_str())
            .ok()
            .and_then(|status| i32::try_from(status.st_size).ok())
            .unwrap_or(0);
        let inherited = self.inherited(pid, count);
        self.before = (Pid::from_raw(pid), inherited);
        if count > 0 && inherited == count {
            return Access::Granted;
        }
        let directory = match File::open(path) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Access::Denied,
            Err(_) => return Access::Granted,
        };
        let mut next = inherited;
        while next < count {
            match self.descriptor(&directory, pid, next) {
                Ok(()) => next += 1,
                Err(Errno::EACCES | Errno::EPERM) => return Access::Denied,
                Err(_) => break,
            }
        }
        if count > 0 && next == count {
            return Access::Granted;
        }
        for number in directory::numbers(&directory)
            .unwrap_or_default()
            .into_iter()
            .filter(|&number| number >= next)
        {
            if let Err(Errno::EACCES | Errno::EPERM) = self.descriptor(&directory, pid, number) {
                return Access::Denied;
            }
        }
        Access::Granted
    }

    /// Number of the lowest descriptors that are not of a PID namespace because the process that was looked at before
    /// has the same files open there. Neighbours have most from one parent, and to compare two costs a quarter of
    /// reading a link.
    fn inherited(&self, pid: i32, count: i32) -> i32 {
        let (before, plain) = self.before;
        let is_same =
            |&number: &i32| kcmp::is_same_file(Pid::from_raw(pid), before, number) == Ok(true);
        let same = (0..count.min(plain)).take_while(is_same).count();
        i32::try_from(same).unwrap_or(0)
    }

    fn descriptor(&mut self, directory: &File, holder: i32, number: i32) -> nix::Result<()> {
        // A longer text is no namespace's.
        let mut buffer = [0; 32];
        let link = directory::link(directory, number, &mut buffer)?;
        if let Some(inode) = std::str::from_utf8(link)
            .ok()
            .and_then(|link| inode_of(link, "pid"))
        {
            self.found
                .push((inode, Evidence::Descriptor { holder, number }));
        } else if self.before.1 == number {
            self.before.1 += 1;
        }
        Ok(())
    }

    /// Opens the namespaces that are not known yet.
    pub(super) fn open(self, spaces: &mut PidNamespaces) {
        for (inode, evidence) in self.found {
            if spaces.get(inode).is_some() {
                continue;
            }
            let path = match &evidence {
                Evidence::Mount { seen_by, path } => PathBuf::from(format!("/proc/{seen_by}/root"))
                    .join(path.strip_prefix("/").unwrap_or(path)),
                Evidence::Descriptor { holder, number } => {
                    PathBuf::from(format!("/proc/{holder}/fd/{number}"))
                }
                Evidence::Member | Evidence::Child => continue,
            };
            // The file may be covered by another mount, closed meanwhile, or not for the caller to open: then it is not
            // found.
            let Ok(descriptor) = File::open(path).map(OwnedFd::from) else {
                continue;
            };
            let is_it = fstat(&descriptor).is_ok_and(|found| found.st_ino == inode);
            if is_it && spaces.add(descriptor, evidence, None).is_err() {
                return;
            }
        }
    }
}
