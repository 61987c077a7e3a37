//! PID 1 of a namespace: creates everything inside, reaps, forwards, stops, and is the last to end.
//!
//! It is a forked copy of nestns, with one thread. Signals have been blocked since before it was forked, and arrive
//! through a signalfd: a blocked signal does reach a PID 1 (R6), an unhandled one would be dropped (R5). Its loop is
//! one wait and one step for each event. It never waits for any process, only for the kernel: reports that the
//! controller does not take are kept.

mod orders;

use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::failure::{Failure, Stage};
use super::farewell::{self, Action, Farewell};
use super::forked_by::RunPidOne;
use super::gate::{self, Delivered};
use super::keeper::{Crossing, Keeper, Reaped, Setback, Undisturbed};
use super::line::{self, Desk};
use super::nursery::{self, Word};
use super::plan::{Comebacks, InitPlan, NamespaceIndex, NamespacePlan, Plan, Slot, Subject};
use super::program;
use super::report::{self, Outbox, Report};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::descriptor_layout::{self, NURSERY, REPORTS, SIGNALS};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;
use nestns_topology::{Entry, Signal, Stop};

/// Time for which an ending init tries to send its last reports, if the controller does not take them.
const LAST_WORDS_MS: u8 = 200;

/// Time after its deadline for which an init waits for the processes that it has killed: less than its parent waits for
/// it.
const REAPING_MS: u64 = 300;

/// A process that has joined from outside. It is no child, so that its end is seen through a pidfd.
#[derive(Debug)]
struct Member {
    slot: Slot,
    pidfd: Pidfd,
}

/// Condition on which the namespace ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tenure {
    UntilEmpty,
    UntilTold,
}

/// A stop in progress.
#[derive(Debug)]
struct Stopping {
    farewell: Farewell,
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
    tenure: Tenure,
    stop: Stop,
    keeper: Option<Keeper>,
    members: Vec<Member>,
    outbox: Outbox,
    stopping: Option<Stopping>,
    desk: Desk,
}

