//! `nestns explain NS301`.

use super::Status;

/// Whether this is a code and not a file: `NS301`, in any case, or with other digits.
pub(super) fn is_code(word: &str) -> bool {
    word.len() == 5
        && word.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("NS"))
        && word[2..].parse::<u16>().is_ok()
}

/// Explains it.
pub(super) fn run(code: &str) -> anyhow::Result<Status> {
    anyhow::bail!("not yet: {code}")
}
