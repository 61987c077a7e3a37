//! `pause` and `resume`: who may be paused, who waits for it, and what becomes of the paused when the tree is stopped.
//!
//! A pause is asked for at once and answered when the kernel says that everything is frozen; nothing waits for that but the
//! client. Whatever takes something down lets it go on first: what is frozen cannot act on a request.

use std::time::Duration;

use nix::unistd::Pid;

use super::Supervision;
use crate::controller::control::message::{Problem, Reply};
use crate::controller::freezer::{Freezer, Hindrance};
use crate::controller::journal::event::{Caller, Event};
use crate::controller::life::Life;
use crate::controller::world::Asker;
use crate::engine::moment::Moment;
use crate::engine::plan::{NamespaceIndex, Subject};
use crate::observe::doctor;
use crate::observe::process;
use crate::observe::subtree::Subtree;
use crate::sys::errno::of_io;
use crate::sys::pidfd::Pidfd;

/// How long everything may take to be frozen: half a millisecond is usual.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked.
const NAP: Duration = Duration::from_millis(1);

/// A pause under way.
#[derive(Debug)]
struct Pending {
    index: NamespaceIndex,
    asker: Asker,
    until: Moment,
    again: Moment,
}

/// What is paused and what is about to be.
#[derive(Debug, Default)]
pub(super) struct Pausing {
    freezer: Freezer,
    pending: Vec<Pending>,
}

impl Pausing {
    /// When something is next to be done.
    pub(super) fn next(&self) -> Option<Moment> {
        self.pending.iter().map(|pending| pending.again.min(pending.until)).min()
    }
}

