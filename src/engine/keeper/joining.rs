//! Processes that are forked outside and moved in: joined ones, and the command of `run`.

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::unistd::{ForkResult, Pid};

use super::delivery::{await_birth, await_helper, enter_user};
use super::{Crossing, Keeper, Patience, Setback};
use crate::engine::failure::{Failure, Stage};
use crate::engine::inheritance::NURSERY;
use crate::engine::isolation;
use crate::engine::last_words;
use crate::engine::nursery::{self, Word};
use crate::engine::plan::{NamespacePlan, Plan, ProcessPlan, Subject};
use crate::engine::program;
use crate::sys::descriptor;
use crate::sys::fork::fork;
use crate::sys::pidfd::Pidfd;

impl Keeper {
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
        self.join(&recruit, init, patience).map(drop)
    }

    pub(super) fn recruit(&self, subject: Subject) -> Result<Recruit, Failure> {
        Recruit::of(subject, &self.plan.namespace(subject.namespace))
    }

    /// Forks a process outside and moves it into the namespace of `init`.
    pub(super) fn join(&mut self, recruit: &Recruit, init: Pid, patience: &mut dyn Patience) -> Result<Pid, Setback> {
        let subject = recruit.subject;
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        let target = Pidfd::open(init).map_err(failed(Stage::EnterPid))?;
        let pid = match &self.crossing {
            Crossing::Direct(myself) => {
                setns(&target, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::EnterPid))?;
                let child = match fork().map_err(failed(Stage::Fork))? {
                    ForkResult::Child => self.become_joined(recruit, &target),
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
                                self.become_joined(recruit, &target);
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
pub(super) struct Recruit {
    subject: Subject,
    path: String,
    process: ProcessPlan,
}

impl Recruit {
    pub(super) fn of(subject: Subject, namespace: &NamespacePlan) -> Result<Self, Failure> {
        let process = namespace.process(subject.slot).cloned();
        // A slot that the file does not have can only come from a bug.
        let process = process.ok_or_else(|| Failure::new(subject, Stage::Panic, Errno::EINVAL))?;
        Ok(Self { subject, path: namespace.path_of(subject.slot), process })
    }

    /// In the child: gets rid of what is not its own and becomes the process.
    pub(super) fn report_for_duty(&self, plan: &Plan) -> ! {
        last_words::belong_to(self.subject);
        let _ = descriptor::close_from(NURSERY);
        program::begin_session();
        program::take_name(plan, &self.path, program::kind(&self.process));
        program::become_program(plan, self.subject, &self.process)
    }
}
