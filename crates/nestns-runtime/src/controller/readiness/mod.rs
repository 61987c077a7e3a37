//! Readiness of processes, and their ways to it.
//!
//! Responsible for what is waited for: the way of each process, the patterns of log lines, the
//! count of what a namespace lacks. Not for what follows, which the supervisor decides
//! (`supervisor/readying.rs`), nor for asking: `listeners` are descriptors on which processes speak up
//! themselves, `file_watch` is a helper that waits for a file, `connection` one that tries a port, and
//! commands are exec processes.

pub(super) mod connection;
pub(super) mod file_watch;
mod helper;
mod listeners;
pub(super) mod manager;
pub mod notification;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use crate::engine::plan::{InitPlan, NamespaceIndex, Plan, ProcessKey};
use nestns_topology::{Pattern, Probe, Tries};

pub(super) use listeners::{Heard, ReadinessListeners, Sender};

/// Condition that makes a process ready, if that is more than that its program runs.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// Successful end of the process.
    End,
    Line(Rc<Pattern>),
    File(PathBuf),
    Command {
        argv: Vec<String>,
        tries: Tries,
    },
    Port {
        port: u16,
        tries: Tries,
    },
    /// Message of the process itself.
    Voice,
}

/// Count of what a namespace lacks.
#[derive(Debug, Clone, Copy)]
struct Lack {
    /// Number of its processes and of the namespaces directly inside it that are not ready.
    count: u32,
    parent: Option<NamespaceIndex>,
    /// True if its PID 1 is nestns, which is ready when its namespace is.
    has_own_init: bool,
}

/// Readiness of the processes of a tree.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    ways: HashMap<ProcessKey, Way>,
    ready: HashSet<ProcessKey>,
    /// Processes whose probe has come true before it was known that their program runs.
    early: HashSet<ProcessKey>,
    /// Processes that everything as a whole still waits for.
    pending: BTreeSet<ProcessKey>,
    lacks: Vec<Lack>,
    /// Namespaces in which nothing is declared: what each lacks is its release.
    empty: Vec<NamespaceIndex>,
    /// True if it has been told that nothing lacks anything.
    is_completion_told: bool,
}

