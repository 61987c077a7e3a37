//! What programs write, and the terminal of the one that has one: heard, kept in the journal, shown.

use nix::sys::epoll::EpollFlags;

use super::World;
use crate::controller::audience::{Line, Note, Stream};
use crate::controller::journal::record;
use crate::controller::relay::Relay;
use crate::controller::streams::Arrival;
use crate::controller::tree::Incident;
use crate::engine::moment::Moment;
use crate::engine::plan::Subject;
use crate::engine::refusal::Refusal;
use crate::engine::report::Ending;

impl World<'_> {
    /// Takes in what programs have written by now, though nobody may want to hear it yet, for a bounded time.
    pub(in crate::controller) fn drain_programs(&mut self, until: Moment) {
        loop {
            let ready = self.events.programs();
            if ready.is_empty() || until <= Moment::now() {
                return;
            }
            for ready in ready {
                self.on_ready(ready);
            }
        }
    }

    /// A process does not become its program.
    pub(super) fn on_refusal(&mut self, subject: Subject, refusal: Refusal) {
        if subject.session_number().is_some() {
            self.tree.incidents.push_back(Incident::SessionRefused(subject, refusal));
            return;
        }
        if subject.probed().is_some() {
            self.tree.incidents.push_back(Incident::ProbeRefused(subject, refusal));
            return;
        }
        if let Some(record) = self.tree.roster.get_mut(subject) {
            record.refusal = Some(refusal.clone());
        }
        let path = self.tree.path(subject);
        let position = if subject.is_visitor() {
            crate::topology::Position::default()
        } else {
            self.tree
                .plan
                .namespace(subject.namespace)
                .process(subject.slot)
                .map_or_else(crate::topology::Position::default, |process| process.position)
        };
        self.audience.note(&Note::Refused { path: &path, position, refusal: &refusal });
        self.tree.incidents.push_back(Incident::Refused(subject));
    }

    /// Something has ended. Whatever it has done before comes first, in whichever order the descriptors are read: that it
    /// has become its program, and where a PID 1 takes others along, that those have.
    pub(in crate::controller) fn note_ended(&mut self, subject: Subject, ending: Ending, at: Moment) {
        if subject.is_init() {
            let inside = subject.namespace..subject.namespace + self.tree.plan.subtree(subject.namespace);
            for member in self.streams.awaited_in(inside) {
                self.hear_outcome(member);
            }
        }
        self.hear_outcome(subject);
        self.tree.incidents.push_back(Incident::Ended(subject, ending, at));
    }

    /// Reads how a process's exec went: its message, where it failed, and the end of the pipe.
    fn hear_outcome(&mut self, subject: Subject) {
        for _ in 0..2 {
            let Some(place) = self.streams.outcome_of(subject).filter(|&place| self.streams.is_readable(place)) else {
                return;
            };
            self.on_stream(place);
        }
    }

    pub(super) fn on_stream(&mut self, place: u32) {
        match self.streams.take(place, &self.events) {
            Arrival::Nothing => {}
            Arrival::Started(subject) => self.tree.incidents.push_back(Incident::Started(subject)),
            Arrival::Refused(subject, refusal) => self.on_refusal(subject, refusal),
            Arrival::Output { subject, path, kind, output } => {
                self.journal.log(subject, kind, &output);
                self.look_at_lines(subject, &output);
                if self.output.is_closed() {
                    return;
                }
                let is_raw = self.relay.as_ref().is_some_and(Relay::is_raw);
                let mut shown = Vec::with_capacity(2 * output.len());
                for record::Piece { text, .. } in record::lines(&output) {
                    let line = Line { subject, path: &path, stream: kind, text };
                    shown.extend(self.audience.line(&line));
                    if is_raw && shown.last() == Some(&b'\n') {
                        shown.pop();
                        shown.extend_from_slice(b"\r\n");
                    }
                }
                self.output.push(&shown, &self.events);
            }
        }
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
                None => relay.hang_up(self.saved, &self.events),
            }
        }
    }

    /// Keeps what comes from a terminal that has no other reader.
    pub(in crate::controller) fn log_terminal(&mut self, bytes: &[u8]) {
        if self.output.is_closed()
            && let Some(subject) = self.terminal
        {
            // A prompt is no line, and whoever attaches wants to see it.
            self.journal.log(subject, Stream::Stdout, bytes);
        }
    }
}
