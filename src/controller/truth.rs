//! `nestns.truth/1`: what stands, as the kernel confirmed it, for programs that want to compare.

use serde::Serialize;

use super::roster::{Record, Roster};
use crate::engine::plan::{InitPlan, NamespacePlan, Subject};
use crate::engine::report::Ending;
use crate::observe::{boot, namespaces};
use crate::topology::{Entry, Labels, Program};

/// Which file a tree was built from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The topology's name.
    pub name: String,
    /// Its file; `None` for one that was made from a command line.
    pub file: Option<String>,
    /// SHA-256 of the file's text.
    pub hash: Option<String>,
}

#[derive(Debug, Serialize)]
struct TruthDocument<'a> {
    schema: &'static str,
    topology: &'a str,
    file: Option<&'a str>,
    hash: Option<&'a str>,
    kernel: String,
    boot_id: String,
    host: Host,
    controller: i32,
    namespaces: Vec<NamespaceDocument>,
    processes: Vec<ProcessDocument>,
}

#[derive(Debug, Serialize)]
struct Host {
    pidns: u64,
    /// The first number of each list is this level's.
    pids_of: u8,
}

/// A namespace as documents have it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the keys of the document")]
pub struct NamespaceDocument {
    pub path: String,
    pub parent: Option<String>,
    pub level: usize,
    pub pidns: Option<u64>,
    pub pidns_id: Option<u64>,
    pub userns: Option<u64>,
    pub mntns: Option<u64>,
    pub init: &'static str,
    /// Of what stands only in a file, none.
    pub state: Option<&'static str>,
    pub shared: Vec<&'static str>,
    pub labels: Labels,
}

/// A process as documents have it.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the keys of the document")]
pub struct ProcessDocument {
    pub path: String,
    pub ns: String,
    pub name: String,
    pub pids: Vec<Option<i32>>,
    pub ppids: Vec<Option<i32>>,
    pub state: Option<&'static str>,
    pub exit: Option<ExitDocument>,
    pub enter: &'static str,
    pub argv: Vec<String>,
    pub start_time: Option<u64>,
    pub labels: Labels,
}

/// How something ended, as documents have it.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the keys of the document")]
pub enum ExitDocument {
    Code(u8),
    Signal(i32),
}

impl From<Ending> for ExitDocument {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Exited(code) => Self::Code(code),
            Ending::Signalled(signal) => Self::Signal(signal),
        }
    }
}

/// Writes the document.
///
/// # Errors
///
/// Where /proc cannot be read.
pub fn document(roster: &Roster, origin: &Origin) -> std::io::Result<Vec<u8>> {
    let controller = nix::unistd::getpid().as_raw();
    let document = TruthDocument {
        schema: "nestns.truth/1",
        topology: &origin.name,
        file: origin.file.as_deref(),
        hash: origin.hash.as_deref(),
        kernel: boot::kernel(),
        boot_id: boot::id(),
        host: Host { pidns: namespaces::own()?, pids_of: 0 },
        controller,
        namespaces: namespace_documents(roster),
        processes: process_documents(roster),
    };
    let mut bytes = serde_json::to_vec(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn namespace_documents(roster: &Roster) -> Vec<NamespaceDocument> {
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
            init: init_word(&plan),
            state: Some(record.map_or("creating", |record| record.members[0].state.word())),
            shared: plan.isolation.shared(),
            labels: plan.labels,
            path: plan.path,
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
    let documents = roster.subjects().filter_map(|subject| {
        let plan = roster.plan().namespace(subject.namespace);
        let record = roster.get(subject)?;
        let process = plan.process(subject.slot);
        let level = plan.level();
        let numbers = record.facts.as_ref().map(|facts| facts.numbers.iter().copied().map(Some).collect());
        Some(ProcessDocument {
            path: plan.path_of(subject.slot),
            name: process.map_or_else(|| "init".to_owned(), |process| process.name.clone()),
            pids: numbers.unwrap_or_else(|| vec![None; level + 1]),
            ppids: parents(record, level),
            state: Some(record.state.word()),
            exit: record.ending.map(|(ending, _)| ending.into()),
            enter: enter_word(subject, process.map(|process| process.entry)),
            argv: process
                .map_or_else(|| vec!["nestns".to_owned(), "init".to_owned()], |process| process.program.words()),
            start_time: record.facts.as_ref().map(|facts| facts.start_time),
            labels: process.map(|process| process.labels.clone()).unwrap_or_default(),
            ns: plan.path,
        })
    });
    documents.collect()
}

fn enter_word(subject: Subject, entry: Option<Entry>) -> &'static str {
    match entry {
        _ if subject.is_init() => "init",
        Some(Entry::Join) => "join",
        _ => "fork",
    }
}
