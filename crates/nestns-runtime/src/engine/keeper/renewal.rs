//! Restarts in a running tree: of one process, or of a namespace with everything in it.
//!
//! The same forks as at creation, in the same order; only the gate is another one (see [`Plan::for_latecomers`]), and
//! after a failure the parent itself ends the half-built part, because the rest of the tree goes on.
//!
//! [`Plan::for_latecomers`]: crate::engine::plan::Plan::for_latecomers

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::{Keeper, Patience, Setback};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{NamespaceIndex, Subject};
use nestns_sys::pidfd::Pidfd;

impl Keeper {
    /// Has every process that is created from now on wait for a signal of its own: the common gate has been opened.
    pub fn expect_latecomers(&mut self) {
        self.plan = self.plan.for_latecomers();
    }

    /// Forks a process of this process's own namespace again.
    ///
    /// # Errors
    ///
    /// `EEXIST` if it lives, or an error of [`Keeper::fork_process`].
    pub fn fork_again(&mut self, subject: Subject) -> Result<(), Failure> {
        self.make_sure_it_is_gone(subject)?;
        self.fork_process(subject, &self.plan.namespace(subject.namespace))
    }

    /// Moves a process into its namespace again.
    ///
    /// # Errors
    ///
    /// `EEXIST` if it lives, `ESRCH` if the namespace's PID 1 does not.
    pub fn join_again(&mut self, subject: Subject, patience: &mut dyn Patience) -> Result<Pid, Setback> {
        self.make_sure_it_is_gone(subject)?;
        let init = self.init_of(subject.namespace, subject)?;
        self.join(&self.recruit(subject)?, init, patience)
    }

    /// Creates a namespace again, and everything in it. On failure, its processes have been killed, and are still to be
    /// reaped.
    ///
    /// # Errors
    ///
    /// `EEXIST` if its PID 1 lives, `ESRCH` if the one around it does not, or those of [`Keeper::raise`].
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
                // An unreaped child: its number is not reused.
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
