//! Which namespaces a process is a member of, and what stands above its PID namespace.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::sys::namespace;

/// A PID namespace as the kernel identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidNamespace {
    /// Its inode in nsfs; recycled when it is gone.
    pub inode: u64,
    /// Its id, never used again; `None` before Linux 6.18.
    pub id: Option<u64>,
    /// The inode of the namespace around it; `None` when that is outside the reader's own.
    pub parent: Option<u64>,
}

impl PidNamespace {
    /// That of a process, with its parent by `NS_GET_PARENT`.
    ///
    /// # Errors
    ///
    /// `EACCES` where the process may not be looked into, `ENOENT` when it is gone.
    pub fn of(pid: Pid) -> io::Result<Self> {
        let descriptor = File::open(format!("/proc/{pid}/ns/pid"))?;
        let parent = match namespace::parent(&descriptor) {
            Ok(parent) => Some(nix::sys::stat::fstat(&parent)?.st_ino),
            Err(Errno::EPERM) => None,
            Err(errno) => return Err(errno.into()),
        };
        let inode = nix::sys::stat::fstat(&descriptor)?.st_ino;
        Ok(Self { inode, id: namespace::id(&descriptor), parent })
    }
}

/// The inode of one of a process's namespaces; `kind` is the name in `/proc/PID/ns`.
///
/// # Errors
///
/// Those of [`PidNamespace::of`].
pub fn inode(pid: Pid, kind: &str) -> io::Result<u64> {
    Ok(std::fs::metadata(format!("/proc/{pid}/ns/{kind}"))?.ino())
}

/// The inode of the caller's own PID namespace.
///
/// # Errors
///
/// Where /proc is not mounted.
pub fn own() -> io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/pid")?.ino())
}
