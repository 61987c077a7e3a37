//! Any bytes as what a process says about its readiness: a message of `sd_notify(3)`, a line in a pipe, and its output, in
//! which a pattern of the file is looked for.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nestns_client::journal::record::{Wholeness, lines};
use nestns_runtime::controller::readiness::notification::{ends_line, says_ready};
use nestns_topology::Pattern;

/// Longer expressions are no concern of a program's.
const LONGEST: usize = 64;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    pattern: &'a str,
    said: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let Input { pattern, said } = input;
    let whole: Vec<_> = lines(said).collect();
    assert_eq!(
        says_ready(said),
        whole.iter().any(|line| line.text == b"READY=1")
    );
    assert!(
        says_ready(&[said, b"\nREADY=1"].concat()),
        "what stands before a line takes nothing from it"
    );
    assert_eq!(says_ready(&[said, b"\n\n"].concat()), says_ready(said));
    assert_eq!(
        ends_line(said),
        whole.iter().any(|line| line.wholeness == Wholeness::Full)
    );

    let ends = whole
        .iter()
        .filter(|line| line.wholeness == Wholeness::Full)
        .count();
    assert_eq!(
        whole.iter().map(|line| line.text.len()).sum::<usize>() + ends,
        said.len(),
        "every byte is in one line"
    );
    if pattern.len() <= LONGEST
        && let Ok(pattern) = Pattern::new(pattern)
    {
        for line in &whole {
            assert_eq!(
                pattern.is_in(line.text),
                pattern.is_in(String::from_utf8_lossy(line.text).as_bytes())
            );
        }
    }
});
