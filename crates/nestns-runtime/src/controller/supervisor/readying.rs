//! Readiness: from a probe that comes true, or a start that needs none, to whatever waits for it.
//!
//! A process is ready once, until it ends. What asks about it is bounded (one command or one helper
//! a process, each try for its `timeout` at most), is called off when the process ends or a stop
//! begins, and its failure is no failure of the tree, unless as many tries have failed as the file
//! allows: then the process will never be ready, and goes on running.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use nix::libc;
use nix::unistd::Pid;

use super::beside;
use super::dependencies::Dependencies;
use super::edge::{Edge, HelperTask, Said};
use super::trying::{Outlook, Step, Trying};
use crate::controller::event_sink::Note;
use crate::controller::life::Life;
use crate::controller::readiness::Way;
use crate::controller::roster::State;
use crate::controller::tree::Tree;
use crate::engine::exec_error::ExecError;
use crate::engine::plan::{NamespaceIndex, ProcessKey, TreePart};
use crate::engine::report::Ending;
use nestns_client::journal::event::{Event, WHOLE};
use nestns_sys::call::{Call, CallError};
use nestns_sys::moment::Moment;

/// The process that a helper is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Process(ProcessKey),
    /// No process: the helper was called off, and its end says nothing of any.
    Nobody,
}

/// Helpers that ask about the readiness of processes.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// Helpers that are not reaped yet.
    helpers: Vec<(Pid, Client)>,
    /// Probes that are tried again and again.
    tried: BTreeMap<ProcessKey, Trying>,
    /// Processes whose command cannot be executed, which is said once.
    refused: HashSet<ProcessKey>,
}

/// News of the readiness of a process: whether that may let others through.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readying {
    Ready,
    /// No readiness of this process, unless it is started again.
    Lost(ProcessKey),
    Nothing,
}

impl Probes {
    /// Moment at which a try is next to be made or killed.
    pub(super) fn next(&self) -> Option<Moment> {
        self.tried.values().map(Trying::next).min()
    }

    /// True if a helper is not reaped yet.
    pub(super) fn has_helpers(&self) -> bool {
        !self.helpers.is_empty()
    }

    /// Begins with a process whose program runs: it is ready with that, or is asked whether it is.
    pub(super) fn begin(&mut self, edge: &mut dyn Edge, subject: ProcessKey) {
        if !edge.tree().readiness.is_declared(subject) {
            return;
        }
        let Some(way) = edge.tree().readiness.way(subject).cloned() else {
            self.become_ready(edge, subject);
            return;
        };
        if edge.tree_mut().readiness.take_early(subject) {
            self.become_ready(edge, subject);
            return;
        }
        match way {
            Way::File(file) => self.watch(edge, subject, file),
            Way::Command { tries, .. } | Way::Port { tries, .. } => {
                self.tried.insert(subject, Trying::new(tries, edge.now()));
                self.inquire(edge);
            }
            Way::End | Way::Line(_) | Way::Voice => {}
        }
    }

    /// Takes in that the probe of a process has come true.
    pub(super) fn on_hint(&mut self, edge: &mut dyn Edge, subject: ProcessKey) -> Readying {
        let is_alive = edge
            .tree()
            .roster
            .get(subject)
            .is_some_and(|record| record.ending.is_none());
        if !is_alive {
            return Readying::Nothing;
        }
        if edge.tree().started.contains(&subject) {
            self.become_ready(edge, subject);
            return Readying::Ready;
        }
        // What it says may be read before it is known that it runs.
        edge.tree_mut().readiness.note_early(subject);
        Readying::Nothing
    }

    /// Makes a process ready. The caller looks whether that lets others through.
    fn become_ready(&mut self, edge: &mut dyn Edge, subject: ProcessKey) {
        if !edge.tree_mut().readiness.add(subject) {
            return;
        }
        self.call_off(edge, subject);
        if let Some(record) = edge.tree_mut().roster.get_mut(subject)
            && record.state == State::Running
        {
            record.state = State::Ready;
        }
        let path = edge.tree().path(subject);
        edge.record(&Event::Ready { path: &path });
        edge.tree_mut().changes.push(TreePart::Process(subject));
        fill(edge, subject.namespace);
    }

    /// Takes in that a process has ended: nothing asks any more, and a one-shot that has done its
    /// work is ready.
    pub(super) fn end(&mut self, edge: &mut dyn Edge, subject: ProcessKey) {
        self.call_off(edge, subject);
        // What it has said last was said before it ended, and makes nothing ready any more.
        edge.forget(subject, Said::Readiness);
        let tree = edge.tree_mut();
        tree.readiness.take_early(subject);
        let is_done = tree.roster.get(subject).is_some_and(|record| {
            record.state == State::Exited
                && record.refusal.is_none()
                && !record.stop_record.is_asked()
        });
        if is_done && matches!(tree.readiness.way(subject), Some(Way::End)) {
            self.become_ready(edge, subject);
        }
    }

