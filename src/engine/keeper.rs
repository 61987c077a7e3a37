//! Whoever creates and reaps things in a namespace: a builtin init, or, for the roots and what stands in a root whose PID 1
//! is a program, the controller.
//!
//! Creation is sequential in the order of numbers: the keeper waits for a child only where the child's subtree takes further
//! numbers. While it creates it holds a constant number of descriptors, because fork copies them (800 µs with 10,000).
//!
//! Kernel rules: a PID namespace can be made only below one's own (R9), so that for a namespace inside one whose PID 1 is a
//! program a helper goes in; a PID 1 may not use `CLONE_PARENT`, the helper is none. `setns(own pidfd, CLONE_NEWPID)` sets
//! the namespace for children back, which is refused to an unprivileged process in the namespace that it started in (R16),
//! so that there a helper does the unsharing and the controller, as subreaper, inherits the child.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpid};

use super::birth::{self, Midwife};
use super::failure::{Failure, Stage};
use super::inheritance::NURSERY;
use super::isolation;
use super::nursery::{self, Heard, Word};
use super::plan::{NamespaceIndex, NamespacePlan, Order, Plan, ProcessPlan, Subject};
use super::program;
use super::report::Ending;
use crate::sys::clone::{fork_numbered, fork_sibling_in_new_pid_namespace};
use crate::sys::descriptor;
use crate::sys::fork::fork;
use crate::sys::pidfd::Pidfd;
use crate::sys::reap;

/// Numbers for a helper, tried in this order: near the top, where nobody has counted to yet; then, where `pid_max` is
/// small, below 300, which the kernel does not give out again after a wrap-around.
const HELPER_NUMBERS: [std::ops::Range<i32>; 2] = [32_500..32_600, 200..300];

/// How a keeper gets children into another namespace.
#[derive(Debug)]
pub enum Crossing {
    /// It changes its namespace for children and sets it back.
    Direct(Pidfd),
    /// A short-lived helper goes, first into this user namespace, where there is one.
    Helped(Option<OwnedFd>),
}

/// Why a creation did not come to its end.
#[derive(Debug)]
pub enum Setback {
    /// Something failed.
    Failed(Failure),
    /// The keeper has been told to give up; the reason is known to whoever told it.
    Interrupted,
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a keeper spends the time in which it waits for a namespace in creation.
pub trait Patience {
    /// Returns when one of the channels is readable, with its place.
    ///
    /// # Errors
    ///
    /// [`Setback`] when there is a reason not to wait any longer.
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, Setback>;

    /// Called for each PID 1 directly below the host, when it is a child of the caller and before it goes on.
    ///
    /// # Errors
    ///
    /// [`Setback`] when it could not be put under the guardian.
    fn guard(&mut self, root: Pid, subject: Subject) -> Result<(), Setback>;
}

/// The patience of an init: it has nothing else to do yet, and signals wait.
#[derive(Debug)]
pub struct Undisturbed;

impl Patience for Undisturbed {
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, Setback> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        if channels.len() == 1 {
            // The read that follows waits.
            return Ok(0);
        }
        loop {
            let mut ready: Vec<_> = channels.iter().map(|&channel| PollFd::new(channel, PollFlags::POLLIN)).collect();
            // Every signal is blocked; the call fails only for want of memory, and then again.
            if poll(&mut ready, PollTimeout::NONE).is_ok()
                && let Some(place) = ready.iter().position(|fd| fd.any().unwrap_or(true))
            {
                return Ok(place);
            }
        }
    }

    fn guard(&mut self, _root: Pid, _subject: Subject) -> Result<(), Setback> {
        Ok(())
    }
}

/// A child of a keeper.
#[derive(Debug, Clone, Copy)]
pub struct Kid {
    /// Its number in the keeper's namespace; it cannot be reused before the keeper has reaped it.
    pub pid: Pid,
    /// Which one it is.
    pub subject: Subject,
    /// Whether it has been reaped.
    pub gone: bool,
}

