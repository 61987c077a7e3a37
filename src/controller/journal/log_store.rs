//! What programs have written, kept: a file a process in `logs/`, bounded, and never in the way of the tree.
//!
//! Each arrival of output is one write(2) of whole records to one file; nothing is held back here. A file that has half the
//! share of a process is renamed to `.1`, in place of the one before, and begun anew. Should all files together still
//! become larger than the limit, because there are more processes than shares, then what was rotated first goes first.
//!
//! A log is an aid and no part of the tree: what cannot be written is lost, said once, and stops nothing. Few files are
//! open at a time, because the controller still forks, and a fork copies every descriptor.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::record::{self, LONGEST, OVERHEAD};
use super::stamp::Stamp;
use super::{LOGS, LogName, ROTATED};
use crate::controller::audience::Stream;

/// So many files are open at a time.
const OPEN: usize = 16;
/// The smallest share of a process: two files of a record of the longest kind each.
const SMALLEST_SHARE: u64 = 64 << 10;
/// So many logs of programs of `exec` are kept; there may be any number of those in a long life.
const GUESTS: usize = 512;

/// One log.
#[derive(Debug, Default)]
struct Log {
    /// How large the file is, and the one before it.
    size: u64,
    rotated: u64,
}

/// All logs of a topology.
#[derive(Debug)]
pub(in crate::controller) struct LogStore {
    directory: PathBuf,
    logs: BTreeMap<LogName, Log>,
    /// From this size on a file is rotated.
    half: u64,
    limit: u64,
    /// The sizes of all files.
    total: u64,
    /// Whose files were rotated, the first first; one may be there that has been removed since.
    rotated: VecDeque<LogName>,
    guests: VecDeque<LogName>,
    /// Files that are open, the last used last.
    open: Vec<(LogName, File)>,
    buffer: Vec<u8>,
    /// What could not be written, where nobody has been told yet, and whether somebody has.
    trouble: Option<Errno>,
    has_told: bool,
}