    /// Begins anew with a process that is about to be started again, and with the namespaces around
    /// it. An init of nestns is no more than its namespace: what is inside makes the difference.
    pub(super) fn renew(&mut self, tree: &mut Tree, subject: ProcessKey) {
        let Tree {
            readiness, roster, ..
        } = tree;
        if !readiness.is_declared(subject) {
            return;
        }
        readiness.forget(subject);
        self.refused.remove(&subject);
        let mut around = Some(subject.namespace);
        while let Some(index) = around {
            if readiness.lacks_something(index)
                && let Some(namespace) = roster.namespace_mut(index)
            {
                namespace.is_ready = false;
                if namespace.members[0].state == State::Ready && readiness.has_own_init(index) {
                    namespace.members[0].state = State::Running;
                }
            }
            around = readiness.around(index);
        }
    }

    fn watch(&mut self, edge: &mut dyn Edge, subject: ProcessKey, file: PathBuf) {
        if edge.tree().identity(subject).is_none() {
            return;
        }
        match edge.start_helper(subject, HelperTask::AwaitFile(file)) {
            Ok(helper) => self.helpers.push((helper, Client::Process(subject))),
            Err(errno) => {
                let path = edge.tree().path(subject);
                let cause = CallError {
                    call: Call::Fork,
                    errno,
                };
                edge.note(&Note::ProbeLost { path: &path, cause });
            }
        }
    }

    /// Takes in that a child of the controller without a role has ended; `None` where it was no
    /// helper.
    pub(super) fn on_helper_ended(
        &mut self,
        edge: &mut dyn Edge,
        pid: Pid,
        ending: Ending,
    ) -> Option<Readying> {
        let place = self.helpers.iter().position(|(helper, _)| *helper == pid)?;
        let (_, Client::Process(subject)) = self.helpers.swap_remove(place) else {
            return Some(Readying::Nothing);
        };
        if self.tried.contains_key(&subject) {
            return Some(self.on_answer(edge, subject, ending));
        }
        if ending == Ending::Exited(0) {
            return Some(self.on_hint(edge, subject));
        }
        let tree = edge.tree();
        if tree.life == Life::Running
            && ending != Ending::Exited(1)
            && tree.started.contains(&subject)
        {
            // It was killed.
            let file = match tree.readiness.way(subject) {
                Some(Way::File(file)) if !tree.readiness.is_ready(subject) => file.clone(),
                _ => return Some(Readying::Nothing),
            };
            if tree
                .roster
                .get(subject)
                .is_some_and(|record| record.ending.is_none())
            {
                self.watch(edge, subject, file);
            }
        }
        Some(Readying::Nothing)
    }

    /// Makes the tries whose time has come, and kills those that do not answer.
    pub(super) fn inquire(&mut self, edge: &mut dyn Edge) {
        if edge.tree().life != Life::Running || edge.tree().stop.is_some() {
            return;
        }
        let now = edge.now();
        let due = self.tried.iter().filter(|(_, trying)| trying.next() <= now);
        let due: Vec<_> = due
            .map(|(&subject, trying)| (subject, trying.step()))
            .collect();
        for (subject, step) in due {
            let child = match step {
                Step::Running { child, .. } => {
                    if self.is_helper(child) {
                        edge.kernel().end_helper(child);
                    } else {
                        edge.signal_session(child, libc::SIGKILL);
                    }
                    // It is reaped soon; what has escaped by forking is looked for once more.
                    if let Some(trying) = self.tried.get_mut(&subject) {
                        trying.extend(now);
                    }
                    continue;
                }
                // Nothing of what is frozen answers.
                Step::Pending(_) if is_paused(edge.tree(), subject) => None,
                Step::Pending(_) => self.try_once(edge, subject),
            };
            if let Some(trying) = self.tried.get_mut(&subject) {
                match child {
                    Some(child) => trying.begin(child, now),
                    None => trying.postpone(now),
                }
            }
        }
    }

    /// Makes one try, by a child of the controller. Where that cannot be, as when the process is
    /// about to end, it is tried again.
    fn try_once(&mut self, edge: &mut dyn Edge, subject: ProcessKey) -> Option<Pid> {
        match *edge.tree().readiness.way(subject)? {
            Way::Port { port, tries } => {
                let timeout = tries.timeout;
                let task = HelperTask::Connect { port, timeout };
                let helper = edge.start_helper(subject, task).ok()?;
                self.helpers.push((helper, Client::Process(subject)));
                Some(helper)
            }
            _ => ask(edge, subject),
        }
    }

    fn is_helper(&self, child: Pid) -> bool {
        self.helpers.iter().any(|(helper, _)| *helper == child)
    }

