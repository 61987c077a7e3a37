//! Dependencies: what a process or a namespace waits for before it is released.

use serde::{Deserialize, Serialize};

/// Condition on a process or a namespace, true before what waits for it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Existing, as everything does before the first process is released.
    Created,
    /// Of a process: exec succeeded. Of a namespace: released, and the program that is its PID 1 runs.
    Started,
    /// Ready. Of a process without a probe: started, or, for a one-shot, ended successfully. Of a namespace: everything
    /// in it is ready.
    Ready,
    /// Ended, with any status.
    Exited,
    /// Ended successfully. Of a process: with a status of its `ok`. Of a namespace: every process in it has.
    Ok,
}

impl Condition {
    /// The word for it in a file: a namespace is done, a process has exited.
    pub const fn word(self, part: Part) -> &'static str {
        match (self, part) {
            (Self::Created, _) => "created",
            (Self::Started, _) => "started",
            (Self::Ready, _) => "ready",
            (Self::Exited, Part::Namespace) => "done",
            (Self::Exited, _) => "exited",
            (Self::Ok, _) => "ok",
        }
    }
}

/// Part of a namespace that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// The namespace as a whole.
    Namespace,
    /// The program that is its PID 1.
    Init,
    /// A declared process: its place among [`Namespace::processes`](super::Namespace::processes).
    Process(u32),
}

/// Target of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// Place of the namespace in the order of creation.
    pub namespace: u32,
    /// Part of it.
    pub part: Part,
}

/// Order of a stop: the reverse of the order of release, where both can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopOrder {
    /// The target is asked to stop when what waits for it has ended.
    Reverse,
    /// No order: a namespace is being waited for by what is in it, or PID 1 waits for what ends with it.
    None,
}

/// One entry of `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// The process or namespace that is waited for.
    pub target: Target,
    /// The condition that is waited for.
    pub condition: Condition,
    /// Its part in the order of a stop.
    pub stop_order: StopOrder,
}

impl Target {
    /// The name that a file has for it: that of a process in the namespace of what waits, or the path from the top of
    /// everything else, which begins with a slash. `path` is its path.
    pub fn name(self, waiter: Self, path: &str) -> String {
        let is_beside = waiter.namespace == self.namespace
            && waiter.part != Part::Namespace
            && self.part != Part::Namespace;
        match path.rsplit_once('/') {
            Some((_, name)) if is_beside => name.to_owned(),
            _ => format!("/{path}"),
        }
    }
}

impl After {
    /// `db: ready` or `/store/db: ready`, as documents have it. `path` is that of the target.
    pub fn describe(&self, waiter: Target, path: &str) -> String {
        let condition = self.condition.word(self.target.part);
        format!("{}: {condition}", self.target.name(waiter, path))
    }
}
