//! Reading `events.jsonl` while it is written, through every rotation: for clients.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{EVENTS, ROTATED};
use crate::state_directory::open_file as open;

/// Size of a read.
const CHUNK: usize = 256 * 1024;
/// Number of times that a file that has just been begun is looked at again, a millisecond apart.
const ATTEMPTS: u32 = 50;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// Sequence number.
    pub seq: u64,
    /// Number of events before it that could not be read: they were rotated away, or there was no
    /// room for them.
    pub lost: u64,
    /// The object, without a line feed.
    pub text: String,
}

/// A place in the events of a topology.
#[derive(Debug)]
pub struct EventReader {
    directory: PathBuf,
    file: Option<File>,
    half: Vec<u8>,
    next: u64,
    lines: VecDeque<EventLine>,
    pinned: Option<Pinned>,
}

/// The two files, opened before they were removed.
#[derive(Debug)]
struct Pinned {
    current: Option<File>,
    before: Option<File>,
}

impl EventReader {
    /// The events of the topology with this state directory from this number on: 0 for all that are
    /// kept, and [`Snapshot::events`](crate::protocol::message::Snapshot::events) for those that
    /// follow a snapshot.
    pub fn from(directory: &Path, first: u64) -> Self {
        let (half, lines) = (Vec::new(), VecDeque::new());
        Self {
            directory: directory.to_owned(),
            file: None,
            half,
            next: first,
            lines,
            pinned: None,
        }
    }

