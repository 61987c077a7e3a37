//! Namespaces of a process, and the parent of its PID namespace.
//!
//! Asked of a pidfd where the kernel can (6.11), of /proc where it cannot: the answers are the same, the price is not.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sched::CloneFlags;
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use super::namespace_link::linked;
use super::small_file;
use nestns_sys::namespace;
use nestns_sys::pidfd::{Kind, Pidfd};

/// A PID namespace as the kernel identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidNamespace {
    /// Inode in nsfs; recycled when the namespace is gone.
    pub inode: u64,
    /// Id, never used again; `None` before Linux 6.18.
    pub id: Option<u64>,
    /// Inode of the parent namespace; `None` if that is outside the reader's own.
    pub parent: Option<u64>,
}

/// Process whose namespaces are asked for. Its number must not be reused meanwhile, or its identity be compared after.
#[derive(Debug)]
pub struct Member {
    pid: Pid,
    pidfd: Pidfd,
}

impl Member {
    /// The process with this number.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is none.
    pub fn open(pid: Pid) -> io::Result<Self> {
        Ok(Self {
            pid,
            pidfd: Pidfd::open(pid)?,
        })
    }

    /// The process with this number, for which the caller has a pidfd.
    pub fn of(pid: Pid, pidfd: Pidfd) -> Self {
        Self { pid, pidfd }
    }

    /// True if the process has ended.
    pub fn has_ended(&self) -> bool {
        self.pidfd.has_ended()
    }

    /// PID namespace of the process, with the parent by `NS_GET_PARENT`.
    ///
    /// # Errors
    ///
    /// `EACCES` where the process may not be looked into, `ENOENT` or `ESRCH` when it is gone.
    pub fn pid_namespace(&self) -> io::Result<PidNamespace> {
        let descriptor = self.descriptor(Kind::Pid)?;
        let parent = match namespace::parent(&descriptor) {
            Ok(parent) => Some(fstat(&parent)?.st_ino),
            Err(Errno::EPERM) => None,
            Err(errno) => return Err(errno.into()),
        };
        Ok(PidNamespace {
            inode: fstat(&descriptor)?.st_ino,
            id: namespace::id(&descriptor),
            parent,
        })
    }

    /// Inode of one of the process's namespaces.
    ///
    /// # Errors
    ///
    /// Those of [`Member::pid_namespace`].
    pub fn inode(&self, kind: Kind) -> io::Result<u64> {
        Ok(fstat(&self.descriptor(kind)?)?.st_ino)
    }

    /// Descriptor of the PID namespace of the process.
    ///
    /// # Errors
    ///
    /// Those of [`Member::pid_namespace`].
    pub fn descriptor_of_pid_namespace(&self) -> io::Result<OwnedFd> {
        self.descriptor(Kind::Pid)
    }

    fn descriptor(&self, kind: Kind) -> io::Result<OwnedFd> {
        match self.pidfd.namespace(kind) {
            Ok(descriptor) => Ok(descriptor),
            Err(Errno::ENOTTY | Errno::EINVAL | Errno::EOPNOTSUPP | Errno::ESRCH) => {
                let name = match kind {
                    Kind::Mount => "mnt",
                    Kind::Pid => "pid",
                    Kind::User => "user",
                };
                Ok(File::open(format!("/proc/{}/ns/{name}", self.pid))?.into())
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The inode of the initial PID namespace, the same on every Linux: `PROC_PID_INIT_INO` of `linux/proc_ns.h`.
pub const INITIAL: u64 = 0xEFFF_FFFC;

/// The inode of the caller's own PID namespace.
///
/// # Errors
///
/// Where /proc is not mounted.
pub fn own() -> io::Result<u64> {
    Ok(std::fs::metadata("/proc/self/ns/pid")?.ino())
}

/// The names of the kinds besides PID, and their flags for setns(2).
const ENTERED: [(&str, CloneFlags); 7] = [
    ("mnt", CloneFlags::CLONE_NEWNS),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("net", CloneFlags::CLONE_NEWNET),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("user", CloneFlags::CLONE_NEWUSER),
    // CLONE_NEWTIME, for which nix has no name.
    ("time", CloneFlags::from_bits_retain(0x80)),
];

/// Namespaces, besides PID, of a process that is to enter those of others. Read once: the process does not change them.
#[derive(Debug)]
pub struct Standpoint([Option<u64>; ENTERED.len()]);

impl Standpoint {
    /// Namespaces of the caller. `user` is the user namespace that the caller will be in by then, if not its present
    /// one.
    ///
    /// # Errors
    ///
    /// Where /proc is not mounted.
    pub fn own(user: Option<&OwnedFd>) -> io::Result<Self> {
        let mut inodes = [None; ENTERED.len()];
        for (found, (name, _)) in inodes.iter_mut().zip(ENTERED) {
            *found = match user.filter(|_| name == "user") {
                Some(user) => Some(fstat(user)?.st_ino),
                None => match inode("self", name) {
                    Ok(own) => Some(own),
                    // A kernel without this kind.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                    Err(error) => return Err(error),
                },
            };
        }
        Ok(Self(inodes))
    }

    /// The namespaces after a user namespace was entered; `None` if it is the one from before.
    ///
    /// # Errors
    ///
    /// Those of fstat(2).
    pub fn in_user_namespace(&self, user: &OwnedFd) -> io::Result<Option<Self>> {
        let inode = fstat(user)?.st_ino;
        let mut inodes = self.0;
        for (found, (name, _)) in inodes.iter_mut().zip(ENTERED) {
            if name == "user" && found.replace(inode) == Some(inode) {
                return Ok(None);
            }
        }
        Ok(Some(Self(inodes)))
    }

    /// The namespaces, besides PID, in which a process differs: those to enter to be where it is. `only` restricts the
    /// kinds: `mnt` or `mount`, `uts`, `ipc`, `net`, `cgroup`, `user`, `time`.
    ///
    /// # Errors
    ///
    /// `EACCES` where the process may not be looked into, `ENOENT` when it is gone.
    pub fn to_enter(&self, pid: Pid, only: Option<&[String]>) -> io::Result<CloneFlags> {
        let mut flags = CloneFlags::empty();
        for (own, (name, flag)) in self.0.iter().zip(ENTERED) {
            let is_wanted = |only: &[String]| {
                only.iter()
                    .any(|kind| kind == name || (kind == "mount" && name == "mnt"))
            };
            if only.is_none_or(is_wanted)
                && let Some(own) = own
                && inode(&pid.to_string(), name)? != *own
            {
                flags |= flag;
            }
        }
        Ok(flags)
    }
}

/// Inode of the namespace of a kind of a process, `self` or a number.
fn inode(who: &str, name: &str) -> io::Result<u64> {
    let path = format!("/proc/{who}/ns/{name}");
    linked(AT_FDCWD, &path, name).map_err(|error| match error.kind() {
        // The link is none of the kernel's: the error has to name it.
        io::ErrorKind::InvalidData => small_file::of_file(&error, &path),
        _ => error,
    })
}
