//! One thing that was expected, and what was found.

use serde::Serialize;

/// What has become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are their names")]
pub enum Status {
    Passed,
    Failed,
    Skipped,
    /// It could not be found out: what was to be looked at was not there.
    Error,
}

/// Where something was declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Place {
    pub file: String,
    pub line: u32,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What is expected, as a sentence.
    pub name: String,
    /// What has become of it.
    pub status: Status,
    /// What was expected, in a few words.
    pub expected: String,
    /// What was found; of what was skipped, why.
    pub found: String,
    /// Where it was declared; nowhere where it was on the command line.
    pub place: Option<Place>,
    /// The cells that differ.
    pub rows: Vec<Row>,
}

/// A cell of the matrix that is not as it was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Who looks.
    pub observer: String,
    /// At whom.
    pub process: String,
    /// `·` for what should be invisible.
    pub expected: String,
    /// The number under which it is seen, or `·`.
    pub found: String,
    /// The number on the host of the process.
    pub host: Option<i32>,
}

impl Case {
    /// How many there are of a status.
    pub fn count(cases: &[Self], status: Status) -> usize {
        cases.iter().filter(|case| case.status == status).count()
    }
}
