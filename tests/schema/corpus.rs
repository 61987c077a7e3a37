//! Files that are written for other tests: what `nestns check` takes, the schema takes.

use super::{VALIDATOR, document};

/// Fails if the schema refuses a text that the checks take. Called wherever tests check a file.
pub(crate) fn agrees(text: &str) {
    // A text that is no TOML is not taken either, and a test says so elsewhere.
    let Some(document) = document(text) else {
        return;
    };
    let refused: Vec<_> = VALIDATOR
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        refused.is_empty(),
        "the checks take this file, the schema does not: {refused:#?}\n{text}"
    );
}

#[test]
#[should_panic(expected = "the schema does not")]
fn a_disagreement_is_detected() {
    agrees("[ns.a]\nbanana = 1\n");
}
