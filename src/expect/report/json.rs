//! `nestns.test/1`.

use serde::Serialize;

use crate::expect::case::{Case, Status};

#[derive(Serialize)]
struct TestDocument<'a> {
    schema: &'static str,
    topology: &'a str,
    passed: usize,
    failed: usize,
    skipped: usize,
    errors: usize,
    cases: Vec<CaseDocument<'a>>,
}

#[derive(Serialize)]
struct CaseDocument<'a> {
    name: &'a str,
    status: Status,
    expected: &'a str,
    found: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
}

pub(super) fn render(topology: &str, cases: &[Case]) -> String {
    let document = TestDocument {
        schema: "nestns.test/1",
        topology,
        passed: Case::count(cases, Status::Passed),
        failed: Case::count(cases, Status::Failed),
        skipped: Case::count(cases, Status::Skipped),
        errors: Case::count(cases, Status::Error),
        cases: cases
            .iter()
            .map(|case| CaseDocument {
                name: &case.name,
                status: case.status,
                expected: &case.expected,
                found: &case.found,
                file: case.place.as_ref().map(|place| place.file.as_str()),
                line: case.place.as_ref().map(|place| place.line),
            })
            .collect(),
    };
    // Strings and numbers: there is nothing that could not be said in JSON.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}
