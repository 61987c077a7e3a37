//! Limits of the machine on everything that a tree needs.

use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::getpid;

use super::Check;
use super::ceiling::{self, Ceiling, PidsMax, number, pids_max};
use crate::cgroup::Tree;

/// Memory of a namespace while it exists, in KiB: rather too much.
const NAMESPACE_KIB: u64 = 150;
/// Memory of a process until it becomes its program, in KiB; after that it is the program's.
const PROCESS_KIB: u64 = 100;
/// Number below which the check warns.
const FEW: u64 = 1000;

/// All limits, as far as they can be read; `None` is for no limit, or for one that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `kernel.pid_max`.
    pub pid_max: Option<u64>,
    /// `kernel.threads-max`.
    pub threads_max: Option<u64>,
    /// `user.max_pid_namespaces`.
    pub pid_namespaces: Option<u64>,
    /// `user.max_user_namespaces`.
    pub user_namespaces: Option<u64>,
    /// `pids.max`.
    pub pids: Option<PidsMax>,
    /// `RLIMIT_NPROC`, from which root is exempt.
    pub processes: Option<u64>,
    /// The hard `RLIMIT_NOFILE`.
    pub descriptors: Option<u64>,
    /// Free memory.
    pub memory: Option<Memory>,
}

impl Limits {
    pub(super) fn read() -> Self {
        let finite = |limit: u64| (limit != RLIM_INFINITY).then_some(limit);
        let limit = |resource| getrlimit(resource).ok();
        Self {
            pid_max: number("/proc/sys/kernel/pid_max"),
            threads_max: number("/proc/sys/kernel/threads-max"),
            pid_namespaces: number("/proc/sys/user/max_pid_namespaces"),
            user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            pids: pids_max().into_iter().min_by_key(PidsMax::left),
            processes: ceiling::user_limit(),
            descriptors: limit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| finite(hard)),
            memory: memory(),
        }
    }

    /// Number of further processes, and the limit that says so.
    pub fn processes_left(&self) -> Option<(u64, String)> {
        let tightest = ceiling::ceilings()
            .into_iter()
            .min_by_key(|ceiling| ceiling.left);
        tightest.map(|Ceiling { left, name, .. }| (left, name))
    }

    /// Memory of a tree while it exists, in KiB: `namespaces` with their PID 1s, and `processes` before they become
    /// programs.
    pub fn memory_needed(namespaces: u64, processes: u64) -> u64 {
        namespaces * NAMESPACE_KIB + processes * PROCESS_KIB
    }

    /// The limit that the number of namespaces side by side meets first, each with its PID 1 only.
    fn fan_out(&self) -> Option<Ceiling> {
        let namespaces = self.pid_namespaces.map(|limit| Ceiling {
            name: format!("user.max_pid_namespaces ({limit}, per user)"),
            left: limit,
            remedy: "raise it with `sysctl user.max_pid_namespaces=100000`".to_owned(),
        });
        let memory = self.memory.as_ref().map(|memory| Ceiling {
            name: format!(
                "{} MiB of free memory, {}",
                memory.kib / 1024,
                memory.source
            ),
            left: memory.kib / NAMESPACE_KIB,
            remedy: "end something, or provide more memory to the machine or cgroup".to_owned(),
        });
        ceiling::ceilings()
            .into_iter()
            .chain(namespaces)
            .chain(memory)
            .min_by_key(|ceiling| ceiling.left)
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let say = |limit: Option<u64>| {
            limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string())
        };
        let mut checks = vec![
            few(
                "pid-max",
                self.pid_max,
                "kernel.pid_max",
                "`sysctl kernel.pid_max=4194304`",
            ),
            few(
                "max-pid-namespaces",
                self.pid_namespaces,
                "user.max_pid_namespaces",
                "`sysctl user.max_pid_namespaces=100000`",
            ),
            few(
                "max-user-namespaces",
                self.user_namespaces,
                "user.max_user_namespaces",
                "`sysctl user.max_user_namespaces=100000`; a topology of an ordinary user needs one",
            ),
        ];
        checks.push(match &self.pids {
            None => Check::yes("pids-max", "no limit"),
            Some(pids) => {
                let found = format!(
                    "{} of {} left in {}",
                    pids.left(),
                    pids.max,
                    pids.group.display()
                );
                if pids.left() < FEW {
                    Check::warn(
                        "pids-max",
                        found,
                        "raise `pids.max` there (docker and podman: `--pids-limit`)",
                    )
                } else {
                    Check::yes("pids-max", found)
                }
            }
        });
        checks.push(match self.processes {
            Some(limit) if limit < FEW => {
                Check::warn("rlimit-nproc", format!("{limit}, per user"), "`ulimit -u`")
            }
            limit => Check::yes("rlimit-nproc", say(limit)),
        });
        checks.push(match self.descriptors {
            Some(limit) if limit < FEW => Check::warn(
                "rlimit-nofile",
                format!("{limit} (hard)"),
                "raise `ulimit -Hn`: each captured stream of a process needs one descriptor",
            ),
            limit => Check::yes("rlimit-nofile", format!("{} (hard)", say(limit))),
        });
        checks.push(match self.fan_out() {
            None => Check::yes("fan-out", "no known limit"),
            Some(Ceiling { name, left, remedy }) => {
                let found = format!("about {left} namespaces fit side by side: {name}");
                if left < FEW {
                    Check::warn("fan-out", found, remedy)
                } else {
                    Check::yes("fan-out", found)
                }
            }
        });
        checks
    }
}

fn few(id: &'static str, limit: Option<u64>, name: &str, remedy: &str) -> Check {
    match limit {
        Some(limit) if limit < FEW => Check::warn(id, format!("{name} is {limit}"), remedy),
        Some(limit) => Check::yes(id, format!("{name} is {limit}")),
        None => Check::yes(id, format!("{name} is unknown here")),
    }
}

/// Free memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Amount in KiB.
    pub kib: u64,
    /// Source of the figure.
    pub source: String,
}

/// The least that the machine and the cgroups around the caller have left.
fn memory() -> Option<Memory> {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let free = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    let machine = free.map(|kib| Memory {
        kib,
        source: "of the machine".to_owned(),
    });
    let of_group = |group: &Path| {
        let left =
            number(group.join("memory.max"))?.saturating_sub(number(group.join("memory.current"))?);
        Some(Memory {
            kib: left / 1024,
            source: format!("memory.max of {}", group.display()),
        })
    };
    let tree = Tree::find();
    let own = tree
        .as_ref()
        .and_then(|tree| Some((tree.mount.clone(), tree.group_of(getpid()).ok()??)));
    let groups = own.iter().flat_map(|(top, own)| {
        own.ancestors()
            .take_while(move |group| group.starts_with(top))
    });
    machine
        .into_iter()
        .chain(groups.filter_map(of_group))
        .min_by_key(|memory| memory.kib)
}
