//! Namespaces and processes as every JSON document has them: `ps`, `tree`, `inspect`, the truth, a snapshot.
//!
//! The controller writes them from its roster; the command line reads them again, from the control socket or from a file.

use std::borrow::Cow;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::Pid;

use serde::{Deserialize, Serialize};

use super::roster::{Record, Roster};
use crate::engine::plan::{InitPlan, NamespacePlan, Slot};
use crate::engine::report::Ending;
use crate::observe::{process, thread};
use crate::topology::{Entry, Labels, Program};

/// One of a few fixed words, or what a document says in its place.
pub type Word = Cow<'static, str>;

/// A namespace as documents have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the keys of the document")]
pub struct NamespaceDocument {
    pub path: String,
    pub parent: Option<String>,
    pub level: usize,
    pub pidns: Option<u64>,
    pub pidns_id: Option<u64>,
    pub userns: Option<u64>,
    pub mntns: Option<u64>,
    pub init: Word,
    /// Of what stands only in a file, none.
    pub state: Option<Word>,
    pub shared: Vec<Word>,
    pub labels: Labels,
    /// Not of one that a program of the tree has made.
    #[serde(default = "yes", skip_serializing_if = "is_so")]
    pub declared: bool,
    /// Of one that was not declared: the host name of its PID 1, where that is another one than around.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Of one that was not declared: the last part of the name of its PID 1's cgroup, where that is another one than around.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<String>,
}

impl NamespaceDocument {
    /// True if it is this namespace. The kernel gives an inode to the next namespace as soon as the last one is gone, and an id
    /// (Linux 6.18) never again.
    pub fn is_namespace(&self, inode: u64, id: Option<u64>) -> bool {
        self.pidns == Some(inode) && (id.is_none() || self.pidns_id.is_none() || id == self.pidns_id)
    }
}

/// A process as documents have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the keys of the document")]
pub struct ProcessDocument {
    pub path: String,
    pub ns: String,
    pub name: String,
    pub pids: Vec<Option<i32>>,
    pub ppids: Vec<Option<i32>>,
    pub state: Option<Word>,
    pub exit: Option<ExitDocument>,
    pub enter: Word,
    pub argv: Vec<String>,
    pub start_time: Option<u64>,
    /// The numbers of its threads besides the first, as `pids` has the process's; in the truth, and where they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub threads: Vec<Vec<i32>>,
    /// How often it has been started again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub restarts: u32,
    pub labels: Labels,
    /// Not of a child of a program, nor of whoever else has come in.
    #[serde(default = "yes", skip_serializing_if = "is_so")]
    pub declared: bool,
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_so(answer: &bool) -> bool {
    *answer
}

impl ProcessDocument {
    /// Reads the numbers of its threads. Those of nestns itself have one each: of these nothing is asked.
    pub fn read_threads(&mut self) {
        let words: Vec<&str> = self.argv.iter().take(3).map(String::as_str).collect();
        let is_one_thread = match words.as_slice() {
            ["nestns", "init"] => true,
            ["nestns", "actor", name] => *name != "threads",
            _ => false,
        };
        let lives = matches!(self.state.as_deref(), Some("running" | "ready" | "paused" | "stopping"));
        let pid = self.pids.first().copied().flatten().filter(|_| lives && !is_one_thread && self.exit.is_none());
        let Some((pid, began)) = pid.map(Pid::from_raw).zip(self.start_time) else { return };
        // One of many is all that it costs to hear that there are none.
        let has_several = std::fs::metadata(format!("/proc/{pid}/task")).is_ok_and(|task| task.nlink() > 3);
        if has_several && let Ok(threads) = process::verified(pid, began, || thread::of_process(pid)) {
            self.threads = threads.into_iter().map(|thread| thread.numbers).collect();
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How something ended, as documents have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the keys of the document")]
pub enum ExitDocument {
    Code(u8),
    Signal(i32),
}

impl ExitDocument {
    /// The status that a shell would show.
    pub fn status(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => Ending::Signalled(signal).status(),
        }
    }
}

impl From<Ending> for ExitDocument {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Exited(code) => Self::Code(code),
            Ending::Signalled(signal) => Self::Signal(signal),
        }
    }
}

/// Every namespace, in the order of creation.
pub fn namespace_documents(roster: &Roster) -> Vec<NamespaceDocument> {
    let documents = roster.plan().indices().map(|index| {
        let plan = roster.plan().namespace(index);
        let record = roster.namespace(index);
        let facts = record.and_then(|record| record.facts.as_ref());
        let other = record.and_then(|record| record.other);
        NamespaceDocument {
            parent: plan.path.rsplit_once('/').map(|(parent, _)| parent.to_owned()),
            level: plan.level(),
            pidns: facts.map(|facts| facts.inode),
            pidns_id: facts.and_then(|facts| facts.id),
            userns: other.map(|(user, _)| user),
            mntns: other.map(|(_, mount)| mount),
            init: init_word(&plan).into(),
            state: Some(record.map_or("creating", |record| roster.word(index, record.state())).into()),
            shared: plan.isolation.shared().into_iter().map(Word::from).collect(),
            labels: plan.labels.clone(),
            declared: true,
            hostname: None,
            cgroup: None,
            path: plan.path.clone(),
        }
    });
    documents.collect()
}

fn init_word(plan: &NamespacePlan) -> &'static str {
    match &plan.init {
        InitPlan::Builtin => "builtin",
        InitPlan::Pause => "pause",
        InitPlan::Program(program) => match program.program {
            Program::Command(_) => "program",
            Program::Actor(_) => "actor",
        },
    }
}

