//! Answers of `nestns see`, by each of its mechanisms.

use super::detached::Detached;

/// The mechanisms by which every process can be looked for.
pub(crate) const MECHANISMS: [&str; 5] = ["chain", "proc", "kill", "pidfd", "cred"];

/// Makes sure that these observers, or all of them where none is named, see by a mechanism what containment predicts.
pub(crate) fn assert_no_difference(nest: &Detached, observers: &[&str], via: &str) {
    let told = nest.run(&[&["see"], observers, &["--via", via, "--diff"]].concat());
    assert!(
        told.starts_with("no difference: "),
        "{observers:?} {via}: {told}"
    );
}