impl Readiness {
    /// Readiness of a tree in which no process is ready.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut readiness = Self::default();
        let mut patterns: HashMap<String, Rc<Pattern>> = HashMap::new();
        for index in plan.indices() {
            let namespace = plan.namespace(index);
            let mut lack = Lack {
                count: 0,
                parent: namespace.parent,
                has_own_init: !matches!(namespace.init, InitPlan::Program(_)),
            };
            for slot in namespace.slots() {
                let Some(process) = namespace.process(slot) else {
                    continue;
                };
                let subject = ProcessKey {
                    namespace: index,
                    slot,
                };
                lack.count += 1;
                readiness.pending.insert(subject);
                let way = match process.ready.as_deref() {
                    _ if process.oneshot => Some(Way::End),
                    None => None,
                    Some(Probe::Log(text)) => pattern(&mut patterns, text).map(Way::Line),
                    Some(Probe::File(path)) => Some(Way::File(path.clone())),
                    Some(Probe::Exec { argv, tries }) => Some(Way::Command {
                        argv: argv.clone(),
                        tries: *tries,
                    }),
                    Some(&Probe::Tcp { port, tries }) => Some(Way::Port { port, tries }),
                    Some(Probe::Descriptor(_) | Probe::Notify(_)) => Some(Way::Voice),
                };
                if let Some(way) = way {
                    readiness.ways.insert(subject, way);
                }
            }
            readiness.lacks.push(lack);
            if let Some(parent) = namespace.parent {
                readiness.lacks[parent as usize].count += 1;
            }
        }
        for (index, lack) in (0..).zip(&mut readiness.lacks) {
            if lack.count == 0 {
                lack.count = 1;
                readiness.empty.push(index);
            }
        }
        readiness
    }

    /// Condition by which a process becomes ready; `None` if its start makes it so.
    pub(super) fn way(&self, subject: ProcessKey) -> Option<&Way> {
        self.ways.get(&subject)
    }

    pub(super) fn is_ready(&self, subject: ProcessKey) -> bool {
        self.ready.contains(&subject)
    }

    /// True if it is declared, or a program that is PID 1: an init of nestns is no more than its
    /// namespace.
    pub(super) fn is_declared(&self, subject: ProcessKey) -> bool {
        let namespace = self.lacks.get(subject.namespace as usize);
        !subject.is_from_outside()
            && (!subject.is_init() || namespace.is_some_and(|namespace| !namespace.has_own_init))
    }

    /// The line that a process is waited for, until it has come.
    pub(super) fn awaited_line(&self, subject: ProcessKey) -> Option<&Pattern> {
        match self.ways.get(&subject) {
            Some(Way::Line(pattern)) if !self.is_ready(subject) => Some(pattern),
            _ => None,
        }
    }

    pub(super) fn note_early(&mut self, subject: ProcessKey) {
        self.early.insert(subject);
    }

    /// True if it was early, which is known only once.
    pub(super) fn take_early(&mut self, subject: ProcessKey) -> bool {
        self.early.remove(&subject)
    }

    /// Notes that a process is ready; says whether that is news.
    pub(super) fn add(&mut self, subject: ProcessKey) -> bool {
        self.ready.insert(subject)
    }

    /// One thing less that a namespace lacks; hands out those that lack nothing any more because of
    /// it, from the inside outward.
    pub(super) fn fill(&mut self, index: NamespaceIndex) -> Vec<NamespaceIndex> {
        let mut whole = Vec::new();
        let mut around = Some(index);
        while let Some(index) = around {
            let Some(lack) = self.lacks.get_mut(index as usize) else {
                break;
            };
            lack.count = lack.count.saturating_sub(1);
            if lack.count > 0 {
                break;
            }
            whole.push(index);
            around = lack.parent;
        }
        whole
    }

    /// The namespaces in which nothing is declared, not even a namespace.
    pub(super) fn empty(&self) -> Vec<NamespaceIndex> {
        self.empty.clone()
    }

    /// True once when nothing lacks anything any more.
    pub(super) fn take_completion(&mut self) -> bool {
        let is_complete = self.is_complete();
        is_complete && !std::mem::replace(&mut self.is_completion_told, is_complete)
    }

    /// True if nestns is the PID 1 of a namespace.
    pub(super) fn has_own_init(&self, index: NamespaceIndex) -> bool {
        self.lacks
            .get(index as usize)
            .is_some_and(|lack| lack.has_own_init)
    }

    /// True if something in a namespace is not ready.
    pub(super) fn lacks_something(&self, index: NamespaceIndex) -> bool {
        self.lacks
            .get(index as usize)
            .is_some_and(|lack| lack.count > 0)
    }

    /// The namespace around one.
    pub(super) fn around(&self, index: NamespaceIndex) -> Option<NamespaceIndex> {
        self.lacks.get(index as usize)?.parent
    }

    /// True if nothing lacks anything.
    pub(super) fn is_complete(&self) -> bool {
        !self.lacks.is_empty()
            && self
                .lacks
                .iter()
                .all(|lack| lack.parent.is_some() || lack.count == 0)
    }

    /// Begins anew with a process, because it is about to be started again.
    pub(super) fn forget(&mut self, subject: ProcessKey) {
        self.early.remove(&subject);
        if !self.ready.remove(&subject) {
            return;
        }
        self.is_completion_told = false;
        // What was whole lacks something again, and so does what is around it.
        let mut around = Some(subject.namespace);
        while let Some(lack) = around.and_then(|index| self.lacks.get_mut(index as usize)) {
            lack.count += 1;
            around = lack.parent.filter(|_| lack.count == 1);
        }
    }

    /// The first process that is still waited for.
    pub(super) fn first_pending(&self) -> Option<ProcessKey> {
        self.pending.first().copied()
    }

    /// Notes that a process need not be asked again.
    pub(super) fn is_no_longer_pending(&mut self, subject: ProcessKey) {
        self.pending.remove(&subject);
    }
}

/// A pattern, compiled once however many processes have it.
fn pattern(known: &mut HashMap<String, Rc<Pattern>>, text: &str) -> Option<Rc<Pattern>> {
    if let Some(pattern) = known.get(text) {
        return Some(Rc::clone(pattern));
    }
    // Behind the door it can be compiled.
    let pattern = Rc::new(Pattern::new(text).ok()?);
    known.insert(text.to_owned(), Rc::clone(&pattern));
    Some(pattern)
}
