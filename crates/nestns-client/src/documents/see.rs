//! `nestns.see/1`: visibility of processes, measured.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Word;

/// `nestns.see/1`: the visibility of processes from namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeeDocument<R = Vec<SeeRow>, T = BTreeMap<String, String>> {
    /// `nestns.see/1`.
    pub schema: Word,
    /// The name of the topology; `null` for the whole machine.
    pub topology: Option<String>,
    /// The mechanism by which it was measured.
    pub via: Word,
    /// The paths of the observers.
    pub observers: Vec<String>,
    /// The processes, in the order of their paths.
    pub rows: R,
    /// Differences between the measurement and the nesting of the namespaces.
    pub mismatches: Vec<MismatchEntry>,
    /// By observer, why nothing could be measured from there.
    pub troubles: T,
}

/// A process, as each observer sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeeRow<P = BTreeMap<String, Option<i32>>, A = BTreeMap<String, Option<String>>> {
    /// The path of the process.
    pub path: String,
    /// By observer, the number; `null` where it is invisible.
    pub pids: P,
    /// By observer, `yes` or the name of the error; `null` where nothing could be measured.
    pub answers: A,
}

/// A deviation of the measurement from the nesting of the namespaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MismatchEntry {
    /// The path of the observer.
    pub observer: String,
    /// The path of the process.
    pub path: String,
    /// `visible` or `invisible`.
    pub computed: Word,
    /// Measured visibility.
    pub measured: String,
    /// The number that it should have there.
    pub expected: Option<i32>,
    /// The number that it has there.
    pub number: Option<i32>,
    /// The reason.
    pub reason: String,
}
