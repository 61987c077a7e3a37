//! The processes of a session: those that descend from one call of setsid(2) and have made none themselves.
//!
//! A session's number is that of its first process. It is not given out again as long as the session has a member, so that
//! a member found under it is one of that session and of no other (`setsid(2)`, and pid.c of the kernel, which counts
//! references by use).

use std::io;

use nix::unistd::Pid;

use super::stat::{self, Stat};
use nestns_sys::pidfd::Pidfd;

/// Member of a session.
#[derive(Debug)]
pub struct Member {
    /// Pidfd, opened before the session was read.
    pub pidfd: Pidfd,
    /// PID.
    pub pid: Pid,
}

/// The members of a session, as far as the reader's /proc shows them.
///
/// # Errors
///
/// Where /proc cannot be listed.
pub fn members(session: Pid) -> io::Result<Vec<Member>> {
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
        if session_of(pid) != Some(session) {
            continue;
        }
        if let Ok(pidfd) = Pidfd::open(pid)
            && session_of(pid) == Some(session)
        {
            members.push(Member { pidfd, pid });
        }
    }
    Ok(members)
}

/// Session of a process: field 6 of `proc_pid_stat(5)`.
fn session_of(pid: Pid) -> Option<Pid> {
    // A zombie can no longer be signalled.
    let session = |stat: Stat<'_>| {
        stat.number(6)
            .filter(|_| !matches!(stat.state(), Some('Z' | 'X')))
    };
    stat::read(pid, session).ok().map(Pid::from_raw)
}
