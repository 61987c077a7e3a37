//! Namespaces and processes of a topology or of the machine: `nestns.tree/1`, `nestns.ps/1` and
//! `nestns.truth/1`.

use std::collections::BTreeMap;

use nestns_topology::Labels;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NamespaceDocument, NamespaceRelations, ProcessDocument, Word};

/// `nestns.tree/1` of a topology, in a file or running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TreeDocument<N = Vec<TreeNamespace>, P = Vec<TreeRow>> {
    /// `nestns.tree/1`.
    pub schema: Word,
    /// The name of the topology.
    pub topology: String,
    /// The observer of `tree --from`; else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The namespaces, each behind the one around.
    pub namespaces: N,
    /// The processes, in the order of the namespaces.
    pub processes: P,
}

/// A namespace of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TreeNamespace<N = NamespaceDocument> {
    /// The namespace.
    #[serde(flatten)]
    pub namespace: N,
    /// Dependencies of everything in it, each as `NAME: CONDITION`, the name being the path from the top with a slash in
    /// front; absent if it waits for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// A process of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TreeRow<P = ProcessDocument> {
    /// The process.
    #[serde(flatten)]
    pub process: P,
    /// Its dependencies, each as `NAME: CONDITION`: a process in its namespace by name, everything else by its path from
    /// the top with a slash in front; absent if it waits for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The number under which the observer of `tree --from` sees it, `null` where it is invisible;
    /// else absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub seen_as: Option<Option<i32>>,
}

/// A value that is there, `null` or not.
#[expect(clippy::option_option, reason = "absent and null are two answers")]
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<i32>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `nestns.tree/1` of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostDocument<N = Vec<HostNamespace>, P = Vec<HostProcess>> {
    /// `nestns.tree/1`.
    pub schema: Word,
    /// `null`.
    pub topology: Option<String>,
    /// The PID namespaces.
    pub namespaces: N,
    /// The processes.
    pub processes: P,
    /// Number of processes in namespaces that the caller may not see.
    pub unreadable: usize,
    /// Number of processes that may keep namespaces alive that the caller does not see.
    pub closed: usize,
}

/// A PID namespace of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostNamespace {
    /// The path; of one that belongs to no topology, `pid:[INODE]`.
    pub path: String,
    /// The path of the namespace around.
    pub parent: Option<String>,
    /// The level, 0 for the host.
    pub level: usize,
    /// The inode.
    pub pidns: u64,
    /// The ID, which is never reused (since Linux 6.18).
    pub pidns_id: Option<u64>,
    /// The inode of the user namespace that owns it.
    pub userns: Option<u64>,
    /// The inode of the mount namespace of its PID 1; known only for namespaces of a topology.
    pub mntns: Option<u64>,
    /// `none` where it has no PID 1.
    pub init: Word,
    /// The state; known only for namespaces of a topology.
    pub state: Option<Word>,
    /// The kinds of namespaces that it shares with the surrounding one; known only for namespaces of a topology.
    pub shared: Vec<Word>,
    /// The labels.
    #[schemars(with = "BTreeMap<String, String>")]
    pub labels: Labels,
    /// The name of the topology.
    pub topology: Option<String>,
    /// Number of processes in it, those further inside not counted.
    pub members: usize,
    /// Reason why the namespace stays alive.
    pub kept_by: KeptBy,
}

/// Reason why a PID namespace stays alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeptBy {
    /// Processes in it.
    Members,
    /// A mount of its file.
    Mount {
        /// The mount point.
        path: String,
        /// The number on the host of a process that has the mount.
        seen_by: i32,
    },
    /// An open descriptor.
    Descriptor {
        /// The number on the host of the process that has it open.
        holder: i32,
        /// The descriptor.
        number: i32,
    },
    /// A namespace inside.
    Child,
}

/// A process of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostProcess {
    /// The path; of one that belongs to no topology, its namespace and its number there.
    pub path: String,
    /// The path of its namespace; `null` where the caller may not see it.
    pub ns: Option<String>,
    /// The name.
    pub name: String,
    /// The numbers, outermost first.
    pub pids: Vec<i32>,
    /// The numbers of the parent, outermost first; 0 where it is not visible.
    pub ppids: Vec<i32>,
    /// The state.
    pub state: Word,
    /// `null`: one that has been reaped is not listed.
    pub exit: Option<super::ExitDocument>,
    /// `init`, `fork` or `join`.
    pub enter: Word,
    /// The command line.
    pub argv: Vec<String>,
    /// Clock ticks from boot to its start.
    pub start_time: Option<u64>,
    /// The labels.
    #[schemars(with = "BTreeMap<String, String>")]
    pub labels: Labels,
    /// The name of the topology.
    pub topology: Option<String>,
}

/// `nestns.ps/1`: processes of topologies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PsDocument<P = Vec<PsRow>> {
    /// `nestns.ps/1`.
    pub schema: Word,
    /// The name of the topology; `null` where they are of several.
    pub topology: Option<String>,
    /// The processes.
    pub processes: P,
}

/// A process of `ps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PsRow<P = ProcessDocument> {
    /// The process.
    #[serde(flatten)]
    pub process: P,
    /// The name of its topology.
    pub topology: String,
    /// Namespaces of the process by type, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<NamespaceRelations>,
    /// Why the namespaces are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// `nestns.truth/1`: a running topology as the kernel confirmed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TruthDocument<N = Vec<NamespaceDocument>, P = Vec<ProcessDocument>> {
    /// `nestns.truth/1`.
    pub schema: Word,
    /// The name of the topology.
    pub topology: String,
    /// The file that it was built from; `null` where it came from a command line.
    pub file: Option<String>,
    /// SHA-256 of the file's text.
    pub hash: Option<String>,
    /// The release of the kernel.
    pub kernel: String,
    /// The id of this boot: numbers of another one mean nothing here.
    pub boot_id: String,
    /// Level 0.
    pub host: HostEntry,
    /// The number of the controller on the host.
    pub controller: i32,
    /// The namespaces in the order of creation.
    pub namespaces: N,
    /// The processes in the order of creation, those of `exec` last.
    pub processes: P,
    /// Everything that the file does not declare: children of programs, and namespaces that they
    /// have made.
    pub undeclared: Undeclared,
}

/// Level 0 of a truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostEntry {
    /// The inode of its PID namespace.
    pub pidns: u64,
    /// The level of the first number of each list of PIDs: 0.
    pub pids_of: u8,
}

/// Namespaces and processes that the file does not declare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Undeclared {
    /// Namespaces that programs have made.
    pub namespaces: Vec<NamespaceDocument>,
    /// Children of programs, and processes from elsewhere.
    pub processes: Vec<ProcessDocument>,
}
