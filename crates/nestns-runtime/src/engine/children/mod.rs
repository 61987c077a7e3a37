//! Parent of the processes of a namespace, which creates and reaps them: a builtin init, or, for
//! the roots and everything in a root whose PID 1 is a program, the controller.
//!
//! Creation is sequential in the order of numbers: the parent waits for a child only if the child's
//! subtree takes further numbers. While it creates it holds a constant number of descriptors,
//! because fork copies them (800 µs with 10,000).
//!
//! Reading order: [`Children::create`], `spawn` (the fork itself), `joining` (processes from
//! outside), `rebuild` (restarts).

mod crossing;
mod joining;
mod rebuild;
mod spawn;
mod wait_hook;

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};

pub use crossing::Crossing;
pub use joining::{Entrance, OutsideProcess};
pub use wait_hook::{BuildError, NoHook, WaitHook};

use super::chosen_pids::ChosenPids;
use super::failure::{Failure, Stage};
use super::forked_by::{ForkedBy, RunPidOne};
use super::plan::{InitGroup, NamespaceIndex, NamespacePlan, Order, Plan, ProcessKey, Release};
use super::program;
use super::report::Ending;
use super::sync_channel::{self, SyncMessage};
use joining::JoinedProcess;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::clone::Placement;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap;
use nestns_topology::Entry;
use spawn::{await_child, listen, not_forked};

/// Child of this process.
#[derive(Debug, Clone, Copy)]
pub struct Child {
    /// Number in this process's namespace; it cannot be reused before the child is reaped.
    pub pid: Pid,
    /// Identity.
    pub subject: ProcessKey,
    /// True if it has been reaped.
    pub gone: bool,
}

/// Namespace in creation that has not been waited for yet.
#[derive(Debug)]
struct Pending {
    index: NamespaceIndex,
    pid: Pid,
    channel: OwnedFd,
}

/// Result of reaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// A child of the tree has ended.
    Child(ProcessKey, Ending),
    /// An inherited process has ended.
    Orphan(Pid, Ending),
    /// No child has ended.
    Nothing,
    /// No child is left at all.
    Childless,
}

/// Creator and reaper of processes.
#[derive(Debug)]
pub struct Children {
    plan: Plan,
    /// Namespace that this process is a member of; `None` on the host.
    home: Option<NamespaceIndex>,
    crossing: Crossing,
    run: RunPidOne,
    list: Vec<Child>,
    alive: usize,
    pending: Vec<Pending>,
    /// The namespace that is being created again.
    recreated: Option<NamespaceIndex>,
    /// Memory of the last process from outside. Every page of it that is freed while that process
    /// shares the memory, which it does until it has become its program, is copied first; so it is
    /// kept until the next one.
    spent: Option<JoinedProcess>,
}

impl Children {
    /// Parent in the namespace `home`, or outside all of them.
    pub fn new(
        plan: Plan,
        home: Option<NamespaceIndex>,
        crossing: Crossing,
        run: RunPidOne,
    ) -> Self {
        Self {
            plan,
            home,
            crossing,
            run,
            list: Vec::new(),
            alive: 0,
            pending: Vec::new(),
            recreated: None,
            spent: None,
        }
    }

    /// All children, in the order of creation.
    pub fn list(&self) -> &[Child] {
        &self.list
    }

    /// Number of children that have not been reaped.
    pub fn alive(&self) -> usize {
        self.alive
    }

    /// The child with this identity, if it lives.
    pub fn find(&self, subject: ProcessKey) -> Option<Child> {
        let place = match self
            .list
            .binary_search_by_key(&subject, |child| child.subject)
        {
            Ok(place) if !self.list[place].gone => place,
            // Parallel creation is not in order.
            _ => self
                .list
                .iter()
                .position(|child| child.subject == subject && !child.gone)?,
        };
        Some(self.list[place])
    }

