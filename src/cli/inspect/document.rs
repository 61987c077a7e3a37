//! `nestns.inspect/1`: what is known of one thing, from three sides.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};

use nestns_client::documents::Description;
use nestns_client::documents::{NamespaceDocument, ProcessDocument};
use nestns_client::protocol::message::Snapshot;
use nestns_client::shared_namespaces::{Of, Relation, SharedNamespaces, identity};
use nestns_observe::memberships::Depth;
use nestns_observe::portrait::Portrait;
use nestns_observe::process::{self, Clock};
use nestns_observe::status;
use nestns_observe::thread::{self, Thread};
use nestns_topology::Signal;

#[derive(Debug, Serialize)]
pub(super) struct InspectDocument<'a> {
    pub(super) schema: &'static str,
    pub(super) topology: &'a str,
    /// Problem of the topology as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
    #[serde(flatten)]
    pub(super) inspected: Inspected<'a>,
}

/// The one thing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Inspected<'a> {
    Namespace(Box<InspectedNamespace<'a>>),
    Process(Box<InspectedProcess<'a>>),
}

#[derive(Debug, Serialize)]
pub(super) struct InspectedNamespace<'a> {
    #[serde(flatten)]
    pub(super) document: &'a NamespaceDocument,
    pub(super) declaration: Description,
    pub(super) members: Members,
    pub(super) pid1: Option<ProcessFacts<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct InspectedProcess<'a> {
    #[serde(flatten)]
    pub(super) facts: ProcessFacts<'a>,
    pub(super) declaration: Description,
}

/// A process, and what the kernel says about it now.
#[derive(Debug, Serialize)]
pub(super) struct ProcessFacts<'a> {
    #[serde(flatten)]
    pub(super) document: &'a ProcessDocument,
    /// Seconds.
    pub(super) age: Option<f64>,
    pub(super) namespaces: Relations,
    /// `null` of one that has ended.
    pub(super) kernel: Option<KernelFacts>,
    /// `null` where they were not asked for.
    pub(super) thread_list: Option<Vec<ThreadDocument>>,
    /// Why something is not known.
    pub(super) problems: BTreeMap<&'static str, String>,
}

/// A thread besides the first.
#[derive(Debug, Serialize)]
pub(super) struct ThreadDocument {
    pub(super) pids: Vec<i32>,
    pub(super) name: String,
    pub(super) state: char,
}

/// The namespaces of a process, by kind.
#[derive(Debug)]
pub(super) struct Relations(pub(super) Vec<Relation>);

/// A namespace in a document.
#[derive(Debug, Serialize)]
struct RelationDocument {
    inode: u64,
    id: Option<u64>,
    of: Option<Of>,
}

impl Serialize for Relations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|&Relation { membership, of }| {
            (membership.kind, RelationDocument { inode: membership.inode, id: membership.id, of })
        }))
    }
}

