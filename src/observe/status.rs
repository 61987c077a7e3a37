//! The fields of `/proc/PID/status`, which everybody may read of every process that he sees.

use std::io;

use nix::unistd::Pid;

use super::small_file;

/// What the file says. Numbers are the reader's, but for the last of `numbers`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of proc_pid_status(5)")]
pub struct Status {
    pub name: String,
    /// `S (sleeping)`.
    pub state: String,
    /// `NSpid`.
    pub numbers: Vec<i32>,
    pub parent: i32,
    pub tracer: i32,
    /// Real, effective, saved, of the file system.
    pub uids: Vec<u32>,
    pub gids: Vec<u32>,
    pub groups: Vec<u32>,
    pub threads: u32,
    /// None of a process that has no memory of its own: a zombie.
    pub resident_kib: Option<u64>,
    /// For the whole process, besides those of its first thread.
    pub pending: u64,
    pub blocked: u64,
    pub ignored: u64,
    pub caught: u64,
    pub effective_capabilities: u64,
    pub no_new_privileges: bool,
    /// 0 none, 1 strict, 2 filter; `None` where the kernel has no seccomp.
    pub seccomp: Option<u8>,
}

impl Status {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `ESRCH` when there is no such process, `InvalidData` when a field is missing.
    pub fn read(pid: Pid) -> io::Result<Self> {
        // Of a process with very many groups it is longer than a page.
        let text = std::fs::read(format!("/proc/{pid}/status"))?;
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text).ok_or_else(|| small_file::lacking(&text, &format!("/proc/{pid}/status")))
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim)
        };
        let mask = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
        let ids =
            |name: &str| field(name).map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect());
        Some(Self {
            name: field("Name")?.to_owned(),
            state: field("State")?.to_owned(),
            numbers: field("NSpid")?.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?,
            parent: field("PPid")?.parse().ok()?,
            tracer: field("TracerPid")?.parse().ok()?,
            uids: ids("Uid")?,
            gids: ids("Gid")?,
            groups: ids("Groups")?,
            threads: field("Threads")?.parse().ok()?,
            resident_kib: field("VmRSS").and_then(|text| text.trim_end_matches(" kB").trim().parse().ok()),
            pending: mask("SigPnd")? | mask("ShdPnd")?,
            blocked: mask("SigBlk")?,
            ignored: mask("SigIgn")?,
            caught: mask("SigCgt")?,
            effective_capabilities: mask("CapEff")?,
            no_new_privileges: field("NoNewPrivs").is_some_and(|text| text == "1"),
            seccomp: field("Seccomp").and_then(|text| text.parse().ok()),
        })
    }
}

/// The numbers of the signals in a mask.
pub fn signals(mask: u64) -> Vec<i32> {
    (1..=64).filter(|signal| mask >> (signal - 1) & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use nix::unistd::{Pid, getppid};

    use super::{Status, signals};

    #[test]
    fn of_oneself() {
        let status = Status::read(Pid::this()).unwrap();
        assert_eq!(status.numbers.first(), Some(&Pid::this().as_raw()));
        assert_eq!(status.parent, getppid().as_raw());
        assert_eq!(status.uids.len(), 4);
        assert!(status.threads >= 1 && status.resident_kib.is_some_and(|kib| kib > 0), "{status:?}");
        assert!(Status::read(Pid::from_raw(i32::MAX)).is_err());
    }

    #[test]
    fn a_mask_is_a_list() {
        assert_eq!(signals(1 << 14 | 1 | 1 << 63), [1, 15, 64]);
        assert!(signals(0).is_empty());
    }
}