    /// Takes in the answer of a try.
    pub(super) fn on_answer(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        ending: Ending,
    ) -> Readying {
        let now = edge.now();
        let Some(trying) = self.tried.get_mut(&subject) else {
            return Readying::Nothing;
        };
        if ending == Ending::Exited(0) {
            return self.on_hint(edge, subject);
        }
        if is_paused(edge.tree(), subject) {
            trying.postpone(now);
            return Readying::Nothing;
        }
        match trying.fail(now) {
            Outlook::Again => Readying::Nothing,
            Outlook::Never(tries) => {
                self.tried.remove(&subject);
                give_up(edge, subject, tries);
                Readying::Lost(subject)
            }
        }
    }

    /// Says once that a command could not be executed. It may appear later, so that it is asked
    /// again.
    pub(super) fn on_refused(
        &mut self,
        edge: &mut dyn Edge,
        subject: ProcessKey,
        refusal: &ExecError,
    ) {
        if self.tried.contains_key(&subject) && self.refused.insert(subject) {
            let namespace = edge.tree().plan.namespace(subject.namespace);
            let position = namespace
                .process(subject.slot)
                .map(|process| process.position)
                .unwrap_or_default();
            let path = namespace.path_of(subject.slot);
            edge.note(&Note::ProbeRefused {
                path: &path,
                position,
                refusal,
            });
        }
    }

    /// Ends what asks about a process.
    fn call_off(&mut self, edge: &mut dyn Edge, subject: ProcessKey) {
        // It stays known until it is reaped.
        for (helper, client) in self
            .helpers
            .iter_mut()
            .filter(|(_, client)| *client == Client::Process(subject))
        {
            edge.kernel().end_helper(*helper);
            *client = Client::Nobody;
        }
        if let Some(Step::Running { child, .. }) =
            self.tried.remove(&subject).map(|trying| trying.step())
            && subject
                .probe_of()
                .is_some_and(|probe| edge.child(probe).is_some())
        {
            edge.signal_session(child, libc::SIGKILL);
        }
    }

    /// Ends all that asks, because a stop has begun. Members of the namespaces end with them.
    pub(super) fn call_all_off(&mut self, edge: &mut dyn Edge) {
        for (helper, client) in &mut self.helpers {
            edge.kernel().end_helper(*helper);
            *client = Client::Nobody;
        }
        for (subject, _) in std::mem::take(&mut self.tried) {
            if let Some(probe) = subject
                .probe_of()
                .filter(|&probe| edge.child(probe).is_some())
            {
                let _ = edge.signal(probe, libc::SIGKILL);
            }
        }
    }
}

fn is_paused(tree: &Tree, subject: ProcessKey) -> bool {
    tree.roster.paused_by(subject.namespace).is_some()
}

/// Notes that a process will never be ready, after so many failed tries in a row.
fn give_up(edge: &mut dyn Edge, subject: ProcessKey, tries: u32) {
    let tree = edge.tree_mut();
    if let Some(record) = tree.roster.get_mut(subject) {
        record.given_up = Some(tries);
    }
    let namespace = tree.plan.namespace(subject.namespace);
    let position = namespace
        .process(subject.slot)
        .map(|process| process.position)
        .unwrap_or_default();
    let path = namespace.path_of(subject.slot);
    edge.record(&Event::Unready { path: &path, tries });
    edge.note(&Note::NeverReady {
        path: &path,
        position,
        tries,
    });
}

/// Takes in that a namespace lacks one thing less.
fn fill(edge: &mut dyn Edge, index: NamespaceIndex) {
    for whole in edge.tree_mut().readiness.fill(index) {
        edge.tree_mut().changes.push(TreePart::Namespace(whole));
        on_namespace_ready(edge, whole);
    }
    if edge.tree_mut().readiness.take_completion() {
        edge.record(&Event::Ready { path: WHOLE });
    }
}

/// Makes a namespace ready, because all that is in it is.
fn on_namespace_ready(edge: &mut dyn Edge, index: NamespaceIndex) {
    let Tree {
        readiness,
        roster,
        plan,
        ..
    } = edge.tree_mut();
    let has_own_init = readiness.has_own_init(index);
    if let Some(namespace) = roster.namespace_mut(index) {
        namespace.is_ready = true;
        if has_own_init && namespace.members[0].state == State::Running {
            namespace.members[0].state = State::Ready;
        }
    }
    let path = plan.namespace(index).path.clone();
    edge.record(&Event::Ready { path: &path });
}

/// Begins with namespaces that have been released: where there is nothing inside, one is ready with
/// that.
pub(super) fn open(
    edge: &mut dyn Edge,
    waiting: &Dependencies,
    released: impl Fn(NamespaceIndex) -> bool,
) {
    for index in edge.tree().readiness.empty() {
        if released(index)
            && !waiting.is_held(index)
            && edge.tree().readiness.lacks_something(index)
        {
            fill(edge, index);
        }
    }
}

/// Runs the command of a process beside it.
fn ask(edge: &mut dyn Edge, subject: ProcessKey) -> Option<Pid> {
    let Some(Way::Command { argv, .. }) = edge.tree().readiness.way(subject) else {
        return None;
    };
    let argv = argv.clone();
    beside::start(edge, subject, subject.probe_of()?, argv)
}
