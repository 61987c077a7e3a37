//! Reading the log of one process while it is written, through every rotation: for clients.
//!
//! Between two reads no file is held open, so that ten thousand logs can be followed. Where a
//! reader was is known by the stamp of its file's first record, which no other file of the same
//! process begins with.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::record::{self, Gap, LONGEST, OVERHEAD, Record, Why};
use super::stamp::LENGTH;
use super::{LOGS, LogName, ROTATED};
use crate::state_directory::open_file as open;

/// Size of a read; more than the longest record.
const CHUNK: usize = 4 * (LONGEST + OVERHEAD);

/// Position in a log file.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// The stamp of the first record.
    first: [u8; LENGTH],
    offset: u64,
}

impl Place {
    /// The file, if this place is in it.
    fn of(self, file: Option<(&File, [u8; LENGTH])>) -> Option<&File> {
        file.filter(|(_, first)| *first == self.first)
            .map(|(file, _)| file)
    }
}

/// The two files of a log.
#[derive(Debug)]
struct Files {
    current: Option<File>,
    before: Option<File>,
}

/// A place in the log of a process.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    place: Option<Place>,
    pinned: Option<Files>,
}

/// Records that were read together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Records, in their order; none when there is no more at this moment.
    pub records: Vec<Record>,
    /// True if output before them was rotated away before it was read.
    pub is_torn: bool,
}

impl LogReader {
    /// The log of this name in a state directory, from the oldest record that is kept.
    pub fn from_start(directory: &Path, name: LogName) -> Self {
        Self {
            path: directory.join(LOGS).join(name.to_string()),
            place: None,
            pinned: None,
        }
    }

    /// The same, from what is written after this moment.
    ///
    /// # Errors
    ///
    /// Those of open(2) and read(2).
    pub fn from_now(directory: &Path, name: LogName) -> io::Result<Self> {
        let mut reader = Self::from_start(directory, name);
        if let Some(current) = open(&reader.path)?
            && let Some(first) = first(&current)?
        {
            // What is written at this moment may be there in part: the end of the last record that
            // is there as a whole.
            let size = current.metadata()?.len();
            let start = size.saturating_sub(CHUNK as u64);
            let tail = read_at(&current, start)?;
            let end = tail
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |end| end + 1);
            reader.place = Some(Place {
                first,
                offset: start + end as u64,
            });
        }
        Ok(reader)
    }

    /// Reads on.
    ///
    /// # Errors
    ///
    /// Those of open(2) and read(2).
    pub fn read(&mut self) -> io::Result<Batch> {
        let pinned = self.pinned.take();
        let is_pinned = pinned.is_some();
        let files = pinned.map_or_else(|| self.open(), Ok)?;
        let batch = self.read_from(&files);
        if is_pinned {
            self.pinned = Some(files);
        }
        batch
    }

    /// Keeps open what has not been read yet, because the files are about to be removed.
    ///
    /// # Errors
    ///
    /// Those of open(2), such as `EMFILE`.
    pub fn pin(&mut self) -> io::Result<()> {
        let files = self.open()?;
        let is_at_end = match (&files.current, self.place) {
            (None, _) => files.before.is_none(),
            (Some(current), Some(place)) => {
                first(current)? == Some(place.first) && current.metadata()?.len() <= place.offset
            }
            (Some(_), None) => false,
        };
        self.pinned = Some(if is_at_end {
            Files {
                current: None,
                before: None,
            }
        } else {
            files
        });
        Ok(())
    }

    /// The current one first: what is renamed meanwhile is found in both places rather than in
    /// none.
    fn open(&self) -> io::Result<Files> {
        let current = open(&self.path)?;
        let mut before = self.path.clone().into_os_string();
        before.push(ROTATED);
        Ok(Files {
            current,
            before: open(before.as_ref())?,
        })
    }

    fn read_from(&mut self, files: &Files) -> io::Result<Batch> {
        let current = begun(files.current.as_ref())?;
        let before = begun(files.before.as_ref())?;
        let oldest = match (before, current) {
            (Some((_, same)), Some((file, first))) if same == first => Some((file, first)),
            (before, current) => before.or(current),
        };
        let Some((_, first)) = oldest else {
            return Ok(Batch::default());
        };
        let start = Place { first, offset: 0 };
        let mut place = self.place.unwrap_or(start);
        let mut is_torn = false;
        if place.of(current).is_none() && place.of(before).is_none() {
            is_torn = true;
            place = start;
        }
        let mut records = Vec::new();
        let is_begin = place.offset == 0 && self.place.is_none();
        if let Some(file) = place.of(current).or(place.of(before)) {
            take(file, &mut place, &mut records)?;
        }
        if is_torn || !is_begin && place.offset == 0 {
            skip_head(&mut records);
        }
        if records.is_empty()
            && place.of(current).is_none()
            && let Some((file, first)) = current
        {
            // Nothing is written to a file that has been renamed: this was all of it.
            place = Place { first, offset: 0 };
            take(file, &mut place, &mut records)?;
            // What came before it has been read.
            if skip_head(&mut records) && records.is_empty() {
                take(file, &mut place, &mut records)?;
            }
        }
        self.place = Some(place);
        Ok(Batch { records, is_torn })
    }
}

