//! Properties of a running process that a topology file cannot express: capabilities, limits, priorities, namespaces of
//! its own.
//!
//! Compared with the process that has made the outermost namespace, in whose environment the tree was built: properties
//! that are the same there will be so again. Each deviation is reported by its kind; nothing is dropped silently.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::stat::Stat;
use nestns_sys::proc_status::Fields;

/// Kinds of deviation of processes, in the order in which they are reported.
pub(super) const KINDS: [&str; 16] = [
    "with a mount namespace of its own",
    "with a UTS namespace of its own",
    "with an IPC namespace of its own",
    "with a network namespace of its own",
    "with a cgroup namespace of its own",
    "with a user or time namespace of its own",
    "with a root directory of its own",
    "with other capabilities",
    "with no new privileges, or a seccomp filter",
    "with other supplementary groups",
    "of another user, which the file cannot assign",
    "with another umask",
    "with other limits (ulimit)",
    "with another priority, scheduling policy or set of CPUs",
    "with another OOM adjustment",
    "in another cgroup",
];
const NAMESPACES: [(&str, usize); 7] = [
    ("mnt", 0),
    ("uts", 1),
    ("ipc", 2),
    ("net", 3),
    ("cgroup", 4),
    ("user", 5),
    ("time", 5),
];
const ROOT: usize = 6;
const CAPABILITIES: usize = 7;
const PRIVILEGES: usize = 8;
const GROUPS: usize = 9;
pub(super) const USER: usize = 10;
const UMASK: usize = 11;
const LIMITS: usize = 12;
const SCHEDULING: usize = 13;
const OOM: usize = 14;
const CGROUP: usize = 15;

/// Properties of a process in /proc besides its numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Manner {
    status: Vec<u8>,
    limits: Option<String>,
    /// Nice value, real-time priority and policy.
    scheduling: Option<[String; 3]>,
    oom: Option<String>,
    /// Path of the cgroup, which need not be text.
    cgroup: Option<Vec<u8>>,
    /// The device and inode of its root directory.
    root: Option<(u64, u64)>,
    namespaces: [Option<u64>; NAMESPACES.len()],
}

impl Manner {
    /// Reads the properties; those that may not be read are not compared.
    pub(super) fn read(pid: &str) -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let inode = |name: &str| {
            fs::metadata(format!("/proc/{pid}/ns/{name}"))
                .ok()
                .map(|found| found.ino())
        };
        Self {
            limits: read("limits").map(|text| comparable(&text)),
            scheduling: fs::read(format!("/proc/{pid}/stat"))
                .ok()
                .and_then(|bytes| scheduling(&bytes)),
            oom: read("oom_score_adj"),
            cgroup: fs::read(format!("/proc/{pid}/cgroup")).ok(),
            root: fs::metadata(format!("/proc/{pid}/root/"))
                .ok()
                .map(|found| (found.dev(), found.ino())),
            namespaces: NAMESPACES.map(|(name, _)| inode(name)),
            // Last, so that what it says to be alive was alive when all the rest was read.
            status: fs::read(format!("/proc/{pid}/status")).unwrap_or_default(),
        }
    }

    /// True if the process had ended when it was read, or was about to: it loses its umask before it leaves its cgroup
    /// (`do_exit` in kernel/exit.c).
    pub(super) fn is_gone(&self) -> bool {
        Fields::of(&self.status).get("Umask").is_none()
    }

    fn numbers(&self, name: &str) -> Vec<u32> {
        Fields::of(&self.status).numbers(name).unwrap_or_default()
    }

    /// Effective user and group.
    pub(super) fn user(&self) -> Option<(u32, u32)> {
        Some((*self.numbers("Uid").get(1)?, *self.numbers("Gid").get(1)?))
    }

    /// True if the root directory is another one.
    pub(super) fn has_other_root(&self, other: &Self) -> bool {
        matches!((self.root, other.root), (Some(own), Some(other)) if own != other)
    }

    /// Deviations from the process that has made the tree, as indices into [`KINDS`]. `first` is the PID 1 beside it,
    /// with whose namespaces and root its own are compared.
    pub(super) fn deviations(&self, maker: &Self, first: Option<&Self>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        if self.is_gone() {
            return found;
        }
        if let Some(first) = first {
            for ((own, other), (_, kind)) in
                self.namespaces.iter().zip(first.namespaces).zip(NAMESPACES)
            {
                if own.is_some() && other.is_some() && *own != other {
                    found.insert(kind);
                }
            }
            if self.has_other_root(first) {
                found.insert(ROOT);
            }
        }
        let (own, makers) = (Fields::of(&self.status), Fields::of(&maker.status));
        let differs = |name: &str| known(own.get(name), makers.get(name));
        let is_capable =
            |name: &str, allowed: &[u64]| own.mask(name).is_none_or(|mask| allowed.contains(&mask));
        let of_maker = |name: &str| makers.mask(name).unwrap_or(0);
        let bounding = of_maker("CapBnd");
        // A process has all of them if a user namespace has been entered or made, and none with a user that is not
        // root.
        let all = every_capability();
        let is_usual = is_capable("CapBnd", &[bounding, all])
            && is_capable("CapEff", &[of_maker("CapEff"), bounding, all, 0])
            && is_capable("CapAmb", &[of_maker("CapAmb"), 0]);
        let is_other_group = self.user() == maker.user()
            && self.numbers("Groups") != maker.numbers("Groups")
            || self.user() != maker.user()
                && self
                    .user()
                    .is_some_and(|(_, group)| self.numbers("Groups") != [group]);
        for (is_other, kind) in [
            (!is_usual, CAPABILITIES),
            (differs("NoNewPrivs") || differs("Seccomp"), PRIVILEGES),
            (is_other_group, GROUPS),
            (self.user() != maker.user(), USER),
            (differs("Umask"), UMASK),
            (
                differs("Cpus_allowed")
                    || known(self.scheduling.as_ref(), maker.scheduling.as_ref()),
                SCHEDULING,
            ),
            (known(self.limits.as_ref(), maker.limits.as_ref()), LIMITS),
            (known(self.oom.as_ref(), maker.oom.as_ref()), OOM),
            (known(self.cgroup.as_ref(), maker.cgroup.as_ref()), CGROUP),
        ] {
            if is_other {
                found.insert(kind);
            }
        }
        found
    }
}

