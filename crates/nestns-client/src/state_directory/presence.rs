//! Mark of a taken name that works also where its directory is gone: another process may remove the
//! lock with everything else.
//!
//! A controller binds an abstract Unix socket (unix(7)) on which no process listens (R62). It has
//! no file, ends with its owner, and costs two system calls. It decides nothing, for any process
//! may bind any such name: where it is taken, the processes that still have the removed lock open
//! are looked for, which are the caller's own. It is seen within one network namespace.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};
use nix::unistd::geteuid;

use nestns_observe::holders::{Holder, holders};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::FIRST_FREE;

/// Suffix that the kernel appends to the name of a removed file.
const DELETED: &str = " (deleted)";
/// The name of a guardian.
const GUARDIAN: &str = "nestns-guardian";

/// Result of binding a name.
#[derive(Debug)]
pub enum Presence {
    /// Taken by this process; free again when the descriptor is closed.
    Ours(OwnedFd),
    /// Taken by another process.
    Theirs,
    /// Sockets cannot be had here.
    Unknown,
}

/// Takes the name of a directory in the kernel's list.
pub fn take(directory: &Path) -> Presence {
    let bound = || {
        let socket = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let socket = descriptor::above(socket, FIRST_FREE)?;
        let name = name(directory);
        bind(
            socket.as_raw_fd(),
            &UnixAddr::new_abstract(name.as_bytes())?,
        )?;
        Ok(socket)
    };
    match bound() {
        Ok(socket) => Presence::Ours(socket),
        Err(Errno::EADDRINUSE) => Presence::Theirs,
        Err(_) => Presence::Unknown,
    }
}

fn name(directory: &Path) -> String {
    format!("nestns-{}-{:016x}", geteuid(), mark(directory))
}

/// FNV-1a of the path: a name has no room for all of it.
fn mark(directory: &Path) -> u64 {
    let bytes = directory.as_os_str().as_encoded_bytes();
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A controller whose state directory was removed, and that has not put it back: it was stopped, or
/// hangs.
#[derive(Debug)]
pub struct Homeless {
    /// Former path of the directory.
    pub directory: PathBuf,
    /// PID of the controller.
    pub controller: i32,
}

/// The controllers of the caller whose state was in these places, and is gone. One that has removed
/// it itself, because it ends, has let go of its name before.
pub fn homeless(is_meant: impl Fn(&Path) -> bool) -> Vec<Homeless> {
    let lock = |link: &str| {
        let directory = Path::new(link.strip_suffix(DELETED)?).parent()?.to_owned();
        link.strip_suffix(DELETED)?
            .ends_with("/lock")
            .then_some(directory)
    };
    let found = holders(|link| lock(link).is_some_and(|directory| is_meant(&directory)))
        .unwrap_or_default();
    if found.is_empty() {
        return Vec::new();
    }
    // Others may have bound what is no text.
    let bound = std::fs::read("/proc/net/unix").unwrap_or_default();
    let is_bound = |directory: &Path| {
        let end = format!("@{}", name(directory));
        bound
            .split(|&byte| byte == b'\n')
            .any(|line| line.ends_with(end.as_bytes()))
    };
    let controllers = found.into_iter().filter(|holder| holder.name != GUARDIAN);
    let describe = |Holder { pid, file, .. }: Holder| {
        Some(Homeless {
            directory: lock(&file.display().to_string())?,
            controller: pid.as_raw(),
        })
    };
    controllers
        .filter_map(describe)
        .filter(|one| is_bound(&one.directory))
        .collect()
}
