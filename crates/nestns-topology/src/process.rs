//! A checked process: what it runs, how it gets in, what it waits for, how it ends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::dependency::After;
use super::labels::Labels;
use super::position::Position;
use super::probe::Probe;
use super::restart::RestartPolicy;
use super::stop::{Signal, Stop, StopReach};

/// The program of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A program and its arguments; never empty. `sh = "…"` has become `sh -c …`.
    Command(Vec<String>),
    /// A built-in workload, run without exec.
    Actor(Actor),
}

impl Program {
    /// The command line that does the same by hand.
    pub fn words(&self) -> Vec<String> {
        match self {
            Self::Command(words) => words.clone(),
            Self::Actor(actor) => {
                let actor = actor.to_string();
                ["nestns", "actor"]
                    .into_iter()
                    .chain(actor.split(' '))
                    .map(str::to_owned)
                    .collect()
            }
        }
    }
}

/// The way a process gets into its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// As PID 1.
    Init,
    /// Forked by PID 1: `PPid` is a number inside.
    Fork,
    /// Forked outside and moved in by setns(2): `PPid` is 0 inside.
    Join,
}

/// The source of standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdin {
    /// `/dev/null`.
    Null,
    /// That of `nestns up`.
    Inherit,
    /// A file.
    File(PathBuf),
}

/// The destination of standard output or standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// To the controller, line by line.
    Log,
    /// To that of `nestns up`.
    Inherit,
    /// Nowhere.
    Null,
    /// A file, created where missing, appended to.
    File(PathBuf),
}

/// True if a process owns the terminal of `nestns up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Terminal {
    /// A pseudo-terminal as descriptors 0, 1 and 2, and as the controlling terminal.
    Own,
    /// No terminal.
    None,
}

impl Terminal {
    /// The meaning of `tty`.
    pub(super) const fn from_tty(tty: bool) -> Self {
        if tty { Self::Own } else { Self::None }
    }
}

/// The session and process group in which a program begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Session {
    /// A session of its own, which it leads: `setsid(2)`.
    #[default]
    Own,
    /// The session of nestns, and a process group that no process inside its namespace leads, so that both numbers are 0
    /// there.
    Inherit,
}

/// The weight of a process's end for the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weight {
    /// The failure decides the status, and by `on_exit` the end, of the tree.
    Essential,
    /// The failure only makes the final status 1.
    Expendable,
}

/// Things that a running process keeps open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Keeps {
    /// Its namespace, where nestns is PID 1.
    Namespace,
    /// Nothing: it is stopped when everything else in its namespace has ended.
    Nothing,
}

/// A checked process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Settings for its execution.
    pub spec: ProcessSpec,
    /// Description by the author.
    pub description: Option<String>,
    /// `name`, `uid`, `name:group` or `uid:gid`; the caller's where the file gives none.
    pub user: Option<String>,
    /// True if the file gives it its grace, which is that of its namespace otherwise.
    pub has_own_grace: bool,
}

impl Process {
    /// The grace that the file gives it.
    pub fn own_grace(&self) -> Option<Duration> {
        self.has_own_grace.then_some(self.stop.grace)
    }

    /// A process of which nothing but the program is known: each key has its default.
    #[cfg(any(test, feature = "unchecked"))]
    pub fn new(program: Program) -> Self {
        ProcessSpec::new(program).into()
    }
}

impl From<ProcessSpec> for Process {
    fn from(spec: ProcessSpec) -> Self {
        Self {
            spec,
            description: None,
            user: None,
            has_own_grace: false,
        }
    }
}

impl Deref for Process {
    type Target = ProcessSpec;

    fn deref(&self) -> &ProcessSpec {
        &self.spec
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut ProcessSpec {
        &mut self.spec
    }
}

/// Settings for the execution of a process, on any machine: the part of it that the processes of a
/// tree carry with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// Name within the namespace; `init` for a program that is PID 1.
    pub name: String,
    /// Free words to select by.
    pub labels: Labels,
    /// The program.
    pub program: Program,
    /// The way in.
    pub entry: Entry,
    /// The namespace's environment and then its own, added to the caller's.
    pub env: BTreeMap<String, String>,
    /// The directory it starts in; `/` where the file gives none.
    pub cwd: Option<PathBuf>,
    /// PIDs that are chosen for it, from its namespace outward; empty where the order of creation gives it one.
    pub pid: Box<[i32]>,
    /// Ownership of the terminal.
    pub terminal: Terminal,
    /// Session and process group.
    pub session: Session,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
    /// The processes and namespaces that it waits for.
    pub after: Vec<After>,
    /// Time after the stop request to its namespace at which it is asked at the latest: until then it is left to those that
    /// wait for it to end.
    pub asked_after: Duration,
    /// The probe, `None` where the start makes it ready, or the good end of a one-shot.
    pub ready: Option<Box<Probe>>,
    /// The exit codes that count as success.
    pub ok: Cow<'static, [u8]>,
    /// True if it is expected to end by itself while the tree goes on.
    pub oneshot: bool,
    /// The weight of its failure.
    pub weight: Weight,
    /// Things that it keeps open.
    pub keeps: Keeps,
    /// The policy by which it is started again when it has ended, `None` for never; of a PID 1 that of its namespace, which
    /// begins anew with it.
    pub restart: Option<Box<RestartPolicy>>,
    /// The way it is stopped.
    pub stop: Stop,
    /// The command that is run before it is asked to stop.
    pub stop_exec: Option<Box<[String]>>,
    /// The processes that the request to stop reaches.
    pub stop_reach: StopReach,
    /// Position of its key.
    pub position: Position,
}

impl ProcessSpec {
    /// A process of which nothing but the program is known: each key has its default.
    pub fn new(program: Program) -> Self {
        Self {
            name: String::new(),
            labels: Labels::default(),
            program,
            entry: Entry::Fork,
            env: BTreeMap::new(),
            cwd: None,
            pid: Box::default(),
            terminal: Terminal::None,
            session: Session::Own,
            stdin: Stdin::Null,
            stdout: Output::Log,
            stderr: Output::Log,
            after: Vec::new(),
            asked_after: Duration::ZERO,
            ready: None,
            ok: Cow::Borrowed(&[0]),
            oneshot: false,
            weight: Weight::Essential,
            keeps: Keeps::Namespace,
            restart: None,
            stop: Stop {
                signal: Signal::TERM,
                grace: Duration::ZERO,
            },
            stop_exec: None,
            stop_reach: StopReach::Process,
            position: Position::default(),
        }
    }
}
