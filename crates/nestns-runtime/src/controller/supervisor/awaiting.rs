//! Clients that wait until processes have come so far: `nestns wait`.
//!
//! Looked at between two waits, so that a client is told as soon as it is so, and nothing is asked
//! again and again. All that is waited for together is bounded by twice the size of the topology.

use super::conditions::{is_fulfilled, is_fulfilled_by_namespace};
use super::dependencies::Dependencies;
use super::edge::Edge;
use super::restarts::Restarts;
use crate::controller::asker::Asker;
use crate::controller::control::server::ClientId;
use crate::controller::life::Life;
use crate::controller::tree::Tree;
use crate::engine::plan::ProcessKey;
use nestns_client::documents::ExitDocument;
use nestns_client::protocol::message::{Awaited, Reply, RequestError};
use nestns_topology::Condition;
use nix::libc;

/// Number of processes that are waited for in any case.
const ANYWAY: usize = 1024;

/// A client that waits.
#[derive(Debug)]
struct Waiter {
    asker: Asker,
    until: Awaited,
    /// Processes that the client has named, for the answer.
    subjects: Vec<ProcessKey>,
    /// Processes that have not come so far.
    left: Vec<ProcessKey>,
}

/// Clients that wait.
#[derive(Debug, Default)]
pub(super) struct Awaiting(Vec<Waiter>);

impl Awaiting {
    fn size(&self) -> usize {
        self.0.iter().map(|waiter| waiter.subjects.len()).sum()
    }

    /// A client has hung up.
    pub(super) fn forget(&mut self, client: ClientId) {
        self.0.retain(|waiter| waiter.asker.client != client);
    }

    /// Takes a client in. A namespace has a `/` behind its path; no path at all means everything.
    pub(super) fn begin(
        &mut self,
        edge: &mut dyn Edge,
        asker: Asker,
        paths: &[String],
        until: Awaited,
    ) {
        let subjects = match awaited_subjects(edge.tree(), paths, until) {
            Ok(subjects) => subjects,
            Err(problem) => return edge.refuse(asker, problem),
        };
        let most = ANYWAY + 2 * edge.tree().roster.subjects().count();
        if self.size() + subjects.len() > most {
            return edge.refuse(asker, RequestError::TooManyAwaited);
        }
        let left = subjects.clone();
        self.0.push(Waiter {
            asker,
            until,
            subjects,
            left,
        });
    }

    /// Tells the clients that have waited long enough.
    pub(super) fn answer(
        &mut self,
        edge: &mut dyn Edge,
        dependencies: &Dependencies,
        restarts: &Restarts,
    ) {
        self.0.retain_mut(|waiter| {
            let mut never = None;
            waiter.left.retain(|&subject| {
                let tree = edge.tree();
                match is_so_far(tree, (dependencies, restarts), subject, waiter.until) {
                    Some(true) => false,
                    None => true,
                    Some(false) => {
                        never.get_or_insert(subject);
                        true
                    }
                }
            });
            let answer = match never {
                Some(subject) => Reply::RequestError(in_vain(edge.tree(), subject, waiter.until)),
                None if waiter.left.is_empty() => {
                    Reply::Awaited(exits(edge.tree(), &waiter.subjects))
                }
                None => return true,
            };
            edge.reply(waiter.asker, answer);
            false
        });
    }
}

