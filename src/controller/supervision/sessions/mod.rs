//! `exec`: programs that come to a standing tree from outside, each with a client who waits for it.
//!
//! The controller forks and reaps them, not the client: a member of a namespace whose parent outside does not reap it keeps
//! the dying PID 1 in the kernel (R3). Their streams are the client's own descriptors, so that no byte of them passes here.
//! A program whose client hangs up is ended with everything in its session (`endings`).

mod endings;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use nix::sched::CloneFlags;
use nix::unistd::Pid;

use super::Supervision;
use crate::controller::control::message::{Execution, Problem, Reply, Target};
use crate::controller::control::server::ClientId;
use crate::controller::diagnosis::inside;
use crate::controller::journal::event::Event;
use crate::controller::meaning::{Occasion, meaning};
use crate::controller::roster::State;
use crate::controller::trouble::{refusal_sentence, sentence};
use crate::controller::truth_file::Revision;
use crate::controller::world::{Asker, Guest as Known};
use crate::engine::failure::Failure;
use crate::engine::keeper::{Entrance, Guest, Setback};
use crate::engine::moment::Moment;
use crate::engine::plan::{Identity, InitPlan, NamespaceIndex, NamespacePlan, ProcessPlan, Slot, Subject};
use crate::engine::refusal::Refusal;
use crate::engine::report::Ending;
use crate::observe::{process, thread};
use crate::sys::errno::of_io;
use crate::sys::errno::spelled;
use crate::sys::pidfd::Pidfd;
use crate::topology::{
    Entry, Output, Position, ProcessSpec, Program, RestartPolicy, Signal, Stdin, Stop, Terminal, Weight,
};
pub(super) use endings::signal_session;

/// How long a program has to end after its client has hung up.
const FAREWELL: Duration = Duration::from_millis(500);
/// How many there may be at a time.
const SESSIONS: usize = 4096;

/// One program.
#[derive(Debug)]
struct Session {
    path: String,
    /// Who waits for it; nobody for one that is on its own.
    asker: Option<Asker>,
    /// How it has ended, where it is not known yet whether it had become its program.
    ending: Option<Ending>,
    /// When what is left of it is killed, after its client has hung up.
    deadline: Option<Moment>,
    /// Its session in the sense of setsid(2): its own number on the host.
    leader: Pid,
    subject: Subject,
    /// Whether its output is kept from the start.
    is_logged: bool,
    /// With which revision of the tree it was first there.
    since: Revision,
}

/// All of them, by number.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: BTreeMap<u32, Session>,
    /// Sessions whose leader has ended, and of which others are still to be killed.
    remnants: Vec<(Pid, Moment)>,
    last: u32,
    /// What is entered beside a PID 1 that is nestns, and when that began.
    entered: HashMap<NamespaceIndex, (u64, CloneFlags)>,
}

impl Sessions {
    /// When something is next to be done.
    pub(super) fn next(&self) -> Option<Moment> {
        let deadlines = self.all.values().filter_map(|session| session.deadline);
        deadlines.chain(self.remnants.iter().map(|(_, at)| *at)).min()
    }
}

