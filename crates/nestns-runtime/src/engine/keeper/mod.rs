//! Parent of the processes of a namespace, which creates and reaps them: a builtin init, or, for the roots and
//! everything in a root whose PID 1 is a program, the controller.
//!
//! Creation is sequential in the order of numbers: the parent waits for a child only if the child's subtree takes
//! further numbers. While it creates it holds a constant number of descriptors, because fork copies them (800 µs with
//! 10,000).
//!
//! Reading order: [`Keeper::raise`], `delivery` (the fork itself), `joining` (processes from outside), `renewal`
//! (restarts).

mod crossing;
mod delivery;
mod joining;
mod patience;
mod renewal;

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::{ForkResult, Pid};

pub use crossing::Crossing;
pub use joining::{Entrance, Guest};
pub use patience::{Patience, Setback, Undisturbed};

use super::failure::{Failure, Stage};
use super::forked_by::{ForkedBy, RunPidOne};
use super::nursery::{self, Word};
use super::plan::{NamespaceIndex, NamespacePlan, Order, Plan, Release, Subject};
use super::program;
use super::report::Ending;
use delivery::{await_birth, listen};
use joining::Recruit;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::fork::fork;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap;
use nestns_topology::Entry;

/// Child of this process.
#[derive(Debug, Clone, Copy)]
pub struct Kid {
    /// Number in this process's namespace; it cannot be reused before the child is reaped.
    pub pid: Pid,
    /// Identity.
    pub subject: Subject,
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
    Kid(Subject, Ending),
    /// An inherited process has ended.
    Orphan(Pid, Ending),
    /// No child has ended.
    Nothing,
    /// No child is left at all.
    Childless,
}

/// Creator and reaper of processes.
#[derive(Debug)]
pub struct Keeper {
    plan: Plan,
    /// Namespace that this process is a member of; `None` on the host.
    home: Option<NamespaceIndex>,
    crossing: Crossing,
    run: RunPidOne,
    kids: Vec<Kid>,
    living: usize,
    pending: Vec<Pending>,
    /// Memory of the last process from outside. Every page of it that is freed while that process shares the memory,
    /// which it does until it has become its program, is copied first; so it is kept until the next one.
    spent: Option<Recruit>,
}

impl Keeper {
    /// Parent in the namespace `home`, or outside all of them.
    pub fn new(plan: Plan, home: Option<NamespaceIndex>, crossing: Crossing, run: RunPidOne) -> Self {
        Self { plan, home, crossing, run, kids: Vec::new(), living: 0, pending: Vec::new(), spent: None }
    }

    /// All children, in the order of creation.
    pub fn kids(&self) -> &[Kid] {
        &self.kids
    }

    /// Number of children that have not been reaped.
    pub fn living(&self) -> usize {
        self.living
    }

    /// The child with this identity, if it lives.
    pub fn find(&self, subject: Subject) -> Option<Kid> {
        let place = match self.kids.binary_search_by_key(&subject, |kid| kid.subject) {
            Ok(place) if !self.kids[place].gone => place,
            // Parallel creation is not in order.
            _ => self.kids.iter().position(|kid| kid.subject == subject && !kid.gone)?,
        };
        Some(self.kids[place])
    }

    /// Creates one namespace directly inside this process's, and everything in it.
    ///
    /// # Errors
    ///
    /// [`Setback`]; the caller has to kill everything created so far.
    pub fn raise(&mut self, index: NamespaceIndex, patience: &mut dyn Patience) -> Result<(), Setback> {
        self.raise_inside(index, None, patience)
    }

    /// Waits for all namespaces in creation.
    ///
    /// # Errors
    ///
    /// Those of [`Keeper::raise`].
    pub fn finish(&mut self, patience: &mut dyn Patience) -> Result<(), Setback> {
        self.settle_pending(0, patience)
    }

    /// Forks a process of this process's own namespace.
    ///
    /// # Errors
    ///
    /// The stage and errno of what failed.
    pub fn fork_process(&mut self, subject: Subject, namespace: &NamespacePlan) -> Result<(), Failure> {
        match fork().map_err(|errno| Failure::new(subject, Stage::Fork, errno))? {
            // The record is decoded in the child: the parent's heap stays small.
            ForkResult::Child => match Recruit::of(subject, namespace) {
                Ok(recruit) => recruit.report_for_duty(&self.plan, Entry::Fork),
                Err(failure) => program::fail(failure),
            },
            ForkResult::Parent { child } => self.add(child, subject),
        }
        Ok(())
    }

