//! A checked namespace: its PID 1, the namespaces it unshares, and its contents.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dependency::After;
use super::labels::Labels;
use super::position::Position;
use super::process::Process;
use super::restart::RestartPolicy;
use super::stop::{Signal, Stop};

/// The number below which every PID is, unless `pid_max` is lower: `PID_MAX_LIMIT` of the kernel.
pub(crate) const PID_MAX: u64 = 4_194_304;
/// The highest PID.
pub(crate) const HIGHEST_PID: u64 = PID_MAX - 1;
/// The least `pid_max` that the kernel takes (kernel/pid.c).
pub(crate) const LEAST_PID_MAX: u64 = 301;

/// The namespaces, besides PID, that PID 1 gets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set with one flag a namespace type"
)]
#[expect(missing_docs, reason = "each field is the word in the file")]
pub struct Isolation {
    pub mount: bool,
    pub uts: bool,
    pub ipc: bool,
    pub net: bool,
    pub cgroup: bool,
}

impl Isolation {
    /// The kinds of namespaces that are not of its own but those of the namespace around it.
    pub fn shared(self) -> Vec<&'static str> {
        // Every topology shares these two.
        let all = self
            .kinds()
            .into_iter()
            .chain([("user", false), ("time", false)]);
        all.filter(|(_, own)| !own).map(|(name, _)| name).collect()
    }

    /// Each kind as `unshare` says it, with its flag.
    pub(super) const fn kinds(self) -> [(&'static str, bool); 5] {
        [
            ("mount", self.mount),
            ("uts", self.uts),
            ("ipc", self.ipc),
            ("net", self.net),
            ("cgroup", self.cgroup),
        ]
    }
}

/// The PID 1 of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Init {
    /// nestns itself: reaps, forwards, propagates the stop, leaves when all have left.
    Builtin,
    /// nestns itself, which reaps and waits: it holds the namespace until it is told to stop.
    Pause,
    /// The user's program, or an actor. Its process is named `init`; its stop and restart are the namespace's.
    Program(Box<Process>),
}

impl Init {
    /// The program, where PID 1 is one.
    pub fn program(&self) -> Option<&Process> {
        match self {
            Self::Program(program) => Some(program),
            Self::Builtin | Self::Pause => None,
        }
    }
}

/// A checked namespace: every default is filled in, every reference resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Settings for its creation.
    pub spec: NamespaceSpec,
    /// Description by the author.
    pub description: Option<String>,
    /// PID 1 of the namespace.
    pub init: Init,
    /// The declared processes besides PID 1, in file order: the order of creation.
    pub processes: Vec<Process>,
    /// True if the file gives it its grace, which is derived otherwise.
    pub has_own_grace: bool,
}

impl Deref for Namespace {
    type Target = NamespaceSpec;

    fn deref(&self) -> &NamespaceSpec {
        &self.spec
    }
}

impl DerefMut for Namespace {
    fn deref_mut(&mut self) -> &mut NamespaceSpec {
        &mut self.spec
    }
}

/// Settings for the creation of a namespace: the part of it, besides its processes, that the
/// processes of a tree carry with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSpec {
    /// The whole path, `vm/ci/job`. The first field: what looks for a path reads no further in a plan.
    pub path: String,
    /// Free words to select by.
    pub labels: Labels,
    /// Namespaces that PID 1 unshares besides PID.
    pub isolation: Isolation,
    /// True if a /proc of its own is mounted.
    pub mount_proc: bool,
    /// The host name; implies `uts`.
    pub hostname: Option<String>,
    /// The NIS domain name; implies `uts`.
    pub domainname: Option<String>,
    /// Additions to the caller's environment in it. Its processes have them already: this is for what comes in later.
    pub env: BTreeMap<String, String>,
    /// The directory in which programs start in it, `/` where the file gives none. Its processes have it already.
    pub cwd: Option<PathBuf>,
    /// The policy by which it is built again, with all inside, when its PID 1 has ended; `None` for never.
    pub restart: Option<Box<RestartPolicy>>,
    /// The processes and namespaces that everything in it waits for.
    pub after: Vec<After>,
    /// The process whose end is that of the namespace: its place among the processes.
    pub main: Option<u32>,
    /// The number below which every PID in it is, `None` for the kernel's own.
    pub pid_max: Option<i32>,
    /// The PID given out last when the programs start, `None` for that of the last declared process.
    pub last_pid: Option<i32>,
    /// The way it is stopped, the grace derived where the file gives none.
    pub stop: Stop,
    /// Time after the stop request to the namespace around it, or to the tree, at which it is asked at the latest.
    pub asked_after: Duration,
    /// Time that everything in it takes to stop, at the most: the longest chain of graces.
    pub stop_time: Duration,
    /// Position of its header.
    pub position: Position,
}

impl Namespace {
    /// The program that is PID 1, if it is one, and the declared processes.
    pub fn programs(&self) -> impl Iterator<Item = &Process> {
        self.init.program().into_iter().chain(&self.processes)
    }

    /// The grace that the file gives it.
    pub fn own_grace(&self) -> Option<Duration> {
        self.has_own_grace.then_some(self.stop.grace)
    }

    /// A namespace of which nothing but the PID 1 is known: each key has its default.
    pub fn new(path: String, init: Init) -> Self {
        let spec = NamespaceSpec {
            path,
            labels: Labels::default(),
            isolation: Isolation {
                mount: true,
                ..Isolation::default()
            },
            mount_proc: true,
            hostname: None,
            domainname: None,
            env: BTreeMap::new(),
            cwd: None,
            restart: None,
            after: Vec::new(),
            main: None,
            pid_max: None,
            last_pid: None,
            stop: Stop {
                signal: Signal::TERM,
                grace: Duration::ZERO,
            },
            asked_after: Duration::ZERO,
            stop_time: Duration::ZERO,
            position: Position::default(),
        };
        Self {
            spec,
            description: None,
            init,
            processes: Vec::new(),
            has_own_grace: false,
        }
    }
}

impl NamespaceSpec {
    /// The last segment of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The level: 1 for a namespace directly below the host.
    pub fn level(&self) -> usize {
        self.path.split('/').count()
    }
}
