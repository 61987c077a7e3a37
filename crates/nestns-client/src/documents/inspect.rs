//! `nestns.inspect/1`: one namespace or process as the file, the controller and the kernel have it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Description, EndedDocument, NamespaceDocument, NamespaceRelations, ProcessDocument, Word,
};

/// `nestns.inspect/1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InspectDocument {
    /// `nestns.inspect/1`.
    pub schema: Word,
    /// The name of the topology.
    pub topology: String,
    /// Problem with the topology as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The end of a topology that has ended; else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndedDocument>,
    /// The namespace or process.
    #[serde(flatten)]
    pub subject: InspectSubject,
}

/// A namespace or a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InspectSubject {
    /// A namespace.
    Namespace(Box<InspectedNamespace>),
    /// A process.
    Process(Box<InspectedProcess>),
}

/// A namespace and its members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedNamespace {
    /// The namespace.
    #[serde(flatten)]
    pub document: NamespaceDocument,
    /// Declaration of the namespace.
    pub declaration: Description,
    /// The processes and namespaces in it.
    pub members: Members,
    /// PID 1 of the namespace.
    pub pid1: Option<ProcessFacts>,
}

/// A process and its declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InspectedProcess {
    /// The process.
    #[serde(flatten)]
    pub facts: ProcessFacts,
    /// Declaration of the process.
    pub declaration: Description,
}

/// A process, and what the kernel says about it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessFacts {
    /// The process.
    #[serde(flatten)]
    pub document: ProcessDocument,
    /// Seconds since its start.
    pub age: Option<f64>,
    /// Namespaces by type.
    pub namespaces: NamespaceRelations,
    /// `null` where it has ended.
    pub kernel: Option<KernelFacts>,
    /// `null` where it was not asked for.
    pub thread_list: Option<Vec<ThreadEntry>>,
    /// Reasons why something is not known, by key.
    pub problems: BTreeMap<Word, String>,
}

/// A thread besides the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ThreadEntry {
    /// The numbers, outermost first.
    pub pids: Vec<i32>,
    /// The name.
    pub name: String,
    /// The letter of `proc_pid_stat(5)`.
    pub state: char,
}

/// The processes and namespaces in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Members {
    /// The paths of the declared processes.
    pub processes: Vec<String>,
    /// The paths of the namespaces directly inside.
    pub namespaces: Vec<String>,
    /// The processes that nestns has not started.
    pub strays: Vec<Stray>,
    /// Number of processes that could not be looked into; `null` if that was not tried.
    pub hidden: Option<usize>,
}

/// A process that nestns has not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stray {
    /// Address of the process.
    pub path: String,
    /// The numbers, outermost first.
    pub pids: Vec<i32>,
    /// The state.
    pub state: String,
    /// The path of its parent, where that belongs to the topology.
    pub parent: Option<String>,
    /// The command line, or the name.
    pub command: String,
}

/// Facts from `/proc` about a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KernelFacts {
    /// `Name` of `proc_pid_status(5)`.
    pub name: String,
    /// `State`.
    pub state: String,
    /// The arguments.
    pub command_line: Vec<String>,
    /// The parent, its parent, and so on.
    pub ancestors: Vec<Ancestor>,
    /// `TracerPid`.
    pub tracer: i32,
    /// `Uid`: real, effective, saved, file system.
    pub uids: Vec<u32>,
    /// `Gid`, as `uids`.
    pub gids: Vec<u32>,
    /// `Groups`.
    pub groups: Vec<u32>,
    /// The lines of `uid_map`.
    pub uid_map: Option<Vec<String>>,
    /// The lines of `gid_map`.
    pub gid_map: Option<Vec<String>>,
    /// The signal sets.
    pub signals: SignalSets,
    /// `CapEff`, hexadecimal.
    pub capabilities: String,
    /// `NoNewPrivs`.
    pub no_new_privileges: bool,
    /// `Seccomp`.
    pub seccomp: Option<u8>,
    /// `Threads`.
    pub threads: u32,
    /// `VmRSS`.
    pub resident_kib: Option<u64>,
    /// `oom_score`.
    pub oom_score: Option<i64>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i64>,
    /// Number of open descriptors.
    pub descriptors: Option<usize>,
    /// The executable.
    pub exe: Option<String>,
    /// The working directory.
    pub cwd: Option<String>,
    /// The root directory.
    pub root: Option<String>,
    /// The lines of `cgroup`.
    pub cgroups: Option<Vec<String>>,
    /// The names of the variables.
    pub environment: Option<Vec<String>>,
}

/// A parent, or a parent's parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ancestor {
    /// The number on the host.
    pub host_pid: i32,
    /// The name.
    pub name: String,
    /// The path, or `controller`.
    pub path: Option<String>,
}

/// Names of signals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SignalSets {
    /// Pending, for the process or one of its threads.
    pub pending: Vec<String>,
    /// Blocked.
    pub blocked: Vec<String>,
    /// Ignored.
    pub ignored: Vec<String>,
    /// Handled.
    pub caught: Vec<String>,
    /// Signals that the kernel would drop now if they came from outside.
    pub dropped: Vec<String>,
    /// Signals for which that is unknown.
    pub unknown: Vec<String>,
}
