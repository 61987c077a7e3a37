//! `events.jsonl`: one object a line, written in batches.
//!
//! Events are noted in memory and written before the controller waits for the next thing, so that ten thousand namespaces
//! cost ten thousand lines of text and not as many system calls. Each line has a number, one more than the last: a reader
//! who has seen a snapshot goes on behind it, and notices when something was rotated away before he came to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::event::Event;
use super::stamp::Stamp;
use super::{EVENTS, ROTATED};
use crate::engine::moment::Moment;

/// From this size on the file is rotated.
const LARGE: u64 = 8 << 20;
/// So many bytes are not kept in memory longer than until the next wake-up.
const MANY: usize = 16 * 1024;
/// How long an event may wait for others while a tree is built.
const PATIENCE: Duration = Duration::from_millis(50);

/// The writer.
#[derive(Debug)]
pub(super) struct EventLog {
    path: PathBuf,
    file: Option<File>,
    size: u64,
    next: u64,
    buffer: Vec<u8>,
    /// When the first event of the buffer was noted.
    since: Moment,
    trouble: Option<Errno>,
    has_told: bool,
}

impl EventLog {
    pub(super) fn open(directory: &Path) -> Self {
        let mut log = Self {
            path: directory.join(EVENTS),
            file: None,
            size: 0,
            next: 0,
            buffer: Vec::new(),
            since: Moment::default(),
            trouble: None,
            has_told: false,
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
    }

    pub(super) fn flush_if_due(&mut self) -> Option<Moment> {
        if self.buffer.is_empty() {
            return None;
        }
        let due = self.since.plus(PATIENCE);
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
        if let Some(file) = &mut self.file {
            match file.write_all(&buffer) {
                Ok(()) => self.size += buffer.len() as u64,
                Err(error) => {
                    // Of what does not fit any more nothing stays, so that no line is torn; the numbers tell of it.
                    let _ = file.set_len(self.size);
                    self.fail(&error);
                }
            }
        }
        buffer.clear();
        // A stop of everything at once needs more room than is worth keeping.
        buffer.shrink_to(2 * MANY);
        self.buffer = buffer;
    }

    pub(super) fn take_trouble(&mut self) -> Option<Errno> {
        self.trouble.take()
    }

    fn rotate(&mut self) {
        let mut before = self.path.clone().into_os_string();
        before.push(ROTATED);
        match std::fs::rename(&self.path, &before) {
            Ok(()) => self.begin(),
            Err(error) => self.fail(&error),
        }
    }

    fn begin(&mut self) {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
        self.size = 0;
        self.file = match options.open(&self.path) {
            Ok(file) => Some(file),
            Err(error) => {
                self.fail(&error);
                None
            }
        };
    }

    fn fail(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.has_told, true) {
            self.trouble = Some(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
        }
    }
}
