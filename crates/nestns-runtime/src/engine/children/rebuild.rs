//! Restarts in a running tree: of one process, or of a namespace with everything in it.
//!
//! The same forks as at creation, in the same order; only the gate is another one (see
//! [`Plan::for_latecomers`]), and after a failure the parent itself ends the half-built part,
//! because the rest of the tree goes on.
//!
//! [`Plan::for_latecomers`]: crate::engine::plan::Plan::for_latecomers

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

use super::{BuildError, Children, WaitHook};
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use nestns_sys::pidfd::Pidfd;

impl Children {
    /// Has every process that is created from now on wait for a signal of its own: the common gate
    /// has been opened.
    pub fn expect_latecomers(&mut self) {
        self.plan = self.plan.for_latecomers();
    }

    /// Forks a process of this process's own namespace again.
    ///
    /// # Errors
    ///
    /// `EEXIST` if it lives, or an error of [`Children::fork_process`].
    pub fn fork_again(&mut self, subject: ProcessKey) -> Result<(), Failure> {
        self.make_sure_it_is_gone(subject)?;
        let namespace = self.plan.namespace(subject.namespace);
        let process = namespace.process(subject.slot);
        let pids = process.map(|process| process.pids.declared());
        self.fork_process_with(subject, &namespace, pids.as_ref())
    }

    /// Moves a process into its namespace again.
    ///
    /// # Errors
    ///
    /// `EEXIST` if it lives, `ESRCH` if the namespace's PID 1 does not.
    pub fn join_again(
        &mut self,
        subject: ProcessKey,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<Pid, BuildError> {
        self.make_sure_it_is_gone(subject)?;
        let init = self.init_of(subject.namespace, subject)?;
        let joined = self.joined(subject)?.with_declared_pids();
        self.join(&joined, init, wait_hook)
    }

    /// Creates a namespace again, and everything in it. On failure, its processes have been killed,
    /// and are still to be reaped.
    ///
    /// # Errors
    ///
    /// `EEXIST` if its PID 1 lives, `ESRCH` if the one around it does not, or those of
    /// [`Children::create`].
    pub fn create_again(
        &mut self,
        index: NamespaceIndex,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<(), BuildError> {
        let subject = ProcessKey::init(index);
        self.make_sure_it_is_gone(subject)?;
        let outer = match self.plan.namespace(index).parent {
            around if around == self.home => None,
            Some(around) => Some(self.init_of(around, subject)?),
            None => None,
        };
        self.recreated = Some(index);
        let raised = self
            .create_inside(index, outer, wait_hook)
            .and_then(|()| self.finish(wait_hook));
        self.recreated = None;
        if raised.is_err() {
            self.pending.clear();
            let inside = index..index + self.plan.subtree(index);
            for child in self
                .list
                .iter()
                .filter(|child| !child.gone && inside.contains(&child.subject.namespace))
            {
                // An unreaped child: its number is not reused.
                let _ = Pidfd::open(child.pid).and_then(|pidfd| pidfd.signal(libc::SIGKILL));
            }
        }
        raised
    }

    fn make_sure_it_is_gone(&self, subject: ProcessKey) -> Result<(), Failure> {
        match self.find(subject) {
            None => Ok(()),
            Some(_) => Err(Failure::of_no_call(subject, Stage::Fork, Errno::EEXIST)),
        }
    }

    fn init_of(&self, index: NamespaceIndex, of: ProcessKey) -> Result<Pid, Failure> {
        let init = self
            .find(ProcessKey::init(index))
            .ok_or_else(|| Failure::of_no_call(of, Stage::EnterPid, Errno::ESRCH))?;
        Ok(init.pid)
    }
}
