//! How many of everything there may be.

use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::unistd::geteuid;

use super::{Check, reason};

/// What a namespace takes while it stands, in KiB: rather too much.
const NAMESPACE_KIB: u64 = 150;
/// Where fewer fit, it is said.
const FEW: u64 = 1000;

/// The tightest `pids.max` of the cgroups that the caller is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidsMax {
    /// Of which group.
    pub group: PathBuf,
    /// How many processes it may have.
    pub max: u64,
    /// How many it has.
    pub now: u64,
}

/// All of them, as far as they can be read; `None` is for no limit, or for one that cannot.
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
    /// `RLIMIT_NPROC`, which root is exempt from.
    pub processes: Option<u64>,
    /// The hard `RLIMIT_NOFILE`.
    pub descriptors: Option<u64>,
    /// `MemAvailable`, in KiB.
    pub memory: Option<u64>,
}

impl Limits {
    pub(super) fn read() -> Self {
        let finite = |limit: u64| (limit != RLIM_INFINITY).then_some(limit);
        let limit = |resource| getrlimit(resource).ok();
        Self {
            pid_max: number(Path::new("/proc/sys/kernel/pid_max")),
            threads_max: number(Path::new("/proc/sys/kernel/threads-max")),
            pid_namespaces: number(Path::new("/proc/sys/user/max_pid_namespaces")),
            user_namespaces: number(Path::new("/proc/sys/user/max_user_namespaces")),
            pids: pids_max(),
            processes: limit(Resource::RLIMIT_NPROC)
                .and_then(|(soft, _)| finite(soft))
                .filter(|_| !geteuid().is_root()),
            descriptors: limit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| finite(hard)),
            memory: memory(),
        }
    }

    /// How many more processes there may be, and what says so.
    pub fn processes_left(&self) -> Option<(u64, String)> {
        let running = running();
        let of_group = self.pids.as_ref().map(|pids| {
            (pids.max.saturating_sub(pids.now), format!("pids.max ({}) of {}", pids.max, pids.group.display()))
        });
        let of_kernel = [("kernel.pid_max", self.pid_max), ("kernel.threads-max", self.threads_max)]
            .into_iter()
            .filter_map(|(name, limit)| Some((limit?.saturating_sub(running), format!("{name} ({})", limit?))));
        // How many the user has is counted over all namespaces, and told to nobody.
        let of_user =
            self.processes.map(|limit| (limit, format!("RLIMIT_NPROC ({limit}, per user over all namespaces)")));
        of_kernel.chain(of_group).chain(of_user).min()
    }

    /// How many namespaces fit side by side, each with its PID 1 only.
    fn fan_out(&self) -> Option<(u64, String)> {
        let namespaces =
            self.pid_namespaces.map(|limit| (limit, format!("user.max_pid_namespaces ({limit}, per user)")));
        let memory = self.memory.map(|free| (free / NAMESPACE_KIB, format!("{} MiB of free memory", free / 1024)));
        self.processes_left().into_iter().chain(namespaces).chain(memory).min()
    }

    pub(super) fn checks(&self) -> Vec<Check> {
        let say = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
        let mut checks = vec![
            few("pid-max", self.pid_max, "kernel.pid_max", "`sysctl kernel.pid_max=4194304`"),
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
                "`sysctl user.max_user_namespaces=100000`; a topology takes one, of an ordinary user",
            ),
        ];
        checks.push(match &self.pids {
            None => Check::yes("pids-max", "no limit"),
            Some(PidsMax { group, max, now }) => {
                let found = format!("{} of {max} are left in {}", max.saturating_sub(*now), group.display());
                if max.saturating_sub(*now) < FEW {
                    Check::warn("pids-max", found, "raise `pids.max` there (docker and podman: `--pids-limit`)")
                } else {
                    Check::yes("pids-max", found)
                }
            }
        });
        checks.push(match self.processes {
            Some(limit) if limit < FEW => Check::warn("rlimit-nproc", format!("{limit}, per user"), "`ulimit -u`"),
            limit => Check::yes("rlimit-nproc", say(limit)),
        });
        checks.push(match self.descriptors {
            Some(limit) if limit < FEW => Check::warn(
                "rlimit-nofile",
                format!("{limit} (hard)"),
                "raise `ulimit -Hn`: each captured stream of a process takes one descriptor",
            ),
            limit => Check::yes("rlimit-nofile", format!("{} (hard)", say(limit))),
        });
        checks.push(match self.fan_out() {
            None => Check::yes("fan-out", "no limit is known"),
            Some((most, what)) if most < FEW => Check::warn(
                "fan-out",
                format!("about {most} namespaces fit side by side: {what}"),
                reason::no_processes(),
            ),
            Some((most, what)) => Check::yes("fan-out", format!("about {most} namespaces fit side by side: {what}")),
        });
        checks
    }
}

fn few(id: &'static str, limit: Option<u64>, name: &str, remedy: &str) -> Check {
    match limit {
        Some(limit) if limit < FEW => Check::warn(id, format!("{name} is {limit}"), remedy),
        Some(limit) => Check::yes(id, format!("{name} is {limit}")),
        None => Check::yes(id, format!("{name} is not known here")),
    }
}

fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// How many processes and threads there are: the second number of the fourth field of /proc/loadavg.
fn running() -> u64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split(' ').nth(3).and_then(|field| field.split_once('/'));
    field.and_then(|(_, all)| all.parse().ok()).unwrap_or_default()
}

fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Looks at every group around the caller, in either version's hierarchy: the tightest counts.
fn pids_max() -> Option<PidsMax> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mut found: Vec<PidsMax> = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let is_mount = |line: &&str| {
            let Some((_, kind)) = line.split_once(" - ") else { return false };
            if controllers.is_empty() {
                kind.starts_with("cgroup2 ")
            } else {
                kind.starts_with("cgroup ")
                    && kind.rsplit(' ').next().is_some_and(|options| options.split(',').any(|one| one == "pids"))
            }
        };
        if !controllers.is_empty() && !controllers.split(',').any(|one| one == "pids") {
            continue;
        }
        let Some(mount) = mounts.lines().find(is_mount) else { continue };
        let fields: Vec<&str> = mount.split(' ').collect();
        let (Some(root), Some(point)) = (fields.get(3), fields.get(4)) else { continue };
        let Ok(inside) = Path::new(path).strip_prefix(root) else { continue };
        let top = Path::new(point);
        found.extend(top.join(inside).ancestors().take_while(|group| group.starts_with(top)).filter_map(|group| {
            Some(PidsMax {
                max: number(&group.join("pids.max"))?,
                now: number(&group.join("pids.current"))?,
                group: group.to_owned(),
            })
        }));
    }
    found.into_iter().min_by_key(|pids| pids.max.saturating_sub(pids.now))
}
