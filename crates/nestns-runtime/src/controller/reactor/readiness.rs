//! Messages of processes about their readiness: lines of their output, their pipes, their sockets.

use super::Reactor;
use crate::controller::event_sink::Note;
use crate::controller::readiness::Heard;
use crate::controller::tree::Incident;

impl Reactor<'_> {
    /// Takes in a message that a process is ready.
    pub(super) fn on_voice(&mut self, place: u32) {
        for Heard { subject, sender } in self.listeners.listen(place, &self.events) {
            if sender.is_none_or(|sender| self.tree.speaks_for(subject, sender)) {
                self.tree.incidents.push_back(Incident::Hint(subject));
            } else if let Some(sender) = sender
                && let Some(record) = self.tree.roster.get_mut(subject)
                && !std::mem::replace(&mut record.has_been_spoken_for, true)
            {
                let path = self.tree.path(subject);
                self.console.event_sink.note(&Note::NotifyRefused {
                    path: &path,
                    sender: sender.pid.as_raw(),
                });
            }
        }
    }
}
