//! The keys that leave a program alone, found in what is typed.

use std::str::FromStr;

/// A sequence of bytes that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cli) struct DetachKeys {
    keys: Vec<u8>,
    /// Number of those that have been typed just now.
    typed: usize,
}

/// Classification of typed bytes.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Typed {
    /// Bytes for the program.
    Passed(Vec<u8>),
    /// The whole sequence was typed; these bytes came before it.
    Detach(Vec<u8>),
}

impl FromStr for DetachKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = |word: &str| match word.as_bytes() {
            [key] => Ok(*key),
            [
                b'c',
                b't',
                b'r',
                b'l',
                b'-',
                key @ (b'@' | b'a'..=b'z' | b'[' | b'\\' | b']' | b'^' | b'_'),
            ] => Ok(key.to_ascii_uppercase() & 0x1f),
            _ => Err(format!(
                "`{word}` is neither a single character nor `ctrl-` followed by one of a-z @ [ \\ ] ^ _"
            )),
        };
        let words = text.split(',').filter(|_| !text.is_empty());
        Ok(Self {
            keys: words.map(key).collect::<Result<_, _>>()?,
            typed: 0,
        })
    }
}

impl DetachKeys {
    /// Looks at what has been typed. The beginning of the sequence is held back until it is known to be none.
    pub(in crate::cli) fn look_at(&mut self, bytes: &[u8]) -> Typed {
        let mut passed = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            if self.keys.is_empty() {
                passed.push(byte);
                continue;
            }
            if byte != self.keys[self.typed] {
                // What was held back is none; but its end may be the beginning of another.
                let mut held: Vec<u8> = self.keys[..self.typed].to_vec();
                held.push(byte);
                let kept = (0..=self.typed)
                    .rev()
                    .find(|&kept| held.ends_with(&self.keys[..kept]))
                    .unwrap_or(0);
                passed.extend_from_slice(&held[..held.len() - kept]);
                self.typed = kept;
                continue;
            }
            self.typed += 1;
            if self.typed == self.keys.len() {
                self.typed = 0;
                return Typed::Detach(passed);
            }
        }
        Typed::Passed(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::{DetachKeys, Typed};

    fn keys(text: &str) -> DetachKeys {
        text.parse().expect("these are keys")
    }

    #[test]
    fn keys_are_read_as_docker_reads_them() {
        assert_eq!(keys("ctrl-p,ctrl-q").keys, [16, 17]);
        assert_eq!(keys("a,ctrl-@,ctrl-[,ctrl-_").keys, [b'a', 0, 27, 31]);
        assert!(keys("").keys.is_empty());
        for wrong in ["ctrl-", "ctrl-P", "ab", "a,", "ctrl-1"] {
            assert!(wrong.parse::<DetachKeys>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_sequence_is_found_across_pieces_and_held_back() {
        let mut keys = keys("ctrl-p,ctrl-q");
        assert_eq!(keys.look_at(b"ls\x10"), Typed::Passed(b"ls".to_vec()));
        assert_eq!(keys.look_at(b"x"), Typed::Passed(b"\x10x".to_vec()));
        assert_eq!(keys.look_at(b"\x10\x10"), Typed::Passed(b"\x10".to_vec()));
        assert_eq!(keys.look_at(b"\x11never"), Typed::Detach(Vec::new()));
    }

    #[test]
    fn without_keys_everything_passes() {
        assert_eq!(
            keys("").look_at(b"\x10\x11"),
            Typed::Passed(b"\x10\x11".to_vec())
        );
    }

    #[test]
    fn a_sequence_may_begin_again_within_itself() {
        let mut keys = keys("a,a,b");
        assert_eq!(keys.look_at(b"aaab"), Typed::Detach(b"a".to_vec()));
    }
}