/// A namespace in creation that the keeper has not waited for yet.
#[derive(Debug)]
struct Pending {
    index: NamespaceIndex,
    pid: Pid,
    channel: OwnedFd,
}

/// What reaping found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// One of the keeper's own has ended.
    Kid(Subject, Ending),
    /// A process that the keeper has inherited.
    Orphan(Pid, Ending),
    /// Nothing has ended that was not known.
    Nothing,
    /// There is no child left at all.
    Childless,
}

/// The maker and reaper of processes.
#[derive(Debug)]
pub struct Keeper {
    plan: Plan,
    /// The namespace that it is a member of; `None` on the host.
    home: Option<NamespaceIndex>,
    crossing: Crossing,
    kids: Vec<Kid>,
    living: usize,
    pending: Vec<Pending>,
}

impl Keeper {
    /// A keeper in the namespace `home`, or outside all of them.
    pub fn new(plan: Plan, home: Option<NamespaceIndex>, crossing: Crossing) -> Self {
        Self { plan, home, crossing, kids: Vec::new(), living: 0, pending: Vec::new() }
    }

    /// Everything that it has created, in order.
    pub fn kids(&self) -> &[Kid] {
        &self.kids
    }

    /// How many of them have not been reaped.
    pub fn living(&self) -> usize {
        self.living
    }

    /// The child with this role, if it lives.
    pub fn find(&self, subject: Subject) -> Option<Kid> {
        let place = match self.kids.binary_search_by_key(&subject, |kid| kid.subject) {
            Ok(place) if !self.kids[place].gone => place,
            // Parallel creation is not in order.
            _ => self.kids.iter().position(|kid| kid.subject == subject && !kid.gone)?,
        };
        Some(self.kids[place])
    }

    /// Creates one namespace directly inside the keeper's, and all that is in it.
    ///
    /// # Errors
    ///
    /// [`Setback`]; what exists then is the caller's to kill.
    pub fn raise(&mut self, index: NamespaceIndex, patience: &mut dyn Patience) -> Result<(), Setback> {
        self.raise_inside(index, None, patience)
    }

    /// Waits for everything that has been begun.
    ///
    /// # Errors
    ///
    /// Those of [`Keeper::raise`].
    pub fn finish(&mut self, patience: &mut dyn Patience) -> Result<(), Setback> {
        self.settle_pending(0, patience)
    }

    /// Forks one of the keeper's own namespace's processes.
    ///
    /// # Errors
    ///
    /// The stage and errno of what failed.
    pub fn fork_process(&mut self, subject: Subject, namespace: &NamespacePlan) -> Result<(), Failure> {
        match fork().map_err(|errno| Failure::new(subject, Stage::Fork, errno))? {
            // Decoding its record is the child's work: the parent's heap stays small.
            ForkResult::Child => match Recruit::of(subject, namespace) {
                Ok(recruit) => recruit.report_for_duty(&self.plan),
                Err(failure) => program::fail(failure),
            },
            ForkResult::Parent { child } => self.add(child, subject),
        }
        Ok(())
    }