fn awaited_subjects(
    tree: &Tree,
    paths: &[String],
    until: Awaited,
) -> Result<Vec<ProcessKey>, RequestError> {
    let whole = |namespace: u32| {
        let inside = namespace..namespace + tree.plan.subtree(namespace);
        tree.roster
            .subjects()
            .filter(move |subject| inside.contains(&subject.namespace))
    };
    let namespace = |namespace: u32| -> Vec<ProcessKey> {
        match until {
            Awaited::Ready => whole(namespace).collect(),
            // PID 1 is there before all others, and after them.
            Awaited::Started | Awaited::Exited => vec![ProcessKey::init(namespace)],
        }
    };
    if paths.is_empty() {
        let roots = tree
            .plan
            .indices()
            .filter(|&index| tree.plan.namespace(index).parent.is_none());
        return Ok(match until {
            Awaited::Exited => roots.map(ProcessKey::init).collect(),
            Awaited::Started | Awaited::Ready => tree.roster.subjects().collect(),
        });
    }
    let known: std::collections::HashMap<String, ProcessKey> = tree
        .roster
        .subjects()
        .map(|subject| (tree.roster.path(subject), subject))
        .collect();
    let mut subjects = Vec::new();
    for path in paths {
        let missing = || RequestError::Unnamed { path: path.clone() };
        if let Some(space) = path.strip_suffix('/') {
            let init = known.get(&format!("{space}/init")).ok_or_else(missing)?;
            subjects.extend(namespace(init.namespace));
        } else {
            let exec = || {
                tree.exec_records
                    .find(path)
                    .or_else(|| tree.exec_records.find_ended(path))
            };
            subjects.push(known.get(path).copied().or_else(exec).ok_or_else(missing)?);
        }
    }
    subjects.sort_unstable();
    subjects.dedup();
    Ok(subjects)
}

/// True if something has come so far; `None`: not yet.
fn is_so_far(
    tree: &Tree,
    (dependencies, restarts): (&Dependencies, &Restarts),
    subject: ProcessKey,
    until: Awaited,
) -> Option<bool> {
    if subject.exec_number().is_some() {
        let lives = tree.exec_records.get(subject).is_some();
        return (until != Awaited::Exited || !lives).then_some(true);
    }
    let record = tree.roster.get(subject)?;
    let is_over = (record.ending.is_some() || record.state.is_over())
        && !restarts.brings_back(&tree.plan, subject);
    let condition = match until {
        Awaited::Exited => return is_over.then_some(true),
        Awaited::Started => Condition::Started,
        Awaited::Ready => Condition::Ready,
    };
    let is_ours = tree
        .plan
        .namespace(subject.namespace)
        .process(subject.slot)
        .is_none();
    if is_ours {
        // A PID 1 of ours is no more than its namespace: it works as soon as the gates are open and
        // nothing holds that back.
        let works = !matches!(tree.life, Life::Creating | Life::Created);
        let released = (subject.namespace, Condition::Started);
        return if is_over {
            Some(false)
        } else if works {
            is_fulfilled_by_namespace(dependencies, tree, restarts, released)
        } else {
            None
        };
    }
    match is_fulfilled(tree, restarts, subject, condition) {
        // Its PID 1 has taken it along.
        None if is_over => Some(false),
        fulfilled => fulfilled,
    }
}

fn in_vain(tree: &Tree, subject: ProcessKey, until: Awaited) -> RequestError {
    let path = tree.path(subject);
    let record = tree.roster.get(subject);
    if let Some(dependency) = record.and_then(|record| record.unmet.clone()) {
        let namespace = tree.plan.namespace(subject.namespace);
        let path = match namespace.process(subject.slot) {
            Some(_) => path,
            None => namespace.path.clone(),
        };
        return RequestError::NotStarted { path, dependency };
    }
    let ending = record.and_then(|record| record.ending);
    if let Some(tries) = record.and_then(|record| record.given_up)
        && ending.is_none()
        && until == Awaited::Ready
    {
        return RequestError::NeverReady { path, tries };
    }
    let awaited = match until {
        Awaited::Started => "started",
        Awaited::Ready => "ready",
        Awaited::Exited => "over",
    };
    RequestError::Never {
        path,
        exit: ending.map(|(ending, _)| ending.into()),
        awaited: awaited.to_owned(),
    }
}

fn exits(tree: &Tree, subjects: &[ProcessKey]) -> Vec<(String, Option<ExitDocument>)> {
    let exit = |subject: ProcessKey| {
        if let Some((_, exit)) = tree.exec_records.exit_of(subject) {
            return Some(exit);
        }
        let record = tree.roster.get(subject)?;
        match record.ending {
            Some((ending, _)) => Some(ending.into()),
            // With its namespace, which the kernel does by KILL.
            None => record
                .state
                .is_over()
                .then_some(ExitDocument::Signal(libc::SIGKILL)),
        }
    };
    subjects
        .iter()
        .map(|&subject| (tree.path(subject), exit(subject)))
        .collect()
}
