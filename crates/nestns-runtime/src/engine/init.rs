//! PID 1 of a namespace: creates everything inside, reaps, forwards, stops, and is the last to end.
//!
//! It is a forked copy of nestns, with one thread. Signals have been blocked since before it was
//! forked, and arrive through a signalfd: a blocked signal does reach a PID 1 (R6), an unhandled
//! one would be dropped (R5). Its loop is one wait and one step for each event. It never waits for
//! any process, only for the kernel: reports that the controller does not take are kept.

mod orders;
mod pause;
mod reach;
mod unasked;

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::children::{BuildError, Children, Crossing, NoHook, Reaped};
use super::control_channel::{self, ControlChannel};
use super::failure::{Failure, Stage};
use super::forked_by::RunPidOne;
use super::gate::{self, Delivered};
use super::plan::{
    HoldIndex, InitGroup, InitPlan, NamespaceIndex, NamespacePlan, Plan, ProcessKey, RestartNeed,
    Slot,
};
use super::program;
use super::report::{self, Outbox, Report, StopManner, StopRequest};
use super::stop_plan::{self, Action, StopPlan};
use super::sync_channel::{self, SyncMessage};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor_layout::{self, REPORTS, SIGNALS, SYNC_CHANNEL};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Entry, Keeps, Signal, Stop};
use pause::Requests;
use reach::Reached;

/// Time for which an ending init tries to send its last reports, if the controller does not take
/// them.
const PANIC_MS: u8 = 200;

/// Time after its deadline for which an init waits for the processes that it has killed: less than
/// its parent waits for it.
const REAPING_MS: u64 = 300;

/// A process that has joined from outside. It is no child, so that its end is seen through a pidfd.
#[derive(Debug)]
struct Member {
    slot: Slot,
    pidfd: Pidfd,
}

/// Condition on which the namespace ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExitCondition {
    UntilEmpty,
    UntilTold,
}

/// A stop in progress.
#[derive(Debug)]
struct Stopping {
    stop_plan: StopPlan,
    /// Moment at which all remaining processes are killed.
    deadline: Moment,
    killed: bool,
}

/// The state of a builtin PID 1.
#[derive(Debug)]
pub struct Init {
    plan: Plan,
    run: RunPidOne,
    index: NamespaceIndex,
    exit_condition: ExitCondition,
    group: InitGroup,
    stop: Stop,
    children: Option<Children>,
    members: Vec<Member>,
    outbox: Outbox,
    stopping: Option<Stopping>,
    /// Holds that were lifted before the request to stop was read.
    lifted: BTreeSet<HoldIndex>,
    /// Processes that do not keep the namespace open.
    sidecars: Vec<Slot>,
    control_channel: ControlChannel,
    /// Requests to stop that a pause init has read.
    requests: Requests,
    /// Processes besides declared ones that a stop has asked.
    reached: Reached,
    /// The namespace's own /proc, where it has one.
    view: Option<OwnedFd>,
}

