//! What comes again in a tree that stands: one process, or a namespace with all that is in it.
//!
//! The same forks as at creation, in the same order; only the gate is another one (see [`Plan::for_latecomers`]), and a
//! failure leaves a half-built part that the keeper ends itself, because the rest of the tree goes on.
//!
//! [`Plan::for_latecomers`]: crate::engine::plan::Plan::for_latecomers

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::{Keeper, Patience, Setback};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{NamespaceIndex, Subject};
use crate::sys::pidfd::Pidfd;

impl Keeper {
    /// From now on whoever is created waits for a word of his own: the common gate has been opened.
    pub fn expect_latecomers(&mut self) {
        self.plan = self.plan.for_latecomers();
    }

    /// Forks one of the keeper's own namespace's processes again.
    ///
    /// # Errors
    ///
    /// `EEXIST` when it lives, or what [`Keeper::fork_process`] fails with.
    pub fn fork_again(&mut self, subject: Subject) -> Result<(), Failure> {
        self.make_sure_it_is_gone(subject)?;
        self.fork_process(subject, &self.plan.namespace(subject.namespace))
    }

    /// Moves a process into its namespace again.
    ///
    /// # Errors
    ///
    /// `EEXIST` when it lives, `ESRCH` when the namespace's PID 1 does not.
    pub fn join_again(&mut self, subject: Subject, patience: &mut dyn Patience) -> Result<Pid, Setback> {
        self.make_sure_it_is_gone(subject)?;
        let init = self.init_of(subject.namespace, subject)?;
        self.join(&self.recruit(subject)?, init, patience)
    }

    /// Creates a namespace again, and all that is in it. When that fails, what there was of it has been killed, and is still
    /// to be reaped.
    ///
    /// # Errors
    ///
    /// `EEXIST` when its PID 1 lives, `ESRCH` when the one around it does not, or those of [`Keeper::raise`].
    pub fn raise_again(&mut self, index: NamespaceIndex, patience: &mut dyn Patience) -> Result<(), Setback> {
        let subject = Subject::init(index);
        self.make_sure_it_is_gone(subject)?;
        let outer = match self.plan.namespace(index).parent {
            around if around == self.home => None,
            Some(around) => Some(self.init_of(around, subject)?),
            None => None,
        };
        let raised = self.raise_inside(index, outer, patience).and_then(|()| self.finish(patience));
        if raised.is_err() {
            self.pending.clear();
            let inside = index..index + self.plan.subtree(index);
            for kid in self.kids.iter().filter(|kid| !kid.gone && inside.contains(&kid.subject.namespace)) {
                // An unreaped child: its number is its own.
                let _ = Pidfd::open(kid.pid).and_then(|pidfd| pidfd.signal(libc::SIGKILL));
            }
        }
        raised
    }

    fn make_sure_it_is_gone(&self, subject: Subject) -> Result<(), Failure> {
        match self.find(subject) {
            None => Ok(()),
            Some(_) => Err(Failure::of_no_call(subject, Stage::Fork, Errno::EEXIST)),
        }
    }

    fn init_of(&self, index: NamespaceIndex, of: Subject) -> Result<Pid, Failure> {
        let init =
            self.find(Subject::init(index)).ok_or_else(|| Failure::of_no_call(of, Stage::EnterPid, Errno::ESRCH))?;
        Ok(init.pid)
    }
}
