//! `nestns.test/1`.

use nestns_client::documents::{CaseEntry, Kind, TestDocument};

use crate::expect::case::{Case, Status};

pub(super) fn render(topology: &str, cases: &[Case]) -> String {
    let document = TestDocument {
        schema: Kind::Test.schema().into(),
        topology: topology.to_owned(),
        passed: Case::count(cases, Status::Passed),
        failed: Case::count(cases, Status::Failed),
        skipped: Case::count(cases, Status::Skipped),
        errors: Case::count(cases, Status::Error),
        cases: cases
            .iter()
            .map(|case| CaseEntry {
                name: case.name.clone(),
                status: case.status,
                expected: case.expected.clone(),
                found: case.found.clone(),
                file: case.place.as_ref().map(|place| place.file.clone()),
                line: case.place.as_ref().map(|place| place.line),
            })
            .collect(),
    };
    // Strings and numbers: there is nothing that could not be said in JSON.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
