//! The topology as clients are told of it: in a few numbers, as a whole, or one thing of it; and
//! what has gone wrong without ending it.

use std::time::SystemTime;

use super::Reactor;
use super::truth::TruthWriter;
use crate::controller::description::Sources;
use crate::controller::document::{namespace_documents, process_documents};
use crate::controller::end_record::seconds;
use crate::controller::journal::Journal;
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::state_directory::Remains;
use crate::controller::tree::Tree;
use crate::controller::truth::{self, Origin};
use nestns_client::documents::Description;
use nestns_client::journal::record::{Gap, Why};
use nestns_client::protocol::message::{Kind, RequestError, Snapshot, Status};
use nestns_observe::{boot, namespaces};

/// Troubles that no other component knows.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Trouble with the state directory.
    pub(super) home: Option<String>,
    /// Processes whose output could not be taken over.
    pub(super) unheard: Vec<String>,
}

/// Sources of the answers to clients.
pub(super) struct Portrait<'a> {
    tree: &'a Tree,
    journal: &'a Journal,
    truth: &'a TruthWriter<'a>,
    remains: &'a Remains,
    origin: &'a Origin,
    since: SystemTime,
    troubles: &'a Troubles,
    is_unguarded: bool,
}

impl<'a> Portrait<'a> {
    pub(super) fn of(reactor: &'a Reactor<'_>) -> Self {
        Self {
            tree: &reactor.tree,
            journal: &reactor.console.journal,
            truth: &reactor.truth,
            remains: reactor.remains,
            origin: reactor.clients.origin,
            since: reactor.clients.since,
            troubles: &reactor.troubles,
            is_unguarded: reactor.guarding.is_lost,
        }
    }

    /// Life-cycle state of the tree, as a word; `ready` if all of it is.
    fn word(&self) -> &'static str {
        match self.tree.life {
            Life::Created | Life::Running if self.tree.roster.is_all_paused() => "paused",
            Life::Running if self.tree.readiness.is_complete() => State::Ready.word(),
            life => life.word(),
        }
    }

    /// Declaration of one thing.
    pub(super) fn describe(&self, path: &str, kind: Kind) -> Result<Description, RequestError> {
        let files: Vec<String> = self
            .origin
            .files
            .iter()
            .map(|file| self.absolute(file))
            .collect();
        let directory = self.remains.directory();
        let sources = Sources {
            roster: &self.tree.roster,
            files: &files,
            directory: &directory,
        };
        let found = match kind {
            Kind::Namespace => self
                .tree
                .plan
                .find(path)
                .map(|index| sources.namespace(index)),
            Kind::Process => {
                let subject = self.tree.plan.find_process(path);
                let described = subject.and_then(|subject| {
                    let lost_output = Some(self.journal.lost(subject)).filter(|&bytes| bytes > 0);
                    Some(Description {
                        lost_output,
                        ..sources.process(subject)?
                    })
                });
                described.or_else(|| self.tree.exec_records.describe(path))
            }
        };
        found.ok_or_else(|| RequestError::Gone {
            path: path.to_owned(),
        })
    }

    fn absolute(&self, file: &str) -> String {
        truth::absolute(&self.tree.plan.common().directory, file)
    }

    /// The topology in a few numbers.
    pub(super) fn status(&self) -> Status {
        let counts = self.tree.plan.counts();
        Status {
            name: self.origin.name.clone(),
            state: self.word().to_owned(),
            namespaces: counts.namespaces,
            processes: counts.processes,
            depth: counts.depth,
            since: seconds(self.since),
            file: self.origin.file.as_deref().map(|file| self.absolute(file)),
            hash: self.origin.hash.clone(),
            controller: nix::unistd::getpid().as_raw(),
            anonymous: self.origin.anonymous,
            problems: self.problems(),
        }
    }

    pub(super) fn unmarked(&self) -> Vec<(String, u64, i32)> {
        let errno = |why| {
            if let Why::Unwritten(errno) = why {
                errno as i32
            } else {
                0
            }
        };
        let unmarked = self.journal.unmarked().into_iter();
        unmarked
            .map(|(name, Gap { bytes, why })| (name.to_string(), bytes, errno(why)))
            .collect()
    }

    /// A sentence each, the gravest first.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.is_unguarded {
            problems.push(
                "it has no guardian: if its controller is killed, processes that have changed their user survive"
                    .to_owned(),
            );
        }
        problems.extend(self.troubles.home.clone());
        problems.extend(self.journal.problems());
        if let Some(errno) = self.truth.problem() {
            problems.push(format!(
                "truth.json is out of date because it cannot be written: {}",
                nestns_sys::errno::spelled(errno)
            ));
        }
        if !self.troubles.unheard.is_empty() {
            let list = self.troubles.unheard.join(", ");
            problems.push(format!(
                "output of {list} is lost: too many open descriptors (ulimit -n)"
            ));
        }
        problems
    }

    /// Snapshot of the tree, `events` being the number of the next event.
    fn snapshot(&self, events: u64) -> Snapshot {
        let Tree {
            roster,
            exec_records,
            ..
        } = self.tree;
        Snapshot {
            status: self.status(),
            boot_id: boot::id(),
            host_pidns: namespaces::own().unwrap_or_default(),
            namespaces: namespace_documents(roster),
            processes: process_documents(roster)
                .into_iter()
                .chain(exec_records.documents(roster))
                .collect(),
            unmarked: self.unmarked(),
            events,
        }
    }
}

/// Snapshot of the topology, as it is at this moment.
pub(super) fn snapshot(reactor: &mut Reactor<'_>) -> Snapshot {
    let events = reactor.console.journal.next_event();
    reactor.tree.exec_records.read();
    Portrait::of(reactor).snapshot(events)
}