    /// The next event; `None` when there is no more at this moment.
    ///
    /// # Errors
    ///
    /// Those of open(2) and read(2).
    pub fn read(&mut self) -> io::Result<Option<EventLine>> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            if self.file.is_none() {
                self.file = self.find()?;
            }
            let Some(file) = &mut self.file else {
                return Ok(None);
            };
            // Before it is read to its end: nothing is written to a file that has been rotated.
            let is_last = match &self.pinned {
                None => is_current(file, &self.directory)?,
                Some(Pinned {
                    current: Some(current),
                    ..
                }) => identity(current)? == identity(file)?,
                Some(Pinned { current: None, .. }) => true,
            };
            let start = self.half.len();
            file.take(CHUNK as u64).read_to_end(&mut self.half)?;
            if self.half.len() > start {
                self.take_lines(start);
            } else if is_last {
                return Ok(None);
            } else {
                self.file = None;
                self.half.clear();
            }
        }
    }

    /// Keeps open what has not been read yet, because the files are about to be removed. The writer
    /// waits for this, so that nothing is read here.
    ///
    /// # Errors
    ///
    /// Those of open(2), such as `EMFILE`.
    pub fn pin(&mut self) -> io::Result<()> {
        // The current one first: what is renamed meanwhile is found in both places rather than in
        // none.
        let current = open(&self.directory.join(EVENTS))?;
        let before = open(&self.directory.join(format!("{EVENTS}{ROTATED}")))?;
        self.pinned = Some(Pinned { current, before });
        Ok(())
    }

    /// The number of the event after the last one that was written, where nothing is written any more.
    ///
    /// # Errors
    ///
    /// Those of open(2).
    pub fn end(directory: &Path) -> io::Result<u64> {
        for name in [EVENTS.to_owned(), format!("{EVENTS}{ROTATED}")] {
            if let Some(last) = open(&directory.join(name))?.as_ref().and_then(last_number) {
                return Ok(last.saturating_add(1));
            }
        }
        Ok(0)
    }

    fn take_lines(&mut self, searched: usize) {
        let Some(end) = self.half[searched..]
            .iter()
            .rposition(|&byte| byte == b'\n')
        else {
            return;
        };
        let rest = self.half.split_off(searched + end + 1);
        let whole = std::mem::replace(&mut self.half, rest);
        for line in whole.split(|&byte| byte == b'\n') {
            let Some(seq) = number(line).filter(|&seq| seq >= self.next && seq < u64::MAX) else {
                continue;
            };
            let text = String::from_utf8_lossy(line).into_owned();
            self.lines.push_back(EventLine {
                seq,
                lost: seq - self.next,
                text,
            });
            self.next = seq + 1;
        }
    }

    /// The file with the next event, or the first one after it.
    fn find(&self) -> io::Result<Option<File>> {
        let path = self.directory.join(EVENTS);
        for _ in 0..ATTEMPTS {
            let current = match &self.pinned {
                None => open(&path)?,
                Some(pinned) => pinned.current.as_ref().map(File::try_clone).transpose()?,
            };
            let first = current.as_ref().and_then(first_number);
            let before = match (first, &self.pinned) {
                (Some(first), _) if first <= self.next => None,
                (_, None) => open(&self.directory.join(format!("{EVENTS}{ROTATED}")))?,
                (_, Some(pinned)) => pinned.before.as_ref().map(File::try_clone).transpose()?,
            };
            match (current, first, before) {
                (current, Some(_), None) => return Ok(current),
                // It does not begin early enough, and there is one before it. What was read of that
                // one already is skipped; if all of it was, the events between are lost.
                (current, Some(first), Some(before)) => {
                    let is_news =
                        last_number(&before).is_some_and(|last| last >= self.next && last < first);
                    return Ok(if is_news { Some(before) } else { current });
                }
                // Nothing has happened yet.
                (Some(current), None, None) => return Ok(Some(current)),
                (None, _, None) => return Ok(None),
                // Renamed, and the next one is about to be begun.
                (_, None, Some(_)) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        Ok(None)
    }
}

/// The number of a line.
fn number(line: &[u8]) -> Option<u64> {
    const KEY: &[u8] = b"\"seq\":";
    // It stands behind the stamp.
    let line = &line[..line.len().min(100)];
    let place = line.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let digits = line[place..].split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn first_number(file: &File) -> Option<u64> {
    let mut head = [0_u8; 256];
    let count = std::os::unix::fs::FileExt::read_at(file, &mut head, 0).ok()?;
    number(&head[..count])
}

fn last_number(file: &File) -> Option<u64> {
    // A line with very long arguments may be longer than this; then its own number is not seen, nor
    // is it missed.
    let mut tail = vec![0_u8; CHUNK];
    let size = file.metadata().ok()?.len();
    let count =
        std::os::unix::fs::FileExt::read_at(file, &mut tail, size.saturating_sub(CHUNK as u64))
            .ok()?;
    tail[..count]
        .split(|&byte| byte == b'\n')
        .rev()
        .find_map(number)
}

/// True if this is still the file that is written to. An open file keeps its inode, so that no
/// other can have it.
fn is_current(file: &File, directory: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(directory.join(EVENTS)) {
        Ok(found) => Ok((found.dev(), found.ino()) == identity(file)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Renamed in this moment, or removed with everything else.
            Ok(!directory.join(format!("{EVENTS}{ROTATED}")).exists())
        }
        Err(error) => Err(error),
    }
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{EventReader, number};

    #[test]
    fn the_number_of_a_line() {
        assert_eq!(number(br#"{"ts":"x","seq":120,"event":"seq"}"#), Some(120));
        assert_eq!(number(b"{}"), None);
        assert_eq!(number(br#"{"seq":,"#), None);
        assert_eq!(number(br#"{"seq":+1,"#), None);
        assert_eq!(number(br#"{"seq":18446744073709551615,"#), Some(u64::MAX));
        for longer in [
            "18446744073709551616",
            "184467440737095516160",
            "99999999999999999999999999999999999999",
        ] {
            assert_eq!(number(format!("{{\"seq\":{longer},").as_bytes()), None);
        }
    }

    #[test]
    fn the_end_is_behind_the_last_event_of_either_file() {
        let directory = tempfile::tempdir().unwrap();
        let end = || EventReader::end(directory.path()).unwrap();
        assert_eq!(end(), 0);
        std::fs::write(
            directory.path().join("events.jsonl.1"),
            "{\"seq\":6}\n{\"seq\":7}\n",
        )
        .unwrap();
        assert_eq!(end(), 8);
        std::fs::write(directory.path().join("events.jsonl"), "{\"seq\":8}\n").unwrap();
        assert_eq!(end(), 9);
    }

    #[test]
    fn the_last_number_there_is_is_nobodys() {
        let directory = tempfile::tempdir().unwrap();
        let text = "{\"seq\":1}\n{\"seq\":18446744073709551615}\n{\"seq\":18446744073709551614}\n";
        std::fs::write(directory.path().join("events.jsonl"), text).unwrap();
        let mut reader = EventReader::from(directory.path(), 0);
        let mut read = || reader.read().unwrap().map(|line| line.seq);
        assert_eq!(
            [read(), read(), read()],
            [Some(1), Some(u64::MAX - 1), None]
        );
    }

    #[test]
    fn anything_is_read_to_its_end_and_forward() {
        let directory = tempfile::tempdir().unwrap();
        let config = ProptestConfig {
            cases: 2000,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let line = prop_oneof![
            "[ -~]{0,20}",
            any::<u64>().prop_map(|seq| format!("{{\"seq\":{seq},")),
            (0_u64..20).prop_map(|seq| format!("{{\"ts\":\"x\",\"seq\":{seq},\"event\":\"a\"}}")),
            "[0-9]{18,22}".prop_map(|seq| format!("{{\"seq\":{seq}}}")),
        ];
        proptest!(config, |(lines in proptest::collection::vec(line, 0..12), noise in proptest::collection::vec(any::<u8>(), 0..20))| {
            std::fs::write(directory.path().join("events.jsonl"), [lines.join("\n").as_bytes(), &noise].concat()).unwrap();
            let (mut reader, mut next, mut count) = (EventReader::from(directory.path(), 0), 0, 0);
            while let Some(line) = reader.read().unwrap() {
                prop_assert_eq!(line.seq - next, line.lost);
                (next, count) = (line.seq + 1, count + 1);
            }
            prop_assert!(count <= lines.len() + noise.len());
        });
    }
}
