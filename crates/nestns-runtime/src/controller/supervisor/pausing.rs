//! `pause` and `resume`: what may be paused, the clients that wait for it, and the fate of the
//! paused when the tree is stopped.
//!
//! A pause is asked for at once and answered when the kernel says that everything is frozen;
//! nothing waits for that but the client. Whatever takes something down lets it go on first: what
//! is frozen cannot act on a request.

use std::time::Duration;

use nix::unistd::Pid;

use super::edge::Edge;
use super::rules;
use crate::controller::asker::Asker;
use crate::controller::life::Life;
use crate::controller::tree::Tree;
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use nestns_client::journal::event::{Caller, Event};
use nestns_client::protocol::message::{Reply, RequestError};
use nestns_sys::moment::Moment;

/// Time that everything may take to be frozen: half a millisecond is usual.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Interval between looks.
const NAP: Duration = Duration::from_millis(1);

/// The freezer, as far as pausing uses it.
pub(in crate::controller) trait Freeze {
    /// Freezes a namespace with all that is in it; when everything is, `is_frozen` says so.
    fn freeze(&mut self, tree: &Tree, index: NamespaceIndex) -> Result<(), RequestError>;
    /// True if everything of a namespace is frozen.
    fn is_frozen(&mut self, tree: &Tree, index: NamespaceIndex) -> Result<bool, RequestError>;
    /// The first member that is not frozen: one that waits in the kernel for what cannot be
    /// interrupted.
    fn laggard(&self, index: NamespaceIndex) -> Option<Pid>;
    /// Lets a namespace go on.
    fn thaw(&mut self, index: NamespaceIndex);
    /// Notes everything that is paused in the state directory, which has been made again.
    fn note_again(&self);
}

/// A pause under way.
#[derive(Debug)]
struct Pending {
    index: NamespaceIndex,
    asker: Asker,
    until: Moment,
    again: Moment,
}

/// Namespaces that are paused or about to be.
pub(super) struct Pausing<'a> {
    freezer: Box<dyn Freeze + 'a>,
    pending: Vec<Pending>,
}

impl<'a> Pausing<'a> {
    /// Creates the state in which nothing is paused.
    pub(super) fn new(freezer: Box<dyn Freeze + 'a>) -> Self {
        Self {
            freezer,
            pending: Vec::new(),
        }
    }
}

