//! Programs that `exec` has started in the tree: their records, as long as they live.

use std::collections::{BTreeMap, VecDeque};

use nix::unistd::Pid;

use crate::controller::roster::{Roster, State};
use crate::engine::failure::Failure;
use crate::engine::plan::ProcessKey;
use nestns_client::documents::Description;
use nestns_client::documents::{ExitDocument, ProcessDocument};
use nestns_client::journal::event::Caller;
use nestns_observe::process::Process;

/// A process of `exec`.
#[derive(Debug)]
pub(in crate::controller) struct ExecRecord {
    /// `vm/ci/exec.3`.
    pub(in crate::controller) path: String,
    pub(in crate::controller) namespace: String,
    pub(in crate::controller) argv: Vec<String>,
    /// Client that asked for it.
    pub(in crate::controller) by: Caller,
    /// An unreaped child, whose number is its own; none before the fork.
    pub(in crate::controller) pid: Option<Pid>,
    /// Facts of the kernel about it; `None` as long as the kernel was not asked.
    pub(in crate::controller) facts: Option<Process>,
    /// True if it has reported that it is about to become its program, or the reason why it does
    /// not.
    pub(in crate::controller) has_launched: bool,
    /// True if its output is kept from the start.
    pub(in crate::controller) is_logged: bool,
    /// Reason why it was not forked, as reported by the process that was to fork it.
    pub(in crate::controller) build_error: Option<Failure>,
}

impl ExecRecord {
    /// One that is to be forked.
    pub(in crate::controller) fn new(
        path: String,
        namespace: String,
        argv: Vec<String>,
        by: Caller,
    ) -> Self {
        Self {
            path,
            namespace,
            argv,
            by,
            pid: None,
            facts: None,
            has_launched: false,
            is_logged: false,
            build_error: None,
        }
    }

    fn document(&self, controller: i32, state: &'static str) -> Option<ProcessDocument> {
        let facts = self.facts.as_ref()?;
        let outside = std::iter::once(Some(controller)).chain(std::iter::repeat(Some(0)));
        Some(ProcessDocument {
            path: self.path.clone(),
            ns: self.namespace.clone(),
            name: self
                .path
                .rsplit('/')
                .next()
                .unwrap_or(&self.path)
                .to_owned(),
            pids: facts.numbers.iter().copied().map(Some).collect(),
            ppids: outside.take(facts.numbers.len()).collect(),
            pgids: Vec::new(),
            sids: Vec::new(),
            state: Some(state.into()),
            exit: None,
            enter: "exec".into(),
            argv: self.argv.clone(),
            start_time: Some(facts.start_time),
            threads: Vec::new(),
            restarts: 0,
            labels: nestns_topology::Labels::default(),
            declared: true,
        })
    }
}

/// Records of the processes of `exec`.
#[derive(Debug, Default)]
pub(in crate::controller) struct ExecRecords {
    alive: BTreeMap<ProcessKey, ExecRecord>,
    /// Endings of the last processes that have left: no client may have waited for them then.
    ended: VecDeque<(ProcessKey, String, ExitDocument)>,
    /// Number of records of which the kernel was not asked yet.
    unread: usize,
    /// Another number after whatever may have changed something.
    revision: u64,
}

/// Number of endings that are kept.
const REMEMBERED: usize = 512;

impl ExecRecords {
    pub(in crate::controller) fn add(&mut self, subject: ProcessKey, exec: ExecRecord) {
        self.alive.insert(subject, exec);
        self.revision += 1;
    }

    pub(in crate::controller) fn remove(&mut self, subject: ProcessKey) {
        self.alive.remove(&subject);
        self.revision += 1;
    }

    pub(in crate::controller) fn get(&self, subject: ProcessKey) -> Option<&ExecRecord> {
        self.alive.get(&subject)
    }

