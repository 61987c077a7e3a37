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
    /// Number of cases that passed.
    pub passed: usize,
    /// Number of cases that failed.
    pub failed: usize,
    /// Number of cases that were not tried.
    pub skipped: usize,
    /// Number of cases that could not be judged.
    pub errors: usize,
    /// The cases in the order of the file.
    pub cases: Vec<CaseEntry>,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseEntry {
    /// Name, made from the expectation.
    pub name: String,
    /// Result.
    pub status: CaseStatus,
    /// Expectation of the file.
    pub expected: String,
    /// Answer of the kernel.
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
    /// Found as expected.
    Passed,
    /// Something else was found.
    Failed,
    /// Not tried.
    Skipped,
    /// The subject of the expectation was not there.
    Error,
}
