//! What processes say about their readiness: lines of their output, their pipes, their sockets.

use std::os::fd::OwnedFd;

use super::World;
use crate::controller::audience::Note;
use crate::controller::journal::record;
use crate::controller::readiness::{Heard, Sender};
use crate::controller::tree::Incident;
use crate::engine::plan::Subject;
use crate::topology::{Notifier, Probe};

impl World<'_> {
    /// A process is about to become its program, and has sent what it will say it is ready on.
    pub(super) fn listen_to(&mut self, subject: Subject, fd: OwnedFd) {
        let namespace = self.tree.plan.namespace(subject.namespace);
        match namespace.process(subject.slot).and_then(|process| process.ready.as_ref()) {
            Some(Probe::Descriptor(_)) => self.voices.add_pipe(subject, fd, &self.events),
            Some(Probe::Notify(_)) => self.voices.add_socket(subject, fd, &self.events),
            _ => {}
        }
    }

    /// Looks for the line that somebody is waited for.
    pub(super) fn look_at_lines(&mut self, subject: Subject, output: &[u8]) {
        let Some(pattern) = self.tree.readiness.awaited_line(subject) else { return };
        if record::lines(output).any(|piece| pattern.is_in(piece.text)) {
            self.tree.incidents.push_back(Incident::Hint(subject));
        }
    }

    /// Somebody says that a process is ready.
    pub(super) fn on_voice(&mut self, place: u32) {
        for Heard { subject, sender } in self.voices.listen(place, &self.events) {
            if sender.is_none_or(|sender| self.speaks_for(subject, sender)) {
                self.tree.incidents.push_back(Incident::Hint(subject));
            } else if let Some(sender) = sender
                && let Some(record) = self.tree.roster.get_mut(subject)
                && !std::mem::replace(&mut record.has_been_spoken_for, true)
            {
                let path = self.tree.path(subject);
                self.audience.note(&Note::NotifyRefused { path: &path, sender: sender.pid.as_raw() });
            }
        }
    }

    /// Whether the sender of a message may speak for a process: it is the process itself, or, where the file says so, one of
    /// the same PID namespace, as the children of a script are. Of one that has ended before it was looked at nothing is known
    /// but a number.
    fn speaks_for(&self, subject: Subject, sender: Sender) -> bool {
        let own = self.tree.roster.get(subject).and_then(|record| record.facts.as_ref());
        // One that has ended in the meantime has not been followed by another with its number, or that would be read.
        let is_itself = own.is_some_and(|own| {
            own.numbers.first() == Some(&sender.pid.as_raw())
                && sender.start_time.is_none_or(|start_time| start_time == own.start_time)
        });
        let namespace = self.tree.plan.namespace(subject.namespace);
        match namespace.process(subject.slot).and_then(|process| process.ready.as_ref()) {
            _ if is_itself => true,
            Some(Probe::Notify(Notifier::All)) => {
                let home = self.tree.roster.namespace(subject.namespace).and_then(|namespace| namespace.facts.as_ref());
                home.is_some_and(|home| sender.namespace == Some(home.inode))
            }
            _ => false,
        }
    }
}
