//! The reactor's part of the control socket: what can be answered at once, and what waits for the
//! supervisor.
//!
//! The reactor waits in the middle of a creation too, where nothing of the tree may be changed: a
//! question about the state is answered, a stop is noted, everything else is kept until the tree
//! stands.

use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

use super::Reactor;
use super::portrait::Portrait;
use crate::controller::asker::Asker;
use crate::controller::control::server::{Asked, Heard, Server};
use crate::controller::control::standing::Standing;
use crate::controller::document::dependencies;
use crate::controller::event_sink::Cause;
use crate::controller::life::Life;
use crate::controller::truth::Origin;
use nestns_client::documents::Timeline;
use nestns_client::protocol::message::{Force, Reply, Request, RequestError};
use nestns_sys::moment::Moment;

/// Time that clients have to read the last of the logs and events, when the topology has ended.
const LEAVE: Duration = Duration::from_secs(1);

/// Clients on the control socket, and what they are told about.
#[derive(Debug)]
pub(in crate::controller) struct Clients<'a> {
    pub(in crate::controller) server: Server,
    pub(super) origin: &'a Origin,
    pub(super) since: SystemTime,
}

impl<'a> Clients<'a> {
    pub(super) fn new(server: Server, origin: &'a Origin) -> Self {
        Self {
            server,
            origin,
            since: SystemTime::now(),
        }
    }
}

impl Reactor<'_> {
    /// Tells every client that this is the end, and gives those that read the files of the state
    /// directory a moment to come to their end: a client that hangs up has done so.
    pub(in crate::controller) fn take_leave(&mut self, timeline: Option<&Timeline>) {
        for asker in std::mem::take(&mut self.tree.stop_waiters) {
            let reply = timeline.map_or(Reply::Done, |timeline| {
                Reply::Stopped(Box::new(timeline.clone()))
            });
            self.reply(asker, reply);
        }
        self.clients.server.announce_end(&self.events);
        let end = Moment::now().plus(LEAVE);
        while self.clients.server.is_visited() {
            let left = end.since(Moment::now());
            if left.is_zero() {
                return;
            }
            self.pump(Some(left));
        }
    }

    /// Answers a request.
    pub(in crate::controller) fn reply(&mut self, asker: Asker, reply: Reply) {
        self.reply_with(asker, reply, Vec::new());
    }

    /// Answers a request with descriptors.
    pub(in crate::controller) fn reply_with(
        &mut self,
        asker: Asker,
        reply: Reply,
        descriptors: Vec<OwnedFd>,
    ) {
        // A client that has an answer finds in the events what it is about, and in the truth what
        // it tells to be so.
        self.console.journal.flush();
        if reply.tells_of_the_tree() {
            self.truth.flush(&self.tree);
        }
        self.clients
            .server
            .say(asker.client, asker.id, reply, descriptors, &self.events);
    }

    /// Takes in what clients have said; an answer may be what a client has waited for to say more.
    /// Returns whether there is something new for the supervisor.
    pub(super) fn hear_clients(&mut self) -> bool {
        let known = self.tree.pending.len();
        loop {
            let heard = self.clients.server.take_heard();
            if heard.is_empty() {
                return self.tree.pending.len() > known;
            }
            for heard in heard {
                match heard {
                    Heard::Asked(asked) => self.on_asked(asked),
                    Heard::Closed(client) => {
                        self.tree
                            .stop_waiters
                            .retain(|asker| asker.client != client);
                        self.tree.pending.push_back(Heard::Closed(client));
                    }
                }
            }
        }
    }

    fn on_asked(&mut self, heard: Asked) {
        let asker = Asker {
            client: heard.client,
            id: heard.id,
            by: heard.by,
        };
        if self.tree.life == Life::Gone {
            // The client has come when everything was over.
            self.reply(asker, Reply::RequestError(RequestError::TopologyEnded));
            self.clients.server.take_up(asker.client, &self.events);
            return;
        }
        if let Standing::Inside(namespaces) = &heard.standing {
            let reply = self
                .answer_inside(&heard.request, namespaces)
                .unwrap_or_else(Reply::RequestError);
            self.reply(asker, reply);
            self.clients.server.take_up(asker.client, &self.events);
            return;
        }
        match heard.request {
            Request::Status => {
                let status = Portrait::of(self).status();
                self.reply(asker, Reply::Status(Box::new(status)));
            }
            Request::RefreshTruth => {
                self.truth.refresh(&self.tree);
                self.reply(asker, Reply::Done);
            }
            Request::Describe { ref path, kind } => {
                let description = Portrait::of(self).describe(path, kind);
                self.reply(
                    asker,
                    description
                        .map_or_else(Reply::RequestError, |one| Reply::Description(Box::new(one))),
                );
            }
            Request::Dependencies => {
                let after = dependencies(&self.tree.roster);
                self.reply(asker, Reply::Dependencies(after));
            }
            Request::Stop { ref paths, force } if paths.is_empty() => {
                self.tree.stop_waiters.push(asker);
                if let (Force::AskWithin(milliseconds), None) = (force, &self.tree.stop) {
                    self.tree.stop_end =
                        Some(Moment::now().plus(Duration::from_millis(milliseconds)));
                }
                self.tree.request_stop(Cause::Asked);
                if force == Force::Kill {
                    self.tree.stop_again = true;
                }
            }
            _ => {
                self.tree.pending.push_back(Heard::Asked(heard));
                return;
            }
        }
        self.clients.server.take_up(asker.client, &self.events);
    }
}
