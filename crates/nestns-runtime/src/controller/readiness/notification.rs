//! Readiness as a process states it in the bytes that it sends: a message of `sd_notify(3)`, or a
//! line in a pipe.

/// True if a message has the line that counts; `STATUS`, `STOPPING`, `MAINPID` and the others are
/// nothing to a probe.
pub fn says_ready(message: &[u8]) -> bool {
    message
        .split(|&byte| byte == b'\n')
        .any(|line| line == b"READY=1")
}

/// True if a piece of what is written into a pipe ends a line, which is all that counts there.
pub fn ends_line(piece: &[u8]) -> bool {
    piece.contains(&b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::says_ready;

    #[test]
    fn only_the_whole_line_counts() {
        for (message, is_ready) in [
            (&b"READY=1"[..], true),
            (b"STATUS=up\nREADY=1\nMAINPID=7\n", true),
            (b"READY=10", false),
            (b"STATUS=READY=1", false),
            (b"STOPPING=1", false),
            (b"", false),
        ] {
            assert_eq!(says_ready(message), is_ready, "{message:?}");
        }
    }

    /// A line as a process may send it: the one that counts, most of it, or anything.
    fn line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"READY=1".to_vec()),
            Just(b"READY=1 ".to_vec()),
            Just(b"READY=0".to_vec()),
            proptest::collection::vec(
                any::<u8>().prop_filter("one line", |byte| *byte != b'\n'),
                0..12
            ),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_message_is_its_lines(lines in proptest::collection::vec(line(), 0..6)) {
            let is_ready = lines.iter().any(|line| line == b"READY=1");
            prop_assert_eq!(says_ready(&lines.join(&b'\n')), is_ready);
        }
    }
}
