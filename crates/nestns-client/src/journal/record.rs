//! One record of a log: the format that container runtimes have for theirs.
//!
//! `2026-11-25T10:00:00.123456789Z stdout F text`, one a line; `P` in place of `F` where no line
//! feed follows the text in what the program has written: a piece of a line that is very long, or
//! the end of an output that lacks one. All texts of a stream with a line feed behind each `F` are
//! byte for byte what came out of it.
//!
//! Missing output leaves a `… notice F BYTES WHY`: so many bytes are not kept at this place,
//! because of that. Every file but the first of a log begins with one that says how much came
//! before it, which is missing when the file before is gone.

use std::fmt;
use std::io::{BufRead as _, Write as _};

use nix::errno::Errno;

use super::stamp::{LENGTH, Stamp};
use crate::journal::Stream;

/// Name in place of the stream where output is missing.
const NOTICE: &str = "notice";
/// The longest text of one record; a longer line is kept in pieces.
pub const LONGEST: usize = 16 * 1024;
/// Length of a record beyond its text: stamp, stream, mark, three spaces, line feed.
pub const OVERHEAD: usize = LENGTH + 6 + 1 + 4;

/// Presence of a line feed after a text.
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
    /// Presence of a line feed after the text.
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
            Some((b'\n', text)) => Piece {
                text,
                wholeness: Wholeness::Full,
            },
            _ => Piece {
                text: &line[..length],
                wholeness: Wholeness::Partial,
            },
        })
    })
}

/// Takes a line apart where it is too long for one record.
pub fn pieces(line: Piece<'_>) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = Some(line.text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((text, more)) = text
            .split_at_checked(LONGEST)
            .filter(|(_, more)| !more.is_empty())
        else {
            rest = None;
            return Some(Piece {
                text,
                wholeness: line.wholeness,
            });
        };
        rest = Some(more);
        Some(Piece {
            text,
            wholeness: Wholeness::Partial,
        })
    })
}

/// Reason why output is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The oldest output was dropped: the room for logs is limited (`log_bytes`).
    Rotated,
    /// The output could not be written.
    Unwritten(Errno),
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotated => out.write_str("more was written than `limits.log_bytes` keeps"),
            Self::Unwritten(Errno::ENOENT) => out.write_str("the state directory was removed"),
            Self::Unwritten(errno) => {
                write!(
                    out,
                    "it could not be written to the state directory: {}",
                    nestns_sys::errno::spelled(*errno)
                )
            }
        }
    }
}

/// A place where output is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Number of bytes.
    pub bytes: u64,
    /// Reason.
    pub why: Why,
}

impl fmt::Display for Gap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "[{} of output missing here: {}]",
            count(self.bytes),
            self.why
        )
    }
}

fn count(bytes: u64) -> String {
    if bytes == 1 {
        "1 byte".to_owned()
    } else {
        format!("{bytes} bytes")
    }
}

/// A record as it is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Record {
    pub stamp: Stamp,
    pub stream: Stream,
    pub wholeness: Wholeness,
    /// Text of the output; of a gap, a sentence about it.
    pub text: Vec<u8>,
    /// Gap that the record stands for; `None` for output.
    pub gap: Option<Gap>,
}

impl Record {
    /// A place where output is missing.
    pub fn of_gap(stamp: Stamp, gap: Gap) -> Self {
        let (stream, wholeness) = (Stream::Stderr, Wholeness::Full);
        Self {
            stamp,
            stream,
            wholeness,
            text: gap.to_string().into_bytes(),
            gap: Some(gap),
        }
    }

    /// The word for where it is from, in documents.
    pub fn word(&self) -> &'static str {
        if self.gap.is_some() {
            NOTICE
        } else {
            word(self.stream)
        }
    }
}

/// Writes the record of a gap; the stamp is its text.
pub fn write_gap(stamp: &str, gap: Gap, to: &mut Vec<u8>) {
    let why = match gap.why {
        Why::Rotated => 0,
        Why::Unwritten(errno) => errno as i32,
    };
    // A vector takes everything.
    let _ = writeln!(to, "{stamp} {NOTICE} F {} {why}", gap.bytes);
}

fn read_gap(stamp: Stamp, text: &[u8]) -> Option<Record> {
    let (bytes, why) = std::str::from_utf8(text).ok()?.split_once(' ')?;
    let why = match why.parse().ok()? {
        0 => Why::Rotated,
        errno => Why::Unwritten(Errno::from_raw(errno)),
    };
    Some(Record::of_gap(
        stamp,
        Gap {
            bytes: bytes.parse().ok()?,
            why,
        },
    ))
}

/// Number of bytes of output that whole records stand for.
pub fn output_of(records: &[u8]) -> u64 {
    let one = |line: &[u8]| {
        let is_notice = line
            .get(LENGTH + 1..)
            .is_some_and(|rest| rest.starts_with(NOTICE.as_bytes()));
        let is_full = line.get(LENGTH + 8) == Some(&b'F');
        // The line feed of the record is split off.
        if is_notice {
            0
        } else {
            (line.len() + 1).saturating_sub(OVERHEAD) as u64 + u64::from(is_full)
        }
    };
    records
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(one)
        .sum()
}

