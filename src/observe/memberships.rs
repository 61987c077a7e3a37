//! Which namespace of each kind a process is a member of.
//!
//! Inodes of two processes may be compared when both were alive after both had been read: namespaces that exist at the same
//! time have different ones. Beyond that moment only the ids mean anything (R18).

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::Pid;

use super::namespace_link::followed;
use crate::sys::namespace;

/// The kinds, by their names in `/proc/PID/ns`, in the order in which they are told.
pub const KINDS: [&str; 8] = ["pid", "user", "mnt", "net", "uts", "ipc", "cgroup", "time"];

/// How much is asked about each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The inodes: one call each.
    Inodes,
    /// The ids as well, for which each has to be opened.
    Ids,
}

/// One namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Of which kind.
    pub kind: &'static str,
    /// Its inode in nsfs.
    pub inode: u64,
    /// Its id; `None` before Linux 6.18, or where it was not asked for.
    pub id: Option<u64>,
}

/// All namespaces of a process; kinds that the kernel does not have are left out.
///
/// The number is believed: whoever wants to know whose answer this is asks by [`process::verified`](super::process::verified).
///
/// # Errors
///
/// `EACCES` where the process may not be looked into, `ENOENT` when it is gone or a zombie.
pub fn read(pid: Pid, depth: Depth) -> io::Result<Vec<Membership>> {
    let mut memberships = Vec::with_capacity(KINDS.len());
    let mut missing = None;
    for kind in KINDS {
        let path = format!("/proc/{pid}/ns/{kind}");
        let found = match depth {
            Depth::Inodes => followed(path).map(|inode| (inode, None)),
            Depth::Ids => File::open(path).and_then(|file| Ok((file.metadata()?.ino(), namespace::id(&file)))),
        };
        match found {
            Ok((inode, id)) => memberships.push(Membership { kind, inode, id }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing = Some(error),
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if memberships.is_empty() => Err(error),
        _ => Ok(memberships),
    }
}
