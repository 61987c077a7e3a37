//! Options of unshare(1) and nsenter(1), each with an explanation for learners.

use nestns_topology::Isolation;

/// Construct in the script that the legend explains; in the order of the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flag {
    Fork,
    Pid,
    MountProc,
    Mount,
    Uts,
    Ipc,
    Net,
    Cgroup,
    KillChild,
    ExecUnshare,
    Nsenter,
    FindFirst,
    Sleep,
    HostName,
    Loopback,
    Setpriv,
    Terminal,
}

impl Flag {
    /// Spelling in the script.
    pub(super) const fn spelling(self) -> &'static str {
        match self {
            Self::Fork => "--fork",
            Self::Pid => "--pid",
            Self::MountProc => "--mount-proc",
            Self::Mount => "--mount",
            Self::Uts => "--uts",
            Self::Ipc => "--ipc",
            Self::Net => "--net",
            Self::Cgroup => "--cgroup",
            Self::KillChild => "--kill-child",
            Self::ExecUnshare => "exec unshare",
            Self::Nsenter => "nsenter --target PID",
            Self::FindFirst => "until read …",
            Self::Sleep => "sleep infinity",
            Self::HostName => "echo … || hostname …",
            Self::Loopback => "ip link",
            Self::Setpriv => "setpriv --reuid",
            Self::Terminal => "</dev/tty",
        }
    }

    /// Effect, and consequence of leaving it out.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Fork => {
                "the program becomes a child of unshare and the first process inside: PID 1. Without it the program \
                 stays outside, the first command that it runs is PID 1, and once that has ended the next one fails: \
                 \"fork: Cannot allocate memory\". A PID namespace without its PID 1 accepts no processes."
            }
            Self::Pid => {
                "a new PID namespace, for children. Without it: the old PIDs, and nothing is hidden."
            }
            Self::MountProc => {
                "a /proc of the new PID namespace, in a mount namespace of its own, so that the one outside is not \
                 hidden. Without it $$ is 1, but /proc/self still has the PID outside, and ps shows the processes \
                 outside."
            }
            Self::Mount => {
                "a mount namespace: what is mounted inside is not visible outside. /proc stays the outer one."
            }
            Self::Uts => "a host name of its own. Without it the one outside would be changed.",
            Self::Ipc => {
                "System V IPC and POSIX message queues of its own. Without it: the outer ones."
            }
            Self::Net => {
                "network devices of its own: one loopback, which is down. Without it: the outer ones."
            }
            Self::Cgroup => "its cgroup appears as the root. Without it the whole path is visible.",
            Self::KillChild => {
                "PID 1 is killed when unshare is killed, and with PID 1 everything inside. Without it all of them \
                 would survive. In the same way setpriv --pdeathsig KILL has unshare killed when this shell ends."
            }
            Self::ExecUnshare => {
                "PID 1 itself becomes the unshare that waits: this uses no PID, so the next one is that of the PID 1 \
                 inside. It reaps no other process, and ends when the namespace inside ends."
            }
            Self::Nsenter => {
                "starts a child in the namespaces of another process. The child has a PID inside, but its parent is \
                 outside: PPid is 0 inside. `docker exec` and the containers of a pod with a shared PID namespace work \
                 this way."
            }
            Self::FindFirst => {
                "waits until a process has a child and stores its PID: the child of unshare is the PID 1 inside, and \
                 this is its PID here. It gives up when the process has ended: then /proc/PID/exe points nowhere."
            }
            Self::Sleep => {
                "holds a namespace as its PID 1. Unlike nestns it does not reap processes and ignores TERM."
            }
            Self::HostName => {
                "the shell itself writes the name to /proc/sys, which uses no PID. Only root can do that, so an \
                 ordinary user, even as root of a user namespace, needs hostname(1)."
            }
            Self::Loopback => "brings the loopback device up (iproute2).",
            Self::Setpriv => "runs a program as another user, which only root can do.",
            Self::Terminal => "the terminal, even when standard input is this script.",
        }
    }
}

/// Options of unshare(1) for a namespace, in the usual order.
pub(super) fn to_unshare(isolation: Isolation, mount_proc: bool) -> Vec<Flag> {
    let mut flags = vec![Flag::Fork, Flag::Pid];
    if mount_proc {
        flags.push(Flag::MountProc);
    }
    flags.extend(others(Isolation {
        mount: isolation.mount && !mount_proc,
        ..isolation
    }));
    flags
}

/// The options of nsenter(1) for the namespaces that are a process's own.
pub(super) fn to_enter(isolation: Isolation) -> Vec<Flag> {
    std::iter::once(Flag::Pid)
        .chain(others(isolation))
        .collect()
}

/// Union of the isolation of two namespaces, one inside the other.
pub(super) fn union(one: Isolation, other: Isolation) -> Isolation {
    Isolation {
        mount: one.mount || other.mount,
        uts: one.uts || other.uts,
        ipc: one.ipc || other.ipc,
        net: one.net || other.net,
        cgroup: one.cgroup || other.cgroup,
    }
}

fn others(isolation: Isolation) -> impl Iterator<Item = Flag> {
    let all = [
        (isolation.mount, Flag::Mount),
        (isolation.uts, Flag::Uts),
        (isolation.ipc, Flag::Ipc),
        (isolation.net, Flag::Net),
        (isolation.cgroup, Flag::Cgroup),
    ];
    all.into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, flag)| flag)
}

/// The options in a line.
pub(super) fn spelled(flags: &[Flag]) -> String {
    flags
        .iter()
        .map(|flag| flag.spelling())
        .collect::<Vec<_>>()
        .join(" ")
}