    /// Removes a process that has ended, of which nothing but its ending is kept.
    pub(in crate::controller) fn end(&mut self, subject: ProcessKey, exit: ExitDocument) {
        if let Some(exec) = self.alive.remove(&subject) {
            self.revision += 1;
            self.ended.push_back((subject, exec.path, exit));
            if self.ended.len() > REMEMBERED {
                self.ended.pop_front();
            }
        }
    }

    /// Notes that a process has come as far as its program.
    pub(in crate::controller) fn launched(&mut self, subject: ProcessKey) {
        if let Some(exec) = self.alive.get_mut(&subject) {
            exec.has_launched = true;
        }
    }

    /// Notes why a process is not forked, as long as it is not.
    pub(in crate::controller) fn set_back(&mut self, failure: Failure) {
        if let Some(exec) = self
            .alive
            .get_mut(&failure.subject)
            .filter(|exec| exec.pid.is_none())
        {
            exec.build_error.get_or_insert(failure);
        }
    }

    /// A number that is another one after each change.
    pub(in crate::controller) fn revision(&self) -> u64 {
        self.revision
    }

    /// The ended process that had this path.
    pub(in crate::controller) fn find_ended(&self, path: &str) -> Option<ProcessKey> {
        self.ended
            .iter()
            .find(|(_, other, _)| other == path)
            .map(|(subject, ..)| *subject)
    }

    /// The path of a process that has ended, and its ending.
    pub(in crate::controller) fn exit_of(
        &self,
        subject: ProcessKey,
    ) -> Option<(&str, ExitDocument)> {
        self.ended
            .iter()
            .find(|(other, ..)| *other == subject)
            .map(|(_, path, exit)| (&**path, *exit))
    }

    /// The one with this path.
    pub(in crate::controller) fn find(&self, path: &str) -> Option<ProcessKey> {
        self.alive
            .iter()
            .find(|(_, exec)| exec.path == path)
            .map(|(&subject, _)| subject)
    }

    /// Notes the fork of a process. What /proc says of it is not read before it is on its way: on a
    /// single processor it would wait for that.
    pub(in crate::controller) fn forked(&mut self, subject: ProcessKey, pid: Pid) {
        if let Some(exec) = self.alive.get_mut(&subject) {
            exec.pid = Some(pid);
            self.unread += 1;
        }
    }

    /// True if there is a process of which the kernel was not asked yet.
    pub(in crate::controller) fn are_unread(&self) -> bool {
        self.unread > 0
    }

    /// Asks the kernel about those processes that it was not asked about; before they are reaped.
    pub(in crate::controller) fn read(&mut self) {
        if std::mem::take(&mut self.unread) == 0 {
            return;
        }
        self.revision += 1;
        for exec in self.alive.values_mut().filter(|exec| exec.facts.is_none()) {
            exec.facts = exec.pid.and_then(|pid| Process::read(pid).ok());
        }
    }

    /// The numbers of those that are there, regardless of whether the kernel was asked of them.
    pub(in crate::controller) fn pids(&self) -> impl Iterator<Item = Pid> {
        self.alive.values().filter_map(|exec| exec.pid)
    }

    /// Facts of the kernel about the processes that have not ended.
    pub(in crate::controller) fn facts(&self) -> impl Iterator<Item = &Process> {
        self.alive.values().filter_map(|exec| exec.facts.as_ref())
    }

    /// Description of one of them, beside its document.
    pub(in crate::controller) fn describe(&self, path: &str) -> Option<Description> {
        let exec = self.alive.values().find(|exec| exec.path == path)?;
        let by = format!(
            "process {} of user {}, by `nestns exec`",
            exec.by.pid, exec.by.uid
        );
        Some(Description {
            started_by: Some(by),
            ..Description::default()
        })
    }

    /// Documents of the processes, in the order in which they came within each namespace.
    pub(in crate::controller) fn documents<'a>(
        &'a self,
        roster: &'a Roster,
    ) -> impl Iterator<Item = ProcessDocument> + 'a {
        let controller = nix::unistd::getpid().as_raw();
        self.alive.iter().filter_map(move |(subject, exec)| {
            exec.document(controller, roster.word(subject.namespace, State::Running))
        })
    }
}
