//! The keys of every kind of table: those that are read, and those that a later version will read.

/// A kind of table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::topology) enum Scope {
    Top,
    Limits,
    Defaults,
    Namespace,
    Process,
    Ready,
    Stop,
    Init,
    Expectation,
}

impl Scope {
    /// In the order in which somebody is likely to have meant them.
    const ALL: [Self; 9] = [
        Self::Namespace,
        Self::Process,
        Self::Top,
        Self::Limits,
        Self::Stop,
        Self::Ready,
        Self::Defaults,
        Self::Init,
        Self::Expectation,
    ];

    /// What this version reads.
    pub(in crate::topology) const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Top => &[
                "nestns",
                "name",
                "description",
                "include",
                "on_exit",
                "vars",
                "limits",
                "defaults",
                "template",
                "ns",
                "expect",
                "expanded",
                "$schema",
            ],
            Self::Limits => &["namespaces", "processes", "depth", "log_bytes"],
            Self::Defaults => &["ns", "proc"],
            Self::Namespace => &[
                "description",
                "labels",
                "use",
                "include",
                "count",
                "depth",
                "fanout",
                "as",
                "init",
                "proc",
                "ns",
                "unshare",
                "mount_proc",
                "hostname",
                "domainname",
                "env",
                "cwd",
                "tty",
                "stop",
                "restart",
                "max",
                "backoff",
            ],
            Self::Process => &[
                "cmd",
                "sh",
                "actor",
                "count",
                "at",
                "enter",
                "env",
                "cwd",
                "user",
                "labels",
                "description",
                "tty",
                "stdin",
                "stdout",
                "stderr",
                "after",
                "ready",
                "ok",
                "oneshot",
                "essential",
                "restart",
                "max",
                "backoff",
                "stop",
            ],
            Self::Ready => &["log", "file", "exec", "every", "fd", "notify"],
            Self::Stop => &["signal", "grace"],
            Self::Init => &["actor"],
            Self::Expectation => &[
                "from", "sees", "hides", "proc", "pid", "ppid", "chain", "state", "exit", "count", "signal", "via",
                "within",
            ],
        }
    }

    /// What belongs to the language but is not read yet.
    pub(super) const fn later(self) -> &'static [&'static str] {
        match self {
            Self::Namespace => &[
                "pidns",
                "proc_options",
                "userns",
                "rootfs",
                "mounts",
                "caps",
                "no_new_privs",
                "rlimits",
                "cgroup",
                "pid_max",
                "time",
            ],
            Self::Process => &["pid"],
            Self::Top | Self::Limits | Self::Defaults | Self::Ready | Self::Stop | Self::Init | Self::Expectation => {
                &[]
            }
        }
    }

    /// How a sentence calls such a table.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::Top => "the top level of the file",
            Self::Limits => "`[limits]`",
            Self::Defaults => "`[defaults]`",
            Self::Namespace => "a namespace",
            Self::Process => "a process",
            Self::Ready => "`ready`",
            Self::Stop => "`stop`",
            Self::Init => "`init`",
            Self::Expectation => "`[[expect]]`",
        }
    }

    /// How a sentence says that something stands in such a table.
    pub(super) fn place(self) -> String {
        let preposition = if self == Self::Top { "at" } else { "in" };
        format!("{preposition} {}", self.noun())
    }

    /// Where else a key is known.
    pub(super) fn elsewhere(self, key: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|&scope| scope != self && (scope.keys().contains(&key) || scope.later().contains(&key)))
    }
}
