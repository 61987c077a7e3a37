//! Members of a PID namespace, declared or not.
//!
//! Found by looking at every process that /proc shows: the kernel has no list of a namespace's members to ask for.

use std::io;

use nix::unistd::Pid;

use super::namespace_link::followed;
use super::process::Process;

/// Members of a namespace.
#[derive(Debug, Default)]
pub struct Members {
    /// The members, in the order of their numbers.
    pub found: Vec<Process>,
    /// Number of processes that could not be looked into: some of them may be members.
    pub hidden: usize,
}

/// The members of the PID namespace with this inode, which the caller must keep alive meanwhile: inodes are recycled
/// (R18).
///
/// # Errors
///
/// An unreadable /proc.
pub fn of(inode: u64) -> io::Result<Members> {
    let mut members = Members::default();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Pid::from_raw) else {
            continue;
        };
        match followed(format!("/proc/{pid}/ns/pid")) {
            Ok(found) if found == inode => {
                if let Ok(process) = Process::read(pid) {
                    members.found.push(process);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => members.hidden += 1,
            // Another user's process; or a zombie, which has left its namespaces, although it still has its numbers.
            _ => {}
        }
    }
    members.found.sort_by_key(|process| process.numbers.first().copied());
    Ok(members)
}
