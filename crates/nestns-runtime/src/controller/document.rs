//! Namespaces and processes as every JSON document has them: `ps`, `tree`, `inspect`, the truth, a
//! snapshot.
//!
//! The controller writes them from its roster; the command line reads them again, from the control
//! socket or from a file.

use std::collections::{BTreeMap, HashMap};

use nestns_client::documents::{ExitDocument, NamespaceDocument, ProcessDocument, Word};

use super::roster::{Record, Roster};
use crate::engine::plan::{InitPlan, NamespacePlan, ProcessKey, Slot, part, target};
use crate::engine::report::Ending;
use nestns_topology::{After, Entry, Part, Program, Target};

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
            parent: plan
                .path
                .rsplit_once('/')
                .map(|(parent, _)| parent.to_owned()),
            level: plan.level(),
            pidns: facts.map(|facts| facts.inode),
            pidns_id: facts.and_then(|facts| facts.id),
            userns: other.map(|(user, _)| user),
            mntns: other.map(|(_, mount)| mount),
            init: init_word(&plan).into(),
            state: Some(
                record
                    .map_or("creating", |record| roster.word(index, record.state()))
                    .into(),
            ),
            shared: plan
                .isolation
                .shared()
                .into_iter()
                .map(Word::from)
                .collect(),
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
    // A parent's numbers by its number on the host, for the numbers that it has on the levels
    // below.
    let by_pid: HashMap<i32, &[i32]> = roster
        .subjects()
        .filter_map(|subject| roster.get(subject)?.facts.as_ref())
        .filter_map(|facts| {
            facts
                .numbers
                .first()
                .map(|&pid| (pid, facts.numbers.as_slice()))
        })
        .collect();
    let outside = [controller];
    let parents = |record: &Record, level: usize| -> Vec<Option<i32>> {
        let Some(facts) = &record.facts else {
            return vec![None; level + 1];
        };
        let numbers = by_pid.get(&facts.parent).copied().unwrap_or(&outside);
        // 0 is what the kernel answers where the parent is not visible.
        (0..=level)
            .map(|level| Some(numbers.get(level).copied().unwrap_or(0)))
            .collect()
    };
    let mut documents = Vec::with_capacity(by_pid.len());
    for index in roster.plan().indices() {
        let Some(namespace) = roster.namespace(index) else {
            break;
        };
        // Once for all its processes: the record is decoded each time that it is asked for.
        let plan = roster.plan().namespace(index);
        let level = plan.level();
        for (slot, record) in plan.slots().zip(&namespace.members) {
            let process = plan.process(slot);
            let numbers = record
                .facts
                .as_ref()
                .map(|facts| facts.numbers.iter().copied().map(Some).collect());
            // A PID 1 of nestns never leaves its group; a program is asked when it is looked at.
            let groups = record
                .facts
                .as_ref()
                .filter(|_| process.is_none())
                .map(|facts| facts.groups.clone())
                .unwrap_or_default();
            documents.push(ProcessDocument {
                path: plan.path_of(slot),
                ns: plan.path.clone(),
                name: process.map_or_else(|| "init".to_owned(), |process| process.name.clone()),
                pids: numbers.unwrap_or_else(|| vec![None; level + 1]),
                ppids: parents(record, level),
                pgids: groups.process_group,
                sids: groups.session,
                state: Some(roster.word(index, record.state).into()),
                exit: record.ending.map(|(ending, _)| ending.into()),
                enter: enter_word(slot, process.map(|process| process.entry)).into(),
                argv: process.map_or_else(
                    || vec!["nestns".to_owned(), "init".to_owned()],
                    |process| process.program.words(),
                ),
                start_time: record.facts.as_ref().map(|facts| facts.start_time),
                threads: Vec::new(),
                restarts: record.restarts,
                labels: process
                    .map(|process| process.labels.clone())
                    .unwrap_or_default(),
                declared: true,
            });
        }
    }
    documents
}

/// Dependencies of each namespace and process, by its path.
pub fn dependencies(roster: &Roster) -> BTreeMap<String, Vec<String>> {
    let mut dependencies = BTreeMap::new();
    // Many may wait for the same.
    let mut paths: HashMap<Target, String> = HashMap::new();
    let mut add = |path: String, waiter: Target, after: &[After]| {
        if after.is_empty() {
            return;
        }
        let describe = |after: &After| {
            let path = paths
                .entry(after.target)
                .or_insert_with(|| roster.path_of(part(after.target)));
            after.describe(waiter, path)
        };
        dependencies.insert(path, after.iter().map(describe).collect());
    };
    for index in roster.plan().indices() {
        let plan = roster.plan().namespace(index);
        let own = Target {
            namespace: index,
            part: Part::Namespace,
        };
        add(plan.path.clone(), own, &plan.after);
        for slot in plan.slots() {
            if let Some(process) = plan.process(slot).filter(|one| !one.after.is_empty()) {
                let subject = ProcessKey {
                    namespace: index,
                    slot,
                };
                add(plan.path_of(slot), target(subject), &process.after);
            }
        }
    }
    dependencies
}

fn enter_word(slot: Slot, entry: Option<Entry>) -> &'static str {
    match entry {
        _ if slot == Slot::Init => "init",
        Some(Entry::Join) => "join",
        _ => "fork",
    }
}
