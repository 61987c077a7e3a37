//! What can go wrong with a namespace or a process, and what the errno means *there*.
//!
//! A failing process sends the bare facts (stage, errno, the thing at hand); the sentence is made where there is time for
//! it. "No space left on device" from unshare(2) is true and useless: here it is a nesting limit.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::plan::Subject;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "`Display` says it")]
pub enum Stage {
    OpenSelf,
    UnshareUser,
    WriteMaps,
    EnterUser,
    UnsharePid,
    Fork,
    ReturnHome,
    EnterPid,
    NumberHelper,
    CloneSibling,
    Adopt,
    Died,
    Channel,
    Isolate,
    PrivateMounts,
    MountProc,
    HostName,
    DomainName,
    Loopback,
    EnterNamespaces,
    WorkingDirectory,
    Stdin,
    Stdout,
    Stderr,
    Pipe,
    Readiness,
    ControllingTerminal,
    Groups,
    Group,
    User,
    Execute,
    Guard,
    Observe,
    Panic,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenSelf => "open a descriptor of the creating process (pidfd_open)",
            Self::UnshareUser => "make a user namespace (unshare)",
            Self::WriteMaps => "write the user namespace's maps",
            Self::EnterUser => "enter the user namespace (setns)",
            Self::UnsharePid => "make a PID namespace (unshare)",
            Self::Fork => "fork",
            Self::ReturnHome => "set the namespace for children back (setns)",
            Self::EnterPid => "enter the PID namespace (setns)",
            Self::NumberHelper => "fork a helper that takes no number of its own (clone3)",
            Self::CloneSibling => "make a PID namespace beside its creator (clone3)",
            Self::Adopt => "take over from the helper",
            Self::Died => "create it: its PID 1 ended before it stood",
            Self::Channel => "talk to its keeper",
            Self::Isolate => "unshare its other namespaces (unshare)",
            Self::PrivateMounts => "make its mounts private (mount)",
            Self::MountProc => "mount its /proc (mount)",
            Self::HostName => "set its host name (sethostname)",
            Self::DomainName => "set its domain name (setdomainname)",
            Self::Loopback => "bring its loopback interface up (ioctl)",
            Self::EnterNamespaces => "enter the other namespaces (setns)",
            Self::WorkingDirectory => "enter its working directory (chdir)",
            Self::Stdin => "open its standard input (open)",
            Self::Stdout => "open its standard output (open)",
            Self::Stderr => "open its standard error (open)",
            Self::Pipe => "make the pipes of its output (pipe2)",
            Self::Readiness => "make what it says that it is ready with (pipe2, bind)",
            Self::ControllingTerminal => "take its terminal (ioctl)",
            Self::Groups => "set its supplementary groups (setgroups)",
            Self::Group => "set its group (setresgid)",
            Self::User => "set its user (setresuid)",
            Self::Execute => "execute its program (execve)",
            Self::Guard => "put it under the guardian",
            Self::Observe => "read what the kernel says about it",
            Self::Panic => "go on: nestns itself failed there",
        })
    }
}

