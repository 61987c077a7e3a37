//! Namespaces and processes, as every document has them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use nestns_observe::groups::Groups;
use nestns_observe::{process, thread};
use nestns_topology::Labels;
use nestns_topology::State;
use nix::unistd::Pid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

/// A fixed word, or what a document says in its place.
pub type Word = Cow<'static, str>;

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceDocument {
    /// The path, from the root of the topology inward.
    pub path: String,
    /// The path of the namespace around; `null` for a root.
    pub parent: Option<String>,
    /// The level, 1 below the host.
    pub level: usize,
    /// The inode of the PID namespace.
    pub pidns: Option<u64>,
    /// The ID of the PID namespace, which is never reused (since Linux 6.18).
    pub pidns_id: Option<u64>,
    /// The inode of the user namespace of its PID 1.
    pub userns: Option<u64>,
    /// The inode of the mount namespace of its PID 1.
    pub mntns: Option<u64>,
    /// `builtin`, `pause`, `program` or `actor`.
    pub init: Word,
    /// The state; `null` where only a file is known.
    pub state: Option<Word>,
    /// The kinds of namespaces that it shares with the one around.
    pub shared: Vec<Word>,
    /// The labels.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub labels: Labels,
    /// `false` for one that a program of the topology has created; else absent.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub declared: bool,
    /// Host name of the PID 1 of an undeclared namespace, if it differs from the one around.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Last part of the name of the cgroup of an undeclared namespace's PID 1, if it differs from
    /// the one around.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
}

impl NamespaceDocument {
    /// True if it is this namespace. The kernel gives an inode to the next namespace as soon as the
    /// last one is gone, and an id (Linux 6.18) never again.
    pub fn is_namespace(&self, inode: u64, id: Option<u64>) -> bool {
        self.pidns == Some(inode)
            && (id.is_none() || self.pidns_id.is_none() || id == self.pidns_id)
    }
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessDocument {
    /// The path: that of its namespace, and its name.
    pub path: String,
    /// The path of its namespace.
    pub ns: String,
    /// The name, `init` for a PID 1.
    pub name: String,
    /// The numbers, outermost first; `null` where they are not known.
    pub pids: Vec<Option<i32>>,
    /// The numbers of the parent, outermost first; 0 where it is not visible.
    pub ppids: Vec<Option<i32>>,
    /// The numbers of its process group, outermost first; 0 where the leader is outside. In the truth,
    /// and where they were asked for, while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pgids: Vec<i32>,
    /// The numbers of its session, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sids: Vec<i32>,
    /// The state; `null` where only a file is known.
    pub state: Option<Word>,
    /// Ending; `null` while it runs.
    pub exit: Option<ExitDocument>,
    /// `init`, `fork`, `join` or `exec`: how it came into its namespace.
    pub enter: Word,
    /// The command line.
    pub argv: Vec<String>,
    /// Clock ticks from boot to its start (`starttime` of `proc_pid_stat(5)`).
    pub start_time: Option<u64>,
    /// The numbers of its threads besides the first, as `pids` has the process's; in the truth, and
    /// where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Vec<i32>>,
    /// Number of restarts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// The labels.
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    pub labels: Labels,
    /// `false` for a child of a program and for a process from elsewhere; else absent.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub declared: bool,
}

impl ProcessDocument {
    /// Reads the numbers of its process group and session, which a process may change at any time.
    pub fn read_groups(&mut self) {
        let Some((pid, began)) = self.identity() else {
            return;
        };
        if let Ok(groups) = process::verified(pid, began, || Groups::read(pid)) {
            self.set_groups(groups);
        }
    }

    /// Takes numbers that have been read.
    pub fn set_groups(&mut self, groups: Groups) {
        self.pgids = groups.process_group;
        self.sids = groups.session;
    }

    /// PID and start time on the host, while it lives.
    fn identity(&self) -> Option<(Pid, u64)> {
        let lives = self.exit.is_none()
            && self
                .state
                .as_deref()
                .and_then(State::of)
                .is_some_and(|state| !state.is_over());
        let pid = self.pids.first().copied().flatten().filter(|_| lives);
        pid.map(Pid::from_raw).zip(self.start_time)
    }

