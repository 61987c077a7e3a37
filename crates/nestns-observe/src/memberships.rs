//! The namespace of each kind that a process is a member of.
//!
//! Inodes of two processes may be compared when both were alive after both had been read: namespaces that exist at the same
//! time have different ones. Beyond that moment only the ids mean anything (R18).

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::Pid;

use super::namespace_link::followed;
use nestns_sys::namespace;

/// The kinds, by their names in `/proc/PID/ns`, in the order in which they are reported.
pub const KINDS: [&str; 8] = ["pid", "user", "mnt", "net", "uts", "ipc", "cgroup", "time"];

/// Depth of detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Inodes only: one call each.
    Inodes,
    /// Ids as well, for which each namespace has to be opened.
    Ids,
}

/// Namespace that a process is a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Kind.
    pub kind: &'static str,
    /// Inode in nsfs.
    pub inode: u64,
    /// Id; `None` before Linux 6.18, or if not asked for.
    pub id: Option<u64>,
}

/// Reads all namespaces of a process; kinds that the kernel does not have are left out.
///
/// The number is not verified: [`process::verified`](super::process::verified) makes sure of the process that the
/// answer is about.
///
/// # Errors
///
/// `EACCES` if the process may not be looked into, `ENOENT` if it is gone or a zombie.
pub fn read(pid: Pid, depth: Depth) -> io::Result<Vec<Membership>> {
    let mut memberships = Vec::with_capacity(KINDS.len());
    let mut missing = None;
    for kind in KINDS {
        let path = format!("/proc/{pid}/ns/{kind}");
        let found = match depth {
            Depth::Inodes => followed(path).map(|inode| (inode, None)),
            Depth::Ids => {
                File::open(path).and_then(|file| Ok((file.metadata()?.ino(), namespace::id(&file))))
            }
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
