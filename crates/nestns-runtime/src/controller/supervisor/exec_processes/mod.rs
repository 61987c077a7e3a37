//! `exec`: processes that come to a standing tree from outside, each with a client that waits for
//! it.
//!
//! The controller forks and reaps them, not the client: a member of a namespace whose parent
//! outside does not reap it keeps the dying PID 1 in the kernel (R3). Their streams are the
//! client's own descriptors, so that no byte of them passes here. A process whose client hangs up
//! is ended with everything in its session, and so is one in what is taken down: hung up, then
//! killed.

mod entrance;

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::libc;
use nix::unistd::{Pid, getpgid};

use super::attachments::Attachments;
use super::edge::{Edge, Source, Truth};
use super::rules;
use crate::controller::asker::Asker;
use crate::controller::control::server::ClientId;
use crate::controller::diagnosis::inside;
use crate::controller::errno_hints::{Occasion, errno_hint};
use crate::controller::exec_records::ExecRecord;
use crate::controller::start_error::{exec_error_sentence, sentence};
use crate::controller::tree::Tree;
use crate::controller::truth_file::Revision;
use crate::engine::children::{BuildError, OutsideProcess};
use crate::engine::exec_error::ExecError;
use crate::engine::failure::Failure;
use crate::engine::plan::{NamespaceIndex, ProcessKey, Slot};
use crate::engine::report::Ending;
use entrance::Entered;
use nestns_client::journal::event::Event;
use nestns_client::protocol::message::{ExecRequest, Reply, RequestError};
use nestns_observe::session::Company;
use nestns_sys::errno::spelled;
use nestns_sys::moment::Moment;
use nestns_topology::{Session, Signal};

/// Time that a process has to end after its client has hung up.
const GRACE: Duration = Duration::from_millis(500);
/// Interval between searches for what a killed process has left in its session.
const AGAIN: Duration = Duration::from_millis(50);
/// Maximum number of processes at a time.
const MOST: usize = 4096;

/// One process.
#[derive(Debug)]
struct ExecProcess {
    path: String,
    /// The client that waits for it; none of one that is on its own.
    asker: Option<Asker>,
    /// Ending, if it is not known yet whether it had become its program.
    ending: Option<Ending>,
    /// Moment at which what is left of it is killed, after its client has hung up.
    deadline: Option<Moment>,
    /// Its session, which it leads; of one that inherits the controller's, its process group, in
    /// which there is nothing else.
    company: Company,
    subject: ProcessKey,
    /// The revision of the tree with which it was first there.
    since: Revision,
}

/// Processes of `exec`, by number.
#[derive(Debug, Default)]
pub(super) struct ExecProcesses {
    all: BTreeMap<u32, ExecProcess>,
    /// Sessions and process groups whose process has ended, and of which others are still to be
    /// killed.
    remnants: Vec<(Company, Moment)>,
    last: u32,
    entered: Entered,
}

impl ExecProcesses {
    /// Moment of the next thing to do.
    pub(super) fn next(&self) -> Option<Moment> {
        let deadlines = self.all.values().filter_map(|process| process.deadline);
        deadlines
            .chain(self.remnants.iter().map(|(_, at)| *at))
            .min()
    }

    /// Starts a process for a client.
    pub(super) fn begin(
        &mut self,
        edge: &mut dyn Edge,
        asker: Asker,
        execution: ExecRequest,
        descriptors: Vec<OwnedFd>,
    ) {
        if !edge.is_connected(asker) {
            // Its end would be the first that it hears.
            return;
        }
        if edge.tree().plan.find(&execution.namespace).is_none() {
            edge.reply(asker, Reply::NoNamespace);
            return;
        }
        if let Err(problem) = self.try_begin(edge, asker, execution, descriptors) {
            edge.refuse(asker, problem);
        }
    }

