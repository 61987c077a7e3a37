//! Identity of the process behind a pidfd: its inode is used by no other process of this boot, since Linux 6.9.

use std::collections::HashMap;
use std::os::fd::AsFd;

use nix::sys::stat::fstat;
use nix::sys::statfs::fstatfs;
use nix::unistd::Pid;

use super::Rows;
use crate::host_snapshot::ProcessInfo;
use nestns_sys::pidfd::Pidfd;

/// `PID_FS_MAGIC` of `<linux/magic.h>`; before, all pidfds had one and the same inode.
const PID_FS_MAGIC: i64 = 0x5049_4446;

/// Identities of all processes that are asked about, by their indices; empty on a kernel that has none.
pub(super) fn of_all(rows: &Rows<'_>) -> HashMap<usize, u64> {
    let processes = rows.processes().iter().enumerate();
    let open = |process: &ProcessInfo| match process.leader {
        None => Pidfd::open(Pid::from_raw(process.pid())),
        Some(_) => Pidfd::open_thread(Pid::from_raw(process.pid())),
    };
    processes
        .filter_map(|(row, process)| Some((row, of(&open(process).ok()?)?)))
        .collect()
}

/// Identity of one process.
pub(super) fn of(pidfd: &impl AsFd) -> Option<u64> {
    let is_told =
        fstatfs(pidfd.as_fd()).is_ok_and(|found| found.filesystem_type().0 == PID_FS_MAGIC);
    if is_told {
        fstat(pidfd).ok().map(|found| found.st_ino)
    } else {
        None
    }
}
