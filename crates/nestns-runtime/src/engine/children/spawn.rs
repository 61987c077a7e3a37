//! The fork of a new PID 1: directly, or by helpers if the kernel requires one in between.
//!
//! A PID namespace can be made only below one's own (R9): for a namespace inside one whose PID 1 is
//! a program a helper goes in, numbered so that it takes none of the numbers that count, and makes
//! the new PID 1 its sibling. `setns(own pidfd, CLONE_NEWPID)` sets the namespace for children
//! back, which is refused to an unprivileged process in the namespace that it started in (R16):
//! there a helper does the unsharing, and the controller, as subreaper, inherits the child.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{ForkResult, Pid};

use super::{BuildError, Children, Crossing, WaitHook};
use crate::engine::chosen_pids::ChosenPids;
use crate::engine::failure::{Failure, Stage};
use crate::engine::forked_by::ForkedBy;
use crate::engine::plan::{InitGroup, NamespaceIndex, ProcessKey, Release};
use crate::engine::program;
use crate::engine::sync_channel::{self, Received, SyncMessage};
use nestns_sys::call::{Call, Named};
use nestns_sys::clone::{Placement, fork_group_leader, fork_without_number};
use nestns_sys::fork::fork;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::{dumpable, reap};

/// Pause for `user.max_pid_namespaces`: a namespace that has just ended may count for about 30 ms
/// more (R22).
const SLOT_RETURN: Duration = Duration::from_millis(10);
/// Number of such pauses.
const SLOT_RETRIES: usize = 10;

impl Children {
    /// Forks the new PID 1, directly or through helpers. Its number is known only if no helper was
    /// in between.
    pub(super) fn deliver(
        &self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        channel: Option<OwnedFd>,
    ) -> Result<Option<Pid>, Failure> {
        let subject = ProcessKey::init(index);
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        let pids = self.pids_of(index);
        match (&self.crossing, outer) {
            (Crossing::Direct(_), None)
                if self.plan.init_group(index) == InitGroup::LedFromOutside =>
            {
                match self
                    .fork_helper(index)
                    .map_err(failed(Stage::NumberHelper))?
                {
                    ForkResult::Child => self.deliver_beside(index, channel),
                    ForkResult::Parent { child } => await_helper(subject, child)?,
                }
                Ok(None)
            }
            (Crossing::Direct(_), None) if !pids.is_empty() => {
                let fork = || {
                    pids.fork(
                        Placement::ChildInNewNamespace,
                        self.plan.release() == Release::Apart,
                    )
                };
                match while_full(fork)
                    .map_err(|errno| not_forked(subject, &pids, Stage::UnsharePid, errno))?
                {
                    ForkResult::Child => (self.run)(self.plan, index, channel, ForkedBy::Children),
                    ForkResult::Parent { child } => Ok(Some(child)),
                }
            }
            (Crossing::Direct(myself), None) => {
                unshare_pid().map_err(failed(Stage::UnsharePid))?;
                let child = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => (self.run)(self.plan, index, channel, ForkedBy::Children),
                    ForkResult::Parent { child } => child,
                };
                setns(myself, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::ReturnHome))?;
                Ok(Some(child))
            }
            (Crossing::Direct(myself), Some(outer)) => {
                let outer = Pidfd::open(outer)
                    .by(Call::PidfdOpen)
                    .map_err(|cause| Failure::new(subject, Stage::EnterPid, cause))?;
                setns(&outer, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
                // As for a joined process: it is visible to all processes there.
                self.hide();
                let helper = match self.fork_helper(index) {
                    Ok(ForkResult::Child) => self.deliver_beside(index, channel),
                    Ok(ForkResult::Parent { child }) => Ok(child),
                    Err(errno) => Err(failed(Stage::NumberHelper)(errno)),
                };
                dumpable::show();
                let helper = helper?;
                setns(myself, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::ReturnHome))?;
                await_helper(subject, helper)?;
                Ok(None)
            }
            (Crossing::Helped(user), outer) => {
                let helper = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => {
                        self.deliver_as_helper(index, outer, channel, user.as_ref())
                    }
                    ForkResult::Parent { child } => child,
                };
                await_helper(subject, helper)?;
                Ok(None)
            }
        }
    }

    /// Body of the helper of an unprivileged controller: enters the user namespace, makes the PID
    /// namespace, forks, ends.
    fn deliver_as_helper(
        &self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        channel: Option<OwnedFd>,
        user: Option<&OwnedFd>,
    ) -> ! {
        let subject = ProcessKey::init(index);
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        let work = || -> Result<(), Failure> {
            enter_user(subject, user)?;
            let Some(outer) = outer else {
                self.lead(index);
                unshare_pid().map_err(failed(Stage::UnsharePid))?;
                if fork().map_err(failed(Stage::Fork))?.is_child() {
                    (self.run)(self.plan, index, channel, ForkedBy::Helper);
                }
                return Ok(());
            };
            let outer = Pidfd::open(outer)
                .by(Call::PidfdOpen)
                .map_err(|cause| Failure::new(subject, Stage::EnterPid, cause))?;
            setns(&outer, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
            self.hide();
            match self
                .fork_helper(index)
                .map_err(failed(Stage::NumberHelper))?
            {
                ForkResult::Child => self.deliver_beside(index, channel),
                // The new PID 1 is this helper's child; when the helper ends it becomes the
                // controller's.
                ForkResult::Parent { child } => await_helper(subject, child),
            }
        };
        match work() {
            Ok(()) => program::leave(0),
            Err(failure) => program::fail(failure),
        }
    }

    /// Body of a helper in the namespace around the new one: made by fork, the new PID 1 would be a
    /// child of the helper and then of the PID 1 there, which may be a program that does not reap
    /// it; of the controller's it would be lost.
    fn deliver_beside(&self, index: NamespaceIndex, channel: Option<OwnedFd>) -> ! {
        self.lead(index);
        let pids = &self.pids_of(index);
        let clone = || {
            pids.fork(
                Placement::SiblingInNewNamespace,
                self.plan.release() == Release::Apart,
            )
        };
        match while_full(clone) {
            Ok(ForkResult::Child) => (self.run)(self.plan, index, channel, ForkedBy::Helper),
            Ok(ForkResult::Parent { .. }) => program::leave(0),
            Err(errno) => program::fail(not_forked(
                ProcessKey::init(index),
                pids,
                Stage::CloneSibling,
                errno,
            )),
        }
    }

    /// PIDs of the PID 1 of a namespace. Where none are chosen its record is not decoded: that is done in the child, and the
    /// parent's heap stays small.
    fn pids_of(&self, index: NamespaceIndex) -> ChosenPids {
        if !self.plan.has_chosen_pids() {
            return ChosenPids::default();
        }
        let pids = &self.plan.namespace(index).pids;
        if self.recreated == Some(index) {
            pids.declared()
        } else {
            pids.clone()
        }
    }

    /// Hides this process and what it forks next from programs. While the tree is built there are
    /// none, and the controller has to look into its processes.
    pub(super) fn hide(&self) {
        if self.plan.release() == Release::Apart {
            dumpable::hide();
        }
    }

    /// Forks a helper into the namespace around `index` that takes none of the numbers below the
    /// host that count.
    fn fork_helper(&self, index: NamespaceIndex) -> nix::Result<ForkResult> {
        let levels = self.plan.namespace(index).level() - 1;
        match self.plan.init_group(index) {
            InitGroup::Own => fork_without_number(levels),
            InitGroup::LedFromOutside => fork_group_leader(levels, index as usize),
        }
    }

    /// Makes a helper, which is about to fork the PID 1 of `index`, the leader of its process group,
    /// if it is to be led from outside: a group that has nothing outside the namespace in it, once
    /// the helper has ended (R48).
    fn lead(&self, index: NamespaceIndex) {
        if self.plan.init_group(index) == InitGroup::LedFromOutside {
            program::begin_group();
        }
    }
}

