//! The processes of a session, those that descend from one call of setsid(2) and have made none themselves, or of a process
//! group.
//!
//! The number of both is that of the first process. It is not given out again as long as there is a member, so that
//! a member found under it is one of that session or group and of no other (`setsid(2)`, and pid.c of the kernel, which
//! counts references by use).

use std::io;

use nix::unistd::Pid;

use super::stat::{self, Stat};
use nestns_sys::pidfd::Pidfd;

/// Processes that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// The session with this number.
    Session(Pid),
    /// The process group with this number.
    ProcessGroup(Pid),
}

/// Member of a session or a process group.
#[derive(Debug)]
pub struct Member {
    /// Pidfd, opened before the membership was read.
    pub pidfd: Pidfd,
    /// PID.
    pub pid: Pid,
}

/// The members of a session or a process group, as far as the reader's /proc shows them.
///
/// # Errors
///
/// An unreadable /proc.
pub fn members(company: Company) -> io::Result<Vec<Member>> {
    let mut members = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(entry) = entry else { continue };
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .map(Pid::from_raw)
        else {
            continue;
        };
        // Looked at before a descriptor is opened, because most are not; and again afterwards.
        if !is_in(pid, company) {
            continue;
        }
        if let Ok(pidfd) = Pidfd::open(pid)
            && is_in(pid, company)
        {
            members.push(Member { pidfd, pid });
        }
    }
    Ok(members)
}

/// True if a process is in a session, field 6 of `proc_pid_stat(5)`, or in a process group, field 5.
fn is_in(pid: Pid, company: Company) -> bool {
    let (field, wanted) = match company {
        Company::Session(number) => (6, number),
        Company::ProcessGroup(number) => (5, number),
    };
    // A zombie can no longer be signalled.
    let number = |stat: Stat<'_>| {
        stat.number(field)
            .filter(|_| !matches!(stat.state(), Some('Z' | 'X')))
    };
    stat::read(pid, number).is_ok_and(|number| Pid::from_raw(number) == wanted)
}