impl Init {
    /// The PID 1 of a namespace that is set up and empty.
    pub fn new(plan: Plan, index: NamespaceIndex, namespace: &NamespacePlan, run: RunPidOne) -> Self {
        let visited = plan.common().visited.as_deref();
        let awaits_visitor = visited.and_then(|path| path.strip_prefix(&namespace.path));
        let tenure = match namespace.init {
            _ if awaits_visitor.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) => Tenure::UntilTold,
            // An empty namespace stays for a process that may be restarted, until the controller says that none will.
            InitPlan::Builtin if namespace.comebacks == Comebacks::Possible => Tenure::UntilTold,
            // A namespace that never held anything was declared for its own sake, and stays.
            InitPlan::Builtin if plan.numbers_below(index) > 0 => Tenure::UntilEmpty,
            _ => Tenure::UntilTold,
        };
        Self {
            plan,
            run,
            index,
            tenure,
            stop: namespace.stop,
            keeper: None,
            members: Vec::new(),
            outbox: Outbox::default(),
            stopping: None,
            desk: Desk::default(),
        }
    }

    /// Creates everything inside, in file order.
    ///
    /// # Errors
    ///
    /// The first failure that has not been reported by a process inside.
    pub fn create(&mut self, namespace: &NamespacePlan) -> Result<(), Failure> {
        let subject = Subject::init(self.index);
        let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
        report::send(Report::Created { namespace: self.index }, &[])
            .by(Call::Sendmsg)
            .map_err(failed(Stage::Channel))?;
        if self.plan.numbers_below(self.index) == 0 {
            return Ok(());
        }
        let crossing = Crossing::of_init().by(Call::PidfdOpen).map_err(failed(Stage::OpenSelf))?;
        let keeper = self.keeper.insert(Keeper::new(self.plan, Some(self.index), crossing, self.run));
        for (slot, process) in namespace.declared_slots().zip(&namespace.processes) {
            match process.entry {
                Entry::Join => {
                    let pidfd = ask_to_join(subject, slot)?;
                    self.members.push(Member { slot, pidfd });
                }
                Entry::Fork | Entry::Init => keeper.fork_process(Subject { slot, ..subject }, namespace)?,
            }
        }
        let plan = self.plan;
        let mut create = || -> Result<(), Setback> {
            for child in plan.children(self.index) {
                keeper.raise(child, &mut Undisturbed)?;
            }
            keeper.finish(&mut Undisturbed)
        };
        match create() {
            Ok(()) => Ok(()),
            Err(Setback::Failed(failure)) => Err(failure),
            // `Undisturbed` never interrupts.
            Err(Setback::Interrupted) => Err(Failure::of_no_call(subject, Stage::Leaving, Errno::EINTR)),
        }
    }

    /// Runs the namespace until its end.
    ///
    /// From then on it must not end before its time: its death is that of everything inside.
    pub fn live(mut self) -> ! {
        self.plan = self.plan.for_latecomers();
        if let Some(keeper) = &mut self.keeper {
            keeper.expect_latecomers();
        }
        loop {
            let childless = self.reap();
            self.members.retain(|member| {
                let ended = member.pidfd.has_ended();
                if ended && let Some(stopping) = &mut self.stopping {
                    stopping.farewell.gone(Subject { namespace: self.index, slot: member.slot });
                }
                !ended
            });
            self.act();
            let empty = childless && self.members.is_empty();
            if self.may_leave(empty) {
                self.leave();
            }
            self.outbox.flush();
            self.desk.hand_up(self.index);
            self.wait();
            while let Some(delivered) = gate::read_signal() {
                self.on_signal(delivered);
            }
            self.obey();
        }
    }

    /// Reaps all children that have ended; true if no child is left.
    fn reap(&mut self) -> bool {
        let Some(keeper) = &mut self.keeper else {
            // Nothing was ever created here, but a joined process may have left an orphan.
            let mut keeper = Keeper::new(self.plan, Some(self.index), Crossing::Helped(None), self.run);
            loop {
                match keeper.reap() {
                    Reaped::Childless => return true,
                    Reaped::Nothing => return false,
                    Reaped::Orphan(pid, ending) => self.outbox.push_orphan(self.index, pid.as_raw(), ending),
                    Reaped::Kid(..) => {}
                }
            }
        };
        loop {
            match keeper.reap() {
                Reaped::Kid(subject, ending) => {
                    self.outbox.push(Report::Ended { subject, ending, at: Moment::now() });
                    if let Some(stopping) = &mut self.stopping {
                        stopping.farewell.gone(subject);
                    }
                }
                Reaped::Orphan(pid, ending) => self.outbox.push_orphan(self.index, pid.as_raw(), ending),
                Reaped::Nothing => return false,
                Reaped::Childless => return true,
            }
        }
    }

    fn may_leave(&self, empty: bool) -> bool {
        match &self.stopping {
            // Processes that were not created here are not waited for: the end of this one has the kernel kill them.
            Some(stopping) => {
                let over = stopping.deadline.plus(Duration::from_millis(REAPING_MS)) <= Moment::now();
                let living = self.keeper.as_ref().map_or(0, Keeper::living);
                (living == 0 && self.members.is_empty()) || over
            }
            // A controller with an open channel may be about to restart something.
            None => empty && self.tenure == Tenure::UntilEmpty && !self.desk.is_open(),
        }
    }

    fn on_signal(&mut self, delivered: Delivered) {
        let Delivered { signal, sender, .. } = delivered;
        match signal {
            libc::SIGCHLD => {}
            // From inside it is no call of the controller, and a namespace that is ending does not answer.
            _ if signal == line::CALL as i32 && (sender != 0 || self.stopping.is_some()) => {}
            _ if signal == line::CALL as i32 => self.desk.open(),
            _ if signal == libc::SIGTERM || signal == self.stop.signal.number() => self.begin_to_stop(delivered),
            _ if is_passed_on(signal) => self.forward(signal),
            _ => {}
        }
    }

    fn begin_to_stop(&mut self, Delivered { sender, word, .. }: Delivered) {
        if self.stopping.is_some() {
            return;
        }
        let now = Moment::now();
        let deadline = now.plus(self.stop.grace);
        // The parent outside says for how long it will live itself; a sender inside cannot know.
        let around = word.filter(|_| sender == 0).and_then(farewell::time_left).map(|left| now.plus(left));
        let end = around.map_or(deadline, |around| around.min(deadline));
        self.outbox.push(Report::Stopping { namespace: self.index, sender, at: now });
        let kids = self.keeper.iter().flat_map(Keeper::kids).filter(|kid| !kid.gone);
        // A process that joined a namespace with a builtin init is asked by that init; its parent only reaps it.
        let asked_here = kids.map(|kid| kid.subject).filter(|subject| {
            subject.is_init()
                || subject.namespace == self.index
                || !self.plan.namespace(subject.namespace).has_own_keeper()
        });
        let members = self.members.iter().map(|member| Subject { namespace: self.index, slot: member.slot });
        let subjects: Vec<Subject> = asked_here.chain(members).collect();
        let farewell = Farewell::begin(&self.plan, &subjects, now, Some(end));
        self.stopping = Some(Stopping { farewell, deadline, killed: false });
        self.act();
    }

    /// Takes the actions of the stop that are due.
    fn act(&mut self) {
        let Some(stopping) = &mut self.stopping else { return };
        let now = Moment::now();
        let mut actions = stopping.farewell.due(now);
        if stopping.deadline <= now && !stopping.killed {
            stopping.killed = true;
            actions.extend(stopping.farewell.kill_all());
        }
        for action in actions {
            match action {
                Action::Ask { subject, signal, until } => {
                    self.ask(subject, signal, until.map(|until| until.since(now)));
                    if signal != Signal::KILL {
                        // A stopped process takes the request only after SIGCONT.
                        self.signal(subject, Signal::from_number(libc::SIGCONT));
                    }
                    self.outbox.push(Report::Asked { subject, signal: signal.number(), at: now });
                }
                Action::Kill(subject) => {
                    self.signal(subject, Signal::KILL);
                    self.outbox.push(Report::Killed { subject, at: now });
                }
            }
        }
    }

    /// Forwards a signal to the processes that this init has started: a builtin one to those of its own namespace that
    /// it has forked. Joined processes have a parent outside, and are signalled directly; the namespaces inside have
    /// PID 1s of their own. A pause init only reaps and waits, and forwards nothing.
    fn forward(&self, signal: i32) {
        let namespace = self.plan.namespace(self.index);
        if !matches!(namespace.init, InitPlan::Builtin) {
            return;
        }
        for kid in self.keeper.iter().flat_map(Keeper::kids) {
            if !kid.gone && kid.subject.namespace == self.index {
                self.signal(kid.subject, Signal::from_number(signal));
            }
        }
    }

    /// Asks a process in the namespace to end; an init of nestns is told how long it has at most.
    fn ask(&self, subject: Subject, signal: Signal, left: Option<Duration>) {
        let is_ours = subject.is_init() && self.plan.namespace(subject.namespace).has_own_keeper();
        self.send(subject, |pidfd| match left.filter(|_| is_ours) {
            Some(left) => farewell::ask(pidfd, signal, left),
            None => pidfd.signal(signal.number()),
        });
    }

    fn signal(&self, subject: Subject, signal: Signal) {
        self.send(subject, |pidfd| pidfd.signal(signal.number()));
    }

    /// Signals a process in the namespace: a child by a pidfd opened while it is unreaped, a joined process by its kept
    /// pidfd.
    fn send(&self, subject: Subject, send: impl FnOnce(&Pidfd) -> nix::Result<()>) {
        let member = self.members.iter().find(|member| subject.namespace == self.index && member.slot == subject.slot);
        // The process may have ended a moment ago.
        let _ = match member {
            Some(member) => send(&member.pidfd),
            None => match self.keeper.as_ref().and_then(|keeper| keeper.find(subject)) {
                Some(kid) => Pidfd::open(kid.pid).and_then(|pidfd| send(&pidfd)),
                None => Ok(()),
            },
        };
    }

    /// The one place where this process waits: for a signal, a joined process's end, room in the channel, or the next
    /// deadline.
    fn wait(&self) {
        let mut ready = vec![PollFd::new(descriptor_layout::fd(SIGNALS), PollFlags::POLLIN)];
        if !self.outbox.is_empty() || self.desk.offers() {
            ready.push(PollFd::new(descriptor_layout::fd(REPORTS), PollFlags::POLLOUT));
        }
        ready.extend(self.desk.fd().map(|line| PollFd::new(line, PollFlags::POLLIN)));
        ready.extend(self.members.iter().map(|member| PollFd::new(member.pidfd.as_fd(), PollFlags::POLLIN)));
        let timeout = match &self.stopping {
            None => PollTimeout::NONE,
            Some(stopping) => {
                let next = if stopping.killed {
                    stopping.deadline.plus(Duration::from_millis(REAPING_MS))
                } else {
                    stopping.farewell.next().map_or(stopping.deadline, |next| next.min(stopping.deadline))
                };
                until(next)
            }
        };
        // Interrupted or out of memory: the loop checks everything again.
        let _ = poll(&mut ready, timeout);
    }

    fn leave(mut self) -> ! {
        let end = Moment::now().plus(Duration::from_millis(LAST_WORDS_MS.into()));
        self.outbox.flush();
        while !self.outbox.is_empty() && Moment::now() < end {
            let mut writable = [PollFd::new(descriptor_layout::fd(REPORTS), PollFlags::POLLOUT)];
            let _ = poll(&mut writable, until(end));
            self.outbox.flush();
        }
        program::leave(0)
    }
}

