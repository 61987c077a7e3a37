//! The smaller documents: answers of one verb each.

use std::collections::BTreeMap;

use nestns_observe::doctor::Check;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExitDocument, Timeline, Word};

/// `nestns.up/1`: a topology that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpDocument {
    /// `nestns.up/1`.
    pub schema: Word,
    /// The name of the topology.
    pub name: String,
    /// The state.
    pub state: String,
    /// The file with `nestns.truth/1`.
    pub truth: String,
    /// Number of namespaces.
    pub namespaces: u32,
    /// Number of processes.
    pub processes: u32,
    /// The number of levels.
    pub depth: u32,
    /// Milliseconds that the creation took.
    pub create_ms: Option<f64>,
    /// Milliseconds from the start to the release of the programs.
    pub release_ms: Option<f64>,
    /// Ending; `null` while it runs.
    pub exit: Option<ExitDocument>,
    /// Timeline of the stop; `null` while it runs.
    pub stop: Option<Timeline>,
}

/// `nestns.ls/1`: running topologies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LsDocument {
    /// `nestns.ls/1`.
    pub schema: Word,
    /// The topologies in the order of their names.
    pub topologies: Vec<TopologyEntry>,
}

/// A running topology. What only a controller knows is `null` where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopologyEntry {
    /// The name.
    pub name: String,
    /// The state.
    pub state: String,
    /// Number of namespaces.
    pub namespaces: Option<u32>,
    /// Number of processes.
    pub processes: Option<u32>,
    /// The number of levels.
    pub depth: Option<u32>,
    /// Seconds since 1970 at its start.
    pub since: Option<f64>,
    /// The file that it was built from.
    pub file: Option<String>,
    /// The number of the controller on the host.
    pub controller: Option<i32>,
    /// The state directory.
    pub directory: String,
    /// The problem found, or the reason why no more is known.
    pub problem: Option<String>,
    /// The end of a topology that has ended; else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndEntry>,
}

/// The end of a topology, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndEntry {
    /// Seconds since 1970.
    pub ended: f64,
    /// The reason.
    pub reason: String,
    /// The exit status, as `nestns up` in the foreground would have had it.
    pub status: u8,
}

/// `nestns.pid/1`: the numbers of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PidDocument<P = BTreeMap<String, i32>> {
    /// `nestns.pid/1`.
    pub schema: Word,
    /// The path of the process.
    pub path: String,
    /// The number by the path of the namespace, outermost first.
    pub pids: P,
    /// Numbers of its process, for a thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread_of: Option<P>,
}

/// `nestns.whois/1`: the processes that have a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhoisDocument {
    /// `nestns.whois/1`.
    pub schema: Word,
    /// The number.
    pub number: i32,
    /// The processes and threads that have it, one for each namespace.
    pub matches: Vec<Match>,
    /// Number of processes in namespaces that the caller may not see.
    pub unreadable: usize,
}

/// A process or thread that has a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// The namespace that counts; `null` where the caller may not see it.
    #[serde(rename = "in")]
    pub namespace: Option<String>,
    /// The name of the topology.
    pub topology: Option<String>,
    /// The path of the process.
    pub path: Option<String>,
    /// The numbers, outermost first.
    pub pids: Vec<i32>,
    /// The name, as the kernel has it.
    pub name: String,
    /// Numbers of its process, for a thread; `path` is the process's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_of: Option<Vec<i32>>,
}

/// `nestns.doctor/1`: what this machine can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorDocument {
    /// `nestns.doctor/1`.
    pub schema: Word,
    /// The checks.
    pub checks: Vec<Check>,
}

/// `nestns.experiment/1`: behaviours of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentDocument {
    /// `nestns.experiment/1`.
    pub schema: Word,
    /// The release of the kernel.
    pub kernel: String,
    /// The experiments.
    pub experiments: Vec<ExperimentEntry>,
}

/// An experiment; `found` and `verdict` are `null` where it was only listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentEntry {
    /// The name.
    pub id: Word,
    /// The claim.
    pub hypothesis: Word,
    /// The processes and namespaces.
    pub layout: Word,
    /// The attempted action.
    pub did: Word,
    /// Behaviour of the kernel.
    pub found: Option<String>,
    /// The conclusion.
    pub verdict: Option<Verdict>,
}

/// The conclusion of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The kernel does what is claimed.
    Holds,
    /// Does not hold.
    Fails,
    /// Could not be tried here.
    Skipped,
}

impl Verdict {
    /// The word, as in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Skipped => "skipped",
        }
    }
}

/// `nestns.prune/1`: what was removed and what was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PruneDocument {
    /// `nestns.prune/1`.
    pub schema: Word,
    /// True if nothing was removed.
    pub dry_run: bool,
    /// Everything that was removed, or would have been.
    pub removed: Vec<Removed>,
    /// Everything that was kept.
    pub kept: Vec<Kept>,
}

/// Something left by a topology that has been removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// The name of the topology.
    pub name: String,
    /// The state directory or cgroup.
    pub directory: String,
    /// The reason.
    pub why: Word,
}

/// Something left by a topology that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Kept {
    /// The name of the topology; `null` for something else in its place.
    pub name: Option<String>,
    /// The reason.
    pub why: String,
    /// The remedy.
    pub help: String,
}

/// A line of `logs --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineDocument<T = String> {
    /// The time, RFC 3339 with nanoseconds, in UTC.
    pub ts: String,
    /// The path of the process.
    pub path: T,
    /// `stdout`, `stderr` or `notice`.
    pub stream: Word,
    /// The line, without its end.
    pub text: T,
    /// True if the line goes on in the next record.
    pub partial: bool,
    /// Number of bytes of output that are missing at the place of a notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
    /// The bytes, where they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// `nestns.error/1`: why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDocument<K = Word> {
    /// `nestns.error/1`.
    pub schema: Word,
    /// The error.
    pub error: ErrorFacts<K>,
}

/// An error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorFacts<K = Word> {
    /// Kind of the error.
    pub kind: K,
    /// The code of a diagnostic, as `nestns explain` knows it.
    pub code: Option<String>,
    /// The failure.
    pub message: String,
    /// Suggested remedies.
    pub hints: Vec<String>,
    /// The exit status.
    pub status: u8,
}