impl LogStore {
    /// The logs in a state directory: at most `limit` bytes of so many processes.
    pub(in crate::controller) fn open(directory: &Path, limit: u64, processes: u32) -> Self {
        let directory = directory.join(LOGS);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&directory);
        let share = (limit / u64::from(processes.max(1))).max(SMALLEST_SHARE);
        let mut store = Self {
            directory,
            logs: BTreeMap::new(),
            half: share / 2,
            limit,
            total: 0,
            rotated: VecDeque::new(),
            guests: VecDeque::new(),
            open: Vec::new(),
            buffer: Vec::new(),
            trouble: None,
            has_told: false,
        };
        if let Err(error) = made {
            store.fail(&error);
        }
        store
    }

    /// Keeps what a process has written: whole lines, or what ends with a partial one.
    pub(in crate::controller) fn append(&mut self, name: LogName, stream: Stream, output: &[u8], stamp: Stamp) {
        if output.is_empty() {
            return;
        }
        let mut log = self.logs.remove(&name).unwrap_or_else(|| {
            self.note_guest(name);
            Log::default()
        });
        let stamp = stamp.to_string();
        let mut buffer = std::mem::take(&mut self.buffer);
        for piece in record::lines(output).flat_map(record::pieces) {
            let pending = log.size + buffer.len() as u64;
            if pending > 0 && pending + (piece.text.len() + OVERHEAD) as u64 > self.half {
                self.write(name, &mut log, &mut buffer);
                self.rotate(name, &mut log);
            }
            record::write(&stamp, stream, piece, &mut buffer);
        }
        self.write(name, &mut log, &mut buffer);
        // A flood of empty lines needs more room than is worth keeping.
        buffer.shrink_to(8 * LONGEST);
        self.buffer = buffer;
        self.logs.insert(name, log);
        self.evict();
    }

    /// What could not be written, once.
    pub(in crate::controller) fn take_trouble(&mut self) -> Option<Errno> {
        self.trouble.take()
    }

    /// Writes and empties the buffer. A record that does not fit any more is taken back, so that none is torn.
    fn write(&mut self, name: LogName, log: &mut Log, buffer: &mut Vec<u8>) {
        if buffer.is_empty() {
            return;
        }
        match self.file(name) {
            Ok(file) => {
                let (written, result) = write_all(&file, buffer);
                log.size += written;
                self.total += written;
                if let Err(error) = result {
                    // What it has and what it should have: the difference is a part of a record.
                    let _ = file.set_len(log.size);
                    self.fail(&error);
                }
                self.keep(name, file);
            }
            Err(error) => self.fail(&error),
        }
        buffer.clear();
    }

    /// The file of a log, opened where it is not.
    fn file(&mut self, name: LogName) -> io::Result<File> {
        if let Some(place) = self.open.iter().rposition(|(other, _)| *other == name) {
            return Ok(self.open.remove(place).1);
        }
        let path = self.directory.join(name.to_string());
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
        match options.open(&path) {
            Err(error) if error.raw_os_error() == Some(Errno::EMFILE as i32) => {
                self.open.clear();
                options.open(&path)
            }
            result => result,
        }
    }

    fn keep(&mut self, name: LogName, file: File) {
        if self.open.len() >= OPEN {
            self.open.remove(0);
        }
        self.open.push((name, file));
    }

    fn close(&mut self, name: LogName) {
        self.open.retain(|(other, _)| *other != name);
    }

    /// Gives the file another name, in place of the one before it.
    fn rotate(&mut self, name: LogName, log: &mut Log) {
        self.close(name);
        let path = self.directory.join(name.to_string());
        let before = self.directory.join(format!("{name}{ROTATED}"));
        match std::fs::rename(&path, &before) {
            Ok(()) => {
                self.total -= log.rotated;
                log.rotated = std::mem::take(&mut log.size);
                self.rotated.retain(|&other| other != name);
                self.rotated.push_back(name);
            }
            // Nothing of it could ever be written.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.total -= std::mem::take(&mut log.size);
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Removes the oldest until all is within the limit.
    fn evict(&mut self) {
        while self.total > self.limit {
            if let Some(name) = self.rotated.pop_front() {
                if let Some(log) = self.logs.get_mut(&name) {
                    self.total -= std::mem::take(&mut log.rotated);
                    let _ = std::fs::remove_file(self.directory.join(format!("{name}{ROTATED}")));
                }
                continue;
            }
            // Many that are small: the largest of them goes as a whole.
            let largest = self.logs.iter().max_by_key(|(_, log)| log.size).map(|(&name, log)| (name, log.size));
            let Some((name, 1..)) = largest else { return };
            let Some(mut log) = self.logs.remove(&name) else { return };
            self.rotate(name, &mut log);
            self.logs.insert(name, log);
        }
    }

    fn note_guest(&mut self, name: LogName) {
        if !matches!(name, LogName::Guest { .. }) {
            return;
        }
        self.guests.push_back(name);
        if self.guests.len() <= GUESTS {
            return;
        }
        if let Some(oldest) = self.guests.pop_front()
            && let Some(log) = self.logs.remove(&oldest)
        {
            self.close(oldest);
            self.total -= log.size + log.rotated;
            self.rotated.retain(|&other| other != oldest);
            let _ = std::fs::remove_file(self.directory.join(oldest.to_string()));
            let _ = std::fs::remove_file(self.directory.join(format!("{oldest}{ROTATED}")));
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.has_told, true) {
            self.trouble = Some(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
        }
    }
}

/// Writes what the disk takes, and says how much of that are whole records.
fn write_all(file: &File, records: &[u8]) -> (u64, io::Result<()>) {
    let mut written = 0;
    while written < records.len() {
        match nix::unistd::write(file, &records[written..]) {
            Ok(count) if count > 0 => written += count,
            Err(Errno::EINTR) => {}
            result => {
                let whole = records[..written].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                return (whole as u64, Err(result.err().unwrap_or(Errno::ENOSPC).into()));
            }
        }
    }
    (written as u64, Ok(()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use super::{LogStore, SMALLEST_SHARE};
    use crate::controller::audience::Stream;
    use crate::controller::journal::LogName;
    use crate::engine::plan::Subject;

    fn name(slot: u32) -> LogName {
        LogName::Process(Subject { namespace: 0, slot })
    }

    fn size(directory: &Path) -> u64 {
        let files = std::fs::read_dir(directory.join("logs")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn the_files_stay_within_the_limit_and_have_the_last_of_each() {
        let directory = tempfile::tempdir().unwrap();
        let limit = 4 * SMALLEST_SHARE;
        let mut store = LogStore::open(directory.path(), limit, 100);
        for round in 0..3000 {
            let slot = round % 50;
            let text = format!("{round} {}\n", "x".repeat(700));
            store.append(name(slot), Stream::Stdout, text.as_bytes(), SystemTime::now().into());
            assert!(store.open.len() <= super::OPEN);
        }
        assert_eq!(size(directory.path()), store.total);
        assert!(store.total <= limit && store.total > limit / 2, "{}", store.total);
        let last = std::fs::read_to_string(directory.path().join("logs/0.49.log")).unwrap();
        assert!(last.lines().last().unwrap().contains("F 2999 x"));
        assert_eq!(store.take_trouble(), None);
    }

    #[test]
    fn one_loud_process_has_all_the_room_of_its_share_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = LogStore::open(directory.path(), 1 << 20, 1);
        let output = "y\n".repeat(10_000);
        for _ in 0..20 {
            store.append(name(1), Stream::Stderr, output.as_bytes(), SystemTime::now().into());
        }
        assert_eq!(size(directory.path()), store.total);
        assert!(store.total <= 1 << 20 && store.total > 1 << 19, "{}", store.total);
        let part = std::fs::read(directory.path().join("logs/0.1.log.1")).unwrap();
        assert!(part.ends_with(b"Z stderr F y\n"));
    }

    #[test]
    fn the_logs_of_guests_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = LogStore::open(directory.path(), 1 << 20, 1);
        for number in 0..1000 {
            let name = LogName::Guest { namespace: 0, number };
            store.append(name, Stream::Stdout, b"hello", SystemTime::now().into());
        }
        assert_eq!(std::fs::read_dir(directory.path().join("logs")).unwrap().count(), super::GUESTS);
        assert_eq!(size(directory.path()), store.total);
    }

    #[test]
    fn what_cannot_be_written_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("logs"), "").unwrap();
        let mut store = LogStore::open(directory.path(), 1 << 20, 1);
        assert!(store.take_trouble().is_some());
        store.append(name(1), Stream::Stdout, b"hello\n", SystemTime::now().into());
        assert_eq!(store.take_trouble(), None);
        assert_eq!(store.total, 0);
    }
}
