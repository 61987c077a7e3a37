//! Lines of `events.jsonl` and of `nestns events`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Word;

/// The client that asked for something on the control socket, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caller {
    /// PID on the host.
    pub pid: i32,
    /// User ID.
    pub uid: u32,
}

/// A line of the events: something that has happened, or the state before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventDocument {
    /// The time, RFC 3339 with nanoseconds, in UTC.
    pub ts: String,
    /// One more than that of the line before; absent from a snapshot of one namespace or process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Kind of the event.
    pub event: Word,
    /// The namespace or process; `.` for the topology.
    pub path: String,
    /// Fields specific to the event.
    #[serde(flatten)]
    pub more: BTreeMap<String, serde_json::Value>,
}
