//! `nestns.stop/1`: the order, the time and the manner in which processes ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Word;

/// The manner in which a process ended in a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum How {
    /// Exited.
    #[serde(rename = "exited")]
    Exited,
    /// A signal ended it: the one that it was sent, or another.
    #[serde(rename = "signalled")]
    Signalled,
    /// Killed when its grace period was over.
    #[serde(rename = "killed at deadline")]
    KilledAtDeadline,
    /// Killed because a user has told nestns to: `down --now`, a second Ctrl-C.
    #[serde(rename = "killed")]
    Killed,
    /// Killed by the kernel when its PID 1 ended.
    #[serde(rename = "collapsed")]
    Collapsed,
}

/// One process or PID 1 of a stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The path of the process.
    pub path: String,
    /// The signal that it was sent first; `null` where none was.
    pub signal: Option<String>,
    /// True if it handles that signal; `null` where that is unknown.
    pub handled: Option<bool>,
    /// Milliseconds from the beginning of the stop to the signal.
    pub asked_ms: Option<f64>,
    /// Milliseconds from the beginning of the stop to its end.
    pub ended_ms: Option<f64>,
    /// Milliseconds from the beginning of the stop to that of the command that is run before the
    /// signal; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_ms: Option<f64>,
    /// The exit code of that command, or 128 and the signal's number; absent where it could not be
    /// run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_code: Option<u8>,
    /// The manner in which it ended.
    pub how: How,
    /// The exit code, or 128 and the signal's number.
    pub code: Option<u8>,
    /// The number, in that namespace, of the process inside that told this PID 1 to stop; absent
    /// where the stop came from above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by_pid: Option<i32>,
    /// Of a PID 1 of nestns: the number of processes, besides declared ones, that the stop had not
    /// asked and that the kernel killed when it left; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_asked: Option<u32>,
}

/// `nestns.stop/1`: a whole stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// `nestns.stop/1`.
    pub schema: Word,
    /// The name of the topology.
    pub topology: String,
    /// Milliseconds from the beginning of the stop to its end.
    pub ms: f64,
    /// The processes in the order in which they ended.
    pub steps: Vec<Step>,
}
