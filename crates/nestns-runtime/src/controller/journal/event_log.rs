//! `events.jsonl`: one object a line, written in batches.
//!
//! Events are noted in memory and written before the controller waits for the next thing, so that
//! ten thousand namespaces cost ten thousand lines of text and not as many system calls. Each line
//! has a number, one more than the last: a reader that has seen a snapshot goes on behind it, and
//! notices when something was rotated away before it was read.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use nestns_client::journal::event::Event;
use nestns_client::journal::record::Why;
use nestns_client::journal::stamp::Stamp;
use nestns_client::journal::{EVENTS, ROTATED};
use nestns_client::state_directory::Directory;
use nestns_sys::errno::number_of;
use nestns_sys::moment::Moment;

/// Size at which the file is rotated.
const LARGE: u64 = 8 << 20;
/// Number of bytes that are not kept in memory longer than until the next wake-up.
const MANY: usize = 16 * 1024;
/// Time that an event may wait for others while a tree is built.
const TIMEOUT: Duration = Duration::from_millis(50);

/// The writer.
#[derive(Debug)]
pub(super) struct EventLog {
    directory: Directory,
    file: Option<File>,
    size: u64,
    next: u64,
    buffer: Vec<u8>,
    /// Time of the first event of the buffer.
    since: Moment,
    trouble: Option<Errno>,
    has_told: bool,
    /// Numbers of events: of the next flush, of the files, and nowhere.
    noted: u64,
    kept: u64,
    lost: u64,
    why: Option<Errno>,
}

impl EventLog {
    pub(super) fn open(directory: &Directory) -> Self {
        let mut log = Self {
            directory: directory.clone(),
            file: None,
            size: 0,
            next: 0,
            buffer: Vec::new(),
            since: Moment::default(),
            trouble: None,
            has_told: false,
            noted: 0,
            kept: 0,
            lost: 0,
            why: None,
        };
        log.begin();
        log
    }

    /// The number of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn record(&mut self, stamp: Stamp, event: &Event<'_>) {
        if self.buffer.is_empty() {
            self.since = Moment::now();
        }
        // A vector takes everything.
        let _ = write!(self.buffer, r#"{{"ts":"{stamp}","seq":{},"#, self.next);
        let brace = self.buffer.len();
        // An event has no maps but with text as keys, so that it can always be written.
        if serde_json::to_writer(&mut self.buffer, event).is_ok() {
            self.buffer.remove(brace);
        }
        self.buffer.push(b'\n');
        self.next += 1;
        self.noted += 1;
    }

    pub(super) fn flush_if_due(&mut self) -> Option<Moment> {
        if self.buffer.is_empty() {
            return None;
        }
        let due = self.since.plus(TIMEOUT);
        if self.buffer.len() < MANY && due > Moment::now() {
            return Some(due);
        }
        self.flush();
        None
    }

    pub(super) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.size > 0 && self.size + self.buffer.len() as u64 > LARGE {
            self.rotate();
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        if self.file.is_none() {
            self.begin();
        }
        let noted = std::mem::take(&mut self.noted);
        let written = self.file.as_mut().map(|file| file.write_all(&buffer));
        match written {
            Some(Ok(())) => {
                self.size += buffer.len() as u64;
                self.kept += noted;
            }
            Some(Err(error)) => {
                // Of what does not fit any more nothing stays, so that no line is torn; the numbers
                // tell of it.
                let _ = self.file.as_mut().map(|file| file.set_len(self.size));
                self.lost += noted;
                self.fail(&error);
            }
            None => self.lost += noted,
        }
        buffer.clear();
        // A stop of everything at once needs more room than is worth keeping.
        buffer.shrink_to(2 * MANY);
        self.buffer = buffer;
    }

    /// Goes on in another state directory, or where the file is missing. Says whether it had to.
    pub(super) fn move_to(&mut self, directory: &Directory) -> bool {
        let found = directory
            .look(EVENTS)
            .map(|found| (found.st_dev, found.st_ino))
            .ok();
        let own = self
            .file
            .as_ref()
            .and_then(|file| file.metadata().ok().map(|file| (file.dev(), file.ino())));
        let is_unknown = found.is_none() && !directory.lacks(EVENTS);
        if is_unknown || (found.is_some() && found == own) {
            return false;
        }
        // One that could not be made was not taken away.
        let was_there = self.file.is_some();
        self.flush();
        self.lost += self.kept;
        self.kept = 0;
        self.why = Some(Errno::ENOENT);
        self.directory = directory.clone();
        self.begin();
        was_there
    }

    /// The write error, in a sentence.
    pub(super) fn problem(&self) -> Option<String> {
        let why = self.why.filter(|_| self.lost > 0)?;
        Some(format!(
            "{} events were lost: {}",
            self.lost,
            Why::Unwritten(why)
        ))
    }

    pub(super) fn take_trouble(&mut self) -> Option<Errno> {
        self.trouble.take()
    }

    fn rotate(&mut self) {
        match self.directory.rename(EVENTS, &format!("{EVENTS}{ROTATED}")) {
            Ok(()) => self.begin(),
            Err(errno) => self.fail(&errno.into()),
        }
    }

    fn begin(&mut self) {
        self.size = 0;
        self.file = match self
            .directory
            .file(EVENTS, OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT)
        {
            Ok(file) => Some(file),
            Err(errno) => {
                self.fail(&errno.into());
                None
            }
        };
    }

    fn fail(&mut self, error: &io::Error) {
        self.why = Some(number_of(error));
        if !std::mem::replace(&mut self.has_told, true) {
            self.trouble = Some(number_of(error));
        }
    }
}
