//! The examples that are topologies: `check` says exactly this code about a wrong one, and nothing about a right one.

use std::collections::BTreeSet;

use nestns_topology::diagnostic::Code;

use crate::harness::Nestns;

/// The codes that `check` reports, and how it ends.
fn check(text: &str) -> (BTreeSet<String>, i32) {
    let outcome = Nestns::new(&["check", "-", "--strict", "--format", "json"])
        .input(text)
        .run();
    let document: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("a document");
    let diagnostics = document["diagnostics"].as_array().expect("a list");
    let codes = diagnostics
        .iter()
        .map(|found| found["code"].as_str().expect("a code").to_owned())
        .collect();
    (codes, outcome.code)
}

#[test]
fn a_wrong_topology_leads_to_its_code_and_to_no_other() {
    for &code in Code::ALL {
        for example in code
            .explanation()
            .examples()
            .filter(|example| example.is("toml") && example.is("wrong"))
        {
            let (codes, status) = check(example.text);
            assert_eq!(
                codes,
                BTreeSet::from([code.to_string()]),
                "{code}:\n{}",
                example.text
            );
            assert_eq!(status, if code.text() < "NS3" { 3 } else { 1 }, "{code}");
        }
    }
}

#[test]
fn a_right_topology_is_valid() {
    for &code in Code::ALL {
        for example in code
            .explanation()
            .examples()
            .filter(|example| example.is("toml") && example.is("right"))
        {
            assert_eq!(
                check(example.text),
                (BTreeSet::new(), 0),
                "{code}:\n{}",
                example.text
            );
        }
    }
}

#[test]
fn every_code_of_a_file_has_an_example_that_is_tried() {
    for &code in Code::ALL {
        let is_tried = |example: nestns_topology::diagnostic::Example| {
            (example.is("toml") || example.is("sh")) && example.is("wrong") != example.is("right")
        };
        assert!(code.explanation().examples().all(is_tried), "{code}");
    }
}
