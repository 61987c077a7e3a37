//! The end of programs of `exec` that nobody waits for any more, and of those in what is taken down: hung up, then killed,
//! with everything in their sessions.

use std::ops::Range;
use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::FAREWELL;
use crate::controller::control::server::ClientId;
use crate::controller::journal::event::Event;
use crate::controller::supervision::Supervision;
use crate::engine::moment::Moment;
use crate::engine::plan::NamespaceIndex;
use crate::observe::session;

impl Supervision<'_> {
    /// A client has hung up, or was killed: nothing that he has started for himself stays.
    pub(in crate::controller::supervision) fn end_sessions_of(&mut self, client: ClientId) {
        let deadline = Moment::now().plus(FAREWELL);
        let own =
            self.sessions.all.values_mut().filter(|session| session.asker.is_some_and(|asker| asker.client == client));
        for session in own {
            session.asker = None;
            session.deadline = Some(deadline);
            signal_session(session.leader, libc::SIGHUP);
            self.world.record(&Event::Signal { path: &session.path, signal: "HUP", by: None });
        }
    }

    /// A stop has begun: guests are told, and those who do not leave go with their namespace.
    pub(in crate::controller::supervision) fn tell_sessions_to_leave(&mut self) {
        for session in self.sessions.all.values() {
            signal_session(session.leader, libc::SIGHUP);
            self.world.record(&Event::Signal { path: &session.path, signal: "HUP", by: None });
        }
    }

    /// The same for those in some of the namespaces, which are taken down.
    pub(in crate::controller::supervision) fn tell_sessions_inside(&self, namespaces: &Range<NamespaceIndex>) {
        for session in self.sessions.all.values().filter(|session| namespaces.contains(&session.subject.namespace)) {
            signal_session(session.leader, libc::SIGHUP);
        }
    }

    /// Kills what has not left in time.
    pub(in crate::controller::supervision) fn end_sessions(&mut self) {
        let now = Moment::now();
        for session in self.sessions.all.values_mut() {
            if session.deadline.is_some_and(|deadline| deadline <= now) {
                signal_session(session.leader, libc::SIGKILL);
                self.world.record(&Event::Signal { path: &session.path, signal: "KILL", by: None });
                // It is killed; what has escaped for a moment by forking is looked for once more.
                session.deadline = Some(now.plus(FAREWELL));
            }
        }
        self.sessions.remnants.retain_mut(|(leader, deadline)| {
            if *deadline > now {
                return true;
            }
            *deadline = now.plus(Duration::from_millis(50));
            signal_session(*leader, libc::SIGKILL) > 0
        });
    }
}

/// Signals every process of a session, each after its identity is confirmed; returns how many there were.
pub(in crate::controller::supervision) fn signal_session(leader: Pid, signal: i32) -> usize {
    let members = session::members(leader).unwrap_or_default();
    for member in &members {
        // It may have ended since.
        if member.pidfd.signal(signal).is_ok() && signal != libc::SIGKILL {
            let _ = member.pidfd.signal(libc::SIGCONT);
        }
    }
    members.len()
}