    fn try_begin(
        &mut self,
        edge: &mut dyn Edge,
        asker: Asker,
        execution: ExecRequest,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), RequestError> {
        rules::refuse_unless_running(edge.tree())?;
        if self.all.len() >= MOST {
            return Err(RequestError::TooManyPrograms { most: MOST });
        }
        let index = rules::find_open_namespace(edge.tree(), &execution.namespace)?;
        rules::refuse_paused(edge.tree(), index)?;
        let (entrance, identity) = entrance::find(edge, &mut self.entered, index, &execution)?;
        let number = self.free_number(edge.tree(), index);
        let subject = ProcessKey::session(index, number);
        let path = format!("{}/exec.{number}", execution.namespace);
        let is_logged = execution.detached;
        let streams = match <[OwnedFd; 3]>::try_from(descriptors) {
            _ if execution.detached => None,
            Ok(streams) => Some(streams),
            Err(_) => return Err(RequestError::StreamsMissing),
        };
        let argv = execution.argv.clone();
        let home = edge.tree().plan.namespace(index);
        let process = entrance::plan(path.clone(), execution, identity, &home);
        let session = process.session;
        let record = ExecRecord::new(path.clone(), home.path.clone(), argv, asker.by);
        edge.tree_mut().exec_records.add(
            subject,
            ExecRecord {
                is_logged,
                ..record
            },
        );
        let since = edge.tree().revision();
        let leader = match edge.start(OutsideProcess {
            subject,
            process,
            entrance,
            streams,
        }) {
            Ok(leader) => leader,
            Err(build_error) => return Err(give_up(edge, subject, &path, build_error)),
        };
        edge.tree_mut().exec_records.forked(subject, leader);
        let process = ExecProcess {
            path,
            asker: Some(asker),
            ending: None,
            deadline: None,
            company: company_of(leader, session),
            subject,
            since,
        };
        self.all.insert(number, process);
        Ok(())
    }

    /// A number that no declared process has taken by being called `exec` and counted.
    fn free_number(&mut self, tree: &Tree, namespace: NamespaceIndex) -> u32 {
        let home = tree.plan.namespace(namespace);
        loop {
            self.last = (self.last + 1) & (u32::MAX >> 2);
            let number = self.last;
            let name = format!("exec.{number}");
            let is_declared = home.processes.iter().any(|process| process.name == name);
            if !is_declared && !self.all.contains_key(&number) {
                return number;
            }
        }
    }

    /// Tells the client that its process has become its program.
    pub(super) fn on_started(
        &mut self,
        edge: &mut dyn Edge,
        attachments: &mut Attachments,
        subject: ProcessKey,
    ) {
        let Some(number) = subject.exec_number() else {
            return;
        };
        let Some(process) = self.all.get_mut(&number) else {
            return;
        };
        let (ending, asker) = (process.ending, process.asker);
        edge.record_start(subject);
        if let Some(asker) = asker {
            let (path, pids) = (edge.tree().path(subject), edge.tree().pids(subject));
            if edge
                .tree()
                .exec_records
                .get(subject)
                .is_some_and(|record| record.is_logged)
            {
                // From here on it is on its own: the client may leave, and look for it.
                process.asker = None;
                edge.write_truth(Truth::Due);
            }
            edge.reply(
                asker,
                Reply::Began {
                    session: number,
                    path,
                    pids,
                },
            );
        }
        if let Some(ending) = ending {
            self.on_ended(edge, attachments, subject, ending);
        }
    }

    /// Tells the client that its process could not become its program.
    pub(super) fn on_refused(
        &mut self,
        edge: &mut dyn Edge,
        attachments: &mut Attachments,
        subject: ProcessKey,
        refusal: &ExecError,
    ) {
        let message = exec_error_sentence(refusal);
        edge.record_exec(subject, Some(&message));
        self.answer(
            edge,
            attachments,
            subject,
            Reply::Refused {
                message,
                status: refusal.status(),
            },
        );
    }

