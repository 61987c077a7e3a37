//! The fields of `/proc/PID/status`, which every user may read of every visible process.

use std::io;

use nix::unistd::Pid;

use super::groups::Groups;
use super::small_file;
use nestns_sys::proc_status::Fields;

/// Contents of the file. Numbers are the reader's, except the last of `numbers`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of proc_pid_status(5)")]
pub struct Status {
    pub name: String,
    /// `S (sleeping)`.
    pub state: String,
    /// `NSpid`.
    pub numbers: Vec<i32>,
    /// `NSpgid` and `NSsid`.
    pub process_groups: Groups,
    pub parent: i32,
    pub tracer: i32,
    /// Real, effective, saved, of the file system.
    pub uids: Vec<u32>,
    pub gids: Vec<u32>,
    pub groups: Vec<u32>,
    pub threads: u32,
    /// `None` for a process without memory of its own: a zombie.
    pub resident_kib: Option<u64>,
    /// Signals pending for the whole process, besides those of its first thread.
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
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `ESRCH` when there is no such process, `InvalidData` when a field is missing.
    pub fn read(pid: Pid) -> io::Result<Self> {
        // With very many groups the file is longer than a page.
        let bytes = std::fs::read(format!("/proc/{pid}/status"))?;
        Self::of(&bytes).ok_or_else(|| small_file::lacking(&bytes, &format!("/proc/{pid}/status")))
    }

    /// The content of the file; `None` where a field is missing.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let fields = Fields::of(bytes);
        Some(Self {
            name: fields.name()?.to_owned(),
            state: fields.get("State")?.to_owned(),
            numbers: fields.chain("NSpid")?,
            process_groups: Groups::of(&fields)?,
            parent: fields.number("PPid")?,
            tracer: fields.number("TracerPid")?,
            uids: fields.numbers("Uid")?,
            gids: fields.numbers("Gid")?,
            groups: fields.numbers("Groups")?,
            threads: fields.number("Threads")?,
            resident_kib: fields
                .get("VmRSS")
                .and_then(|text| text.trim_end_matches(" kB").trim().parse().ok()),
            pending: fields.mask("SigPnd")? | fields.mask("ShdPnd")?,
            blocked: fields.mask("SigBlk")?,
            ignored: fields.mask("SigIgn")?,
            caught: fields.mask("SigCgt")?,
            effective_capabilities: fields.mask("CapEff")?,
            no_new_privileges: fields.get("NoNewPrivs") == Some("1"),
            seccomp: fields.number("Seccomp"),
        })
    }
}

/// The numbers of the signals in a mask.
pub fn signals(mask: u64) -> Vec<i32> {
    (1..=64)
        .filter(|signal| mask >> (signal - 1) & 1 == 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use nix::unistd::{Pid, getppid};

    use proptest::prelude::*;

    use super::{Status, signals};

    /// A `status` behind the name, shortened.
    const REST: &str = "\nState:\tS (sleeping)\nPPid:\t1\nTracerPid:\t0\nUid:\t0\t1\t2\t3\nGid:\t0\t0\t0\t0\nGroups:\t4 5 \n\
                        NSpid:\t8\t3\nNSpgid:\t8\t0\nNSsid:\t1\t0\nThreads:\t1\nSigPnd:\t0\nShdPnd:\t1\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t3\nCapEff:\t0\n";

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_name_changes_a_field(
            name in proptest::collection::vec(any::<u8>().prop_filter("escaped", |byte| !b"\n\\".contains(byte)), 0..16),
        ) {
            let status = Status::of(&[b"Name:\t", &name[..], REST.as_bytes()].concat()).expect("it is whole");
            prop_assert_eq!(status.name, String::from_utf8_lossy(&name));
            prop_assert_eq!((status.numbers, status.parent, status.uids), (vec![8, 3], 1, vec![0, 1, 2, 3]));
        }

        #[test]
        fn a_part_of_it_is_read_or_refused(from in 0..200_usize, to in 0..200_usize, byte: u8) {
            let text = format!("Name:\tx{REST}");
            let (one, other) = (from.min(text.len()), to.min(text.len()));
            let bytes = [&text.as_bytes()[..one], &[byte], &text.as_bytes()[other..]].concat();
            if let Some(status) = Status::of(&bytes) {
                prop_assert!(status.numbers.len() + status.groups.len() <= bytes.len());
            }
        }
    }

    #[test]
    fn of_oneself() {
        let status = Status::read(Pid::this()).unwrap();
        assert_eq!(status.numbers.first(), Some(&Pid::this().as_raw()));
        assert_eq!(status.parent, getppid().as_raw());
        assert_eq!(status.uids.len(), 4);
        assert!(
            status.threads >= 1 && status.resident_kib.is_some_and(|kib| kib > 0),
            "{status:?}"
        );
        assert!(Status::read(Pid::from_raw(i32::MAX)).is_err());
    }

    #[test]
    fn a_mask_is_a_list() {
        assert_eq!(signals(1 << 14 | 1 | 1 << 63), [1, 15, 64]);
        assert!(signals(0).is_empty());
    }
}