    /// Reaps one ended child. To be called until it finds none: SIGCHLD is a hint, not a count.
    pub fn reap(&mut self) -> Reaped {
        match reap::reap_one() {
            reap::Reaped::Child { pid, status } => {
                let ending = Ending::from_status(status);
                self.remove(pid).map_or(Reaped::Orphan(pid, ending), |kid| Reaped::Kid(kid, ending))
            }
            reap::Reaped::NoneEnded => Reaped::Nothing,
            reap::Reaped::NoChild => Reaped::Childless,
        }
    }

    fn add(&mut self, pid: Pid, subject: Subject) {
        let kid = Kid { pid, subject, gone: false };
        self.living += 1;
        if self.plan.release() == Release::Apart
            && let Some(former) = self.kids.iter_mut().find(|kid| kid.subject == subject && kid.gone)
        {
            // Restarts are unlimited: the new process takes the place of the former.
            *former = kid;
        } else {
            self.kids.push(kid);
        }
    }

    /// Removes a child. Numbers ascend in the order of creation but for a wrap-around and for restarts, so that ten
    /// thousand are searched by bisection.
    fn remove(&mut self, pid: Pid) -> Option<Subject> {
        let place = match self.kids.binary_search_by_key(&pid, |kid| kid.pid) {
            Ok(place) if !self.kids[place].gone => place,
            _ => self.kids.iter().position(|kid| kid.pid == pid && !kid.gone)?,
        };
        self.living -= 1;
        let subject = self.kids[place].subject;
        if subject.is_guest() {
            // Not restarted, and there may be any number of others.
            self.kids.remove(place);
        } else {
            self.kids[place].gone = true;
        }
        Some(subject)
    }

    fn raise_inside(
        &mut self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        patience: &mut dyn Patience,
    ) -> Result<(), Setback> {
        let subject = Subject::init(index);
        let is_root = self.home.is_none() && outer.is_none();
        let forked_by = match (&self.crossing, outer) {
            (Crossing::Direct(_), None) => ForkedBy::Keeper,
            _ => ForkedBy::Helper,
        };
        let needs_channel = is_root || forked_by == ForkedBy::Helper || self.plan.numbers_below(index) > 0;
        let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
        let (mine, theirs) = if needs_channel {
            let (mine, theirs) = nursery::pair().map_err(failed(Stage::Channel))?;
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
            None => await_birth(subject, &channel, patience)?,
        };
        self.add(pid, subject);
        if is_root {
            patience.guard(pid, subject)?;
            nursery::say(&channel, Word::Go, None).map_err(failed(Stage::Channel))?;
        }
        self.pending.push(Pending { index, pid, channel });
        let most = match self.plan.common().order {
            Order::FileOrder => 0,
            Order::Parallel(jobs) => jobs.saturating_sub(1) as usize,
        };
        self.settle_pending(most, patience)
    }

    /// Serves namespaces in creation until at most `most` are left.
    fn settle_pending(&mut self, most: usize, patience: &mut dyn Patience) -> Result<(), Setback> {
        while self.pending.len() > most {
            let channels: Vec<_> = self.pending.iter().map(|pending| pending.channel.as_fd()).collect();
            let place = patience.until_readable(&channels)?;
            let Pending { index, pid, ref channel } = self.pending[place];
            match listen(Subject::init(index), channel)?.word {
                Word::Join { slot } => {
                    let member = self.join(&self.recruit(Subject { namespace: index, slot })?, pid, patience)?;
                    let failed =
                        |cause: CallError| Failure::new(Subject { namespace: index, slot }, Stage::Channel, cause);
                    let pidfd = Pidfd::open(member).by(Call::PidfdOpen).map_err(failed)?;
                    nursery::say(&self.pending[place].channel, Word::Joined, Some(pidfd.as_fd())).map_err(failed)?;
                }
                Word::Taken => {
                    self.pending.remove(place);
                    self.furnish(index, pid, patience)?;
                }
                Word::Born | Word::Go | Word::Joined => {
                    return Err(Failure::of_no_call(Subject::init(index), Stage::Channel, Errno::EPROTO).into());
                }
            }
        }
        Ok(())
    }

