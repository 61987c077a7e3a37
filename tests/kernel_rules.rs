//! The rules of the kernel that comments cite, compared with docs/kernel-rules.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files below a directory.
fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The rules that a line cites in its comment: `R` and a number.
fn cited(line: &str) -> impl Iterator<Item = u32> {
    let comment = line.find("//").map_or("", |start| &line[start..]);
    comment
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter_map(|word| {
            let digits = word.strip_prefix('R')?;
            (digits.len() <= 3).then(|| digits.parse().ok()).flatten()
        })
}

#[test]
fn every_rule_that_a_comment_cites_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/kernel-rules.md")).unwrap();
    let headings = document
        .lines()
        .filter_map(|line| line.strip_prefix("### R")?.split(':').next()?.parse().ok());
    let defined: Vec<u32> = headings.collect();
    let distinct: BTreeSet<u32> = defined.iter().copied().collect();
    assert_eq!(
        distinct.len(),
        defined.len(),
        "a number is defined twice in docs/kernel-rules.md: {defined:?}"
    );

    let mut files = Vec::new();
    for directory in [
        "src",
        "crates",
        "tests",
        "benches",
        "fuzz/src",
        "fuzz/fuzz_targets",
    ] {
        let directory = root.join(directory);
        if directory.is_dir() {
            sources(&directory, &mut files);
        }
    }
    let mut citations = 0;
    let mut missing = Vec::new();
    for file in files {
        for (number, line) in (1..).zip(fs::read_to_string(&file).unwrap().lines()) {
            for rule in cited(line) {
                citations += 1;
                if !distinct.contains(&rule) {
                    missing.push(format!(
                        "{}:{number}: R{rule}",
                        file.strip_prefix(root).unwrap().display()
                    ));
                }
            }
        }
    }
    assert!(
        citations > 0,
        "no comment cites any rule: the test looks in the wrong place"
    );
    assert!(
        missing.is_empty(),
        "cited, but not in docs/kernel-rules.md:\n{}",
        missing.join("\n")
    );
}