/// Writes a record; the stamp is its text.
pub fn write(stamp: &str, stream: Stream, piece: Piece<'_>, to: &mut Vec<u8>) {
    let mark = if piece.wholeness == Wholeness::Full {
        'F'
    } else {
        'P'
    };
    // A vector takes everything.
    let _ = write!(to, "{stamp} {} {mark} ", word(stream));
    to.extend_from_slice(piece.text);
    to.push(b'\n');
}

/// Reads a record, given without its line feed; `None` for what is none.
pub fn read(line: &[u8]) -> Option<Record> {
    let (stamp, rest) = line.split_at_checked(LENGTH)?;
    let (stream, rest) = rest.strip_prefix(b" ")?.split_at_checked(6)?;
    if stream == NOTICE.as_bytes() {
        return read_gap(Stamp::parse(stamp)?, rest.strip_prefix(b" F ")?);
    }
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
    Some(Record {
        stamp: Stamp::parse(stamp)?,
        stream,
        wholeness,
        text: text.to_vec(),
        gap: None,
    })
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
    use nix::errno::Errno;

    use super::{
        Gap, LONGEST, OVERHEAD, Piece, Wholeness, Why, lines, output_of, pieces, read, write,
        write_gap,
    };
    use crate::journal::Stream;
    use crate::journal::stamp::Stamp;

    #[test]
    fn lines_are_whole_but_for_the_last() {
        let full = |text| Piece {
            text,
            wholeness: Wholeness::Full,
        };
        let all: Vec<_> = lines(b"one\n\ntwo\nthree").collect();
        let last = Piece {
            text: b"three".as_slice(),
            wholeness: Wholeness::Partial,
        };
        assert_eq!(
            all,
            [full(b"one".as_slice()), full(b""), full(b"two"), last]
        );
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"\n").collect::<Vec<_>>(), [full(b"".as_slice())]);
    }

    #[test]
    fn a_long_line_is_taken_apart_and_ends_as_it_did() {
        for (length, expected) in [
            (0, 1),
            (1, 1),
            (LONGEST, 1),
            (LONGEST + 1, 2),
            (3 * LONGEST, 3),
        ] {
            for wholeness in [Wholeness::Full, Wholeness::Partial] {
                let text = vec![b'x'; length];
                let all: Vec<_> = pieces(Piece {
                    text: &text,
                    wholeness,
                })
                .collect();
                assert_eq!(all.len(), expected, "{length}");
                assert_eq!(
                    all.iter().map(|piece| piece.text.len()).sum::<usize>(),
                    length
                );
                let (last, before) = all.split_last().expect("there is one");
                assert_eq!(last.wholeness, wholeness);
                assert!(
                    before
                        .iter()
                        .all(|piece| piece.wholeness == Wholeness::Partial)
                );
            }
        }
    }

    #[test]
    fn a_gap_is_read_as_it_was_written_and_is_no_output() {
        let stamp = Stamp::from(std::time::SystemTime::now());
        let mut records = Vec::new();
        for why in [Why::Rotated, Why::Unwritten(Errno::ENOSPC)] {
            let gap = Gap { bytes: 12, why };
            let mut line = Vec::new();
            write_gap(&stamp.to_string(), gap, &mut line);
            records.extend_from_slice(&line);
            line.pop();
            let record = read(&line).expect("it is one");
            assert_eq!((record.gap, record.word()), (Some(gap), "notice"));
            assert!(
                String::from_utf8(record.text)
                    .unwrap()
                    .starts_with("[12 bytes of output missing here: ")
            );
        }
        for piece in lines(b"four\n\nno end") {
            write(&stamp.to_string(), Stream::Stdout, piece, &mut records);
        }
        assert_eq!(output_of(&records), 12);
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let stamp = Stamp::from(std::time::SystemTime::now());
        for text in [
            b"".as_slice(),
            b"text with F and P",
            b"\0\xff\r\x1b[0m",
            "│".as_bytes(),
        ] {
            for (stream, wholeness) in [
                (Stream::Stdout, Wholeness::Full),
                (Stream::Stderr, Wholeness::Partial),
            ] {
                let mut line = Vec::new();
                write(
                    &stamp.to_string(),
                    stream,
                    Piece { text, wholeness },
                    &mut line,
                );
                assert_eq!(line.len(), text.len() + OVERHEAD);
                assert_eq!(line.pop(), Some(b'\n'));
                let record = read(&line).expect("it is one");
                assert_eq!(
                    (record.stamp, record.stream, record.wholeness),
                    (stamp, stream, wholeness)
                );
                assert_eq!(record.text, text);
            }
        }
        for line in [
            "",
            "2026",
            "2026-11-25T10:00:00.123456789Z stdxxx F a",
            "2026-11-25T10:00:00.123456789Z stdout X a",
        ] {
            assert_eq!(read(line.as_bytes()), None, "{line}");
        }
    }
}