/// Failure of a fork; the chosen PIDs are its reason where there are any.
pub(super) fn not_forked(
    subject: ProcessKey,
    pids: &ChosenPids,
    stage: Stage,
    errno: Errno,
) -> Failure {
    match errno {
        Errno::EEXIST | Errno::EINVAL | Errno::EPERM | Errno::ENOSYS if !pids.is_empty() => {
            Failure::with(subject, Stage::ChoosePid, errno, pids.described())
        }
        errno => Failure::new(subject, stage, errno),
    }
}

fn enter_user(subject: ProcessKey, user: Option<&OwnedFd>) -> Result<(), Failure> {
    match user {
        Some(user) => setns(user, CloneFlags::CLONE_NEWUSER)
            .map_err(|errno| Failure::new(subject, Stage::EnterUser, errno)),
        None => Ok(()),
    }
}

/// `unshare(CLONE_NEWPID)`.
fn unshare_pid() -> nix::Result<()> {
    while_full(|| unshare(CloneFlags::CLONE_NEWPID))
}

/// A call that creates a PID namespace, tried again for a bounded time if the limit is reached,
/// because a slot may be about to become free.
fn while_full<T>(create: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    for _ in 0..SLOT_RETRIES {
        match create() {
            Err(Errno::ENOSPC) => std::thread::sleep(SLOT_RETURN),
            result => return result,
        }
    }
    create()
}

/// Waits for a helper, which does a handful of system calls and ends.
pub(super) fn await_helper(subject: ProcessKey, helper: Pid) -> Result<(), Failure> {
    match reap::await_child(helper).by(Call::Waitpid) {
        Ok(0) => Ok(()),
        // It has reported the cause itself, unless it was killed.
        Ok(_) => Err(Failure::of_no_call(
            subject,
            Stage::Adopt,
            Errno::UnknownErrno,
        )),
        Err(cause) => Err(Failure::new(subject, Stage::Adopt, cause)),
    }
}

/// Waits for the first message of a new PID 1, beside which the kernel has written its number in
/// this process's namespace.
pub(super) fn await_child(
    subject: ProcessKey,
    channel: &OwnedFd,
    wait_hook: &mut dyn WaitHook,
) -> Result<Pid, BuildError> {
    loop {
        wait_hook.until_readable(&[channel.as_fd()])?;
        let Received {
            message, sender, ..
        } = listen(subject, channel)?;
        // A helper that was in between has ended by now, so that the new PID 1 is a child of this
        // process. Any other process that has got hold of the channel is not.
        if message == SyncMessage::Ready && reap::is_child(sender) {
            return Ok(sender);
        }
    }
}

pub(super) fn listen(subject: ProcessKey, channel: &OwnedFd) -> Result<Received, Failure> {
    sync_channel::receive(channel)
        .map_err(|cause| Failure::new(subject, Stage::Channel, cause))?
        // The channel is closed by its death alone.
        .ok_or_else(|| Failure::new(subject, Stage::Died, Errno::UnknownErrno))
}
