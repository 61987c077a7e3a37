//! Journal of a running topology, for others to read: the output of its programs (`logs/`) and its
//! events (`events.jsonl`), in its state directory.
//!
//! The controller only writes; clients read the files themselves and are told of more by
//! inotify(7), so that none of them can hold the tree up. Whatever is recorded goes through
//! `Reactor::record`, and a reader comes to its end when the controller has said that it leaves.
//! Reading order: `event`, `event_log`, `event_reader`; `record`, `log_store`,
//! `log_reader`.

mod event_log;
#[cfg(test)]
mod events_read_back;
mod log_store;
#[cfg(test)]
mod logs_read_back;

use nix::errno::Errno;

use crate::engine::plan::{ProcessKey, Slot};
use event_log::EventLog;
use log_store::LogStore;
use nestns_client::journal::event::Event;
use nestns_client::journal::stamp::Clock;
use nestns_client::journal::{LogName, Stream};
use nestns_client::state_directory::Directory;
use nestns_sys::moment::Moment;

/// The log of a process; the command of `run` and those that ask whether a process is ready have
/// none.
pub(super) fn log_name(subject: ProcessKey) -> Option<LogName> {
    let ProcessKey { namespace, slot } = subject;
    match slot {
        Slot::Init | Slot::Process(_) => Some(LogName::Process {
            namespace,
            slot: slot.number()?,
        }),
        Slot::Exec(number) => Some(LogName::Exec { namespace, number }),
        Slot::Probe(_) | Slot::StopCommand(_) | Slot::RunCommand => None,
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
    /// Begins it in a state directory. What cannot be made there is told by
    /// [`Journal::take_trouble`].
    pub(super) fn open(directory: &Directory, log_bytes: u64, processes: u32) -> Self {
        Self {
            clock: Clock::default(),
            logs: LogStore::open(directory, log_bytes, processes),
            events: EventLog::open(directory),
        }
    }

    /// Keeps what a process has written.
    pub(super) fn log(&mut self, subject: ProcessKey, stream: Stream, output: &[u8]) {
        if let Some(name) = log_name(subject) {
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

    /// The write errors, a sentence each.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> + use<> {
        self.logs.problem().into_iter().chain(self.events.problem())
    }

    /// Output that could not be written and is not told in a file, by the names of the files.
    pub(super) fn unmarked(&self) -> Vec<(LogName, nestns_client::journal::record::Gap)> {
        self.logs.unmarked()
    }

    /// Number of bytes of the output of a process that could not be written.
    pub(super) fn lost(&self, subject: ProcessKey) -> u64 {
        log_name(subject).map_or(0, |name| self.logs.lost(name))
    }

    /// The write error, once.
    pub(super) fn take_trouble(&mut self) -> Option<Errno> {
        let of_events = self.events.take_trouble();
        self.logs.take_trouble().or(of_events)
    }
}

#[cfg(test)]
mod tests {
    use nestns_client::journal::LogName;

    use super::log_name;
    use crate::engine::plan::ProcessKey;

    #[test]
    fn what_is_not_declared_has_a_log_only_if_exec_has_started_it() {
        assert_eq!(
            log_name(ProcessKey::init(3)),
            Some(LogName::Process {
                namespace: 3,
                slot: 0
            })
        );
        assert_eq!(
            log_name(ProcessKey::session(2, 5)),
            Some(LogName::Exec {
                namespace: 2,
                number: 5
            })
        );
        assert_eq!(log_name(ProcessKey::run_command(Some(1))), None);
    }
}
