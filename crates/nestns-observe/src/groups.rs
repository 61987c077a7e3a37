//! Process group and session of a process: their numbers in each PID namespace that it is in.

use std::io;

use nix::unistd::Pid;

use super::small_file;
use nestns_sys::proc_status::Fields;

/// Process group and session of a process, in the namespaces from the reader's down to the process's own: 0 where the leader
/// is outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    /// `NSpgid`.
    pub process_group: Vec<i32>,
    /// `NSsid`.
    pub session: Vec<i32>,
}

impl Groups {
    /// Reads `/proc/PID/status`.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `ESRCH` when there is no such process, `InvalidData` when a field is missing.
    pub fn read(pid: Pid) -> io::Result<Self> {
        let mut buffer = [0; 4096];
        let path = format!("/proc/{pid}/status");
        let status = small_file::read_bytes(&path, &mut buffer)?;
        Self::of(&Fields::of(status)).ok_or_else(|| small_file::lacking(status, &path))
    }

    /// Those of the fields of a `status`; `None` where they are missing.
    pub(super) fn of(fields: &Fields<'_>) -> Option<Self> {
        Some(Self {
            process_group: fields.chain("NSpgid")?,
            session: fields.chain("NSsid")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::{Pid, getpgrp, getsid};

    use super::Groups;

    #[test]
    fn of_oneself() {
        let groups = Groups::read(Pid::this()).unwrap();
        assert_eq!(groups.process_group.first(), Some(&getpgrp().as_raw()));
        assert_eq!(
            groups.session.first(),
            Some(&getsid(None).unwrap().as_raw())
        );
        assert!(Groups::read(Pid::from_raw(i32::MAX)).is_err());
    }
}