impl Init {
    /// The PID 1 of a namespace that is set up and empty.
    pub fn new(
        plan: Plan,
        index: NamespaceIndex,
        namespace: &NamespacePlan,
        run: RunPidOne,
    ) -> Self {
        let visited = plan.common().visited.as_deref();
        let awaits_run_command = visited.and_then(|path| path.strip_prefix(&namespace.path));
        let exit_condition = match namespace.init {
            _ if awaits_run_command
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) =>
            {
                ExitCondition::UntilTold
            }
            // An empty namespace stays for a process that may be restarted, until the controller
            // says that none will.
            InitPlan::Builtin if namespace.restart_need == RestartNeed::Possible => {
                ExitCondition::UntilTold
            }
            // A namespace that never held anything was declared for its own sake, and stays.
            InitPlan::Builtin if plan.numbers_below(index) > 0 => ExitCondition::UntilEmpty,
            _ => ExitCondition::UntilTold,
        };
        Self {
            plan,
            run,
            index,
            exit_condition,
            group: namespace.init_group(),
            stop: namespace.stop,
            children: None,
            members: Vec::new(),
            outbox: Outbox::default(),
            stopping: None,
            lifted: BTreeSet::new(),
            sidecars: sidecars(namespace),
            control_channel: ControlChannel::default(),
            requests: Requests::default(),
            reached: Reached::default(),
            view: None,
        }
    }

    /// Creates everything inside, in file order.
    ///
    /// # Errors
    ///
    /// The first failure that has not been reported by a process inside.
    pub fn create(&mut self, namespace: &NamespacePlan) -> Result<(), Failure> {
        let subject = ProcessKey::init(self.index);
        let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
        report::send(
            Report::Created {
                namespace: self.index,
            },
            &[],
        )
        .by(Call::Sendmsg)
        .map_err(failed(Stage::Channel))?;
        if self.plan.numbers_below(self.index) == 0 {
            return Ok(());
        }
        let crossing = Crossing::of_init()
            .by(Call::PidfdOpen)
            .map_err(failed(Stage::OpenSelf))?;
        let children = self.children.insert(Children::new(
            self.plan,
            Some(self.index),
            crossing,
            self.run,
        ));
        for (slot, process) in namespace.declared_slots().zip(&namespace.processes) {
            match process.entry {
                Entry::Join => {
                    let pidfd = ask_to_join(subject, slot)?;
                    self.members.push(Member { slot, pidfd });
                }
                Entry::Fork | Entry::Init => {
                    children.fork_process(ProcessKey { slot, ..subject }, namespace)?;
                }
            }
        }
        let plan = self.plan;
        let mut create = || -> Result<(), BuildError> {
            for child in plan.children(self.index) {
                children.create(child, &mut NoHook)?;
            }
            children.finish(&mut NoHook)
        };
        match create() {
            Ok(()) => Ok(()),
            Err(BuildError::Failed(failure)) => Err(failure),
            // `NoHook` never interrupts.
            Err(BuildError::Interrupted) => {
                Err(Failure::of_no_call(subject, Stage::Leaving, Errno::EINTR))
            }
        }
    }

    /// Runs the namespace until its end.
    ///
    /// From then on it must not end before its time: its death is that of everything inside.
    pub fn live(mut self) -> ! {
        self.plan = self.plan.for_latecomers();
        self.open_view();
        if let Some(children) = &mut self.children {
            children.expect_latecomers();
        }
        loop {
            if self.leaves_as_pause() {
                self.leave();
            }
            let childless = self.reap();
            self.members.retain(|member| {
                let ended = member.pidfd.has_ended();
                if ended && let Some(stopping) = &mut self.stopping {
                    stopping.stop_plan.gone(ProcessKey {
                        namespace: self.index,
                        slot: member.slot,
                    });
                }
                !ended
            });
            if self.is_left_to_sidecars() {
                self.begin_to_stop(Delivered::of_self(libc::SIGTERM));
            }
            self.act();
            if self.may_leave(childless) {
                self.leave();
            }
            self.outbox.flush();
            self.control_channel.hand_up(self.index);
            self.wait();
            while let Some(delivered) = gate::read_signal() {
                self.on_signal(delivered);
            }
            self.obey();
        }
    }

    /// Reaps all children that have ended; true if no child is left.
    fn reap(&mut self) -> bool {
        let Some(children) = &mut self.children else {
            // Nothing was ever created here, but a joined process may have left an orphan.
            let mut children = Children::new(
                self.plan,
                Some(self.index),
                Crossing::Helped(None),
                self.run,
            );
            loop {
                match children.reap() {
                    Reaped::Childless => return true,
                    Reaped::Nothing => return false,
                    Reaped::Orphan(pid, ending) => {
                        self.outbox.push_orphan(self.index, pid.as_raw(), ending);
                    }
                    Reaped::Child(..) => {}
                }
            }
        };
        loop {
            match children.reap() {
                Reaped::Child(subject, ending) => {
                    self.outbox.push(Report::Ended {
                        subject,
                        ending,
                        at: Moment::now(),
                    });
                    if let Some(stopping) = &mut self.stopping {
                        stopping.stop_plan.gone(subject);
                    }
                }
                Reaped::Orphan(pid, ending) => {
                    self.outbox.push_orphan(self.index, pid.as_raw(), ending);
                }
                Reaped::Nothing => return false,
                Reaped::Childless => return true,
            }
        }
    }

    /// Children that have not ended, those that were forked for other namespaces included.
    fn alive(&self) -> impl Iterator<Item = ProcessKey> {
        let children = self.children.iter().flat_map(Children::list);
        children
            .filter(|child| !child.gone)
            .map(|child| child.subject)
    }

    /// Processes that have joined this namespace, and have not ended.
    fn joined(&self) -> impl Iterator<Item = ProcessKey> {
        self.members.iter().map(|member| ProcessKey {
            namespace: self.index,
            slot: member.slot,
        })
    }

    /// True if nothing but processes that do not keep the namespace open is left in it, and nothing
    /// is about to be restarted.
    fn is_left_to_sidecars(&self) -> bool {
        if self.sidecars.is_empty()
            || self.stopping.is_some()
            || self.exit_condition != ExitCondition::UntilEmpty
            || self.control_channel.is_open()
        {
            return false;
        }
        let is_sidecar = |subject: ProcessKey| {
            subject.namespace == self.index && self.sidecars.contains(&subject.slot)
        };
        self.alive().chain(self.joined()).all(is_sidecar)
    }

    fn may_leave(&self, childless: bool) -> bool {
        match &self.stopping {
            // Processes that were not created here are not waited for, unless the stop has reached
            // them: the end of this one has the kernel kill them.
            Some(stopping) => {
                let over =
                    stopping.deadline.plus(Duration::from_millis(REAPING_MS)) <= Moment::now();
                let alive = self.children.as_ref().map_or(0, Children::alive);
                let has_left = alive == 0 && self.members.is_empty();
                (has_left && self.reached.has_left(childless)) || over
            }
            // A controller with an open channel may be about to restart something.
            None => {
                childless
                    && self.members.is_empty()
                    && self.exit_condition == ExitCondition::UntilEmpty
                    && !self.control_channel.is_open()
            }
        }
    }

    fn on_signal(&mut self, delivered: Delivered) {
        let Delivered {
            signal,
            sender,
            word,
            ..
        } = delivered;
        match signal {
            libc::SIGCHLD => {}
            // A program in this process's group may have meant only its group (kill(0)), which no
            // signal tells from one to this process.
            _ if sender != 0 && self.group == InitGroup::LedFromOutside => {}
            // From inside it is no call of the controller, and a namespace that is ending does not
            // answer.
            _ if signal == control_channel::OPEN as i32
                && (sender != 0 || self.stopping.is_some()) => {}
            _ if signal == control_channel::OPEN as i32 => self.control_channel.open(),
            stop_plan::LIFT if sender == 0 && word.is_some() => self.lift(word),
            _ if self.is_pause() && self.takes_as_pause(delivered) => {}
            _ if signal == libc::SIGTERM || signal == self.stop.signal.number() => {
                self.begin_to_stop(delivered);
            }
            _ if is_passed_on(signal) => self.forward(signal),
            _ => {}
        }
    }

    /// Lifts a hold of the stop, or of the one that is about to begin.
    fn lift(&mut self, word: Option<i32>) {
        let Some(hold) = word.and_then(|word| HoldIndex::try_from(word).ok()) else {
            return;
        };
        match &mut self.stopping {
            Some(stopping) => stopping.stop_plan.lift(hold),
            None if self.plan.holds().held(hold).is_some() => _ = self.lifted.insert(hold),
            None => {}
        }
    }

    fn begin_to_stop(&mut self, delivered: Delivered) {
        let Delivered {
            signal,
            sender,
            word,
            ..
        } = delivered;
        if self.stopping.is_some() {
            return;
        }
        let now = Moment::now();
        let deadline = now.plus(self.stop.grace);
        // The parent outside says for how long it will live itself; a sender inside cannot know.
        let around = word
            .filter(|_| sender == 0)
            .and_then(stop_plan::time_left)
            .map(|left| now.plus(left));
        let end = around.map_or(deadline, |around| around.min(deadline));
        self.outbox.push(Report::Stopping {
            namespace: self.index,
            request: StopRequest {
                sender,
                signal,
                at: now,
            },
            manner: StopManner::Asking,
        });
        // A process that joined a namespace with a builtin init is asked by that init; its parent
        // only reaps it.
        let asked_here = self.alive().filter(|subject| {
            subject.is_init()
                || subject.namespace == self.index
                || !self.plan.namespace(subject.namespace).forks_its_members()
        });
        let subjects: Vec<ProcessKey> = asked_here.chain(self.joined()).collect();
        let mut stop_plan =
            StopPlan::begin(&self.plan, Some(self.index), &subjects, now, Some(end));
        for &hold in &self.lifted {
            stop_plan.lift(hold);
        }
        self.stopping = Some(Stopping {
            stop_plan,
            deadline,
            killed: false,
        });
        self.act();
    }

    /// Takes the actions of the stop that are due.
    fn act(&mut self) {
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        let now = Moment::now();
        let mut actions = stopping.stop_plan.due(now);
        if stopping.deadline <= now && !stopping.killed {
            stopping.killed = true;
            actions.extend(stopping.stop_plan.kill_all());
        }
        for action in actions {
            match action {
                Action::Ask {
                    subject,
                    signal,
                    until,
                } => {
                    self.ask(subject, signal, until.map(|until| until.since(now)));
                    if signal != Signal::KILL {
                        // A stopped process takes the request only after SIGCONT.
                        self.signal_reached(subject, Signal::from_number(libc::SIGCONT));
                    }
                    self.outbox.push(Report::Asked {
                        subject,
                        signal: signal.number(),
                        at: now,
                    });
                }
                Action::Prepare(subject) => {
                    self.outbox.push(Report::Preparing { subject, at: now });
                }
                Action::Kill(subject) => {
                    self.signal_reached(subject, Signal::KILL);
                    self.outbox.push(Report::Killed { subject, at: now });
                }
            }
        }
    }

    /// Forwards a signal to the processes that this init has started: a builtin one to those of its
    /// own namespace that it has forked. Joined processes have a parent outside, and are signalled
    /// directly; the namespaces inside have PID 1s of their own.
    fn forward(&self, signal: i32) {
        for child in self.children.iter().flat_map(Children::list) {
            if !child.gone && child.subject.namespace == self.index {
                self.signal(child.subject, Signal::from_number(signal));
            }
        }
    }

    /// Asks a process in the namespace to end; an init of nestns is told how long it has at most.
    fn ask(&mut self, subject: ProcessKey, signal: Signal, left: Option<Duration>) {
        let namespace = self.plan.namespace(subject.namespace);
        if subject.is_init() && namespace.forks_its_members() {
            self.send(subject, |pidfd| {
                stop_plan::ask(pidfd, &namespace.init, signal, left)
            });
        } else {
            self.reach(subject);
            self.signal_reached(subject, signal);
        }
    }

    /// A descriptor of a process in the namespace.
    fn open(&self, subject: ProcessKey) -> Option<Pidfd> {
        let mut copy = None;
        self.send(subject, |pidfd| {
            copy = pidfd.as_fd().try_clone_to_owned().ok().map(Pidfd::from);
            Ok(())
        });
        copy
    }

    fn signal(&self, subject: ProcessKey, signal: Signal) {
        self.send(subject, |pidfd| pidfd.signal(signal.number()));
    }

    /// Signals a process in the namespace: a child by a pidfd opened while it is unreaped, a joined
    /// process by its kept pidfd.
    fn send(&self, subject: ProcessKey, send: impl FnOnce(&Pidfd) -> nix::Result<()>) {
        let member = self
            .members
            .iter()
            .find(|member| subject.namespace == self.index && member.slot == subject.slot);
        // The process may have ended a moment ago.
        let _ = match member {
            Some(member) => send(&member.pidfd),
            None => match self
                .children
                .as_ref()
                .and_then(|children| children.find(subject))
            {
                Some(child) => Pidfd::open(child.pid).and_then(|pidfd| send(&pidfd)),
                None => Ok(()),
            },
        };
    }

    /// The one place where this process waits: for a signal, a joined process's end, room in the
    /// channel, or the next deadline.
    fn wait(&self) {
        let mut ready = vec![PollFd::new(
            descriptor_layout::fd(SIGNALS),
            PollFlags::POLLIN,
        )];
        if !self.outbox.is_empty() || self.control_channel.offers() {
            ready.push(PollFd::new(
                descriptor_layout::fd(REPORTS),
                PollFlags::POLLOUT,
            ));
        }
        ready.extend(
            self.control_channel
                .fd()
                .map(|line| PollFd::new(line, PollFlags::POLLIN)),
        );
        ready.extend(
            self.members
                .iter()
                .map(|member| PollFd::new(member.pidfd.as_fd(), PollFlags::POLLIN)),
        );
        let timeout = match &self.stopping {
            None => PollTimeout::NONE,
            Some(stopping) => {
                let next = if stopping.killed {
                    stopping.deadline.plus(Duration::from_millis(REAPING_MS))
                } else {
                    stopping
                        .stop_plan
                        .next()
                        .map_or(stopping.deadline, |next| next.min(stopping.deadline))
                };
                until(self.reached.next().map_or(next, |look| look.min(next)))
            }
        };
        // Interrupted or out of memory: the loop checks everything again.
        let _ = poll(&mut ready, timeout);
    }

    fn leave(mut self) -> ! {
        self.report_unasked();
        let end = Moment::now().plus(Duration::from_millis(PANIC_MS.into()));
        self.outbox.flush();
        while !self.outbox.is_empty() && Moment::now() < end {
            let mut writable = [PollFd::new(
                descriptor_layout::fd(REPORTS),
                PollFlags::POLLOUT,
            )];
            let _ = poll(&mut writable, until(end));
            self.outbox.flush();
        }
        program::leave(0)
    }
}