    /// Takes one ended child from the kernel. To be called until it finds nothing: SIGCHLD is a hint, not a count.
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
        self.kids.push(Kid { pid, subject, gone: false });
        self.living += 1;
    }

    /// Numbers ascend in the order of creation but for a wrap-around, so that ten thousand are found by halving.
    fn remove(&mut self, pid: Pid) -> Option<Subject> {
        let place = match self.kids.binary_search_by_key(&pid, |kid| kid.pid) {
            Ok(place) if !self.kids[place].gone => place,
            _ => self.kids.iter().position(|kid| kid.pid == pid && !kid.gone)?,
        };
        self.kids[place].gone = true;
        self.living -= 1;
        Some(self.kids[place].subject)
    }

    fn raise_inside(
        &mut self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        patience: &mut dyn Patience,
    ) -> Result<(), Setback> {
        let subject = Subject::init(index);
        let is_root = self.home.is_none() && outer.is_none();
        let midwife = match (&self.crossing, outer) {
            (Crossing::Direct(_), None) => Midwife::Keeper,
            _ => Midwife::Helper,
        };
        let needs_channel = is_root || midwife == Midwife::Helper || self.plan.numbers_below(index) > 0;
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
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

    /// Forks the new PID 1, directly or through helpers. Its number is known only where no helper was in between.
    fn deliver(
        &self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        channel: Option<OwnedFd>,
    ) -> Result<Option<Pid>, Failure> {
        let subject = Subject::init(index);
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        match (&self.crossing, outer) {
            (Crossing::Direct(myself), None) => {
                unshare(CloneFlags::CLONE_NEWPID).map_err(failed(Stage::UnsharePid))?;
                let child = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => birth::be_born(self.plan, index, channel, Midwife::Keeper),
                    ForkResult::Parent { child } => child,
                };
                setns(myself, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::ReturnHome))?;
                Ok(Some(child))
            }
            (Crossing::Direct(myself), Some(outer)) => {
                let outer = Pidfd::open(outer).map_err(failed(Stage::EnterPid))?;
                setns(&outer, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
                let helper = match self.fork_helper_without_number(index).map_err(failed(Stage::NumberHelper))? {
                    ForkResult::Child => self.deliver_beside(index, channel),
                    ForkResult::Parent { child } => child,
                };
                setns(myself, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::ReturnHome))?;
                await_helper(subject, helper)?;
                Ok(None)
            }
            (Crossing::Helped(user), outer) => {
                let helper = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => self.deliver_as_helper(index, outer, channel, user.as_ref()),
                    ForkResult::Parent { child } => child,
                };
                await_helper(subject, helper)?;
                Ok(None)
            }
        }
    }

    /// The helper of an unprivileged controller: goes into the user namespace, makes the PID namespace, forks, ends.
    fn deliver_as_helper(
        &self,
        index: NamespaceIndex,
        outer: Option<Pid>,
        channel: Option<OwnedFd>,
        user: Option<&OwnedFd>,
    ) -> ! {
        let subject = Subject::init(index);
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        let work = || -> Result<(), Failure> {
            enter_user(subject, user)?;
            let Some(outer) = outer else {
                unshare(CloneFlags::CLONE_NEWPID).map_err(failed(Stage::UnsharePid))?;
                if fork().map_err(failed(Stage::Fork))?.is_child() {
                    birth::be_born(self.plan, index, channel, Midwife::Helper);
                }
                return Ok(());
            };
            let outer = Pidfd::open(outer).map_err(failed(Stage::EnterPid))?;
            setns(&outer, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
            match self.fork_helper_without_number(index).map_err(failed(Stage::NumberHelper))? {
                ForkResult::Child => self.deliver_beside(index, channel),
                // The new PID 1 is this helper's child; when the helper ends it becomes the controller's.
                ForkResult::Parent { child } => await_helper(subject, child),
            }
        };
        match work() {
            Ok(()) => program::leave(0),
            Err(failure) => program::fail(failure),
        }
    }

    /// The helper inside a namespace whose PID 1 is a program: made by fork, the new PID 1 would be the program's child and
    /// stay a zombie that the keeper cannot reap.
    fn deliver_beside(&self, index: NamespaceIndex, channel: Option<OwnedFd>) -> ! {
        match fork_sibling_in_new_pid_namespace() {
            Ok(ForkResult::Child) => birth::be_born(self.plan, index, channel, Midwife::Helper),
            Ok(ForkResult::Parent { .. }) => program::leave(0),
            Err(errno) => program::fail(Failure::new(Subject::init(index), Stage::CloneSibling, errno)),
        }
    }

    /// Forks a helper into the namespace around `index` that takes none of the numbers below the host that count.
    fn fork_helper_without_number(&self, index: NamespaceIndex) -> nix::Result<ForkResult> {
        let levels = self.plan.namespace(index).level() - 1;
        let mut result = Err(Errno::EAGAIN);
        for number in HELPER_NUMBERS.into_iter().flatten() {
            result = fork_numbered(&vec![number; levels]);
            if !matches!(result, Err(Errno::EEXIST | Errno::EINVAL)) {
                break;
            }
        }
        result
    }

    /// Serves namespaces in creation until at most `most` are left.
    fn settle_pending(&mut self, most: usize, patience: &mut dyn Patience) -> Result<(), Setback> {
        while self.pending.len() > most {
            let channels: Vec<_> = self.pending.iter().map(|pending| pending.channel.as_fd()).collect();
            let place = patience.until_readable(&channels)?;
            let Pending { index, pid, ref channel } = self.pending[place];
            match listen(Subject::init(index), channel)?.word {
                Word::Join { slot } => {
                    let member = self.join(self.recruit(Subject { namespace: index, slot })?, pid, patience)?;
                    let failed = |errno| Failure::new(Subject { namespace: index, slot }, Stage::Channel, errno);
                    let pidfd = Pidfd::open(member).map_err(failed)?;
                    nursery::say(&self.pending[place].channel, Word::Joined, Some(pidfd.as_fd())).map_err(failed)?;
                }
                Word::Taken => {
                    self.pending.remove(place);
                    self.furnish(index, pid, patience)?;
                }
                Word::Born | Word::Go | Word::Joined => {
                    return Err(Failure::new(Subject::init(index), Stage::Channel, Errno::EPROTO).into());
                }
            }
        }
        Ok(())
    }

    /// Creates what is in a namespace whose PID 1 is a program, which cannot do it.
    fn furnish(&mut self, index: NamespaceIndex, pid: Pid, patience: &mut dyn Patience) -> Result<(), Setback> {
        if self.plan.numbers_below(index) == 0 {
            return Ok(());
        }
        let namespace = self.plan.namespace(index);
        if namespace.has_own_keeper() {
            return Ok(());
        }
        for slot in 1..=u32::try_from(namespace.processes.len()).unwrap_or(u32::MAX) {
            self.join(self.recruit(Subject { namespace: index, slot })?, pid, patience)?;
        }
        let plan = self.plan;
        for child in plan.children(index) {
            self.raise_inside(child, Some(pid), patience)?;
        }
        Ok(())
    }

    /// Forks the command of `run`, in the namespace whose PID 1 is `init`, or on the host. It waits for no gate.
    ///
    /// # Errors
    ///
    /// Those of [`Keeper::raise`].
    pub fn visit(
        &mut self,
        subject: Subject,
        process: ProcessPlan,
        init: Option<Pid>,
        patience: &mut dyn Patience,
    ) -> Result<(), Setback> {
        let path = process.name.clone();
        let recruit = Recruit { subject, path, process };
        let Some(init) = init else {
            match fork().map_err(|errno| Failure::new(subject, Stage::Fork, errno))? {
                ForkResult::Child => recruit.report_for_duty(&self.plan),
                ForkResult::Parent { child } => self.add(child, subject),
            }
            return Ok(());
        };
        self.join(recruit, init, patience).map(drop)
    }

    fn recruit(&self, subject: Subject) -> Result<Recruit, Failure> {
        Recruit::of(subject, &self.plan.namespace(subject.namespace))
    }

    /// Forks a process outside and moves it into the namespace of `init`.
    fn join(&mut self, recruit: Recruit, init: Pid, patience: &mut dyn Patience) -> Result<Pid, Setback> {
        let subject = recruit.subject;
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        let target = Pidfd::open(init).map_err(failed(Stage::EnterPid))?;
        let pid = match &self.crossing {
            Crossing::Direct(myself) => {
                setns(&target, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
                let child = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => self.become_joined(&recruit, &target),
                    ForkResult::Parent { child } => child,
                };
                setns(myself, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::ReturnHome))?;
                child
            }
            Crossing::Helped(user) => {
                let (mine, theirs) = nursery::pair().map_err(failed(Stage::Channel))?;
                let helper = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => {
                        let work = || -> Result<(), Failure> {
                            enter_user(subject, user.as_ref())?;
                            setns(&target, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
                            if fork().map_err(failed(Stage::Fork))?.is_child() {
                                nursery::say(&theirs, Word::Born, None).map_err(failed(Stage::Channel))?;
                                self.become_joined(&recruit, &target);
                            }
                            Ok(())
                        };
                        match work() {
                            Ok(()) => program::leave(0),
                            Err(failure) => program::fail(failure),
                        }
                    }
                    ForkResult::Parent { child } => child,
                };
                drop(theirs);
                await_helper(subject, helper)?;
                await_birth(subject, &mine, patience)?
            }
        };
        self.add(pid, subject);
        Ok(pid)
    }

    /// In the child: enters those namespaces of the target that are not the keeper's own, then becomes the process.
    fn become_joined(&self, recruit: &Recruit, target: &Pidfd) -> ! {
        // Entering one that is shared with the host would be refused to an ordinary user, who does not own it.
        let mut flags = CloneFlags::empty();
        let mut around = Some(recruit.subject.namespace);
        while let Some(index) = around.filter(|&index| Some(index) != self.home) {
            let namespace = self.plan.namespace(index);
            flags |= isolation::flags(namespace.isolation);
            around = namespace.parent;
        }
        if !flags.is_empty()
            && let Err(errno) = setns(target, flags)
        {
            program::fail(Failure::new(recruit.subject, Stage::EnterNamespaces, errno));
        }
        recruit.report_for_duty(&self.plan)
    }
}

