//! Origin of a client of the control socket: the controller's own namespaces, or somewhere inside
//! the tree.
//!
//! A socket in a directory is reached by each process that sees the directory, those of the tree
//! included, and `exec` runs programs with everything that the controller has. So its user alone
//! says nothing. A client is obeyed when it is in the controller's own user namespace, and in its
//! own PID namespace or in one around that, whose members see the controller and could trace it;
//! the kernel says so of the very process that has connected (`SO_PEERPIDFD`, since Linux 6.5;
//! before that by its number, which its end gives back).

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use nix::errno::Errno;
use nix::sys::socket::UnixCredentials;
use nix::sys::stat::fstat;
use nix::unistd::{Pid, geteuid, getpid};

use nestns_observe::namespaces::Member;
use nestns_sys::namespace;
use nestns_sys::pidfd::{Kind, Pidfd};
use nestns_sys::proc_status::Fields;

/// The deepest PID namespace (R1).
const DEEPEST: usize = 32;

/// Origin of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) enum Standing {
    /// The controller's own namespaces, or a PID namespace around its own: the client may ask for
    /// everything.
    Beside,
    /// Another place: its PID namespace and those around it, the innermost first, as far as they
    /// can be seen.
    Inside(Vec<u64>),
}

impl Standing {
    /// Origin of the process at the other end of a socket.
    pub(super) fn of(socket: &OwnedFd, peer: &UnixCredentials) -> Self {
        let pid = Pid::from_raw(peer.pid());
        let pidfd = match Pidfd::of_peer(socket) {
            Err(Errno::ENOPROTOOPT) if peer.pid() > 0 => Pidfd::open(pid),
            pidfd => pidfd,
        };
        let Ok(pidfd) = pidfd else {
            return Self::Inside(Vec::new());
        };
        let is_member = is_in_own_pid_namespace(&pidfd) || sees_the_controller(&pidfd);
        let member = Member::of(pid, pidfd);
        let is_beside = is_member
            && match is_in_own_user_namespace(&member) {
                Ok(is_own) => is_own,
                // A process of root, about which an ordinary user may not ask: in a user namespace
                // inside it would have another number.
                Err(_) => peer.uid() == 0 && !geteuid().is_root(),
            };
        if is_beside && !member.has_ended() {
            Self::Beside
        } else {
            Self::Inside(around(&member))
        }
    }
}

/// True if a process has one number in the controller's /proc: `NSpid` of a pidfd's `fdinfo`, which
/// asks for no rights.
fn is_in_own_pid_namespace(pidfd: &Pidfd) -> bool {
    let text =
        fs::read(format!("/proc/self/fdinfo/{}", pidfd.as_fd().as_raw_fd())).unwrap_or_default();
    Fields::of(&text)
        .chain("NSpid")
        .is_some_and(|numbers| matches!(*numbers, [number] if number > 0))
}

/// True if the controller has a number in the PID namespace of a process (R12), which is so in
/// those around its own only. Before Linux 6.11 there is no way to tell.
fn sees_the_controller(pidfd: &Pidfd) -> bool {
    let namespace = pidfd.namespace(Kind::Pid);
    namespace.is_ok_and(|namespace| namespace::pid_in(namespace, getpid()).is_ok())
}

fn is_in_own_user_namespace(member: &Member) -> io::Result<bool> {
    Ok(member.inode(Kind::User)? == fs::metadata("/proc/self/ns/user")?.ino())
}

/// The PID namespace of a process and those around it.
fn around(member: &Member) -> Vec<u64> {
    let mut inodes = Vec::new();
    let mut next = member.descriptor_of_pid_namespace().ok();
    while let Some(descriptor) = next.take()
        && inodes.len() <= DEEPEST
    {
        inodes.extend(fstat(&descriptor).map(|found| found.st_ino));
        next = namespace::parent(&descriptor).ok();
    }
    inodes
}
