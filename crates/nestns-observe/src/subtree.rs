//! Members of a PID namespace and of those below it, declared or not.
//!
//! Since Linux 6.11 the namespace itself is asked for the number that a process has in it (R12): it has one exactly if it is
//! a member of the namespace or of one inside. Before, the namespaces of a process are followed upward (`NS_GET_PARENT`).

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use nestns_sys::namespace;
use nestns_sys::pidfd::{Kind, Pidfd};

/// More levels than there can be.
const LEVELS: usize = 64;

/// A PID namespace and everything inside it. The descriptor keeps its inode from being given to another namespace.
#[derive(Debug)]
pub struct Subtree {
    namespace: OwnedFd,
    identity: Identity,
}

/// The id where the kernel has one, and the inode, which cannot be another's while the descriptor is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    id: Option<u64>,
    inode: u64,
}

impl Identity {
    fn of(namespace: &OwnedFd) -> io::Result<Self> {
        Ok(Self {
            id: namespace::id(namespace),
            inode: fstat(namespace)?.st_ino,
        })
    }
}

impl Subtree {
    /// PID namespace of a process that the caller has identified.
    ///
    /// # Errors
    ///
    /// `EACCES` where the process may not be looked into, `ENOENT` or `ESRCH` when it is gone.
    pub fn of(pid: Pid, pidfd: &Pidfd) -> io::Result<Self> {
        let namespace = namespace_of(pid, pidfd)?;
        let identity = Identity::of(&namespace)?;
        Ok(Self {
            namespace,
            identity,
        })
    }

    /// Id, where the kernel has one, and inode.
    pub fn identity(&self) -> (Option<u64>, u64) {
        (self.identity.id, self.identity.inode)
    }

    /// True if a process is in it at this moment.
    pub fn holds(&self, pid: Pid) -> bool {
        match namespace::pid_in(&self.namespace, pid) {
            Ok(_) => true,
            Err(Errno::ENOTTY | Errno::EINVAL) => self.is_above(pid).unwrap_or(false),
            // ESRCH: the process is not visible there, or gone.
            Err(_) => false,
        }
    }

    fn is_above(&self, pid: Pid) -> io::Result<bool> {
        let mut around = namespace_of(pid, &Pidfd::open(pid)?)?;
        for _ in 0..LEVELS {
            if Identity::of(&around)? == self.identity {
                return Ok(true);
            }
            around = match namespace::parent(&around) {
                Ok(parent) => parent,
                // The caller's own namespace, or one around it.
                Err(Errno::EPERM) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            };
        }
        Ok(false)
    }

    /// The processes in it, as far as the reader's /proc shows them, unreaped zombies included.
    ///
    /// # Errors
    ///
    /// An unreadable /proc.
    pub fn members(&self) -> io::Result<Vec<Pid>> {
        let number =
            |entry: io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
        let all = std::fs::read_dir("/proc")?
            .filter_map(number)
            .map(Pid::from_raw);
        Ok(all.filter(|&pid| self.holds(pid)).collect())
    }
}

fn namespace_of(pid: Pid, pidfd: &Pidfd) -> io::Result<OwnedFd> {
    match pidfd.namespace(Kind::Pid) {
        Ok(namespace) => Ok(namespace),
        Err(Errno::ENOTTY | Errno::EINVAL | Errno::EOPNOTSUPP) => {
            Ok(File::open(format!("/proc/{pid}/ns/pid"))?.into())
        }
        Err(errno) => Err(errno.into()),
    }
}