/// True if both are known, and different.
fn known<T: PartialEq + ?Sized>(own: Option<&T>, other: Option<&T>) -> bool {
    own.zip(other).is_some_and(|(own, other)| own != other)
}

fn every_capability() -> u64 {
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    last.and_then(|last| 1_u64.checked_shl(last + 1))
        .map_or(u64::MAX, |above| above - 1)
}

/// The limits, without the soft one on open files, which nestns raises for itself.
fn comparable(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("Max open files") {
        Some(rest) => format!(
            "Max open files {}",
            rest.split_whitespace().nth(1).unwrap_or_default()
        ),
        None => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Fields 19, 40 and 41 of `proc_pid_stat(5)`.
fn scheduling(stat: &[u8]) -> Option<[String; 3]> {
    let stat = Stat::of(stat)?;
    Some([
        stat.text(19)?.to_owned(),
        stat.text(40)?.to_owned(),
        stat.text(41)?.to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use super::{CAPABILITIES, GROUPS, LIMITS, Manner, PRIVILEGES, SCHEDULING, UMASK};

    fn manner(status: &str, limits: &str, nice: &str) -> Manner {
        Manner {
            status: status.into(),
            limits: Some(super::comparable(limits)),
            scheduling: Some([nice.to_owned(), "0".to_owned(), "0".to_owned()]),
            ..Manner::default()
        }
    }

    const STATUS: &str = "Umask:\t0022\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0 \nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n\
                          CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n";

    #[test]
    fn what_is_as_with_the_maker_is_no_deviation() {
        let maker = manner(
            STATUS,
            "Max open files  1024  4096  files\nMax cpu time  1  2 s",
            "0",
        );
        assert!(maker.deviations(&maker, Some(&maker)).is_empty());
        let raised = manner(
            STATUS,
            "Max open files  4096  4096  files\nMax cpu time  1  2 s",
            "0",
        );
        assert!(
            raised.deviations(&maker, None).is_empty(),
            "nestns has raised it"
        );
    }

    #[test]
    fn what_has_ended_or_is_ending_does_not_deviate() {
        let maker = manner(STATUS, "Max cpu time  1  2 s", "0");
        let gone = Manner::default();
        assert!(gone.is_gone() && gone.deviations(&maker, Some(&maker)).is_empty());
        let ending = STATUS.replace("Umask:\t0022\n", "");
        let ending = manner(&ending, "Max cpu time  1  2 s", "0");
        assert!(ending.is_gone() && ending.deviations(&maker, None).is_empty());
    }

    #[test]
    fn each_deviation_has_its_kind() {
        let maker = manner(STATUS, "Max cpu time  1  2 s", "0");
        let found = |from: &str, to: &str| {
            let other = manner(&STATUS.replace(from, to), "Max cpu time  1  2 s", "0");
            other
                .deviations(&maker, None)
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(found("0022", "0077"), [UMASK]);
        assert_eq!(found("NoNewPrivs:\t0", "NoNewPrivs:\t1"), [PRIVILEGES]);
        assert_eq!(found("Seccomp:\t0", "Seccomp:\t2"), [PRIVILEGES]);
        assert_eq!(
            found("CapEff:\t00000000a80425fb", "CapEff:\t0000000000000001"),
            [CAPABILITIES]
        );
        assert_eq!(
            found("CapAmb:\t0000000000000000", "CapAmb:\t0000000000000001"),
            [CAPABILITIES]
        );
        assert_eq!(
            found("CapEff:\t00000000a80425fb", "CapEff:\t0000000000000000"),
            [0; 0],
            "of who is not root"
        );
        assert_eq!(found("Groups:\t0", "Groups:\t0 4"), [GROUPS]);
        let slow = manner(STATUS, "Max cpu time  1  1 s", "19");
        assert_eq!(
            slow.deviations(&maker, None)
                .into_iter()
                .collect::<Vec<_>>(),
            [LIMITS, SCHEDULING]
        );
    }
}
