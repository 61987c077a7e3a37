//! Output that is shown and kept: the event sink, standard output, the journal, and the terminal of
//! the one process that has one.

use std::rc::Rc;
use std::time::Duration;

use nix::sys::epoll::EpollFlags;

use super::exec_terminals::ExecTerminals;
use crate::controller::event_loop::EventLoop;
use crate::controller::event_sink::{EventSink, Line, Note};
use crate::controller::guardian::SavedTerminal;
use crate::controller::journal::Journal;
use crate::controller::life::Life;
use crate::controller::relay::Relay;
use crate::controller::standard_output::StandardOutput;
use crate::engine::plan::ProcessKey;
use nestns_client::journal::Stream;
use nestns_client::journal::event::Event;
use nestns_client::journal::record;
use nestns_sys::moment::Moment;
use nestns_topology::Signal;

/// Everything that is shown and kept.
pub(in crate::controller) struct Console<'a> {
    pub(in crate::controller) event_sink: &'a mut dyn EventSink,
    pub(in crate::controller) journal: Journal,
    pub(in crate::controller) output: StandardOutput,
    pub(in crate::controller) relay: Option<Relay>,
    pub(in crate::controller) saved: Option<&'a SavedTerminal>,
    /// The process whose terminal it is.
    pub(super) terminal: Option<ProcessKey>,
    /// The terminals of processes of `exec` that were left alone.
    pub(super) terminals: ExecTerminals,
    pub(in crate::controller) events: Rc<EventLoop>,
}

impl Console<'_> {
    /// Writes the event of a signal of a stop.
    pub(super) fn record_signal(&mut self, path: &str, signal: i32) {
        let signal = Signal::from_number(signal).to_string();
        self.journal.record(&Event::Signal {
            path,
            signal: &signal,
            by: None,
        });
    }

    /// Shows lines that a process has written.
    pub(super) fn show(&mut self, subject: ProcessKey, path: &str, stream: Stream, output: &[u8]) {
        if self.output.is_closed() {
            return;
        }
        let is_raw = self.relay.as_ref().is_some_and(Relay::is_raw);
        let mut shown = Vec::with_capacity(2 * output.len());
        for record::Piece { text, .. } in record::lines(output) {
            shown.extend(self.event_sink.line(&Line {
                subject,
                path,
                stream,
                text,
            }));
            if is_raw && shown.last() == Some(&b'\n') {
                shown.pop();
                shown.extend_from_slice(b"\r\n");
            }
        }
        self.output.push(&shown, &self.events);
    }

    pub(super) fn on_input(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.take_input(&self.events);
        }
    }

    pub(super) fn on_terminal(&mut self, flags: EpollFlags) {
        let Some(relay) = &mut self.relay else { return };
        if flags.contains(EpollFlags::EPOLLOUT) {
            relay.flush(&self.events);
        }
        if flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP) {
            match relay.take_output() {
                Some(bytes) => {
                    self.output.push(&bytes, &self.events);
                    self.log_terminal(&bytes);
                }
                None => relay.close(self.saved, &self.events),
            }
        }
    }

    /// Keeps what comes from a terminal that has no other reader.
    pub(super) fn log_terminal(&mut self, bytes: &[u8]) {
        if self.output.is_closed()
            && let Some(subject) = self.terminal
        {
            // A prompt is no line, and a client that attaches wants to see it.
            self.journal.log(subject, Stream::Stdout, bytes);
        }
    }

    /// Ctrl-Z: stops as any job does. SIGTSTP itself is blocked, so that the terminal can be given
    /// back first.
    pub(super) fn suspend(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.release(self.saved, &self.events);
        }
        let _ = nix::sys::signal::kill(nix::unistd::getpid(), nix::sys::signal::Signal::SIGSTOP);
    }

    pub(super) fn attach_terminal(&mut self) {
        if let Some(relay) = &mut self.relay
            && relay.is_open()
        {
            relay.listen(self.saved, &self.events);
        }
    }

    /// Writes the events that were noted. As long as the tree is built they may wait a little for
    /// others; then this says how long.
    pub(super) fn write_events(&mut self, life: Life) -> Option<Duration> {
        let due = if life == Life::Creating {
            self.journal.flush_if_due()
        } else {
            self.journal.flush();
            None
        };
        if let Some(errno) = self.journal.take_trouble() {
            self.event_sink.note(&Note::JournalLost { errno });
        }
        due.map(|due| due.since(Moment::now()))
    }
}