impl Supervision<'_> {
    pub(super) fn begin_session(&mut self, asker: Asker, execution: Execution, descriptors: Vec<OwnedFd>) {
        if !self.world.is_awaited(asker) {
            // Its end would be the first that it hears.
            return;
        }
        if self.plan.find(&execution.namespace).is_none() {
            self.world.reply(asker, Reply::NoNamespace);
            return;
        }
        if let Err(problem) = self.try_begin_session(asker, execution, descriptors) {
            self.world.refuse(asker, problem);
        }
    }

    fn try_begin_session(
        &mut self,
        asker: Asker,
        execution: Execution,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), Problem> {
        let own = |problem: Problem| problem.status(125);
        self.is_running().map_err(own)?;
        if self.sessions.all.len() >= SESSIONS {
            return Err(own(Problem::no(format!("there are {SESSIONS} programs of `exec` already"))));
        }
        let namespace = self.find_open_namespace(&execution.namespace)?;
        self.refuse_paused(namespace).map_err(own)?;
        let (target, identity) = self.entrance(namespace, &execution)?;
        let number = self.free_number(namespace);
        let subject = Subject::session(namespace, number);
        let path = format!("{}/exec.{number}", execution.namespace);
        let is_logged = execution.detached;
        let streams = match <[OwnedFd; 3]>::try_from(descriptors) {
            _ if execution.detached => None,
            Ok(streams) => Some(streams),
            Err(_) => return Err(own(Problem::no("a program of `exec` takes three descriptors"))),
        };
        let argv = execution.argv.clone();
        let home = self.plan.namespace(namespace);
        let process = plan(path.clone(), execution, identity, &home);
        let namespace = home.path.clone();
        self.world.tree.guests.add(subject, Known::new(path.clone(), namespace, argv, asker.by));
        let since = self.world.revision();
        let guest = Guest { subject, process, entrance: target, streams };
        let leader = match self.keeper.invite(guest, &mut self.world) {
            Ok(leader) => leader,
            Err(setback) => {
                // A process in between has told more than how it ended.
                self.world.drain_inherited();
                let cause = self.world.tree.guests.get(subject).and_then(|guest| guest.setback.clone());
                self.world.tree.guests.remove(subject);
                return Err(own(match setback {
                    Setback::Failed(failure) => self.problem_of(&path, cause.as_ref().unwrap_or(&failure)),
                    Setback::Interrupted => {
                        Problem::no("the topology is being stopped; nothing can start in it any more")
                    }
                }));
            }
        };
        self.world.tree.guests.forked(subject, leader);
        let session =
            Session { path, asker: Some(asker), ending: None, deadline: None, leader, subject, is_logged, since };
        self.sessions.all.insert(number, session);
        Ok(())
    }

    /// The namespace of a path, if anything can still start in it.
    pub(super) fn find_open_namespace(&self, path: &str) -> Result<NamespaceIndex, Problem> {
        let index = self.plan.find(path).ok_or_else(|| Problem::no(format!("there is no namespace `{path}`")))?;
        let mut around = Some(index);
        while let Some(at) = around {
            let namespace = self.plan.namespace(at);
            let state = self.world.tree.roster.get(Subject::init(at)).map(|record| record.state).unwrap_or_default();
            let name = &namespace.path;
            if state.is_over() {
                let message = format!("PID 1 of `{name}` has already exited; nothing can start in it any more");
                return Err(Problem::no(message).status(125));
            }
            if matches!(state, State::Stopping | State::Killing) {
                let message = format!("`{name}` is being stopped; nothing can start in it any more");
                return Err(Problem::no(message).status(125));
            }
            around = namespace.parent;
        }
        Ok(index)
    }

    /// Which process's namespaces are entered, which of them, and as whom.
    fn entrance(
        &mut self,
        namespace: NamespaceIndex,
        execution: &Execution,
    ) -> Result<(Entrance, Option<Identity>), Problem> {
        let gone = |path: &str| Problem::no(format!("`{path}` has ended")).status(125);
        let (path, pid, start_time) = if let Some(Target { path, pid, start_time }) = &execution.beside {
            (path.clone(), *pid, *start_time)
        } else {
            let path = format!("{}/init", execution.namespace);
            let record = self.world.tree.roster.get(Subject::init(namespace));
            let facts = record.and_then(|record| record.facts.as_ref()).ok_or_else(|| gone(&path))?;
            let pid = facts.numbers.first().copied().ok_or_else(|| gone(&path))?;
            (path, pid, facts.start_time)
        };
        let pid = Pid::from_raw(pid);
        let mut process = Pidfd::open(pid).map_err(|_| gone(&path))?;
        if !process::start_time(pid).is_ok_and(|start| start == start_time) {
            return Err(gone(&path));
        }
        let unreadable = |error: std::io::Error| {
            Problem::no(format!("cannot read the namespaces of `{path}`: {}", of_io(&error))).status(125)
        };
        let only = execution.only.as_deref();
        // nestns as PID 1 stays in the namespaces that it was born in, so that these are found out once.
        let is_settled = execution.beside.is_none()
            && only.is_none()
            && matches!(self.plan.namespace(namespace).init, InitPlan::Builtin | InitPlan::Pause);
        let namespaces = match self.sessions.entered.get(&namespace) {
            Some(&(known, flags)) if is_settled && known == start_time => flags,
            _ => match self.standpoint().and_then(|standpoint| standpoint.to_enter(pid, only)) {
                // Its first thread has ended, and has left its namespaces; the others are still in them (R71).
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let thread = thread::of_process(pid).ok().and_then(|threads| threads.into_iter().next());
                    let tid = Pid::from_raw(thread.ok_or_else(|| gone(&path))?.tid());
                    process = Pidfd::open_thread(tid).map_err(|_| gone(&path))?;
                    self.standpoint().and_then(|standpoint| standpoint.to_enter(tid, only)).map_err(unreadable)?
                }
                flags => flags.map_err(unreadable)?,
            },
        };
        if is_settled {
            self.sessions.entered.insert(namespace, (start_time, namespaces));
        }
        let is_elsewhere = namespaces.contains(CloneFlags::CLONE_NEWUSER);
        let identity = match &execution.identity {
            Some((uid, gid, groups)) => Some(Identity { uid: *uid, gid: *gid, groups: groups.clone() }),
            // In a user namespace that somebody has made inside, the controller's own user may have no number at all.
            None if is_elsewhere => Some(Identity { uid: 0, gid: 0, groups: vec![0] }),
            None => None,
        };
        Ok((Entrance::Beside { process, namespaces }, identity))
    }

    /// A number that no declared process has taken by being called `exec` and counted.
    fn free_number(&mut self, namespace: NamespaceIndex) -> u32 {
        let home = self.plan.namespace(namespace);
        loop {
            self.sessions.last = (self.sessions.last + 1) & (u32::MAX >> 2);
            let number = self.sessions.last;
            let name = format!("exec.{number}");
            let is_declared = home.processes.iter().any(|process| process.name == name);
            if !is_declared && !self.sessions.all.contains_key(&number) {
                return number;
            }
        }
    }

    /// It has become its program.
    pub(super) fn on_session_started(&mut self, subject: Subject) {
        let Some(number) = subject.session_number() else { return };
        let Some(session) = self.sessions.all.get(&number) else { return };
        let (ending, asker) = (session.ending, session.asker);
        self.record_start(subject);
        if let Some(asker) = asker {
            self.announce_session(asker, subject, number);
        }
        if let Some(ending) = ending {
            self.on_session_ended(subject, ending);
        }
    }

    fn announce_session(&mut self, asker: Asker, subject: Subject, number: u32) {
        let known = self.world.tree.guests.get(subject);
        let pids = known.and_then(|known| known.facts.as_ref()).map(|facts| facts.numbers.clone()).unwrap_or_default();
        let path = known.map(|known| known.path.clone()).unwrap_or_default();
        if let Some(session) = self.sessions.all.get_mut(&number).filter(|session| session.is_logged) {
            // From here on it is on its own: whoever has asked for it may leave, and look for it.
            session.asker = None;
            self.world.flush_truth();
        }
        self.world.reply(asker, Reply::Began { session: number, path, pids });
    }

    /// It could not become its program.
    pub(super) fn on_session_refused(&mut self, subject: Subject, refusal: &Refusal) {
        let message = refusal_sentence(refusal);
        self.record_exec(subject, Some(&message));
        self.answer_session(subject, Reply::Refused { message, status: refusal.status() });
    }

    /// It failed before it could even try.
    pub(super) fn on_session_failed(&mut self, failure: &Failure) {
        let path = self.world.tree.path(failure.subject);
        let problem = self.problem_of(&path, failure).status(125);
        self.answer_session(failure.subject, Reply::Problem(problem));
    }

    /// A failure as an answer, with what it means as long as what it was about is there.
    fn problem_of(&self, path: &str, failure: &Failure) -> Problem {
        let home = Subject { slot: Slot::Process(0), ..failure.subject };
        let inside = inside(&self.world.tree.roster, home);
        let level = self.plan.namespace(home.namespace).level();
        let help = meaning(&Occasion::of(failure, level, &inside));
        Problem { help, ..Problem::no(format!("`{path}`: {}", sentence(failure))) }
    }

    fn answer_session(&mut self, subject: Subject, reply: Reply) {
        let Some(session) = subject.session_number().and_then(|number| self.sessions.all.get_mut(&number)) else {
            return;
        };
        let ending = session.ending;
        if let Some(asker) = session.asker.take() {
            self.world.reply(asker, reply);
        }
        if let Some(ending) = ending {
            self.on_session_ended(subject, ending);
        }
    }

    /// It has ended and was reaped.
    pub(super) fn on_session_ended(&mut self, subject: Subject, ending: Ending) {
        let Some(number) = subject.session_number() else { return };
        if self.world.streams.outcome_of(subject).is_some()
            && let Some(session) = self.sessions.all.get_mut(&number)
        {
            // What it has said last, that it could not become its program, is still to be read.
            session.ending = Some(ending);
            return;
        }
        self.world.end_session_terminal(subject);
        self.record_exit(subject, ending, None);
        self.end_attachments(subject, ending);
        let has_launched = self.world.tree.guests.get(subject).is_none_or(|guest| guest.has_launched);
        self.world.tree.guests.end(subject, ending.into());
        let Some(session) = self.sessions.all.remove(&number) else { return };
        if let Some(asker) = session.asker {
            self.world.withdraw_from_truth(session.since);
            // What a copy of nestns ends with is no status of the program.
            let reply = if has_launched {
                Reply::Ended(ending.into())
            } else {
                let message = format!("`{}` has ended before it could execute its program", session.path);
                Reply::Problem(Problem::no(message).status(125))
            };
            self.world.reply(asker, reply);
        }
        if let Some(deadline) = session.deadline {
            // Its client has hung up: what it has left in its session goes as well.
            self.sessions.remnants.push((session.leader, deadline));
        }
    }

    pub(super) fn forward_to_session(&mut self, asker: Asker, number: u32, signal: i32) -> Reply {
        let session = self.sessions.all.get(&number);
        let own = session.filter(|session| session.asker.is_some_and(|own| own.client == asker.client));
        let Some(session) = own else { return Reply::Problem(Problem::no("it has ended")) };
        // An unreaped child: its number is its own.
        match Pidfd::open(session.leader).and_then(|pidfd| pidfd.signal(signal)) {
            Ok(()) => {
                let path = session.path.clone();
                let signal = Signal::from_number(signal).to_string();
                self.world.record(&Event::Signal { path: &path, signal: &signal, by: Some(asker.by) });
                Reply::Done
            }
            Err(errno) => Reply::Problem(Problem::no(format!("cannot signal it: {}", spelled(errno)))),
        }
    }

    pub(super) fn leave_session(&mut self, client: ClientId, number: u32, descriptors: Vec<OwnedFd>) -> Reply {
        let session = self.sessions.all.get_mut(&number);
        let own = session.filter(|session| session.asker.is_some_and(|asker| asker.client == client));
        let Some(session) = own else { return Reply::Problem(Problem::no("it has ended")) };
        if let Some(terminal) = descriptors.into_iter().next() {
            // As long as somebody holds the other side of its terminal, it is not hung up.
            if let Err(errno) = self.world.terminals.keep(session.subject, terminal, &self.world.events) {
                return Reply::Problem(Problem::no(format!("cannot keep its terminal: {}", spelled(errno))));
            }
        }
        session.asker = None;
        Reply::Done
    }

    /// Whether what a program of `exec` writes is kept.
    pub(super) fn is_logged_session(&self, subject: Subject) -> bool {
        let session = subject.session_number().and_then(|number| self.sessions.all.get(&number));
        session.is_some_and(|session| session.is_logged)
    }
}

/// What the engine is to make of it.
fn plan(path: String, execution: Execution, identity: Option<Identity>, home: &NamespacePlan) -> ProcessPlan {
    let mut env = execution.env;
    env.extend(home.env.clone());
    env.extend(execution.set);
    let captured = if execution.detached { Output::Log } else { Output::Inherit };
    let spec = ProcessSpec {
        name: path,
        program: Program::Command(execution.argv),
        entry: Entry::Join,
        env,
        cwd: execution.cwd.map(PathBuf::from).or_else(|| home.cwd.clone()),
        terminal: if execution.terminal { Terminal::Own } else { Terminal::None },
        stdin: if execution.detached { Stdin::Null } else { Stdin::Inherit },
        stdout: if execution.terminal { Output::Log } else { captured.clone() },
        stderr: if execution.terminal { Output::Log } else { captured },
        after: Vec::new(),
        ok: vec![0],
        oneshot: true,
        weight: Weight::Expendable,
        stop: Stop { signal: crate::topology::Signal::TERM, grace: FAREWELL },
        ready: None,
        restart: RestartPolicy::default(),
        labels: crate::topology::Labels::default(),
        position: Position::default(),
    };
    ProcessPlan { spec, identity }
}
