//! Case of a test: one expectation and its outcome.

pub(crate) use nestns_client::documents::CaseStatus as Status;

/// Place of a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// The expectation, as a sentence.
    pub(crate) name: String,
    /// Outcome.
    pub(crate) status: Status,
    /// The expectation, in a few words.
    pub(crate) expected: String,
    /// The finding; if skipped, the reason.
    pub(crate) found: String,
    /// Place of the declaration; `None` if it was on the command line.
    pub(crate) place: Option<Place>,
    /// The cells that differ.
    pub(crate) rows: Vec<Row>,
}

/// Cell of the matrix that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The observer.
    pub(crate) observer: String,
    /// The process observed.
    pub(crate) process: String,
    /// `·` for what should be invisible.
    pub(crate) expected: String,
    /// The number under which it is seen, or `·`.
    pub(crate) found: String,
    /// The number on the host of the process.
    pub(crate) host: Option<i32>,
}

impl Case {
    /// Number of cases with a status.
    pub(crate) fn count(cases: &[Self], status: Status) -> usize {
        cases.iter().filter(|case| case.status == status).count()
    }
}