    /// Creates one namespace directly inside this process's, and everything in it.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; the caller has to kill everything created so far.
    pub fn create(
        &mut self,
        index: NamespaceIndex,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<(), BuildError> {
        self.create_inside(index, None, wait_hook)
    }

    /// Waits for all namespaces in creation.
    ///
    /// # Errors
    ///
    /// Those of [`Children::create`].
    pub fn finish(&mut self, wait_hook: &mut dyn WaitHook) -> Result<(), BuildError> {
        self.finish_pending(0, wait_hook)
    }

    /// Forks a process of this process's own namespace.
    ///
    /// # Errors
    ///
    /// The stage and errno of what failed.
    pub fn fork_process(
        &mut self,
        subject: ProcessKey,
        namespace: &NamespacePlan,
    ) -> Result<(), Failure> {
        let pids = namespace.process(subject.slot).map(|process| &process.pids);
        self.fork_process_with(subject, namespace, pids)
    }

    fn fork_process_with(
        &mut self,
        subject: ProcessKey,
        namespace: &NamespacePlan,
        pids: Option<&ChosenPids>,
    ) -> Result<(), Failure> {
        match self.fork_with(subject, pids, Placement::Child)? {
            // The record is decoded in the child: the parent's heap stays small.
            ForkResult::Child => match JoinedProcess::of(subject, namespace) {
                Ok(joined) => joined.run_program(&self.plan, Entry::Fork),
                Err(failure) => program::fail(failure),
            },
            ForkResult::Parent { child } => self.add(child, subject),
        }
        Ok(())
    }

    /// Forks with chosen PIDs, or without.
    fn fork_with(
        &self,
        subject: ProcessKey,
        pids: Option<&ChosenPids>,
        placement: Placement,
    ) -> Result<ForkResult, Failure> {
        let none = ChosenPids::default();
        let pids = pids.unwrap_or(&none);
        let forked = pids.fork(placement, self.plan.release() == Release::Apart);
        forked.map_err(|errno| not_forked(subject, pids, Stage::Fork, errno))
    }

    /// Reaps one ended child. To be called until it finds none: SIGCHLD is a hint, not a count.
    pub fn reap(&mut self) -> Reaped {
        match reap::reap_one() {
            reap::Reaped::Child { pid, status } => {
                let ending = Ending::from_status(status);
                self.remove(pid)
                    .map_or(Reaped::Orphan(pid, ending), |child| {
                        Reaped::Child(child, ending)
                    })
            }
            reap::Reaped::NoneEnded => Reaped::Nothing,
            reap::Reaped::NoChild => Reaped::Childless,
        }
    }

    fn add(&mut self, pid: Pid, subject: ProcessKey) {
        let child = Child {
            pid,
            subject,
            gone: false,
        };
        self.alive += 1;
        if self.plan.release() == Release::Apart
            && let Some(former) = self
                .list
                .iter_mut()
                .find(|child| child.subject == subject && child.gone)
        {
            // Restarts are unlimited: the new process takes the place of the former.
            *former = child;
        } else {
            self.list.push(child);
        }
    }

    /// Removes a child. Numbers ascend in the order of creation but for a wrap-around and for
    /// restarts, so that ten thousand are searched by bisection.
    fn remove(&mut self, pid: Pid) -> Option<ProcessKey> {
        let place = match self.list.binary_search_by_key(&pid, |child| child.pid) {
            Ok(place) if !self.list[place].gone => place,
            _ => self
                .list
                .iter()
                .position(|child| child.pid == pid && !child.gone)?,
        };
        self.alive -= 1;
        let subject = self.list[place].subject;
        if subject.is_from_outside() {
            // Not restarted, and there may be any number of others.
            self.list.remove(place);
        } else {
            self.list[place].gone = true;
        }
        Some(subject)
    }

    fn create_inside(
        &mut self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<(), BuildError> {
        let subject = ProcessKey::init(index);
        let is_root = self.home.is_none() && outer.is_none();
        let forked_by = match (&self.crossing, outer, self.plan.init_group(index)) {
            (Crossing::Direct(_), None, InitGroup::Own) => ForkedBy::Children,
            _ => ForkedBy::Helper,
        };
        let needs_channel =
            is_root || forked_by == ForkedBy::Helper || self.plan.numbers_below(index) > 0;
        let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
        let (mine, theirs) = if needs_channel {
            let (mine, theirs) = sync_channel::pair().map_err(failed(Stage::Channel))?;
            (Some(mine), Some(theirs))
        } else {
            (None, None)
        };
        let known = self.deliver(index, outer, theirs)?;
        let Some(channel) = mine else {
            if let Some(pid) = known {
                self.add(pid, subject);
            }
            return Ok(());
        };
        let pid = match known {
            Some(pid) => pid,
            None => await_child(subject, &channel, wait_hook)?,
        };
        self.add(pid, subject);
        if is_root {
            wait_hook.guard(pid, subject)?;
            sync_channel::send(&channel, SyncMessage::Continue, None)
                .map_err(failed(Stage::Channel))?;
        }
        self.pending.push(Pending {
            index,
            pid,
            channel,
        });
        let most = match self.plan.common().order {
            Order::FileOrder => 0,
            Order::Parallel(jobs) => jobs.saturating_sub(1) as usize,
        };
        self.finish_pending(most, wait_hook)
    }

    /// Serves namespaces in creation until at most `most` are left.
    fn finish_pending(
        &mut self,
        most: usize,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<(), BuildError> {
        while self.pending.len() > most {
            let channels: Vec<_> = self
                .pending
                .iter()
                .map(|pending| pending.channel.as_fd())
                .collect();
            let place = wait_hook.until_readable(&channels)?;
            let Pending {
                index,
                pid,
                ref channel,
            } = self.pending[place];
            match listen(ProcessKey::init(index), channel)?.message {
                SyncMessage::Fork { slot } => {
                    let member = self.join(
                        &self.joined(ProcessKey {
                            namespace: index,
                            slot,
                        })?,
                        pid,
                        wait_hook,
                    )?;
                    let failed = |cause: CallError| {
                        Failure::new(
                            ProcessKey {
                                namespace: index,
                                slot,
                            },
                            Stage::Channel,
                            cause,
                        )
                    };
                    let pidfd = Pidfd::open(member).by(Call::PidfdOpen).map_err(failed)?;
                    sync_channel::send(
                        &self.pending[place].channel,
                        SyncMessage::Forked,
                        Some(pidfd.as_fd()),
                    )
                    .map_err(failed)?;
                }
                SyncMessage::NumbersTaken => {
                    self.pending.remove(place);
                    self.furnish(index, pid, wait_hook)?;
                }
                SyncMessage::Ready | SyncMessage::Continue | SyncMessage::Forked => {
                    return Err(Failure::of_no_call(
                        ProcessKey::init(index),
                        Stage::Channel,
                        Errno::EPROTO,
                    )
                    .into());
                }
            }
        }
        Ok(())
    }

    /// Creates everything in a namespace whose PID 1 is a program, which cannot do it.
    fn furnish(
        &mut self,
        index: NamespaceIndex,
        pid: Pid,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<(), BuildError> {
        if self.plan.numbers_below(index) == 0 {
            return Ok(());
        }
        let namespace = self.plan.namespace(index);
        if namespace.forks_its_members() {
            return Ok(());
        }
        for slot in namespace.declared_slots() {
            self.join(
                &self.joined(ProcessKey {
                    namespace: index,
                    slot,
                })?,
                pid,
                wait_hook,
            )?;
        }
        let plan = self.plan;
        for child in plan.children(index) {
            self.create_inside(child, Some(pid), wait_hook)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::unistd::Pid;

    use super::{BuildError, Children, Crossing, NoHook};
    use crate::engine::failure::Failure;
    use crate::engine::plan::tests::plan;
    use crate::engine::plan::{ProcessKey, Slot};

    /// A parent that has forked no process, in a tree of two namespaces.
    fn children() -> Children {
        let plan = plan(
            "[ns.a]\nproc.one = { actor = 'idle' }\nproc.two = { actor = 'idle' }\n[ns.\"a/b\"]\n",
        );
        Children::new(plan, Some(0), Crossing::Helped(None), |_, _, _, _| {
            std::process::abort()
        })
    }

    fn process(place: u32) -> ProcessKey {
        ProcessKey {
            namespace: 0,
            slot: Slot::Process(place),
        }
    }

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number)
    }

    fn errno<T>(result: Result<T, BuildError>) -> Option<Errno> {
        match result {
            Err(BuildError::Failed(failure)) => Some(failure.errno()),
            _ => None,
        }
    }

    #[test]
    fn a_child_is_found_until_it_is_reaped() {
        let mut children = children();
        for (number, place) in [(40, 0), (41, 1)] {
            children.add(pid(number), process(place));
        }
        assert_eq!(
            (
                children.alive(),
                children.find(process(1)).map(|child| child.pid)
            ),
            (2, Some(pid(41)))
        );
        assert_eq!(children.remove(pid(40)), Some(process(0)));
        assert_eq!(
            children.remove(pid(40)),
            None,
            "it may be a stranger's number by now"
        );
        assert_eq!(children.remove(pid(99)), None);
        assert!(children.find(process(0)).is_none());
        assert_eq!((children.alive(), children.list().len()), (1, 2));
    }

    #[test]
    fn numbers_that_have_wrapped_around_are_found() {
        let mut children = children();
        for (number, place) in [(32_000, 0), (301, 1), (302, 2)] {
            children.add(pid(number), process(place));
        }
        for (number, place) in [(302, 2), (32_000, 0), (301, 1)] {
            assert_eq!(children.remove(pid(number)), Some(process(place)));
        }
    }

    #[test]
    fn what_comes_again_takes_the_place_of_the_one_before() {
        let mut children = children();
        children.add(pid(40), process(0));
        children.add(pid(41), process(1));
        children.expect_latecomers();
        assert_eq!(children.remove(pid(40)), Some(process(0)));
        children.add(pid(50), process(0));
        assert_eq!(children.list().len(), 2);
        assert_eq!(
            children.find(process(0)).map(|child| child.pid),
            Some(pid(50))
        );
    }

    #[test]
    fn members_leave_no_trace() {
        let mut children = children();
        let outside = ProcessKey::session(0, 5);
        children.add(pid(60), outside);
        assert_eq!(children.remove(pid(60)), Some(outside));
        assert!(children.list().is_empty());
    }

    #[test]
    fn what_lives_is_not_created_again() {
        let mut children = children();
        children.add(pid(40), process(0));
        children.add(pid(41), ProcessKey::init(1));
        assert_eq!(
            children
                .fork_again(process(0))
                .as_ref()
                .map_err(Failure::errno),
            Err(Errno::EEXIST)
        );
        assert_eq!(
            errno(children.join_again(process(0), &mut NoHook)),
            Some(Errno::EEXIST)
        );
        assert_eq!(
            errno(children.create_again(1, &mut NoHook)),
            Some(Errno::EEXIST)
        );
    }

    #[test]
    fn nobody_is_moved_in_without_a_pid_one() {
        let joined = ProcessKey {
            namespace: 1,
            slot: Slot::Process(0),
        };
        assert_eq!(
            errno(children().join_again(joined, &mut NoHook)),
            Some(Errno::ESRCH)
        );
    }
}