/// The last lines that a process has written, at most this many; an empty list where none are kept.
///
/// # Errors
///
/// Those of open(2) and read(2).
pub fn last_lines(directory: &Path, name: LogName, most: usize) -> io::Result<Vec<String>> {
    let files = LogReader::from_start(directory, name).open()?;
    let mut records = Vec::new();
    for file in [&files.before, &files.current].into_iter().flatten() {
        let start = file.metadata()?.len().saturating_sub(CHUNK as u64);
        let chunk = read_at(file, start)?;
        // What is no record is the output of no process; the first one may be there in part.
        records.extend(chunk.split(|&byte| byte == b'\n').filter_map(record::read));
    }
    // That something came before a file is no line.
    records.retain(|record| {
        !matches!(
            record.gap,
            Some(Gap {
                why: Why::Rotated,
                ..
            })
        )
    });
    let first = records.len().saturating_sub(most);
    Ok(records
        .drain(first..)
        .map(|record| String::from_utf8_lossy(&record.text).into_owned())
        .collect())
}

/// A file and the stamp that it begins with; `None` where nothing has been written into it.
fn begun(file: Option<&File>) -> io::Result<Option<(&File, [u8; LENGTH])>> {
    let Some(file) = file else { return Ok(None) };
    Ok(first(file)?.map(|first| (file, first)))
}

fn first(file: &File) -> io::Result<Option<[u8; LENGTH]>> {
    let mut stamp = [0; LENGTH];
    match file.read_exact_at(&mut stamp, 0) {
        Ok(()) => Ok(Some(stamp)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_at(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK];
    let mut count = 0;
    while count < CHUNK {
        match file.read_at(&mut chunk[count..], offset + count as u64) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(count);
    Ok(chunk)
}

/// Removes the record that says how much came before a file; says whether there was one.
fn skip_head(records: &mut Vec<Record>) -> bool {
    let is_head = |record: &Record| {
        matches!(
            record.gap,
            Some(Gap {
                why: Why::Rotated,
                ..
            })
        )
    };
    let has_head = records.first().is_some_and(is_head);
    if has_head {
        records.remove(0);
    }
    has_head
}

/// Takes records from a place on, and moves it behind them.
fn take(file: &File, place: &mut Place, records: &mut Vec<Record>) -> io::Result<()> {
    while records.is_empty() {
        let chunk = read_at(file, place.offset)?;
        let Some(end) = chunk.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(());
        };
        place.offset += end as u64 + 1;
        // What is no record is the output of no process.
        records.extend(
            chunk[..end]
                .split(|&byte| byte == b'\n')
                .filter_map(record::read),
        );
    }
    Ok(())
}