    /// Tells the client that its process failed before it could even try.
    pub(super) fn on_failed(
        &mut self,
        edge: &mut dyn Edge,
        attachments: &mut Attachments,
        failure: &Failure,
    ) {
        let path = edge.tree().path(failure.subject);
        let problem = problem_of(edge.tree(), &path, failure);
        self.answer(
            edge,
            attachments,
            failure.subject,
            Reply::RequestError(problem),
        );
    }

    fn answer(
        &mut self,
        edge: &mut dyn Edge,
        attachments: &mut Attachments,
        subject: ProcessKey,
        reply: Reply,
    ) {
        let Some(process) = subject
            .exec_number()
            .and_then(|number| self.all.get_mut(&number))
        else {
            return;
        };
        let ending = process.ending;
        if let Some(asker) = process.asker.take() {
            edge.reply(asker, reply);
        }
        if let Some(ending) = ending {
            self.on_ended(edge, attachments, subject, ending);
        }
    }

    /// Tells the client how its process has ended, which was reaped.
    pub(super) fn on_ended(
        &mut self,
        edge: &mut dyn Edge,
        attachments: &mut Attachments,
        subject: ProcessKey,
        ending: Ending,
    ) {
        let Some(number) = subject.exec_number() else {
            return;
        };
        if edge.awaits_outcome(subject)
            && let Some(process) = self.all.get_mut(&number)
        {
            // What it has said last, that it could not become its program, is still to be read.
            process.ending = Some(ending);
            return;
        }
        edge.terminals().end(subject);
        edge.record_exit(subject, ending, None);
        attachments.end(edge, subject, ending);
        let has_launched = edge
            .tree()
            .exec_records
            .get(subject)
            .is_none_or(|exec| exec.has_launched);
        edge.tree_mut().exec_records.end(subject, ending.into());
        let Some(process) = self.all.remove(&number) else {
            return;
        };
        if let Some(asker) = process.asker {
            edge.write_truth(Truth::Withdrawn(process.since));
            // What a copy of nestns ends with is no status of the program.
            let reply = if has_launched {
                Reply::Ended(ending.into())
            } else {
                Reply::RequestError(RequestError::EndedBeforeExec {
                    path: process.path.clone(),
                })
            };
            edge.reply(asker, reply);
        }
        if let Some(deadline) = process.deadline {
            // Its client has hung up: what it has left in its session goes as well.
            self.remnants.push((process.company, deadline));
        }
    }

    /// Passes a signal on that the client has got for its process.
    pub(super) fn forward(
        &mut self,
        edge: &mut dyn Edge,
        asker: Asker,
        number: u32,
        signal: i32,
    ) -> Reply {
        let process = self.all.get(&number);
        let own =
            process.filter(|process| process.asker.is_some_and(|own| own.client == asker.client));
        let Some(process) = own else {
            return Reply::RequestError(RequestError::ProgramEnded);
        };
        match edge.signal(process.subject, signal) {
            Ok(()) => {
                let signal = Signal::from_number(signal).to_string();
                edge.record(&Event::Signal {
                    path: &process.path,
                    signal: &signal,
                    by: Some(asker.by),
                });
                Reply::Done
            }
            Err(errno) => Reply::RequestError(RequestError::Unsignalled {
                reason: spelled(errno),
            }),
        }
    }

    /// Lets a client leave its process alone; the other side of its terminal is kept.
    pub(super) fn leave(
        &mut self,
        edge: &mut dyn Edge,
        client: ClientId,
        number: u32,
        descriptors: Vec<OwnedFd>,
    ) -> Reply {
        let process = self.all.get_mut(&number);
        let own =
            process.filter(|process| process.asker.is_some_and(|asker| asker.client == client));
        let Some(process) = own else {
            return Reply::RequestError(RequestError::ProgramEnded);
        };
        if let Some(terminal) = descriptors.into_iter().next() {
            // As long as the other side of its terminal is held, it is not hung up.
            if let Err(errno) = edge.terminals().keep(process.subject, terminal) {
                return Reply::RequestError(RequestError::TerminalLost {
                    reason: spelled(errno),
                });
            }
        }
        process.asker = None;
        Reply::Done
    }

