//! Output of programs, kept: a file a process in `logs/`, bounded, and never in the way of the
//! tree.
//!
//! Each arrival of output is one write(2) of whole records to one file; nothing is held back here.
//! A file that has half the share of a process is renamed to `.1`, in place of the one before, and
//! begun anew. Should all files together still become larger than the limit, because there are more
//! processes than shares, then what was rotated first goes first.
//!
//! A log is an aid and no part of the tree: what cannot be written is lost, said once, and stops
//! nothing. Few files are open at a time, because the controller still forks, and a fork copies
//! every descriptor.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use nestns_client::journal::Stream;
use nestns_client::journal::record::{self, Gap, LONGEST, OVERHEAD, Why};
use nestns_client::journal::stamp::Stamp;
use nestns_client::journal::{LOGS, LogName, ROTATED};
use nestns_client::state_directory::Directory;
use nestns_sys::errno::number_of;

/// Number of files that are open at a time.
const OPEN: usize = 16;
/// The smallest share of a process: two files of a record of the longest kind each.
const SMALLEST_SHARE: u64 = 64 << 10;
/// Number of logs of programs of `exec` that are kept; there may be any number of those in a long
/// life.
const EXEC_LOGS: usize = 512;

/// One log.
#[derive(Debug, Default)]
struct Log {
    /// Sizes of the file and of the one before it.
    size: u64,
    rotated: u64,
    /// Number of bytes of output in the two files, and of those that came before them.
    output: u64,
    output_rotated: u64,
    gone: u64,
    /// Number of bytes that could not be written since the last time that it was told in the file,
    /// and in all.
    lost: u64,
    lost_ever: u64,
    why: Option<Errno>,
}

impl Log {
    /// Gaps to be told where the next record goes: what came before this file, and what could not
    /// be written.
    fn gaps(&self) -> impl Iterator<Item = Gap> + use<> {
        let before = self.gone + self.output_rotated;
        let rotated = (self.size == 0 && before > 0).then_some(Gap {
            bytes: before,
            why: Why::Rotated,
        });
        let lost = self.unmarked();
        rotated.into_iter().chain(lost)
    }

    /// Output that could not be written, and is not told in the file.
    fn unmarked(&self) -> Option<Gap> {
        let why = self.why.filter(|_| self.lost > 0)?;
        Some(Gap {
            bytes: self.lost,
            why: Why::Unwritten(why),
        })
    }

    fn lose(&mut self, bytes: u64, why: Errno) {
        self.lost += bytes;
        self.lost_ever += bytes;
        self.why = Some(why);
    }
}

/// All logs of a topology.
#[derive(Debug)]
pub(in crate::controller) struct LogStore {
    /// None where it could not be made.
    directory: Option<Directory>,
    logs: BTreeMap<LogName, Log>,
    /// Size at which a file is rotated.
    half: u64,
    limit: u64,
    /// The sizes of all files.
    total: u64,
    /// Logs with rotated files, the oldest rotation first; one may be there that has been removed
    /// since.
    rotated: VecDeque<LogName>,
    exec_records: VecDeque<LogName>,
    /// Files that are open, the last used last.
    open: Vec<(LogName, File)>,
    buffer: Vec<u8>,
    /// The write error, if it has not been told yet; `has_told` is true once one was.
    trouble: Option<Errno>,
    has_told: bool,
}

impl LogStore {
    /// The logs in a state directory: at most `limit` bytes of so many processes.
    pub(in crate::controller) fn open(directory: &Directory, limit: u64, processes: u32) -> Self {
        let made = directory.make_inside(LOGS);
        let share = (limit / u64::from(processes.max(1))).max(SMALLEST_SHARE);
        let mut store = Self {
            directory: None,
            logs: BTreeMap::new(),
            half: share / 2,
            limit,
            total: 0,
            rotated: VecDeque::new(),
            exec_records: VecDeque::new(),
            open: Vec::new(),
            buffer: Vec::new(),
            trouble: None,
            has_told: false,
        };
        match made {
            Ok(directory) => store.directory = Some(directory),
            Err(error) => store.fail(&error.into()),
        }
        store
    }