impl Supervision<'_> {
    /// Freezes a namespace and all that is in it. The answer follows when that is done.
    pub(super) fn pause(&mut self, asker: Asker, path: &str) {
        if let Err(problem) = self.try_pause(asker, path) {
            self.world.refuse(asker, problem);
        }
    }

    fn try_pause(&mut self, asker: Asker, path: &str) -> Result<(), Problem> {
        let index = self.find_open_namespace(path).map_err(|problem| problem.status(1))?;
        match self.life {
            Life::Running | Life::Created if self.world.tree.stop.is_none() => {}
            _ => return Err(Problem::no("the topology is being stopped; nothing of it is paused any more")),
        }
        match self.paused_by(index) {
            Some(by) if by == index => return Err(Problem::no(format!("`{path}` is paused already"))),
            Some(by) => {
                let by = self.plan.namespace(by).path.clone();
                let help = format!("`nestns resume {by}` lets all of it go on");
                return Err(Problem::no(format!("`{path}` is paused already, with `{by}`")).help(help));
            }
            None => {}
        }
        let subtree = self.subtree(index)?;
        let name = self.world.clients.name().to_owned();
        let state = self.world.remains.handle();
        self.pausing
            .freezer
            .freeze(index, subtree, &name, &state)
            .map_err(|hindrance| refusal(&format!("cannot pause `{path}`"), &hindrance))?;
        let now = Moment::now();
        // Nothing starts in it from here on.
        self.world.tree.roster.pause(index);
        self.pausing.pending.push(Pending { index, asker, until: now.plus(PATIENCE), again: now });
        Ok(())
    }

    /// Lets a namespace go on.
    pub(super) fn resume(&mut self, path: &str, by: Caller) -> Result<Reply, Problem> {
        let index = self.plan.find(path).ok_or_else(|| Problem::no(format!("there is no namespace `{path}`")))?;
        match self.paused_by(index) {
            Some(outer) if outer == index => {
                self.thaw(index, Some(by));
                Ok(Reply::Done)
            }
            Some(outer) => {
                let outer = self.plan.namespace(outer).path.clone();
                let help = format!("`nestns resume {outer}` lets all of it go on");
                Err(Problem::no(format!("`{path}` is paused with `{outer}`")).help(help))
            }
            None => Err(Problem::no(format!("`{path}` is not paused"))),
        }
    }

    /// The outermost paused namespace that a namespace is in: itself, or one around it.
    pub(super) fn paused_by(&self, index: NamespaceIndex) -> Option<NamespaceIndex> {
        self.world.tree.roster.paused_by(index)
    }

    /// Refuses what cannot happen in a paused namespace.
    pub(super) fn refuse_paused(&self, index: NamespaceIndex) -> Result<(), Problem> {
        let Some(by) = self.paused_by(index) else { return Ok(()) };
        let (path, by) = (self.plan.namespace(index).path.clone(), self.plan.namespace(by).path.clone());
        let message = if path == by {
            format!("`{path}` is paused; nothing starts in it")
        } else {
            format!("`{path}` is paused with `{by}`; nothing starts in it")
        };
        Err(Problem::no(message).help(format!("`nestns resume {by}` lets it go on")))
    }

    /// Whether a process of this path is in a paused namespace.
    pub(super) fn is_in_paused(&self, path: &str) -> bool {
        self.pausing.freezer.all().into_iter().any(|index| {
            let namespace = self.plan.namespace(index).path.clone();
            path.strip_prefix(&*namespace).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// Lets everything go on, because it is about to be taken down.
    pub(super) fn thaw_all(&mut self) {
        for index in self.pausing.freezer.all() {
            self.thaw(index, None);
        }
    }

    /// Lets go on whatever is paused in a part of the tree that is about to be taken down, and around it.
    pub(super) fn thaw_part(&mut self, index: NamespaceIndex) {
        let inside = index..index + self.plan.subtree(index);
        for paused in self.pausing.freezer.all() {
            let around = paused..paused + self.plan.subtree(paused);
            if inside.contains(&paused) || around.contains(&index) {
                self.thaw(paused, None);
            }
        }
    }

    /// Lets go on what was never quite paused.
    fn give_up(&mut self, index: NamespaceIndex) {
        self.pausing.freezer.thaw(index);
        self.world.tree.roster.resume(index);
    }

    fn thaw(&mut self, index: NamespaceIndex, by: Option<Caller>) {
        self.give_up(index);
        if !self.pausing.pending.iter().any(|pending| pending.index == index) {
            let path = self.plan.namespace(index).path.clone();
            self.world.record(&Event::Resume { path: &path, by });
        }
        for pending in std::mem::take(&mut self.pausing.pending) {
            if pending.index == index {
                let path = self.plan.namespace(index).path.clone();
                self.world.refuse(pending.asker, Problem::no(format!("`{path}` was let go on before it was paused")));
            } else {
                self.pausing.pending.push(pending);
            }
        }
    }

    /// Answers those whose pause is complete, and forgets what was killed while it was paused.
    pub(super) fn look_after_paused(&mut self) {
        if std::mem::take(&mut self.world.home.has_moved) {
            // Without the list they are still found by their names.
            let _ = self.pausing.freezer.note_again(&self.world.remains.handle());
        }
        let is_over = |index: &NamespaceIndex| {
            self.world.tree.roster.namespace(*index).is_some_and(|record| record.members[0].state.is_over())
        };
        let over: Vec<NamespaceIndex> = self.pausing.freezer.all().into_iter().filter(is_over).collect();
        for index in over {
            self.thaw(index, None);
        }
        let now = Moment::now();
        for mut pending in std::mem::take(&mut self.pausing.pending) {
            let path = self.plan.namespace(pending.index).path.clone();
            match self.pausing.freezer.is_frozen(pending.index) {
                Ok(true) => {
                    self.world.record(&Event::Pause { path: &path, by: Some(pending.asker.by) });
                    self.world.reply(pending.asker, Reply::Done);
                }
                Ok(false) if now < pending.until => {
                    pending.again = now.plus(NAP);
                    self.pausing.pending.push(pending);
                }
                Ok(false) => {
                    let laggard = self.pausing.freezer.laggard(pending.index);
                    let who = laggard.map_or_else(String::new, |pid| {
                        format!(": process {pid} waits in the kernel for what cannot be interrupted")
                    });
                    self.give_up(pending.index);
                    let message =
                        format!("`{path}` did not come to rest within {} s{who}; it goes on", PATIENCE.as_secs());
                    self.world.refuse(pending.asker, Problem::no(message));
                }
                Err(hindrance) => {
                    self.give_up(pending.index);
                    self.world.refuse(pending.asker, refusal(&format!("cannot pause `{path}`"), &hindrance));
                }
            }
        }
    }

    /// The members of a namespace, by the namespace of its PID 1, which must still be the one that the roster knows.
    fn subtree(&self, index: NamespaceIndex) -> Result<Subtree, Problem> {
        let path = self.plan.namespace(index).path.clone();
        let gone = || Problem::no(format!("PID 1 of `{path}` has ended"));
        let record = self.world.tree.roster.get(Subject::init(index)).and_then(|record| record.facts.as_ref());
        let known = self.world.tree.roster.namespace(index).and_then(|record| record.facts.as_ref());
        let (Some(facts), Some(known)) = (record, known) else { return Err(gone()) };
        let pid = facts.numbers.first().copied().map(Pid::from_raw).ok_or_else(gone)?;
        let pidfd = Pidfd::open(pid).map_err(|_| gone())?;
        if !process::start_time(pid).is_ok_and(|start| start == facts.start_time) {
            return Err(gone());
        }
        let subtree = Subtree::of(pid, &pidfd)
            .map_err(|error| Problem::no(format!("cannot look into PID 1 of `{path}`: {}", of_io(&error))))?;
        let (id, inode) = subtree.identity();
        let is_known = if known.id.is_some() { id == known.id } else { inode == known.inode };
        if is_known && !pidfd.has_ended() { Ok(subtree) } else { Err(gone()) }
    }
}

fn refusal(what: &str, hindrance: &Hindrance) -> Problem {
    let problem = Problem::no(format!("{what}: {hindrance}"));
    if !hindrance.is_machine() {
        return problem;
    }
    let check = doctor::freezer::check();
    problem.help(check.as_help()).status(4)
}
