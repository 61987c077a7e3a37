//! Mounts of a namespace, compared with those around it: the /proc that it sees, and mounts that a topology file cannot
//! express.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::mountinfo::{Mount, mounts};

/// Kinds of deviation, in the order in which they are reported.
pub(super) const KINDS: [&str; 4] = [
    "with a root directory of its own",
    "with mounts of its own other than /proc",
    "with parts of /proc masked",
    "with options of /proc (hidepid, gid, subset)",
];
const ROOT: usize = 0;
const MOUNTS: usize = 1;
const MASKS: usize = 2;
const OPTIONS: usize = 3;

/// The /proc of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proc {
    /// That of the namespace itself.
    Own,
    /// That of another namespace, or none.
    Other,
    /// Not visible to the reader.
    Unknown,
}

/// The /proc that the PID 1 of a namespace sees: in its own it is number 1.
pub(super) fn proc_of(pid: i32) -> Proc {
    let Ok(own) = fs::read_link(format!("/proc/{pid}/ns/pid")) else {
        return Proc::Unknown;
    };
    match fs::read_link(format!("/proc/{pid}/root/proc/1/ns/pid")) {
        Ok(seen) if seen == own => Proc::Own,
        Ok(_) => Proc::Other,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Proc::Other,
        Err(_) => Proc::Unknown,
    }
}

/// Deviations of the mounts of a process from those of another one, `self` or a number; mounts that may not be read are
/// not compared.
pub(super) fn compare(pid: i32, other: &str) -> Vec<usize> {
    let root = |pid: &str| {
        fs::metadata(format!("/proc/{pid}/root/"))
            .ok()
            .map(|found| (found.dev(), found.ino()))
    };
    let table = |pid: &str| fs::read(format!("/proc/{pid}/mountinfo"));
    let own = pid.to_string();
    let mut found = Vec::new();
    if let (Some(here), Some(there)) = (root(&own), root(other))
        && here != there
    {
        found.push(ROOT);
    }
    if let (Ok(here), Ok(there)) = (table(&own), table(other)) {
        found.extend(deviations(&here, &there));
    }
    found
}

/// A mount that is in a copied table and not in its original may have been unmounted there since; mounts made in the
/// copy stand behind the copied ones, and behind the /proc that is mounted first.
fn deviations(own: &[u8], other: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let here: Vec<Mount<'_>> = mounts(own).collect();
    let there: BTreeSet<Mount<'_>> = mounts(other).collect();
    let is_proc = |mount: &Mount<'_>| mount.kind == b"proc" && mount.point() == Path::new("/proc");
    let has_proc =
        here.iter().filter(|mount| is_proc(mount)).count() > mounts(other).filter(is_proc).count();
    let is_copied = |mount: &Mount<'_>| there.contains(mount) && !(has_proc && is_proc(mount));
    let copied = here.iter().rposition(is_copied).map_or(0, |last| last + 1);
    let proc = here
        .iter()
        .rposition(is_proc)
        .filter(|_| has_proc)
        .map_or(0, |last| last + 1);
    for mount in here
        .iter()
        .skip(copied.max(proc))
        .filter(|mount| !is_proc(mount))
    {
        found.insert(if mount.point().starts_with("/proc/") {
            MASKS
        } else {
            MOUNTS
        });
    }
    let is_told = |option: &[u8]| {
        [&b"hidepid="[..], b"gid=", b"subset="]
            .iter()
            .any(|key| option.starts_with(key))
    };
    if here
        .iter()
        .rfind(|mount| is_proc(mount))
        .is_some_and(|mount| mount.options().any(is_told))
    {
        found.insert(OPTIONS);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{MASKS, MOUNTS, OPTIONS, deviations};

    const TABLE: &str =
        "1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n2 1 0:5 / /proc rw - proc proc rw\n";

    #[test]
    fn a_proc_of_its_own_is_what_nestns_makes() {
        let own = format!("{TABLE}9 2 0:9 / /proc rw,nosuid - proc proc rw\n");
        assert!(deviations(own.as_bytes(), TABLE.as_bytes()).is_empty());
    }

    #[test]
    fn everything_else_has_its_kind() {
        let with = |line: &str| {
            let own = format!("{TABLE}{line}\n");
            deviations(own.as_bytes(), TABLE.as_bytes())
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(with("9 1 0:9 / /mnt rw - tmpfs tmpfs rw"), [MOUNTS]);
        assert_eq!(with("9 2 0:9 / /proc/kcore rw - tmpfs tmpfs rw"), [MASKS]);
        assert_eq!(
            with("9 2 0:9 / /proc rw - proc proc rw,hidepid=invisible"),
            [OPTIONS]
        );
        let gone = format!(
            "{TABLE}8 1 0:8 / /gone rw - tmpfs tmpfs rw\n9 2 0:9 / /proc rw,nosuid - proc proc rw\n"
        );
        assert!(
            deviations(gone.as_bytes(), TABLE.as_bytes()).is_empty(),
            "it was unmounted outside"
        );
    }
}