/// A process that is about to be forked.
#[derive(Debug)]
struct Recruit {
    subject: Subject,
    path: String,
    process: ProcessPlan,
}

impl Recruit {
    fn of(subject: Subject, namespace: &NamespacePlan) -> Result<Self, Failure> {
        let process = namespace.process(subject.slot).cloned();
        // A slot that the file does not have can only come from a bug.
        let process = process.ok_or_else(|| Failure::new(subject, Stage::Panic, Errno::EINVAL))?;
        Ok(Self { subject, path: namespace.path_of(subject.slot), process })
    }

    /// In the child: gets rid of what is not its own and becomes the process.
    fn report_for_duty(&self, plan: &Plan) -> ! {
        let _ = descriptor::close_from(NURSERY);
        program::take_name(plan, &self.path, program::kind(&self.process));
        program::become_program(plan, self.subject, &self.process)
    }
}

fn enter_user(subject: Subject, user: Option<&OwnedFd>) -> Result<(), Failure> {
    match user {
        Some(user) => {
            setns(user, CloneFlags::CLONE_NEWUSER).map_err(|errno| Failure::new(subject, Stage::EnterUser, errno))
        }
        None => Ok(()),
    }
}

/// Waits for a helper, which does a handful of system calls and ends.
fn await_helper(subject: Subject, helper: Pid) -> Result<(), Failure> {
    loop {
        match waitpid(helper, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
            Err(Errno::EINTR) => {}
            // It has reported the cause itself, unless it was killed.
            _ => return Err(Failure::new(subject, Stage::Adopt, Errno::ECHILD)),
        }
    }
}

/// Waits for a newborn's first word, beside which the kernel has written its number in the keeper's namespace.
fn await_birth(subject: Subject, channel: &OwnedFd, patience: &mut dyn Patience) -> Result<Pid, Setback> {
    patience.until_readable(&[channel.as_fd()])?;
    Ok(listen(subject, channel)?.sender)
}

fn listen(subject: Subject, channel: &OwnedFd) -> Result<Heard, Failure> {
    nursery::hear(channel)
        .map_err(|errno| Failure::new(subject, Stage::Channel, errno))?
        // The channel is closed by its death alone.
        .ok_or_else(|| Failure::new(subject, Stage::Died, Errno::UnknownErrno))
}

impl Crossing {
    /// The crossing of an init, which may always set its namespace for children back.
    ///
    /// # Errors
    ///
    /// Those of `pidfd_open(2)`.
    pub fn of_init() -> nix::Result<Self> {
        Pidfd::open(getpid()).map(Self::Direct)
    }
}
