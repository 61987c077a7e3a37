//! The tests that the sentences of `docs/security.md` name: they exist.

use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all tests, as `cargo test` has them: `attack::reports::…`.
fn tests(directory: &Path, module: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("it is there").flatten() {
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() {
            tests(&path, &format!("{module}{name}::"), found);
        } else if let Some(stem) = name.strip_suffix(".rs") {
            let own = if stem == "mod" || stem == "main" {
                module.to_owned()
            } else {
                format!("{module}{stem}::")
            };
            let text = fs::read_to_string(&path).expect("it is text");
            let mut lines = text.lines().peekable();
            while let Some(line) = lines.next() {
                if line.trim() == "#[test]"
                    && let Some(name) = lines
                        .by_ref()
                        .find_map(|line| line.trim().strip_prefix("fn ").map(str::to_owned))
                {
                    found.push(format!("{own}{}", name.split('(').next().expect("a name")));
                }
            }
        }
    }
}

#[test]
fn every_sentence_of_the_threat_model_names_a_test_that_exists() {
    let mut known = Vec::new();
    tests(&repository().join("tests"), "", &mut known);
    let text = fs::read_to_string(repository().join("docs/security.md")).expect("it is there");
    let mut named = 0;
    for (number, line) in (1..).zip(text.lines()) {
        // What is claimed stands in lists, each entry with its tests, or with the word that there is none to write.
        if let Some(claim) = line.strip_prefix("- ") {
            assert!(
                claim.contains("(test: `") || claim.contains("(no test:"),
                "docs/security.md:{number}: {claim}"
            );
        }
        for name in line
            .split("(test: `")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            for name in name.split('`').filter(|name| name.contains("::")) {
                assert!(
                    known.iter().any(|test| test == name),
                    "docs/security.md:{number}: there is no test `{name}`"
                );
                named += 1;
            }
        }
    }
    assert!(named >= 10, "only {named} tests are named");
    assert!(
        fs::read_to_string(repository().join("README.md"))
            .expect("it is there")
            .contains("docs/security.md")
    );
}
