//! Limits at which fork(2) answers `EAGAIN`, each with how much of it is left: the kernel does not say which it was.
//!
//! `RLIMIT_NPROC`, `kernel.threads-max`, `pids.max` of every cgroup around the caller, and `kernel.pid_max`, which is a limit
//! of each PID namespace since Linux 6.14 and of the whole machine before (R14). To be looked at while what has used them up
//! still exists. `pid_max` of a namespace can be read by its members alone; from outside a full one is known by its numbers,
//! which leave no gap from 300 on, where the kernel goes on after a wrap-around.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::{Uid, getuid};

use crate::host_snapshot::{HostSnapshot, Search};
use crate::mountinfo::{self, Mount};
use nestns_sys::capability::{SYS_ADMIN, SYS_RESOURCE, is_effective};
use nestns_sys::proc_status::Fields;

/// The first number that the kernel gives out after a wrap-around.
const RESERVED: i32 = 300;
/// So few left may have come back since the failure.
const FEW: u64 = 4;

/// A limit on processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// Name, with the value and its place.
    pub name: String,
    /// Number of further processes.
    pub left: u64,
    /// Means to raise it.
    pub remedy: String,
}

/// PID namespace of a tree, in which a number was needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Path.
    pub path: String,
    /// Inode.
    pub inode: u64,
}

/// A cgroup with a limit on processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidsMax {
    /// Directory of the group.
    pub group: PathBuf,
    /// Greatest number of processes.
    pub max: u64,
    /// Present number of processes.
    pub now: u64,
}

impl PidsMax {
    /// Number of further processes.
    pub fn left(&self) -> u64 {
        self.max.saturating_sub(self.now)
    }

    /// Name of the limit with its value and its place.
    pub fn name(&self) -> String {
        format!(
            "pids.max ({}) of the cgroup {}",
            self.max,
            self.group.display()
        )
    }
}

/// All limits that can be read.
pub fn ceilings() -> Vec<Ceiling> {
    let mut found: Vec<Ceiling> = pids_max()
        .into_iter()
        .map(|pids| Ceiling {
            name: pids.name(),
            left: pids.left(),
            remedy: format!(
                "write a larger number to {} (docker and podman: `--pids-limit`; systemd: `TasksMax=`)",
                pids.group.join("pids.max").display()
            ),
        })
        .collect();
    if let Some(limit) = user_limit() {
        let user = getuid();
        let now = processes_of(user);
        found.push(Ceiling {
            name: format!("RLIMIT_NPROC ({limit}) of user {user}"),
            left: limit.saturating_sub(now),
            remedy: "raise it with `ulimit -u` (it counts all processes and threads of the user, in every namespace)"
                .to_owned(),
        });
    }
    if let Some(limit) = number("/proc/sys/kernel/threads-max") {
        found.push(Ceiling {
            name: format!("kernel.threads-max ({limit})"),
            left: limit.saturating_sub(running()),
            remedy: "raise it with `sysctl kernel.threads-max=…` on the host".to_owned(),
        });
    }
    if let Some(limit) = number("/proc/sys/kernel/pid_max") {
        found.push(Ceiling {
            name: format!("kernel.pid_max ({limit}) of the PID namespace in which nestns runs"),
            left: numbers_left(limit),
            remedy: "raise it there with `sysctl kernel.pid_max=4194304`".to_owned(),
        });
    }
    found
}

/// The limit that has prevented a process. `inside` are the namespaces of a tree in which it was to have a number, the
/// innermost first.
pub fn reached(inside: &[Inside]) -> String {
    reached_with(inside, 0)
}

/// The limit that has prevented a process, if `ended` processes have ended since.
pub fn reached_with(inside: &[Inside], ended: u64) -> String {
    let mut ceilings = ceilings();
    ceilings.sort_by_key(|ceiling| ceiling.left);
    for ceiling in &mut ceilings {
        ceiling.left = ceiling.left.saturating_sub(ended);
    }
    // The tightest limit: if processes have ended since, the next one may not have been met.
    if let Some(first) = ceilings.first().filter(|ceiling| ceiling.left <= FEW) {
        return format!("{} is reached; {}", first.name, first.remedy);
    }
    if let Some(path) = full_namespace(inside) {
        return format!(
            "every PID of the PID namespace `{path}` is in use, up to its kernel.pid_max; end something in it, or \
             write a larger number to /proc/sys/kernel/pid_max there"
        );
    }
    let names: Vec<String> = ceilings
        .iter()
        .map(|ceiling| format!("{}: {} left", ceiling.name, ceiling.left))
        .collect();
    format!(
        "a limit on processes was reached, and the kernel does not report which; none of those that can be read is \
         exhausted now ({})",
        names.join("; ")
    )
}

/// The first of these namespaces whose numbers are all in use.
fn full_namespace(inside: &[Inside]) -> Option<&str> {
    if inside.is_empty() {
        return None;
    }
    let machine = HostSnapshot::read(Search::Members).ok()?;
    let is_full = |inside: &&Inside| {
        machine.by_inode(inside.inode).is_some_and(|space| {
            let numbers = machine
                .processes()
                .iter()
                .filter_map(|process| machine.number_in(process, space));
            has_no_gap(numbers.collect())
        })
    };
    inside
        .iter()
        .find(is_full)
        .map(|inside| inside.path.as_str())
}

/// True if numbers are used up: all from [`RESERVED`] to the greatest. Those of threads, which are not looked at, leave
/// a few gaps.
fn has_no_gap(numbers: Vec<i32>) -> bool {
    let high: Vec<i32> = numbers
        .into_iter()
        .filter(|&number| number >= RESERVED)
        .collect();
    let Some(&greatest) = high.iter().max() else {
        return false;
    };
    let all = usize::try_from(greatest - RESERVED + 1).unwrap_or(usize::MAX);
    high.len() + all / 10 >= all
}

