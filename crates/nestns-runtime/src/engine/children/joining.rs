//! Processes that are forked outside and moved in: joined ones, the command of `run`, programs of
//! `exec`.

use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::unistd::{ForkResult, Pid};

use super::spawn::{await_child, await_helper};
use super::{BuildError, Children, Crossing, WaitHook};
use crate::engine::failure::{Failure, Stage};
use crate::engine::image::Image;
use crate::engine::isolation;
use crate::engine::panic_hook;
use crate::engine::plan::{NamespaceIndex, NamespacePlan, Plan, ProcessKey, ProcessPlan};
use crate::engine::sync_channel::{self, SyncMessage};
use crate::engine::{program, report};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::clone::{Placement, fork_group_leader};
use nestns_sys::descriptor_layout::{SYNC_CHANNEL, TERMINAL};
use nestns_sys::fork::{end_with_parent, fork};
use nestns_sys::passage::{Passage, Step};
use nestns_sys::pidfd::Pidfd;
use nestns_sys::{descriptor, dumpable};
use nestns_topology::{Entry, Program, Session, Terminal};

impl Children {
    /// Forks a process that no plan declares: the command of `run`, or a program of `exec`. It
    /// waits at no gate.
    ///
    /// # Errors
    ///
    /// Those of [`Children::create`].
    pub fn start(
        &mut self,
        outside: OutsideProcess,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<Pid, BuildError> {
        let OutsideProcess {
            subject,
            process,
            entrance,
            streams,
        } = outside;
        self.spent = None;
        let path = process.name.clone();
        let image = match &process.program {
            Program::Command(words) => Some(Image::of(&self.plan, words, &process, None)),
            Program::Actor(_) => None,
        };
        let mut joined = JoinedProcess {
            subject,
            path,
            process,
            image,
            streams,
        };
        let forked = match entrance {
            Entrance::Host => {
                let children = nix::unistd::getpid();
                match fork().map_err(|errno| Failure::new(subject, Stage::Fork, errno))? {
                    ForkResult::Child => {
                        // The end of no PID 1 kills it, and the guardian does not know it.
                        end_with_parent(children);
                        joined.run_program(&self.plan, Entry::Join)
                    }
                    ForkResult::Parent { child } => {
                        self.add(child, subject);
                        Ok(child)
                    }
                }
            }
            Entrance::Beside {
                process,
                namespaces,
            } => self.enter(&joined, &process, namespaces, wait_hook),
        };
        joined.streams = None;
        self.spent = Some(joined);
        forked
    }

    pub(super) fn joined(&self, subject: ProcessKey) -> Result<JoinedProcess, Failure> {
        JoinedProcess::of(subject, &self.plan.namespace(subject.namespace))
    }

    /// Forks a process outside and moves it into the namespace of `init`.
    pub(super) fn join(
        &mut self,
        joined: &JoinedProcess,
        init: Pid,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<Pid, BuildError> {
        let failed = |cause: CallError| Failure::new(joined.subject, Stage::EnterPid, cause);
        let target = Pidfd::open(init).by(Call::PidfdOpen).map_err(failed)?;
        self.enter(
            joined,
            &target,
            self.namespaces_of(joined.subject.namespace),
            wait_hook,
        )
    }

    /// The namespaces, besides PID, of a namespace of the plan that are not the parent's own.
    pub fn namespaces_of(&self, index: NamespaceIndex) -> CloneFlags {
        // Entering one that is shared with the host would be refused to an ordinary user, who does
        // not own it.
        let mut flags = CloneFlags::empty();
        let mut around = Some(index);
        while let Some(index) = around.filter(|&index| Some(index) != self.home) {
            let namespace = self.plan.namespace(index);
            flags |= isolation::flags(namespace.isolation);
            around = namespace.parent;
        }
        flags
    }

    /// The user namespace that helpers go through, if there is one.
    pub fn user_namespace(&self) -> Option<&OwnedFd> {
        match &self.crossing {
            Crossing::Helped(user) => user.as_ref(),
            Crossing::Direct(_) => None,
        }
    }

    fn enter(
        &mut self,
        joined: &JoinedProcess,
        target: &Pidfd,
        namespaces: CloneFlags,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<Pid, BuildError> {
        let gateway = self.user_namespace().map(OwnedFd::as_fd);
        let passage = Passage {
            gateway,
            target: target.as_fd(),
            others: namespaces,
        };
        let pid = match (&self.crossing, joined.process.session) {
            (Crossing::Direct(myself), Session::Own) => {
                self.enter_directly(joined, &passage, myself)?
            }
            _ => self.enter_by_helper(joined, &passage, wait_hook)?,
        };
        self.add(pid, joined.subject);
        Ok(pid)
    }

    /// Enters the PID namespace for children, forks, and comes back.
    fn enter_directly(
        &self,
        joined: &JoinedProcess,
        passage: &Passage<'_>,
        myself: &Pidfd,
    ) -> Result<Pid, Failure> {
        let subject = joined.subject;
        let failed = |stage| move |errno| Failure::new(subject, stage, errno);
        passage
            .enter_pid()
            .map_err(|stopped| stopped_at(subject, stopped))?;
        // The child is visible to all processes there, and has every descriptor of this process
        // until it has closed them.
        self.hide();
        let pids = Some(&joined.process.pids);
        let child = match self.fork_with(subject, pids, Placement::Child) {
            Ok(ForkResult::Child) => self.become_joined(joined, passage),
            Ok(ForkResult::Parent { child }) => Ok(child),
            Err(failure) => Err(failure),
        };
        dumpable::show();
        let child = child?;
        setns(myself, CloneFlags::CLONE_NEWPID).map_err(failed(Stage::ReturnHome))?;
        Ok(child)
    }

    /// Has a helper enter and fork, which ends: of a caller that cannot come back, and of a process
    /// that inherits its process group, which the helper leads.
    fn enter_by_helper(
        &self,
        joined: &JoinedProcess,
        passage: &Passage<'_>,
        wait_hook: &mut dyn WaitHook,
    ) -> Result<Pid, BuildError> {
        let subject = joined.subject;
        let (mine, theirs) =
            sync_channel::pair().map_err(|cause| Failure::new(subject, Stage::Channel, cause))?;
        let helper = match self.fork_entering_helper(joined)? {
            ForkResult::Child => {
                let work = || -> Result<(), Failure> {
                    if joined.process.session == Session::Inherit {
                        program::begin_group();
                    }
                    passage
                        .enter_pid()
                        .map_err(|stopped| stopped_at(subject, stopped))?;
                    self.hide();
                    if self.fork_for_parent(joined)?.is_child() {
                        sync_channel::send(&theirs, SyncMessage::Ready, None)
                            .map_err(|cause| Failure::new(subject, Stage::Channel, cause))?;
                        self.become_joined(joined, passage);
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
        await_child(subject, &mine, wait_hook)
    }

    /// Forks the helper that enters: in a namespace of the tree, without using up a number.
    fn fork_entering_helper(&self, joined: &JoinedProcess) -> Result<ForkResult, Failure> {
        let subject = joined.subject;
        let Some(home) = self.home else {
            return fork().map_err(|errno| Failure::new(subject, Stage::Fork, errno));
        };
        fork_group_leader(self.plan.namespace(home).level(), place_of(subject))
            .map_err(|errno| Failure::new(subject, Stage::NumberHelper, errno))
    }

    /// Forks, in a helper that is about to end, a child that becomes one of its parent.
    fn fork_for_parent(&self, joined: &JoinedProcess) -> Result<ForkResult, Failure> {
        let placement = match &self.crossing {
            // The parent is a subreaper.
            Crossing::Helped(_) => Placement::Child,
            Crossing::Direct(_) => Placement::Sibling,
        };
        self.fork_with(joined.subject, Some(&joined.process.pids), placement)
    }

    /// Enters, in the child, those namespaces of the target that are not the parent's own, then
    /// becomes the process.
    fn become_joined(&self, joined: &JoinedProcess, passage: &Passage<'_>) -> ! {
        if let Err(stopped) = passage.enter_others() {
            program::fail(stopped_at(joined.subject, stopped));
        }
        joined.run_program(&self.plan, Entry::Join)
    }
}

/// A number of its own for a process of the tree, where the leader of its group begins to look for a
/// free one: apart from those of the namespaces, which begin with 0.
fn place_of(subject: ProcessKey) -> usize {
    const APART: usize = 95_000;
    let slot = subject.slot.index().unwrap_or_default();
    APART
        + (subject.namespace as usize)
            .wrapping_mul(31)
            .wrapping_add(slot)
}

/// Failure of a passage.
fn stopped_at(subject: ProcessKey, (step, errno): (Step, Errno)) -> Failure {
    let stage = match step {
        Step::User => Stage::EnterUser,
        Step::Pid => Stage::EnterPid,
        Step::Others => Stage::EnterNamespaces,
    };
    Failure::new(subject, stage, errno)
}

/// Process that is started in a running tree from outside.
#[derive(Debug)]
pub struct OutsideProcess {
    /// Identity.
    pub subject: ProcessKey,
    /// Program and its circumstances; the name is the path.
    pub process: ProcessPlan,
    /// Place.
    pub entrance: Entrance,
    /// Standard input, output and error, if they are not those of this process or of the plan. A
    /// terminal is all three.
    pub streams: Option<[OwnedFd; 3]>,
}

/// Place of a process that is started from outside.
#[derive(Debug)]
pub enum Entrance {
    /// The host.
    Host,
    /// The PID namespace of a process, and these other namespaces of it.
    Beside {
        /// The process.
        process: Pidfd,
        /// The namespaces besides PID.
        namespaces: CloneFlags,
    },
}

/// Process that is about to be forked.
#[derive(Debug)]
pub(super) struct JoinedProcess {
    subject: ProcessKey,
    path: String,
    process: ProcessPlan,
    /// Image, if it is made before the fork.
    image: Option<Image>,
    streams: Option<[OwnedFd; 3]>,
}

impl JoinedProcess {
    pub(super) fn of(subject: ProcessKey, namespace: &NamespacePlan) -> Result<Self, Failure> {
        let process = namespace.process(subject.slot).cloned();
        // A slot that the file does not have can only come from a bug.
        let process = process.ok_or_else(|| Failure::new(subject, Stage::Panic, Errno::EINVAL))?;
        Ok(Self {
            subject,
            path: namespace.path_of(subject.slot),
            process,
            image: None,
            streams: None,
        })
    }

    /// The same with no PIDs but those that the file gives, as one that is started again has it.
    pub(super) fn with_declared_pids(mut self) -> Self {
        self.process.pids = self.process.pids.declared();
        self
    }

    /// Drops, in the child, everything that is not its own and becomes the process. One from
    /// outside, which is visible to all processes in there, reports through a channel of its own.
    pub(super) fn run_program(&self, plan: &Plan, entry: Entry) -> ! {
        panic_hook::belong_to(self.subject);
        if let Some(streams) = &self.streams {
            self.take_streams(streams);
        }
        let _ = descriptor::close_from(SYNC_CHANNEL);
        if entry == Entry::Join
            && let Err(errno) = report::open_own(self.subject)
        {
            program::fail(Failure::new(self.subject, Stage::Channel, errno));
        }
        // It holds no more descriptors of others.
        dumpable::show();
        program::begin_session_of(&self.process);
        // A process of `run` or `exec` becomes its program at once, which brings a name of its own:
        // that saves three system calls.
        if !self.subject.is_from_outside() || !matches!(self.process.program, Program::Command(_)) {
            program::take_name(plan, &self.path, program::kind(&self.process));
        }
        program::become_program(plan, self.subject, &self.process, self.image.as_ref())
    }

    /// Puts, in the child, its given streams at the numbers from which its plan inherits them.
    fn take_streams(&self, streams: &[OwnedFd; 3]) {
        let placed = if self.process.terminal == Terminal::Own {
            descriptor::place_at(&streams[0], TERMINAL).by(Call::Dup3)
        } else {
            let place = |(number, stream)| descriptor::make_standard(stream, number).by(Call::Dup2);
            (0..).zip(streams).try_for_each(place)
        };
        if let Err(cause) = placed {
            program::fail(Failure::new(self.subject, Stage::Stdin, cause));
        }
    }
}