/// The processes of a namespace that do not keep it open.
fn sidecars(namespace: &NamespacePlan) -> Vec<Slot> {
    let slots = namespace.declared_slots().zip(&namespace.processes);
    slots
        .filter(|(_, process)| process.keeps == Keeps::Nothing)
        .map(|(slot, _)| slot)
        .collect()
}

/// True if a builtin init forwards a signal: those that may mean something to a program, real-time
/// signals included. The others stop the namespace, are the init's own, or report a fault of the
/// very process that gets them.
fn is_passed_on(signal: i32) -> bool {
    const PASSED_ON: [i32; 6] = [
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGWINCH,
    ];
    PASSED_ON.contains(&signal) || signal > libc::SIGSYS
}

/// Timeout that ends at a moment, rounded up so that poll(2) does not return just before.
fn until(moment: Moment) -> PollTimeout {
    let left = moment.since(Moment::now());
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}

/// Has the parent fork a joined process, when it is its turn.
fn ask_to_join(init: ProcessKey, slot: Slot) -> Result<Pidfd, Failure> {
    let failed =
        |cause: CallError| Failure::new(ProcessKey { slot, ..init }, Stage::Channel, cause);
    let channel = descriptor_layout::fd(SYNC_CHANNEL);
    sync_channel::send(channel, SyncMessage::Fork { slot }, None).map_err(failed)?;
    match sync_channel::receive(channel).map_err(failed)? {
        Some(received) if received.message == SyncMessage::Forked => {
            received.pidfd.ok_or(failed(Errno::EBADF.into()))
        }
        // The parent is gone, and this namespace ends with it.
        _ => program::leave(1),
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::is_passed_on;
    use crate::engine::control_channel::OPEN;
    use crate::engine::gate::RELEASE;

    #[test]
    fn signals_that_an_init_handles_are_not_forwarded() {
        for signal in [
            libc::SIGTERM,
            libc::SIGCHLD,
            libc::SIGKILL,
            libc::SIGSTOP,
            libc::SIGTSTP,
            OPEN as i32,
        ] {
            assert!(!is_passed_on(signal), "{signal}");
        }
        // The release of one that waits is asked for by its own pidfd.
        assert!(is_passed_on(RELEASE as i32));
    }

    #[test]
    fn what_programs_are_told_by_users_is_passed_on() {
        for signal in [
            libc::SIGHUP,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGUSR2,
            libc::SIGWINCH,
            libc::SIGRTMIN(),
            64,
        ] {
            assert!(is_passed_on(signal), "{signal}");
        }
    }
}
