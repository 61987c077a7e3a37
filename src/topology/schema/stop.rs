//! `stop`, of a namespace and of a process.

use schemars::JsonSchema;

use super::table::table;
use super::value::{DurationText, SignalText};

/// How something is asked to end, and how long it has before it is killed.
///
/// A namespace is asked through its PID 1. An init of nestns passes the request at once to the namespaces inside and to its
/// processes, those that wait for others first, and leaves when all of them have left; a program that is PID 1 is asked
/// when all that is inside has left, at the latest when half of the time is over that its namespace really has.
#[derive(JsonSchema)]
#[schemars(title = "stop", transform = table, example = serde_json::json!({ "signal": "TERM", "grace": "5s" }))]
pub(super) struct Stop {
    /// What it is asked with.
    #[schemars(extend("default" = "TERM"))]
    signal: SignalText,
    /// How long it has from being asked until it is killed. When a PID 1 is killed the kernel kills everything inside.
    ///
    /// Of a namespace, if nothing is said: 5 s, or 1 s more than the longest inside it where that is more. Of a process: that
    /// of its namespace.
    grace: DurationText,
}