/// True if a builtin init forwards a signal: those that may mean something to a program, real-time signals included.
/// The others stop the namespace, are the init's own, or report a fault of the very process that gets them.
fn is_passed_on(signal: i32) -> bool {
    const PASSED_ON: [i32; 6] =
        [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2, libc::SIGWINCH];
    PASSED_ON.contains(&signal) || signal > libc::SIGSYS
}

/// Timeout that ends at a moment, rounded up so that poll(2) does not return just before.
fn until(moment: Moment) -> PollTimeout {
    let left = moment.since(Moment::now());
    PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
}

/// Has the keeper fork a joined process, when it is its turn.
fn ask_to_join(init: Subject, slot: Slot) -> Result<Pidfd, Failure> {
    let failed = |cause: CallError| Failure::new(Subject { slot, ..init }, Stage::Channel, cause);
    let channel = descriptor_layout::fd(NURSERY);
    nursery::say(channel, Word::Join { slot }, None).map_err(failed)?;
    match nursery::hear(channel).map_err(failed)? {
        Some(heard) if heard.word == Word::Joined => heard.pidfd.ok_or(failed(Errno::EBADF.into())),
        // The parent is gone, and this namespace ends with it.
        _ => program::leave(1),
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::is_passed_on;
    use crate::engine::gate::RELEASE;
    use crate::engine::line::CALL;

    #[test]
    fn what_has_a_meaning_for_an_init_is_passed_on_to_nobody() {
        for signal in [libc::SIGTERM, libc::SIGCHLD, libc::SIGKILL, libc::SIGSTOP, libc::SIGTSTP, CALL as i32] {
            assert!(!is_passed_on(signal), "{signal}");
        }
        // The release of one that waits is asked for by its own pidfd.
        assert!(is_passed_on(RELEASE as i32));
    }

    #[test]
    fn what_programs_are_told_by_users_is_passed_on() {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR2, libc::SIGWINCH, libc::SIGRTMIN(), 64] {
            assert!(is_passed_on(signal), "{signal}");
        }
    }
}
