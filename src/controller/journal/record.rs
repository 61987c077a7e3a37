//! One record of a log: the format that container runtimes have for theirs.
//!
//! `2026-11-25T10:00:00.123456789Z stdout F text`, one a line; `P` in place of `F` where no line feed follows the text in
//! what the program has written: a piece of a line that is very long, or the end of an output that lacks one. All texts of
//! a stream with a line feed behind each `F` are byte for byte what came out of it.

use std::io::{BufRead as _, Write as _};

use super::stamp::{LENGTH, Stamp};
use crate::controller::audience::Stream;

/// The longest text of one record; a longer line is kept in pieces.
pub(super) const LONGEST: usize = 16 * 1024;
/// How much a record is longer than its text: stamp, stream, mark, three spaces, line feed.
pub(super) const OVERHEAD: usize = LENGTH + 6 + 1 + 4;

/// Whether a line feed follows a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wholeness {
    /// The line, or its last piece.
    Full,
    /// A piece that is not the end of its line.
    Partial,
}

/// A piece of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The bytes, without a line feed.
    pub text: &'a [u8],
    /// Whether one follows.
    pub wholeness: Wholeness,
}

/// Takes output apart into lines; what comes after the last line feed is a partial one.
pub fn lines(output: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = output;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let line = rest;
        // Searching a slice cannot fail.
        let length = rest.skip_until(b'\n').unwrap_or(line.len());
        Some(match line[..length].split_last() {
            Some((b'\n', text)) => Piece { text, wholeness: Wholeness::Full },
            _ => Piece { text: &line[..length], wholeness: Wholeness::Partial },
        })
    })
}

/// Takes a line apart where it is too long for one record.
pub(super) fn pieces(line: Piece<'_>) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = Some(line.text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((text, more)) = text.split_at_checked(LONGEST).filter(|(_, more)| !more.is_empty()) else {
            rest = None;
            return Some(Piece { text, wholeness: line.wholeness });
        };
        rest = Some(more);
        Some(Piece { text, wholeness: Wholeness::Partial })
    })
}

/// A record as it is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Record {
    pub stamp: Stamp,
    pub stream: Stream,
    pub wholeness: Wholeness,
    pub text: Vec<u8>,
}

/// Writes a record; the stamp is its text.
pub(super) fn write(stamp: &str, stream: Stream, piece: Piece<'_>, to: &mut Vec<u8>) {
    let mark = if piece.wholeness == Wholeness::Full { 'F' } else { 'P' };
    // A vector takes everything.
    let _ = write!(to, "{stamp} {} {mark} ", word(stream));
    to.extend_from_slice(piece.text);
    to.push(b'\n');
}

/// Reads a record, given without its line feed; `None` for what is none.
pub(super) fn read(line: &[u8]) -> Option<Record> {
    let (stamp, rest) = line.split_at_checked(LENGTH)?;
    let (stream, rest) = rest.strip_prefix(b" ")?.split_at_checked(6)?;
    let stream = match stream {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    let (wholeness, text) = match rest.split_at_checked(3)? {
        (b" F ", text) => (Wholeness::Full, text),
        (b" P ", text) => (Wholeness::Partial, text),
        _ => return None,
    };
    Some(Record { stamp: Stamp::parse(stamp)?, stream, wholeness, text: text.to_vec() })
}

/// The word for a stream, in records and documents.
pub fn word(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, OVERHEAD, Piece, Wholeness, lines, pieces, read, write};
    use crate::controller::audience::Stream;
    use crate::controller::journal::stamp::Stamp;

    #[test]
    fn lines_are_whole_but_for_the_last() {
        let full = |text| Piece { text, wholeness: Wholeness::Full };
        let all: Vec<_> = lines(b"one\n\ntwo\nthree").collect();
        let last = Piece { text: b"three".as_slice(), wholeness: Wholeness::Partial };
        assert_eq!(all, [full(b"one".as_slice()), full(b""), full(b"two"), last]);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"\n").collect::<Vec<_>>(), [full(b"".as_slice())]);
    }

    #[test]
    fn a_long_line_is_taken_apart_and_ends_as_it_did() {
        for (length, expected) in [(0, 1), (1, 1), (LONGEST, 1), (LONGEST + 1, 2), (3 * LONGEST, 3)] {
            for wholeness in [Wholeness::Full, Wholeness::Partial] {
                let text = vec![b'x'; length];
                let all: Vec<_> = pieces(Piece { text: &text, wholeness }).collect();
                assert_eq!(all.len(), expected, "{length}");
                assert_eq!(all.iter().map(|piece| piece.text.len()).sum::<usize>(), length);
                let (last, before) = all.split_last().expect("there is one");
                assert_eq!(last.wholeness, wholeness);
                assert!(before.iter().all(|piece| piece.wholeness == Wholeness::Partial));
            }
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let stamp = Stamp::from(std::time::SystemTime::now());
        for text in [b"".as_slice(), b"text with F and P", b"\0\xff\r\x1b[0m", "│".as_bytes()] {
            for (stream, wholeness) in [(Stream::Stdout, Wholeness::Full), (Stream::Stderr, Wholeness::Partial)] {
                let mut line = Vec::new();
                write(&stamp.to_string(), stream, Piece { text, wholeness }, &mut line);
                assert_eq!(line.len(), text.len() + OVERHEAD);
                assert_eq!(line.pop(), Some(b'\n'));
                let record = read(&line).expect("it is one");
                assert_eq!((record.stamp, record.stream, record.wholeness), (stamp, stream, wholeness));
                assert_eq!(record.text, text);
            }
        }
        for line in
            ["", "2026", "2026-11-25T10:00:00.123456789Z stdxxx F a", "2026-11-25T10:00:00.123456789Z stdout X a"]
        {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }
}