impl Pausing<'_> {
    /// Moment of the next thing to do.
    pub(super) fn next(&self) -> Option<Moment> {
        self.pending
            .iter()
            .map(|pending| pending.again.min(pending.until))
            .min()
    }

    /// Notes everything again in a state directory that has been made again.
    pub(super) fn note_again(&self) {
        self.freezer.note_again();
    }

    /// Freezes a namespace and all that is in it. The answer follows when that is done.
    pub(super) fn pause(&mut self, edge: &mut dyn Edge, asker: Asker, path: &str) {
        if let Err(problem) = self.try_pause(edge, asker, path) {
            edge.refuse(asker, problem);
        }
    }

    fn try_pause(
        &mut self,
        edge: &mut dyn Edge,
        asker: Asker,
        path: &str,
    ) -> Result<(), RequestError> {
        let tree = edge.tree();
        let index = rules::find_open_namespace(tree, path)?;
        match tree.life {
            Life::Running | Life::Created if tree.stop.is_none() => {}
            _ => return Err(RequestError::TooLateToPause),
        }
        if let Some(by) = tree.roster.paused_by(index) {
            return Err(RequestError::PausedAlready {
                path: path.to_owned(),
                by: tree.plan.namespace(by).path.clone(),
            });
        }
        self.freezer.freeze(tree, index)?;
        let now = edge.now();
        // Nothing starts in it from here on.
        edge.tree_mut().roster.pause(index);
        self.pending.push(Pending {
            index,
            asker,
            until: now.plus(TIMEOUT),
            again: now,
        });
        Ok(())
    }

    /// Lets a namespace go on.
    pub(super) fn resume(
        &mut self,
        edge: &mut dyn Edge,
        path: &str,
        by: Caller,
    ) -> Result<Reply, RequestError> {
        let tree = edge.tree();
        let index = tree
            .plan
            .find(path)
            .ok_or_else(|| RequestError::NoNamespace {
                path: path.to_owned(),
            })?;
        match tree.roster.paused_by(index) {
            Some(outer) if outer == index => {
                self.thaw(edge, index, Some(by));
                Ok(Reply::Done)
            }
            Some(outer) => Err(RequestError::PausedWith {
                path: path.to_owned(),
                by: tree.plan.namespace(outer).path.clone(),
            }),
            None => Err(RequestError::NotPaused {
                path: path.to_owned(),
            }),
        }
    }

    /// Lets everything go on, because it is about to be taken down.
    pub(super) fn thaw_all(&mut self, edge: &mut dyn Edge) {
        for index in edge.tree().roster.paused() {
            self.thaw(edge, index, None);
        }
    }

    /// Lets go on whatever is paused in a namespace that is about to be taken down, and around it.
    pub(super) fn thaw_inside(&mut self, edge: &mut dyn Edge, index: NamespaceIndex) {
        let plan = edge.tree().plan;
        let inside = index..index + plan.subtree(index);
        for paused in edge.tree().roster.paused() {
            let around = paused..paused + plan.subtree(paused);
            if inside.contains(&paused) || around.contains(&index) {
                self.thaw(edge, paused, None);
            }
        }
    }

    /// Lets go on what was never quite paused.
    fn give_up(&mut self, edge: &mut dyn Edge, index: NamespaceIndex) {
        self.freezer.thaw(index);
        edge.tree_mut().roster.resume(index);
    }

    fn thaw(&mut self, edge: &mut dyn Edge, index: NamespaceIndex, by: Option<Caller>) {
        self.give_up(edge, index);
        let path = edge.tree().plan.namespace(index).path.clone();
        if !self.pending.iter().any(|pending| pending.index == index) {
            edge.record(&Event::Resume { path: &path, by });
        }
        for pending in self
            .pending
            .extract_if(.., |pending| pending.index == index)
        {
            edge.refuse(pending.asker, RequestError::Resumed { path: path.clone() });
        }
    }

    /// Answers the clients whose pause is complete, and forgets what was killed while it was
    /// paused.
    pub(super) fn look_after(&mut self, edge: &mut dyn Edge) {
        let is_over = |index: &NamespaceIndex| {
            let init = edge.tree().roster.get(ProcessKey::init(*index));
            init.is_some_and(|init| init.state.is_over())
        };
        let over: Vec<NamespaceIndex> = edge
            .tree()
            .roster
            .paused()
            .into_iter()
            .filter(is_over)
            .collect();
        for index in over {
            self.thaw(edge, index, None);
        }
        let now = edge.now();
        for mut pending in std::mem::take(&mut self.pending) {
            let path = edge.tree().plan.namespace(pending.index).path.clone();
            match self.freezer.is_frozen(edge.tree(), pending.index) {
                Ok(true) => {
                    edge.record(&Event::Pause {
                        path: &path,
                        by: Some(pending.asker.by),
                    });
                    edge.reply(pending.asker, Reply::Done);
                }
                Ok(false) if now < pending.until => {
                    pending.again = now.plus(NAP);
                    self.pending.push(pending);
                }
                Ok(false) => {
                    let laggard = self.freezer.laggard(pending.index);
                    self.give_up(edge, pending.index);
                    let laggard = laggard.map(Pid::as_raw);
                    edge.refuse(
                        pending.asker,
                        RequestError::NotAtRest {
                            path,
                            seconds: TIMEOUT.as_secs(),
                            laggard,
                        },
                    );
                }
                Err(problem) => {
                    self.give_up(edge, pending.index);
                    edge.refuse(pending.asker, problem);
                }
            }
        }
    }
}
