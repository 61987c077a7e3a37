//! What processes say about their readiness: lines of their output, their pipes, their sockets.

use std::os::fd::OwnedFd;

use nix::unistd::{Pid, geteuid};

use super::{Incident, World};
use crate::controller::journal::record;
use crate::controller::readiness::Heard;
use crate::engine::plan::Subject;
use crate::observe::namespaces::Member;
use crate::topology::Probe;

impl World<'_> {
    /// A process is about to become its program, and has sent what it will say it is ready on.
    pub(super) fn listen_to(&mut self, subject: Subject, fd: OwnedFd) {
        let namespace = self.plan.namespace(subject.namespace);
        match namespace.process(subject.slot).and_then(|process| process.ready.as_ref()) {
            Some(Probe::Descriptor(_)) => self.voices.add_pipe(subject, fd, &self.events),
            Some(Probe::Notify) => self.voices.add_socket(subject, fd, &self.events),
            _ => {}
        }
    }

    /// Looks for the line that somebody is waited for.
    pub(super) fn look_at_lines(&mut self, subject: Subject, output: &[u8]) {
        let Some(pattern) = self.readiness.awaited_line(subject) else { return };
        if record::lines(output).any(|piece| pattern.is_in(piece.text)) {
            self.incidents.push_back(Incident::Hint(subject));
        }
    }

    /// Somebody says that a process is ready.
    pub(super) fn on_voice(&mut self, place: u32) {
        for Heard { subject, sender } in self.voices.listen(place, &self.events) {
            if sender.is_none_or(|(pid, uid)| self.speaks_for(subject, pid, uid)) {
                self.incidents.push_back(Incident::Hint(subject));
            }
        }
    }

    /// Whether the sender of a message may speak for a process: it is the process itself, or lives in the same PID namespace,
    /// as the children of a script do. Of one that has ended since, as `systemd-notify` does at once, only its user is known.
    fn speaks_for(&self, subject: Subject, sender: Pid, uid: u32) -> bool {
        let own = self.roster.get(subject).and_then(super::super::roster::Record::pid);
        if own == Some(sender) {
            return true;
        }
        let home = self.roster.namespace(subject.namespace).and_then(|namespace| namespace.facts.as_ref());
        if let Ok(namespace) = Member::open(sender).and_then(|member| member.pid_namespace()) {
            return home.is_some_and(|home| home.inode == namespace.inode);
        }
        let namespace = self.plan.namespace(subject.namespace);
        let identity = namespace.process(subject.slot).and_then(|process| process.identity.clone());
        uid == geteuid().as_raw() || identity.is_some_and(|identity| identity.uid == uid)
    }
}
