//! What a running topology leaves for others to read: the output of its programs (`logs/`) and what has happened to it
//! (`events.jsonl`), in its state directory.
//!
//! The controller only writes; clients read the files themselves and are told of more by inotify(7), so that none of them
//! can hold the tree up. Whatever is recorded goes through `Reactor::record`, and a reader
//! comes to its end when the controller has said that it leaves. Reading order: [`event`], `event_log`, [`event_reader`];
//! [`record`], `log_store`, [`log_reader`].

pub mod event;
mod event_log;
pub mod event_reader;
pub mod log_reader;
mod log_store;
pub mod record;
pub mod stamp;
pub mod watch;

use std::fmt;

use nix::errno::Errno;

use super::event_sink::Stream;
use super::state_directory::Directory;
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Slot, Subject};
use event::Event;
use event_log::EventLog;
use log_store::LogStore;
use stamp::Clock;

/// The directory of the logs, in a state directory.
pub const LOGS: &str = "logs";
/// The file of the events.
pub const EVENTS: &str = "events.jsonl";
/// What is appended to the name of a file that has become too large, and stays until the next one has.
pub const ROTATED: &str = ".1";

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogName {
    /// A process of the topology.
    Process(Subject),
    /// A program of `exec`, by its number.
    #[expect(missing_docs, reason = "the fields are their names")]
    Guest { namespace: NamespaceIndex, number: u32 },
}

impl LogName {
    /// That of a process; the command of `run` and those that ask whether a process is ready have none.
    pub fn of(subject: Subject) -> Option<Self> {
        match subject.slot {
            Slot::Init | Slot::Process(_) => Some(Self::Process(subject)),
            Slot::Session(number) => Some(Self::Guest { namespace: subject.namespace, number }),
            Slot::Probe(_) | Slot::Visitor => None,
        }
    }

    /// Reads the name of a file that has not been rotated.
    pub fn parse(file: &str) -> Option<Self> {
        let (namespace, rest) = file.strip_suffix(".log")?.split_once('.')?;
        let namespace = namespace.parse().ok()?;
        match rest.strip_prefix("exec.") {
            Some(number) => Some(Self::Guest { namespace, number: number.parse().ok()? }),
            None => Some(Self::Process(Subject { namespace, slot: Slot::nth(rest.parse().ok()?) })),
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(Subject { namespace, slot }) => write!(out, "{namespace}.{slot}.log"),
            Self::Guest { namespace, number } => write!(out, "{namespace}.{}.log", Slot::Session(*number)),
        }
    }
}

/// Both, with one clock.
#[derive(Debug)]
pub(super) struct Journal {
    clock: Clock,
    logs: LogStore,
    events: EventLog,
}

impl Journal {
    /// Begins it in a state directory. What cannot be made there is told by [`Journal::take_trouble`].
    pub(super) fn open(directory: &Directory, log_bytes: u64, processes: u32) -> Self {
        Self {
            clock: Clock::default(),
            logs: LogStore::open(directory, log_bytes, processes),
            events: EventLog::open(directory),
        }
    }

    /// Keeps what a process has written.
    pub(super) fn log(&mut self, subject: Subject, stream: Stream, output: &[u8]) {
        if let Some(name) = LogName::of(subject) {
            let stamp = self.clock.now();
            self.logs.append(name, stream, output, stamp);
        }
    }

    /// Notes an event; it is written by [`Journal::flush`].
    pub(super) fn record(&mut self, event: &Event<'_>) {
        let stamp = self.clock.now();
        self.events.record(stamp, event);
    }

    /// Writes the events that were noted.
    pub(super) fn flush(&mut self) {
        self.events.flush();
    }

    /// Writes them if there are many, or the first has waited for long; returns when that will be.
    pub(super) fn flush_if_due(&mut self) -> Option<Moment> {
        self.events.flush_if_due()
    }

    /// The number of the next event, with all before it written.
    pub(super) fn next_event(&mut self) -> u64 {
        self.events.flush();
        self.events.next()
    }

    /// Goes on in another state directory, or where files are missing. Says whether it had to.
    pub(super) fn move_to(&mut self, directory: &Directory) -> bool {
        let of_logs = self.logs.move_to(directory);
        self.events.move_to(directory) || of_logs
    }

    /// What could not be written, a sentence each.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> + use<> {
        self.logs.problem().into_iter().chain(self.events.problem())
    }

    /// What could not be written and is not told in a file, by the names of the files.
    pub(super) fn unmarked(&self) -> Vec<(LogName, record::Gap)> {
        self.logs.unmarked()
    }

    /// How many bytes of the output of a process could not be written.
    pub(super) fn lost(&self, subject: Subject) -> u64 {
        LogName::of(subject).map_or(0, |name| self.logs.lost(name))
    }

    /// What could not be written, once.
    pub(super) fn take_trouble(&mut self) -> Option<Errno> {
        let of_events = self.events.take_trouble();
        self.logs.take_trouble().or(of_events)
    }
}

#[cfg(test)]
mod tests {
    use super::LogName;
    use crate::engine::plan::{Slot, Subject};

    #[test]
    fn names_of_files_are_read_again() {
        for name in [
            LogName::Process(Subject::init(0)),
            LogName::Process(Subject { namespace: 9999, slot: Slot::nth(12) }),
            LogName::Guest { namespace: 3, number: 77 },
        ] {
            assert_eq!(LogName::parse(&name.to_string()), Some(name));
        }
        for file in ["", "1.log", "1.2.log.1", "x.1.log", "1.exec.log", "1.exec.x.log", "index"] {
            assert_eq!(LogName::parse(file), None, "{file}");
        }
        assert_eq!(LogName::of(Subject::session(2, 5)), Some(LogName::Guest { namespace: 2, number: 5 }));
        assert_eq!(LogName::of(Subject::visitor(Some(1))), None);
    }
}