/// A failure in a process of the tree, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose: PID 1 stands for its namespace.
    pub subject: Subject,
    /// At what.
    pub stage: Stage,
    /// With which errno; 0 where no system call failed.
    pub errno: i32,
    /// The directory, file or program at hand.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure without a file to name.
    pub fn new(subject: Subject, stage: Stage, errno: Errno) -> Self {
        Self { subject, stage, errno: errno as i32, detail: None }
    }

    /// A failure that names what was at hand.
    pub fn with(subject: Subject, stage: Stage, errno: Errno, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(subject, stage, errno) }
    }

    /// The errno as `nix` has it.
    pub fn errno(&self) -> Errno {
        Errno::from_raw(self.errno)
    }

    /// Whether this machine refuses what was asked, rather than one request having gone wrong: such a failure is the
    /// machine's (exit 4), any other an unfinished start (exit 5).
    pub fn is_refusal(&self) -> bool {
        let creates = matches!(
            self.stage,
            Stage::UnshareUser | Stage::WriteMaps | Stage::UnsharePid | Stage::CloneSibling | Stage::Isolate
        );
        creates || (self.stage == Stage::MountProc && self.errno() == Errno::EPERM)
    }

    /// What the errno means at this stage, as far as it differs from the system's own text; then what to do about it.
    ///
    /// `level` is the depth of the namespace that was to be.
    pub fn meaning(&self, level: usize) -> Option<String> {
        match (self.stage, self.errno()) {
            (Stage::UnsharePid | Stage::CloneSibling, Errno::ENOSPC) => Some(no_space(level)),
            (Stage::Isolate, Errno::ENOSPC) => Some(limits_reached(&["mnt", "uts", "ipc", "net", "cgroup"])),
            (Stage::UnshareUser, Errno::ENOSPC) => Some(limits_reached(&["user"])),
            (Stage::Fork | Stage::NumberHelper, Errno::ENOMEM) => {
                Some("PID 1 of the namespace has already exited; nothing can start in it any more".to_owned())
            }
            (Stage::Fork | Stage::NumberHelper | Stage::CloneSibling, Errno::EAGAIN) => Some(no_processes()),
            (Stage::UnshareUser | Stage::UnsharePid | Stage::Isolate | Stage::WriteMaps, Errno::EPERM | Errno::EACCES) => {
                Some(no_permission())
            }
            (Stage::MountProc, Errno::EPERM) => Some(masked_proc()),
            (Stage::Group | Stage::User | Stage::Groups, Errno::EINVAL | Errno::EPERM) => Some(
                "the id is not mapped in this user namespace: an ordinary user's tree has only the id 0, which is the user \
                 himself; leave `user` out, or run as root"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

fn read_number(path: &str) -> Option<i64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn no_space(level: usize) -> String {
    let limit = read_number("/proc/sys/user/max_pid_namespaces");
    if level >= 32 || limit.is_none_or(|limit| limit > 1000) {
        return format!(
            "the nesting limit is reached at level {level}: 32 PID namespaces nest below the initial one, and a container \
             that nestns runs in has used some of them; make the tree shallower or run it further outside"
        );
    }
    format!(
        "the limit user.max_pid_namespaces ({}) is reached; raise it with `sysctl user.max_pid_namespaces=…`, or wait a \
         moment where many namespaces have just ended",
        limit.unwrap_or_default()
    )
}

/// Which of the limits on namespaces that are no PID namespaces is reached: the lowest is at fault, the kernel does not say.
fn limits_reached(kinds: &[&str]) -> String {
    let limits = kinds.iter().map(|kind| (read_number(&format!("/proc/sys/user/max_{kind}_namespaces")), kind));
    match limits.filter_map(|(limit, kind)| Some((limit?, kind))).min() {
        // 32 user namespaces nest as well, and say the same.
        Some((limit, kind)) => format!(
            "the limit user.max_{kind}_namespaces ({limit}) is reached, here or around this container; raise it with `sysctl \
             user.max_{kind}_namespaces=…`, or wait a moment where many namespaces have just ended"
        ),
        None => "a limit on namespaces (user.max_*_namespaces) is reached".to_owned(),
    }
}

fn no_processes() -> String {
    let processes = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NPROC)
        .map_or_else(|_| "unknown".to_owned(), |(soft, _)| soft.to_string());
    let pid_max = read_number("/proc/sys/kernel/pid_max").map_or_else(|| "unknown".to_owned(), |max| max.to_string());
    format!(
        "no further process may be made: one of `pids.max` of the cgroup, RLIMIT_NPROC ({processes}, counted per user over \
         all namespaces) and kernel.pid_max ({pid_max}) is reached"
    )
}

fn no_permission() -> String {
    let mut text = String::from("this machine refuses user namespaces to an ordinary user");
    let refused = |path, value| read_number(path) == Some(value);
    if refused("/proc/sys/user/max_user_namespaces", 0) {
        text.push_str(": user.max_user_namespaces is 0; `sysctl user.max_user_namespaces=10000` lifts it");
    } else if refused("/proc/sys/kernel/unprivileged_userns_clone", 0) {
        text.push_str(": `sysctl kernel.unprivileged_userns_clone=1` lifts it");
    } else if refused("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) {
        text.push_str(": AppArmor; `sysctl kernel.apparmor_restrict_unprivileged_userns=0` lifts it");
    } else {
        text.push_str(
            ": a seccomp filter or security module, as containers have them (docker: `--security-opt seccomp=unconfined`); \
             or the caller's root directory was changed by chroot",
        );
    }
    text.push_str(", or run as root");
    text
}

/// The kernel mounts a new proc in a user namespace only where a fully visible one is at hand (R15).
fn masked_proc() -> String {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let masks: Vec<&str> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|target| target.starts_with("/proc/"))
        .collect();
    let which = if masks.is_empty() { "something covers a part of it".to_owned() } else { masks.join(", ") };
    format!(
        "the visible /proc is masked ({which}), and the kernel then refuses a new one in a user namespace; start the \
         container with an unmasked /proc (docker and podman: `--security-opt unmask=ALL`, Kubernetes: `procMount: \
         Unmasked`), or set `mount_proc = false`"
    )
}
