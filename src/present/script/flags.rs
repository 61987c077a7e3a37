//! Options of unshare(1) and nsenter(1), each with an explanation for learners.

use crate::topology::Isolation;

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
                "the program becomes a child of unshare, and the first one inside: PID 1. Without it the program stays \
                 outside, the first command that it runs is PID 1, and once that has ended the next one fails: \"fork: \
                 Cannot allocate memory\". A PID namespace without its PID 1 takes nobody in."
            }
            Self::Pid => "a new PID namespace, for children. Without it: the old numbers, and nothing is hidden.",
            Self::MountProc => {
                "a /proc of the new PID namespace, in a mount namespace of its own, so that the one outside is not \
                 covered. Without it $$ is 1, but /proc/self still has the number outside, and ps shows the processes \
                 outside."
            }
            Self::Mount => {
                "a mount namespace: what is mounted inside is not seen outside. /proc stays that of outside."
            }
            Self::Uts => "a host name of its own. Without it the one outside would be changed.",
            Self::Ipc => "System V IPC and POSIX message queues of its own. Without it: those of outside.",
            Self::Net => "network devices of its own: one loopback, which is down. Without it: those of outside.",
            Self::Cgroup => "its cgroup is seen as the root of all. Without it the whole path is seen.",
            Self::KillChild => {
                "PID 1 is killed when unshare is killed, and with PID 1 everything inside. Without it all would live \
                 on. In the same way setpriv --pdeathsig KILL has unshare killed when this shell ends."
            }
            Self::ExecUnshare => {
                "PID 1 itself becomes the unshare that waits: that takes no number, so that the next one is that of the \
                 PID 1 inside. It reaps nobody else, and ends when the namespace inside ends."
            }
            Self::Nsenter => {
                "starts a child in the namespaces of another process. The child is numbered inside, but its parent is \
                 outside: PPid is 0 inside. So do `docker exec` and the containers of a pod that share a PID namespace."
            }
            Self::FindFirst => {
                "waits until a process has a child and keeps its number: the child of unshare is the PID 1 inside, and \
                 that is its number here. It gives up when the process has ended: then /proc/PID/exe leads nowhere."
            }
            Self::Sleep => "holds a namespace as its PID 1. Unlike nestns it reaps nobody and is deaf to TERM.",
            Self::HostName => {
                "the shell itself writes the name into /proc/sys, which takes no number. That is for root only, so that \
                 an ordinary user, root in his user namespace or not, needs hostname(1)."
            }
            Self::Loopback => "sets the loopback device up (iproute2).",
            Self::Setpriv => "runs a program as somebody else, which only root can.",
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
    flags.extend(others(Isolation { mount: isolation.mount && !mount_proc, ..isolation }));
    flags
}

/// Options of nsenter(1) for the namespaces that a process does not share.
pub(super) fn to_enter(isolation: Isolation) -> Vec<Flag> {
    std::iter::once(Flag::Pid).chain(others(isolation)).collect()
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
    all.into_iter().filter(|(wanted, _)| *wanted).map(|(_, flag)| flag)
}

/// The options in a line.
pub(super) fn spelled(flags: &[Flag]) -> String {
    flags.iter().map(|flag| flag.spelling()).collect::<Vec<_>>().join(" ")
}
