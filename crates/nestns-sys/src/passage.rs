//! The order in which the namespaces of another process are entered: setns(2) with its pidfd.
//!
//! Two steps, with a fork between them, because a PID namespace is entered by children alone. Each asks for capabilities over
//! what is entered, and entering a user namespace exchanges those that the caller has for those inside (R40):
//!
//! 1. The PID namespace, before any user namespace of the process's own, which has no say over the PID namespaces around
//!    it. A caller without a right to it first goes into a user namespace that owns one around it: the *gateway*.
//! 2. Everything else in one call, the user namespace included: the kernel checks all of them with the credentials from
//!    before, and commits to all or to none.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};

/// Step of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The gateway.
    User,
    /// The PID namespace.
    Pid,
    /// The others.
    Others,
}

/// The way into the namespaces of a process.
#[derive(Debug, Clone, Copy)]
pub struct Passage<'a> {
    /// A user namespace to go through.
    pub gateway: Option<BorrowedFd<'a>>,
    /// A pidfd of the process.
    pub target: BorrowedFd<'a>,
    /// Namespaces of the process besides PID that are not the caller's, nor the gateway.
    pub others: CloneFlags,
}

impl Passage<'_> {
    /// Enters the gateway, and the PID namespace for the children of the caller.
    ///
    /// # Errors
    ///
    /// Those of setns(2), with the step.
    pub fn enter_pid(&self) -> Result<(), (Step, Errno)> {
        if let Some(gateway) = self.gateway {
            setns(gateway, CloneFlags::CLONE_NEWUSER).map_err(|errno| (Step::User, errno))?;
        }
        setns(self.target, CloneFlags::CLONE_NEWPID).map_err(|errno| (Step::Pid, errno))
    }

    /// Enters, in the child, all other namespaces at once.
    ///
    /// # Errors
    ///
    /// Those of setns(2), with the step.
    pub fn enter_others(&self) -> Result<(), (Step, Errno)> {
        if self.others.is_empty() {
            return Ok(());
        }
        setns(self.target, self.others).map_err(|errno| (Step::Others, errno))
    }
}