/// `RLIMIT_NPROC`, from which processes with `CAP_SYS_RESOURCE` or `CAP_SYS_ADMIN`, and root of the machine, are
/// exempt.
pub fn user_limit() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    let is_exempt = is_in_initial_user_namespace()
        && (getuid().is_root() || is_effective(SYS_RESOURCE) || is_effective(SYS_ADMIN));
    (soft != RLIM_INFINITY && !is_exempt).then_some(soft)
}

/// The map of the initial user namespace is all numbers onto themselves.
fn is_in_initial_user_namespace() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

/// Number of processes and threads of a user, as far as /proc shows them.
fn processes_of(user: Uid) -> u64 {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return 0;
    };
    let count = |status: &[u8]| {
        let fields = Fields::of(status);
        let threads: u64 = fields.number("Threads")?;
        (fields.numbers("Uid")?.first() == Some(&user.as_raw())).then_some(threads)
    };
    entries
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .first()
                .is_some_and(u8::is_ascii_digit)
        })
        .filter_map(|entry| count(&std::fs::read(entry.path().join("status")).ok()?))
        .sum()
}

/// Numbers below `limit` that the caller's PID namespace has left after a wrap-around.
fn numbers_left(limit: u64) -> u64 {
    let all = limit.saturating_sub(RESERVED.cast_unsigned().into());
    // Threads have numbers as well. If the namespace can hold more than the machine has, nothing needs to be counted.
    if all > 2 * running() {
        return all - running();
    }
    let high = |name: &std::ffi::OsStr| {
        name.to_str()
            .and_then(|name| name.parse::<i32>().ok())
            .is_some_and(|number| number >= RESERVED)
    };
    let used: usize = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .first()
                .is_some_and(u8::is_ascii_digit)
        })
        .filter_map(|process| std::fs::read_dir(process.path().join("task")).ok())
        .map(|threads| {
            threads
                .flatten()
                .filter(|thread| high(&thread.file_name()))
                .count()
        })
        .sum();
    all.saturating_sub(u64::try_from(used).unwrap_or(u64::MAX))
}

/// Number of processes and threads: the second number of the fourth field of /proc/loadavg.
pub fn running() -> u64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text
        .split(' ')
        .nth(3)
        .and_then(|field| field.split_once('/'));
    field
        .and_then(|(_, all)| all.parse().ok())
        .unwrap_or_default()
}

/// Number in a file; `None` for `max`.
pub fn number(path: impl AsRef<Path>) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The limits of all groups around the caller, in either version's hierarchy.
pub fn pids_max() -> Vec<PidsMax> {
    let table = mountinfo::own();
    let groups = std::fs::read("/proc/self/cgroup").unwrap_or_default();
    let mut found: Vec<PidsMax> = Vec::new();
    for line in groups.split(|&byte| byte == b'\n') {
        let mut parts = line.splitn(3, |&byte| byte == b':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if !controllers.is_empty()
            && !controllers
                .split(|&byte| byte == b',')
                .any(|one| one == b"pids")
        {
            continue;
        }
        let is_mount = |mount: &Mount<'_>| is_mount_of_pids(mount, controllers.is_empty());
        let Some(mount) = mountinfo::mounts(&table).find(is_mount) else {
            continue;
        };
        let Ok(inside) = Path::new(OsStr::from_bytes(path)).strip_prefix(mount.root()) else {
            continue;
        };
        let top = mount.point();
        found.extend(
            top.join(inside)
                .ancestors()
                .take_while(|group| group.starts_with(&top))
                .filter_map(|group| {
                    Some(PidsMax {
                        max: number(group.join("pids.max"))?,
                        now: number(group.join("pids.current"))?,
                        group: group.components().collect(),
                    })
                }),
        );
    }
    found
}

/// True if a mount is of the hierarchy with the controller `pids`, of version 2 or 1.
fn is_mount_of_pids(mount: &Mount<'_>, is_unified: bool) -> bool {
    if is_unified {
        return mount.kind == b"cgroup2";
    }
    mount.kind == b"cgroup" && mount.options().any(|one| one == b"pids")
}

#[cfg(test)]
mod tests {
    use super::{Mount, ceilings, has_no_gap, is_mount_of_pids};

    #[test]
    fn a_namespace_is_full_when_no_number_from_300_on_is_free() {
        assert!(has_no_gap((300..400).chain([1, 7]).collect()));
        assert!(
            !has_no_gap((1..200).collect()),
            "the numbers up to 300 are not given out again"
        );
        assert!(!has_no_gap(vec![1, 2, 300, 399]));
        assert!(!has_no_gap(Vec::new()));
    }

    #[test]
    fn each_limit_says_its_name_and_what_raises_it() {
        let all = ceilings();
        for name in ["kernel.threads-max (", "kernel.pid_max ("] {
            assert!(
                all.iter().any(|ceiling| ceiling.name.starts_with(name)),
                "{all:?}"
            );
        }
        assert!(all.iter().all(|ceiling| !ceiling.remedy.is_empty()));
    }

    #[test]
    fn both_versions_of_cgroups_are_known() {
        let is_it = |line: &str, is_unified| {
            is_mount_of_pids(&Mount::of(line.as_bytes()).unwrap(), is_unified)
        };
        assert!(is_it(
            "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate",
            true
        ));
        assert!(is_it(
            "37 31 0:34 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
            false
        ));
        assert!(!is_it(
            "37 31 0:34 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
            false
        ));
        assert!(!is_it(
            "37 31 0:34 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
            true
        ));
    }
}