    /// Ends the processes of a client that has hung up: nothing that it has started for itself
    /// stays.
    pub(super) fn end_of(&mut self, edge: &mut dyn Edge, client: ClientId) {
        let deadline = edge.now().plus(GRACE);
        let own = self
            .all
            .values_mut()
            .filter(|process| process.asker.is_some_and(|asker| asker.client == client));
        for process in own {
            process.asker = None;
            process.deadline = Some(deadline);
            edge.signal_company(process.company, libc::SIGHUP);
            edge.record(&Event::Signal {
                path: &process.path,
                signal: "HUP",
                by: None,
            });
        }
    }

    /// Tells all that a stop has begun; those that do not leave go with their namespace.
    pub(super) fn close_all(&self, edge: &mut dyn Edge) {
        for process in self.all.values() {
            edge.signal_company(process.company, libc::SIGHUP);
            edge.record(&Event::Signal {
                path: &process.path,
                signal: "HUP",
                by: None,
            });
        }
    }

    /// Tells those in some of the namespaces, which are taken down.
    pub(super) fn close_inside(&self, edge: &mut dyn Edge, namespaces: &Range<NamespaceIndex>) {
        for process in self
            .all
            .values()
            .filter(|process| namespaces.contains(&process.subject.namespace))
        {
            edge.signal_company(process.company, libc::SIGHUP);
        }
    }

    /// Kills what has not left in time.
    pub(super) fn kill_overdue(&mut self, edge: &mut dyn Edge) {
        let now = edge.now();
        for process in self.all.values_mut() {
            if process.deadline.is_some_and(|deadline| deadline <= now) {
                edge.signal_company(process.company, libc::SIGKILL);
                edge.record(&Event::Signal {
                    path: &process.path,
                    signal: "KILL",
                    by: None,
                });
                // It is killed; what has escaped for a moment by forking is looked for once more.
                process.deadline = Some(now.plus(GRACE));
            }
        }
        self.remnants.retain_mut(|(company, deadline)| {
            if *deadline > now {
                return true;
            }
            *deadline = now.plus(AGAIN);
            edge.signal_company(*company, libc::SIGKILL) > 0
        });
    }
}

/// Everything that is ended with a process which has just been forked.
fn company_of(process: Pid, session: Session) -> Company {
    match session {
        Session::Own => Company::Session(process),
        // It has not been reaped, so that its number is its own; the group was there before it was.
        Session::Inherit => {
            getpgid(Some(process)).map_or(Company::Session(process), Company::ProcessGroup)
        }
    }
}

/// Forgets a process that could not be forked, and says why.
fn give_up(
    edge: &mut dyn Edge,
    subject: ProcessKey,
    path: &str,
    build_error: BuildError,
) -> RequestError {
    // A process in between has told more than how it ended.
    edge.drain(Source::Inherited);
    let cause = edge
        .tree()
        .exec_records
        .get(subject)
        .and_then(|exec| exec.build_error.clone());
    edge.tree_mut().exec_records.remove(subject);
    match build_error {
        BuildError::Failed(failure) => {
            problem_of(edge.tree(), path, cause.as_ref().unwrap_or(&failure))
        }
        BuildError::Interrupted => RequestError::TopologyStopping,
    }
}

/// A failure as an answer, with what it means as long as what it was about is there.
fn problem_of(tree: &Tree, path: &str, failure: &Failure) -> RequestError {
    let home = ProcessKey {
        slot: Slot::Process(0),
        ..failure.subject
    };
    let inside = inside(&tree.roster, home);
    let level = tree.plan.namespace(home.namespace).level();
    let help = errno_hint(&Occasion::of(failure, level, &inside));
    RequestError::Failed {
        what: format!("`{path}`"),
        reason: sentence(failure),
        help,
        status: 1,
    }
}