    /// Creates everything in a namespace whose PID 1 is a program, which cannot do it.
    fn furnish(&mut self, index: NamespaceIndex, pid: Pid, patience: &mut dyn Patience) -> Result<(), Setback> {
        if self.plan.numbers_below(index) == 0 {
            return Ok(());
        }
        let namespace = self.plan.namespace(index);
        if namespace.has_own_keeper() {
            return Ok(());
        }
        for slot in namespace.declared_slots() {
            self.join(&self.recruit(Subject { namespace: index, slot })?, pid, patience)?;
        }
        let plan = self.plan;
        for child in plan.children(index) {
            self.raise_inside(child, Some(pid), patience)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::unistd::Pid;

    use super::{Crossing, Keeper, Setback, Undisturbed};
    use crate::engine::failure::Failure;
    use crate::engine::plan::tests::plan;
    use crate::engine::plan::{Slot, Subject};

    /// A keeper that has forked nobody, in a tree of two namespaces.
    fn keeper() -> Keeper {
        let plan = plan("[ns.a]\nproc.one = { actor = 'idle' }\nproc.two = { actor = 'idle' }\n[ns.\"a/b\"]\n");
        Keeper::new(plan, Some(0), Crossing::Helped(None), |_, _, _, _| std::process::abort())
    }

    fn process(place: u32) -> Subject {
        Subject { namespace: 0, slot: Slot::Process(place) }
    }

    fn pid(number: i32) -> Pid {
        Pid::from_raw(number)
    }

    fn errno<T>(result: Result<T, Setback>) -> Option<Errno> {
        match result {
            Err(Setback::Failed(failure)) => Some(failure.errno()),
            _ => None,
        }
    }

    #[test]
    fn a_child_is_found_until_it_is_reaped() {
        let mut keeper = keeper();
        for (number, place) in [(40, 0), (41, 1)] {
            keeper.add(pid(number), process(place));
        }
        assert_eq!((keeper.living(), keeper.find(process(1)).map(|kid| kid.pid)), (2, Some(pid(41))));
        assert_eq!(keeper.remove(pid(40)), Some(process(0)));
        assert_eq!(keeper.remove(pid(40)), None, "it may be a stranger's number by now");
        assert_eq!(keeper.remove(pid(99)), None);
        assert!(keeper.find(process(0)).is_none());
        assert_eq!((keeper.living(), keeper.kids().len()), (1, 2));
    }

    #[test]
    fn numbers_that_have_wrapped_around_are_found() {
        let mut keeper = keeper();
        for (number, place) in [(32_000, 0), (301, 1), (302, 2)] {
            keeper.add(pid(number), process(place));
        }
        for (number, place) in [(302, 2), (32_000, 0), (301, 1)] {
            assert_eq!(keeper.remove(pid(number)), Some(process(place)));
        }
    }

    #[test]
    fn what_comes_again_takes_the_place_of_the_one_before() {
        let mut keeper = keeper();
        keeper.add(pid(40), process(0));
        keeper.add(pid(41), process(1));
        keeper.expect_latecomers();
        assert_eq!(keeper.remove(pid(40)), Some(process(0)));
        keeper.add(pid(50), process(0));
        assert_eq!(keeper.kids().len(), 2);
        assert_eq!(keeper.find(process(0)).map(|kid| kid.pid), Some(pid(50)));
    }

    #[test]
    fn guests_leave_no_trace() {
        let mut keeper = keeper();
        let guest = Subject::session(0, 5);
        keeper.add(pid(60), guest);
        assert_eq!(keeper.remove(pid(60)), Some(guest));
        assert!(keeper.kids().is_empty());
    }

    #[test]
    fn what_lives_is_not_created_again() {
        let mut keeper = keeper();
        keeper.add(pid(40), process(0));
        keeper.add(pid(41), Subject::init(1));
        assert_eq!(keeper.fork_again(process(0)).as_ref().map_err(Failure::errno), Err(Errno::EEXIST));
        assert_eq!(errno(keeper.join_again(process(0), &mut Undisturbed)), Some(Errno::EEXIST));
        assert_eq!(errno(keeper.raise_again(1, &mut Undisturbed)), Some(Errno::EEXIST));
    }

    #[test]
    fn nobody_is_moved_in_without_a_pid_one() {
        let joined = Subject { namespace: 1, slot: Slot::Process(0) };
        assert_eq!(errno(keeper().join_again(joined, &mut Undisturbed)), Some(Errno::ESRCH));
    }
}
