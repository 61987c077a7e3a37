//! `nestns.test/1`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Word;

/// `nestns.test/1`: results of the expectations of a topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestDocument {
    /// `nestns.test/1`.
    pub schema: Word,
    /// The name of the topology.
    pub topology: String,
    /// How many cases passed.
    pub passed: usize,
    /// How many cases failed.
    pub failed: usize,
    /// How many cases were not tried.
    pub skipped: usize,
    /// How many cases could not be judged.
    pub errors: usize,
    /// The cases in the order of the file.
    pub cases: Vec<CaseEntry>,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseEntry {
    /// Its name, made from the expectation.
    pub name: String,
    /// Its result.
    pub status: CaseStatus,
    /// What the file says.
    pub expected: String,
    /// What the kernel said.
    pub found: String,
    /// The file with the expectation.
    pub file: Option<String>,
    /// The line of the expectation in that file, from 1.
    pub line: Option<u32>,
}

/// The result of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaseStatus {
    /// What was expected was found.
    Passed,
    /// Something else was found.
    Failed,
    /// It was not tried.
    Skipped,
    /// What was to be looked at was not there.
    Error,
}