    /// Keeps what a process has written: whole lines, or what ends with a partial one.
    pub(in crate::controller) fn append(
        &mut self,
        name: LogName,
        stream: Stream,
        output: &[u8],
        stamp: Stamp,
    ) {
        if output.is_empty() {
            return;
        }
        let mut log = self.logs.remove(&name).unwrap_or_else(|| {
            self.note_exec(name);
            Log::default()
        });
        let stamp = stamp.to_string();
        let mut buffer = std::mem::take(&mut self.buffer);
        log.gaps()
            .for_each(|gap| record::write_gap(&stamp, gap, &mut buffer));
        for piece in record::lines(output).flat_map(record::pieces) {
            let pending = log.size + buffer.len() as u64;
            if pending > 0 && pending + (piece.text.len() + OVERHEAD) as u64 > self.half {
                self.write(name, &mut log, &mut buffer);
                self.rotate(name, &mut log);
                log.gaps()
                    .for_each(|gap| record::write_gap(&stamp, gap, &mut buffer));
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

    /// The write error, once.
    pub(in crate::controller) fn take_trouble(&mut self) -> Option<Errno> {
        self.trouble.take()
    }

    /// Writes and empties the buffer. A record that does not fit any more is taken back, so that
    /// none is torn.
    fn write(&mut self, name: LogName, log: &mut Log, buffer: &mut Vec<u8>) {
        if buffer.is_empty() {
            return;
        }
        match self.file(name) {
            Ok(file) => {
                let (written, result) = write_all(&file, buffer);
                log.size += written;
                self.total += written;
                let (kept, lost) =
                    buffer.split_at(usize::try_from(written).unwrap_or(buffer.len()));
                log.output += record::output_of(kept);
                if written > 0 {
                    // The gap stands in front.
                    log.lost = 0;
                }
                if let Err(error) = result {
                    // What it has and what it should have: the difference is a part of a record.
                    let _ = file.set_len(log.size);
                    log.lose(record::output_of(lost), number_of(&error));
                    self.fail(&error);
                }
                self.keep(name, file);
            }
            Err(error) => {
                log.lose(record::output_of(buffer), number_of(&error));
                self.fail(&error);
            }
        }
        buffer.clear();
    }

    /// The file of a log, opened where it is not.
    fn file(&mut self, name: LogName) -> io::Result<File> {
        if let Some(place) = self.open.iter().rposition(|(other, _)| *other == name) {
            return Ok(self.open.remove(place).1);
        }
        let Some(directory) = &self.directory else {
            return Err(Errno::ENOENT.into());
        };
        let open = || {
            directory.file(
                name.to_string(),
                OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT,
            )
        };
        match open() {
            Err(Errno::EMFILE) => {
                self.open.clear();
                Ok(open()?)
            }
            result => Ok(result?),
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
        let Some(directory) = &self.directory else {
            return;
        };
        match directory.rename(&name.to_string(), &format!("{name}{ROTATED}")) {
            Ok(()) => {
                self.total -= log.rotated;
                log.rotated = std::mem::take(&mut log.size);
                log.gone += log.output_rotated;
                log.output_rotated = std::mem::take(&mut log.output);
                self.rotated.retain(|&other| other != name);
                self.rotated.push_back(name);
            }
            // Nothing of it could ever be written.
            Err(Errno::ENOENT) => {
                self.total -= std::mem::take(&mut log.size);
            }
            Err(errno) => self.fail(&errno.into()),
        }
    }

    /// Removes the oldest until all is within the limit.
    fn evict(&mut self) {
        while self.total > self.limit {
            if let Some(name) = self.rotated.pop_front() {
                if let Some(log) = self.logs.get_mut(&name) {
                    self.total -= std::mem::take(&mut log.rotated);
                    log.gone += std::mem::take(&mut log.output_rotated);
                    self.remove(&format!("{name}{ROTATED}"));
                }
                continue;
            }
            // Many that are small: the largest of them goes as a whole.
            let largest = self
                .logs
                .iter()
                .max_by_key(|(_, log)| log.size)
                .map(|(&name, log)| (name, log.size));
            let Some((name, 1..)) = largest else { return };
            let Some(mut log) = self.logs.remove(&name) else {
                return;
            };
            self.rotate(name, &mut log);
            self.logs.insert(name, log);
        }
    }

    /// Goes on in another state directory, or where the files are missing. Says whether it had to.
    pub(in crate::controller) fn move_to(&mut self, state: &Directory) -> bool {
        let is_there = |directory: &Directory| {
            let found = state.look(LOGS).map(|found| (found.st_dev, found.st_ino));
            found.is_ok() && found == directory.identity()
        };
        if let Some(directory) = self.directory.clone().filter(is_there) {
            let missing: Vec<LogName> = self
                .logs
                .iter()
                .filter(|(name, log)| log.size > 0 && directory.lacks(name.to_string()))
                .map(|(&name, _)| name)
                .collect();
            for &name in &missing {
                self.forget(name);
            }
            return !missing.is_empty();
        }
        // One that could not be made was not taken away.
        let was_there = self.directory.is_some();
        self.directory = state.make_inside(LOGS).ok();
        let all: Vec<LogName> = self.logs.keys().copied().collect();
        for name in all {
            self.forget(name);
        }
        was_there
    }

    /// The files of a log are gone.
    fn forget(&mut self, name: LogName) {
        self.close(name);
        if let Some(log) = self.logs.get_mut(&name) {
            self.total -= std::mem::take(&mut log.size) + std::mem::take(&mut log.rotated);
            let lost = std::mem::take(&mut log.output) + std::mem::take(&mut log.output_rotated);
            log.lose(lost, Errno::ENOENT);
        }
    }

    /// The write error, in a sentence.
    pub(in crate::controller) fn problem(&self) -> Option<String> {
        let losing: Vec<&Log> = self.logs.values().filter(|log| log.lost_ever > 0).collect();
        let bytes: u64 = losing.iter().map(|log| log.lost_ever).sum();
        let why = losing.iter().find_map(|log| log.why)?;
        let of = if losing.len() == 1 {
            "1 process".to_owned()
        } else {
            format!("{} processes", losing.len())
        };
        Some(format!(
            "{bytes} bytes of output of {of} were lost: {}",
            Why::Unwritten(why)
        ))
    }

    /// Output that could not be written and is not told in a file, because that could not be
    /// written either.
    pub(in crate::controller) fn unmarked(&self) -> Vec<(LogName, Gap)> {
        self.logs
            .iter()
            .filter_map(|(&name, log)| Some((name, log.unmarked()?)))
            .collect()
    }

    /// Number of bytes of the output of a process that are not kept because they could not be
    /// written.
    pub(in crate::controller) fn lost(&self, name: LogName) -> u64 {
        self.logs.get(&name).map_or(0, |log| log.lost_ever)
    }

    fn note_exec(&mut self, name: LogName) {
        if !matches!(name, LogName::Exec { .. }) {
            return;
        }
        self.exec_records.push_back(name);
        if self.exec_records.len() <= EXEC_LOGS {
            return;
        }
        if let Some(oldest) = self.exec_records.pop_front()
            && let Some(log) = self.logs.remove(&oldest)
        {
            self.close(oldest);
            self.total -= log.size + log.rotated;
            self.rotated.retain(|&other| other != oldest);
            self.remove(&oldest.to_string());
            self.remove(&format!("{oldest}{ROTATED}"));
        }
    }

    /// A file that stays takes the room of others, which is told when they do not fit any more.
    fn remove(&self, file: &str) {
        let _ = self
            .directory
            .as_ref()
            .map(|directory| directory.remove(file));
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.has_told, true) {
            self.trouble = Some(number_of(error));
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
                let whole = records[..written]
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |end| end + 1);
                return (
                    whole as u64,
                    Err(result.err().unwrap_or(Errno::ENOSPC).into()),
                );
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
    use nestns_client::journal::LogName;
    use nestns_client::journal::Stream;
    use nestns_client::state_directory::Directory;

    fn name(slot: u32) -> LogName {
        LogName::Process { namespace: 0, slot }
    }

    fn size(directory: &Path) -> u64 {
        let files = std::fs::read_dir(directory.join("logs")).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    }

    #[test]
    fn the_files_stay_within_the_limit_and_have_the_last_of_each() {
        let directory = tempfile::tempdir().unwrap();
        let limit = 4 * SMALLEST_SHARE;
        let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), limit, 100);
        for round in 0..3000 {
            let slot = round % 50;
            let text = format!("{round} {}\n", "x".repeat(700));
            store.append(
                name(slot),
                Stream::Stdout,
                text.as_bytes(),
                SystemTime::now().into(),
            );
            assert!(store.open.len() <= super::OPEN);
        }
        assert_eq!(size(directory.path()), store.total);
        assert!(
            store.total <= limit && store.total > limit / 2,
            "{}",
            store.total
        );
        let last = std::fs::read_to_string(directory.path().join("logs/0.49.log")).unwrap();
        assert!(last.lines().last().unwrap().contains("F 2999 x"));
        assert_eq!(store.take_trouble(), None);
    }

    #[test]
    fn one_loud_process_has_all_the_room_of_its_share_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), 1 << 20, 1);
        let output = "y\n".repeat(10_000);
        for _ in 0..20 {
            store.append(
                name(1),
                Stream::Stderr,
                output.as_bytes(),
                SystemTime::now().into(),
            );
        }
        assert_eq!(size(directory.path()), store.total);
        assert!(
            store.total <= 1 << 20 && store.total > 1 << 19,
            "{}",
            store.total
        );
        let part = std::fs::read(directory.path().join("logs/0.1.log.1")).unwrap();
        assert!(part.ends_with(b"Z stderr F y\n"));
    }

    #[test]
    fn the_logs_of_exec_processes_are_counted() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), 1 << 20, 1);
        for number in 0..1000 {
            let name = LogName::Exec {
                namespace: 0,
                number,
            };
            store.append(name, Stream::Stdout, b"hello", SystemTime::now().into());
        }
        assert_eq!(
            std::fs::read_dir(directory.path().join("logs"))
                .unwrap()
                .count(),
            super::EXEC_LOGS
        );
        assert_eq!(size(directory.path()), store.total);
    }

    #[test]
    fn what_cannot_be_written_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("logs"), "").unwrap();
        let mut store = LogStore::open(&Directory::open(directory.path()).unwrap(), 1 << 20, 1);
        assert!(store.take_trouble().is_some());
        store.append(
            name(1),
            Stream::Stdout,
            b"hello\n",
            SystemTime::now().into(),
        );
        assert_eq!(store.take_trouble(), None);
        assert_eq!(store.total, 0);
    }
}