/// Processes and namespaces directly in a namespace.
#[derive(Debug, Serialize)]
pub(super) struct Members {
    pub(super) processes: Vec<String>,
    pub(super) namespaces: Vec<String>,
    /// Processes in it that were not started by nestns.
    pub(super) strays: Vec<Stray>,
    /// How many processes of this machine could not be looked into; `null` where it was not tried.
    pub(super) hidden: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Stray {
    /// Address of the process.
    pub(super) path: String,
    pub(super) pids: Vec<i32>,
    pub(super) state: String,
    /// Path of the parent, where that is one of ours.
    pub(super) parent: Option<String>,
    pub(super) command: String,
}

/// Facts from /proc.
#[derive(Debug, Serialize)]
pub(super) struct KernelFacts {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) command_line: Vec<String>,
    pub(super) ancestors: Vec<AncestorDocument>,
    pub(super) tracer: i32,
    pub(super) uids: Vec<u32>,
    pub(super) gids: Vec<u32>,
    pub(super) groups: Vec<u32>,
    pub(super) uid_map: Option<Vec<String>>,
    pub(super) gid_map: Option<Vec<String>>,
    pub(super) signals: SignalSets,
    /// Hexadecimal, as in proc(5).
    pub(super) capabilities: String,
    pub(super) no_new_privileges: bool,
    pub(super) seccomp: Option<u8>,
    pub(super) threads: u32,
    pub(super) resident_kib: Option<u64>,
    pub(super) oom_score: Option<i64>,
    pub(super) oom_score_adj: Option<i64>,
    pub(super) descriptors: Option<usize>,
    pub(super) exe: Option<String>,
    pub(super) cwd: Option<String>,
    pub(super) root: Option<String>,
    pub(super) cgroups: Option<Vec<String>>,
    /// The names alone.
    pub(super) environment: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(super) struct AncestorDocument {
    pub(super) host_pid: i32,
    pub(super) name: String,
    pub(super) path: Option<String>,
}

/// The names of the signals.
#[derive(Debug, Serialize)]
pub(super) struct SignalSets {
    pub(super) pending: Vec<String>,
    pub(super) blocked: Vec<String>,
    pub(super) ignored: Vec<String>,
    pub(super) caught: Vec<String>,
    /// Those that the kernel would drop now if they came from outside; and those of which that cannot be told.
    pub(super) dropped: Vec<String>,
    pub(super) unknown: Vec<String>,
}

impl<'a> Inspected<'a> {
    /// Reads all threads, or the one that was asked for by its number.
    pub(super) fn read_threads(&mut self, all: bool, asked: Option<&Thread>) {
        let facts = match self {
            Self::Process(process) => &mut process.facts,
            Self::Namespace(namespace) => match &mut namespace.pid1 {
                Some(init) => init,
                None => return,
            },
        };
        let Some((pid, start)) = identity(facts.document).filter(|_| all || asked.is_some()) else { return };
        match process::verified(pid, start, || thread::of_process(pid)) {
            Ok(threads) => {
                let is_wanted = |one: &Thread| all || asked.is_some_and(|asked| asked.numbers == one.numbers);
                let threads = threads.into_iter().filter(is_wanted);
                let document = |Thread { numbers, name, state, .. }| ThreadDocument { pids: numbers, name, state };
                facts.thread_list = Some(threads.map(document).collect());
            }
            Err(error) => drop(facts.problems.insert("threads", error.to_string())),
        }
    }

    pub(super) fn process(snapshot: &'a Snapshot, process: &'a ProcessDocument, declaration: Description) -> Self {
        Self::Process(Box::new(InspectedProcess { facts: ProcessFacts::of(snapshot, process), declaration }))
    }