    /// Reads the numbers of its threads. A process of nestns itself has one, and is not asked.
    pub fn read_threads(&mut self) {
        let words: Vec<&str> = self.argv.iter().take(3).map(String::as_str).collect();
        let is_one_thread = match words.as_slice() {
            ["nestns", "init"] => true,
            ["nestns", "actor", name] => *name != "threads",
            _ => false,
        };
        let is_started = matches!(
            self.state.as_deref(),
            Some("running" | "ready" | "paused" | "stopping")
        );
        let Some((pid, began)) = self.identity().filter(|_| is_started && !is_one_thread) else {
            return;
        };
        // One of many is all that it costs to hear that there are none.
        let has_several =
            std::fs::metadata(format!("/proc/{pid}/task")).is_ok_and(|task| task.nlink() > 3);
        if has_several
            && let Ok(threads) = process::verified(pid, began, || thread::of_process(pid))
        {
            self.threads = threads.into_iter().map(|thread| thread.numbers).collect();
        }
    }
}

const fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_yes(answer: &bool) -> bool {
    *answer
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Ending of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExitDocument {
    /// Exited with this code.
    Code(u8),
    /// Killed by this signal.
    Signal(i32),
}

impl ExitDocument {
    /// The status that a shell would show: the code, or 128 and the signal's number.
    pub fn status(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

/// A namespace of a process, of any type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NamespaceRelation {
    /// The inode.
    pub inode: u64,
    /// The ID, which is never reused (since Linux 6.18).
    pub id: Option<u64>,
    /// The owner; `null` where that could not be compared.
    pub of: Option<NamespaceOf>,
}

/// The namespaces of a process by their types, in the order in which they are reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "BTreeMap<Word, NamespaceRelation>")]
pub struct NamespaceRelations(pub Vec<(Word, NamespaceRelation)>);

impl From<BTreeMap<Word, NamespaceRelation>> for NamespaceRelations {
    fn from(relations: BTreeMap<Word, NamespaceRelation>) -> Self {
        Self(relations.into_iter().collect())
    }
}

impl Serialize for NamespaceRelations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(kind, relation)| (kind, relation)))
    }
}

impl NamespaceRelations {
    /// The namespace of a type, by its name in `/proc/PID/ns`.
    pub fn get(&self, kind: &str) -> Option<NamespaceRelation> {
        self.0
            .iter()
            .find(|(one, _)| one == kind)
            .map(|&(_, relation)| relation)
    }
}

/// The owner of a namespace that a process is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamespaceOf {
    /// The namespace around, with which it is shared; the host for a root.
    Around,
    /// The PID namespace's own: shared by the members.
    Namespace,
    /// The process: it has made or joined one of its own.
    Process,
}

/// Declaration of a namespace or process, with everything filled in that the file left out. A key
/// that does not apply is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Description {
    /// `FILE:LINE:COLUMN`.
    pub declared: Option<String>,
    /// The client that has started it, where it was not declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    /// The types of namespaces of its own, besides PID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unshare: Option<Vec<String>>,
    /// True if it has a `/proc` of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_proc: Option<bool>,
    /// The host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The NIS domain name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// The number below which its PIDs are, where the file limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid_max: Option<i32>,
    /// The PID given out last when its programs start, where the file sets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_pid: Option<i32>,
    /// PIDs that the file chooses, from its namespace outward.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pid: Vec<i32>,
    /// `UID:GID`; absent where it runs as the caller of `up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The working directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The names of the variables that the file sets.
    pub env: Vec<String>,
    /// `NAME: CONDITION`: a process in its namespace by name, everything else by its path from the top with a slash in
    /// front.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Condition of readiness.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,
    /// The exit codes that count as success.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ok: Vec<u8>,
    /// True if its end is expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oneshot: Option<bool>,
    /// True if its failure determines the exit status of the topology.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub essential: Option<bool>,
    /// The standard input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin: Option<String>,
    /// The standard output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// The standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The file of its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Number of bytes of its output that could not be written to the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_output: Option<u64>,
    /// Stop settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopDescription>,
    /// Restart policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartDescription>,
    /// Number of restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// Number of failed tries of its probe in a row after which it counts as never becoming ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unready: Option<u32>,
    /// Reason why its program could not be executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// The process or namespace that will not reach the state that `after` requires, so that this one is not
    /// started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmet: Option<String>,
}

/// Stop settings of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopDescription {
    /// The name of the signal.
    pub signal: String,
    /// The grace period.
    pub grace: String,
}

/// A restart policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestartDescription {
    /// `never`, `on-failure`, `always` or `on`.
    pub when: String,
    /// With `on`: the ends after which it is restarted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<ExitDocument>,
    /// Maximum number of restarts.
    pub max: Option<u32>,
    /// The time before the first restart.
    pub backoff: String,
    /// The longest time before a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_max: Option<String>,
}
