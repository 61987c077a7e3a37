//! `nestns.ended/1`: the end of a detached topology, which its state directory keeps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Caller, Timeline, Word};

/// `nestns.ended/1`: `ended.json`, by which a state directory is known to be the record of a
/// topology that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EndedDocument {
    /// `nestns.ended/1`.
    pub schema: Word,
    /// The name of the topology.
    pub topology: String,
    /// The file that it was built from.
    pub file: Option<String>,
    /// Number of namespaces.
    pub namespaces: u32,
    /// Number of processes.
    pub processes: u32,
    /// The number of levels.
    pub depth: u32,
    /// Seconds since 1970 at its start.
    pub since: f64,
    /// Seconds since 1970 at its end.
    pub ended: f64,
    /// The reason of the end.
    pub reason: Word,
    /// The client that has asked for the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Caller>,
    /// The exit status, as `nestns up` in the foreground would have had it.
    pub status: u8,
    /// Timeline of the stop; `null` if there was none.
    pub stop: Option<Timeline>,
    /// Problems that did not end the topology, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Output that could be written neither into a log nor marked there as missing: the name of the
    /// log, the number of bytes, and the errno.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmarked: Vec<(String, u64, i32)>,
}