    pub(super) fn namespace(snapshot: &'a Snapshot, document: &'a NamespaceDocument, declaration: Description) -> Self {
        let of_it = |process: &&ProcessDocument| process.ns == document.path;
        let init = snapshot.processes.iter().filter(of_it).find(|process| process.enter == "init");
        Self::Namespace(Box::new(InspectedNamespace {
            members: Members::of(snapshot, document, init),
            pid1: init.map(|init| ProcessFacts::of(snapshot, init)),
            document,
            declaration,
        }))
    }
}

impl<'a> ProcessFacts<'a> {
    fn of(snapshot: &'a Snapshot, document: &'a ProcessDocument) -> Self {
        let mut problems = BTreeMap::new();
        let mut namespaces = Vec::new();
        let mut kernel = None;
        let mut age = None;
        if let Some((pid, start)) = identity(document) {
            match SharedNamespaces::new(snapshot, Depth::Ids).of(document) {
                Ok(relations) => namespaces = relations,
                Err(error) => drop(problems.insert("namespaces", error.to_string())),
            }
            match process::verified(pid, start, || Portrait::read(pid)) {
                Ok(portrait) => {
                    problems.extend(portrait.problems.iter().map(|(&name, why)| (name, why.clone())));
                    kernel = Some(KernelFacts::of(portrait, snapshot));
                    age = Some(Clock::now().age(start).as_secs_f64());
                }
                Err(error) => drop(problems.insert("kernel", error.to_string())),
            }
        }
        Self { document, age, namespaces: Relations(namespaces), kernel, thread_list: None, problems }
    }
}

impl Members {
    fn of(snapshot: &Snapshot, document: &NamespaceDocument, init: Option<&ProcessDocument>) -> Self {
        let processes = snapshot.processes.iter().filter(|process| process.ns == document.path);
        let (processes, strays): (Vec<_>, Vec<_>) = processes.partition(|process| process.declared);
        let namespaces = snapshot.namespaces.iter().filter(|other| other.parent.as_deref() == Some(&*document.path));
        let ours = paths(snapshot);
        let stray = |process: &ProcessDocument| Stray {
            path: process.path.clone(),
            pids: process.pids.iter().copied().flatten().collect(),
            state: process.state.as_deref().unwrap_or_default().to_owned(),
            parent: process.ppids.first().and_then(|&parent| ours.get(&parent?)).map(|&(path, _)| path.to_owned()),
            command: if process.argv.is_empty() { process.name.clone() } else { process.argv.join(" ") },
        };
        Self {
            processes: processes.iter().map(|process| process.path.clone()).collect(),
            namespaces: namespaces.map(|namespace| namespace.path.clone()).collect(),
            strays: strays.into_iter().map(stray).collect(),
            // The members of a namespace may be asked for even if they may not be looked into.
            hidden: init.and_then(identity).map(|_| 0),
        }
    }
}

/// Paths and start times of the live processes, by their PIDs on the host.
fn paths(snapshot: &Snapshot) -> HashMap<i32, (&str, Option<u64>)> {
    let alive = snapshot.processes.iter().filter(|process| process.exit.is_none());
    alive.filter_map(|process| Some((process.pids.first().copied()??, (&*process.path, process.start_time)))).collect()
}

impl KernelFacts {
    fn of(portrait: Portrait, snapshot: &Snapshot) -> Self {
        let ours = paths(snapshot);
        let Portrait { status, ancestors, .. } = portrait;
        let names = |mask| {
            let signals = status::signals(mask).into_iter();
            signals.map(|signal| Signal::from_number(signal).to_string()).collect::<Vec<_>>()
        };
        let path = |path: Option<std::path::PathBuf>| path.map(|path| path.display().to_string());
        let ancestor = |ancestor: nestns_observe::portrait::Ancestor| AncestorDocument {
            host_pid: ancestor.pid,
            path: if ancestor.pid == snapshot.status.controller {
                Some("controller".to_owned())
            } else {
                ours.get(&ancestor.pid).map(|&(path, _)| path.to_owned())
            },
            name: ancestor.name,
        };
        Self {
            signals: SignalSets {
                pending: names(status.pending),
                blocked: names(status.blocked),
                ignored: names(status.ignored),
                caught: names(status.caught),
                dropped: names(portrait.fates.dropped),
                unknown: names(portrait.fates.unknown),
            },
            name: status.name,
            state: status.state,
            command_line: portrait.command_line,
            ancestors: ancestors.into_iter().map(ancestor).collect(),
            tracer: status.tracer,
            uids: status.uids,
            gids: status.gids,
            groups: status.groups,
            uid_map: portrait.uid_map,
            gid_map: portrait.gid_map,
            capabilities: format!("{:016x}", status.effective_capabilities),
            no_new_privileges: status.no_new_privileges,
            seccomp: status.seccomp,
            threads: status.threads,
            resident_kib: status.resident_kib,
            oom_score: portrait.oom_score,
            oom_score_adj: portrait.oom_score_adj,
            descriptors: portrait.descriptors,
            exe: path(portrait.exe),
            cwd: path(portrait.cwd),
            root: path(portrait.root),
            cgroups: portrait.cgroups,
            environment: portrait.environment,
        }
    }
}