/// Every process: the PID 1s, builtin or not, and the declared ones.
pub fn process_documents(roster: &Roster) -> Vec<ProcessDocument> {
    let controller = nix::unistd::getpid().as_raw();
    // A parent's numbers by its number on the host, for the numbers that it has on the levels below.
    let by_pid: std::collections::HashMap<i32, &[i32]> = roster
        .subjects()
        .filter_map(|subject| roster.get(subject)?.facts.as_ref())
        .filter_map(|facts| facts.numbers.first().map(|&pid| (pid, facts.numbers.as_slice())))
        .collect();
    let outside = [controller];
    let parents = |record: &Record, level: usize| -> Vec<Option<i32>> {
        let Some(facts) = &record.facts else { return vec![None; level + 1] };
        let numbers = by_pid.get(&facts.parent).copied().unwrap_or(&outside);
        // 0 is what the kernel answers where the parent is not visible.
        (0..=level).map(|level| Some(numbers.get(level).copied().unwrap_or(0))).collect()
    };
    let mut documents = Vec::with_capacity(by_pid.len());
    for index in roster.plan().indices() {
        let Some(namespace) = roster.namespace(index) else { break };
        // Once for all its processes: the record is decoded each time that it is asked for.
        let plan = roster.plan().namespace(index);
        let level = plan.level();
        for (slot, record) in plan.slots().zip(&namespace.members) {
            let process = plan.process(slot);
            let numbers = record.facts.as_ref().map(|facts| facts.numbers.iter().copied().map(Some).collect());
            documents.push(ProcessDocument {
                path: plan.path_of(slot),
                ns: plan.path.clone(),
                name: process.map_or_else(|| "init".to_owned(), |process| process.name.clone()),
                pids: numbers.unwrap_or_else(|| vec![None; level + 1]),
                ppids: parents(record, level),
                state: Some(roster.word(index, record.state).into()),
                exit: record.ending.map(|(ending, _)| ending.into()),
                enter: enter_word(slot, process.map(|process| process.entry)).into(),
                argv: process
                    .map_or_else(|| vec!["nestns".to_owned(), "init".to_owned()], |process| process.program.words()),
                start_time: record.facts.as_ref().map(|facts| facts.start_time),
                threads: Vec::new(),
                restarts: record.restarts,
                labels: process.map(|process| process.labels.clone()).unwrap_or_default(),
                declared: true,
            });
        }
    }
    documents
}

fn enter_word(slot: Slot, entry: Option<Entry>) -> &'static str {
    match entry {
        _ if slot == Slot::Init => "init",
        Some(Entry::Join) => "join",
        _ => "fork",
    }
}
