//! `nestns.inspect/1`: what is known of one thing, from three sides.

use std::collections::{BTreeMap, HashMap};

use nestns_client::documents::{
    Ancestor, Description, InspectSubject, InspectedNamespace, InspectedProcess, KernelFacts,
    Members, NamespaceDocument, NamespaceRelations, ProcessDocument, ProcessFacts, SignalSets,
    Stray, ThreadEntry, Word,
};
use nestns_client::protocol::message::Snapshot;
use nestns_client::shared_namespaces::{SharedNamespaces, identity};
use nestns_observe::memberships::Depth;
use nestns_observe::portrait::Portrait;
use nestns_observe::process::{self, Clock};
use nestns_observe::status;
use nestns_observe::thread::{self, Thread};
use nestns_topology::Signal;

/// Reads all threads, or the one that was asked for by its number.
pub(super) fn read_threads(subject: &mut InspectSubject, all: bool, asked: Option<&Thread>) {
    let facts = match subject {
        InspectSubject::Process(process) => &mut process.facts,
        InspectSubject::Namespace(namespace) => match &mut namespace.pid1 {
            Some(init) => init,
            None => return,
        },
    };
    let Some((pid, start)) = identity(&facts.document).filter(|_| all || asked.is_some()) else {
        return;
    };
    match process::verified(pid, start, || thread::of_process(pid)) {
        Ok(threads) => {
            let is_wanted =
                |one: &Thread| all || asked.is_some_and(|asked| asked.numbers == one.numbers);
            let threads = threads.into_iter().filter(is_wanted);
            let entry = |Thread {
                             numbers,
                             name,
                             state,
                             ..
                         }| ThreadEntry {
                pids: numbers,
                name,
                state,
            };
            facts.thread_list = Some(threads.map(entry).collect());
        }
        Err(error) => drop(facts.problems.insert("threads".into(), error.to_string())),
    }
}

/// A process of a snapshot.
pub(super) fn of_process(
    snapshot: &Snapshot,
    process: &ProcessDocument,
    declaration: Description,
) -> InspectSubject {
    InspectSubject::Process(Box::new(InspectedProcess {
        facts: facts(snapshot, process),
        declaration,
    }))
}

/// A namespace of a snapshot.
pub(super) fn of_namespace(
    snapshot: &Snapshot,
    document: &NamespaceDocument,
    declaration: Description,
) -> InspectSubject {
    let of_it = |process: &&ProcessDocument| process.ns == document.path;
    let init = snapshot
        .processes
        .iter()
        .filter(of_it)
        .find(|process| process.enter == "init");
    InspectSubject::Namespace(Box::new(InspectedNamespace {
        document: document.clone(),
        declaration,
        members: members(snapshot, document, init),
        pid1: init.map(|init| facts(snapshot, init)),
    }))
}

fn facts(snapshot: &Snapshot, document: &ProcessDocument) -> ProcessFacts {
    let mut problems = BTreeMap::new();
    let mut document = document.clone();
    let mut namespaces = NamespaceRelations::default();
    let mut kernel = None;
    let mut age = None;
    if let Some((pid, start)) = identity(&document) {
        match SharedNamespaces::new(snapshot, Depth::Ids).of(&document) {
            Ok(relations) => namespaces = relations,
            Err(error) => drop(problems.insert("namespaces".into(), error.to_string())),
        }
        match process::verified(pid, start, || Portrait::read(pid)) {
            Ok(portrait) => {
                problems.extend(
                    portrait
                        .problems
                        .iter()
                        .map(|(&name, why)| (Word::from(name), why.clone())),
                );
                document.set_groups(portrait.status.process_groups.clone());
                kernel = Some(kernel_facts(portrait, snapshot));
                age = Some(Clock::now().age(start).as_secs_f64());
            }
            Err(error) => drop(problems.insert("kernel".into(), error.to_string())),
        }
    }
    ProcessFacts {
        document,
        age,
        namespaces,
        kernel,
        thread_list: None,
        problems,
    }
}

fn members(
    snapshot: &Snapshot,
    document: &NamespaceDocument,
    init: Option<&ProcessDocument>,
) -> Members {
    let processes = snapshot
        .processes
        .iter()
        .filter(|process| process.ns == document.path);
    let (processes, strays): (Vec<_>, Vec<_>) = processes.partition(|process| process.declared);
    let namespaces = snapshot
        .namespaces
        .iter()
        .filter(|other| other.parent.as_deref() == Some(&*document.path));
    let ours = paths(snapshot);
    let stray = |process: &ProcessDocument| Stray {
        path: process.path.clone(),
        pids: process.pids.iter().copied().flatten().collect(),
        state: process.state.as_deref().unwrap_or_default().to_owned(),
        parent: process
            .ppids
            .first()
            .and_then(|&parent| ours.get(&parent?))
            .map(|&(path, _)| path.to_owned()),
        command: if process.argv.is_empty() {
            process.name.clone()
        } else {
            process.argv.join(" ")
        },
    };
    Members {
        processes: processes
            .iter()
            .map(|process| process.path.clone())
            .collect(),
        namespaces: namespaces.map(|namespace| namespace.path.clone()).collect(),
        strays: strays.into_iter().map(stray).collect(),
        // Who is in a namespace may be asked also of those who may not be looked into.
        hidden: init.and_then(identity).map(|_| 0),
    }
}

/// Paths and start times of the live processes, by their PIDs on the host.
fn paths(snapshot: &Snapshot) -> HashMap<i32, (&str, Option<u64>)> {
    let alive = snapshot
        .processes
        .iter()
        .filter(|process| process.exit.is_none());
    alive
        .filter_map(|process| {
            Some((
                process.pids.first().copied()??,
                (&*process.path, process.start_time),
            ))
        })
        .collect()
}

fn kernel_facts(portrait: Portrait, snapshot: &Snapshot) -> KernelFacts {
    let ours = paths(snapshot);
    let Portrait {
        status, ancestors, ..
    } = portrait;
    let names = |mask| {
        let signals = status::signals(mask).into_iter();
        signals
            .map(|signal| Signal::from_number(signal).to_string())
            .collect::<Vec<_>>()
    };
    let path = |path: Option<std::path::PathBuf>| path.map(|path| path.display().to_string());
    let ancestor = |ancestor: nestns_observe::portrait::Ancestor| Ancestor {
        host_pid: ancestor.pid,
        path: if ancestor.pid == snapshot.status.controller {
            Some("controller".to_owned())
        } else {
            ours.get(&ancestor.pid).map(|&(path, _)| path.to_owned())
        },
        name: ancestor.name,
    };
    KernelFacts {
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
