//! Requests and replies.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

pub use super::problem::RequestError;
use crate::documents::Description;
use crate::documents::Timeline;
use crate::documents::{ExitDocument, NamespaceDocument, ProcessDocument};
use nestns_topology::Session;

/// The version of the messages. A program of another version is told so, and asks nothing.
pub const VERSION: u32 = 1;
/// More levels of PID namespaces no kernel has: `MAX_PID_NS_LEVEL`.
const DEEPEST: usize = 32;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of the messages.
    pub nestns: u32,
    /// Chosen by the client; the replies to a request carry it again.
    pub id: u64,
    /// Request of a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Request>,
    /// Reply of the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<Reply>,
}

/// Force with which something is taken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Asked to end, with a grace period.
    Ask,
    /// The same, and the client will have it killed after so many milliseconds.
    AskWithin(u64),
    /// Killed.
    Kill,
}

/// State that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Awaited {
    /// The process has executed its program.
    Started,
    /// Others may use it; a one-shot has ended well.
    Ready,
    /// The process has ended.
    Exited,
}

/// Kind of a path: a namespace's or a process's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are their names")]
pub enum Kind {
    Namespace,
    Process,
}

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The topology in a few numbers: [`Reply::Status`].
    Status,
    /// Ask for the whole tree: [`Reply::Snapshot`].
    Snapshot,
    /// Write the truth anew, with the threads that there are by now: [`Reply::Done`].
    RefreshTruth,
    /// Declaration of one thing: [`Reply::Description`].
    Describe {
        /// Path of the thing.
        path: String,
        /// Kind of the thing, as both may have this path.
        kind: Kind,
    },
    /// Dependencies of everything in the tree: [`Reply::Dependencies`].
    Dependencies,
    /// Open the gates of a topology that was started with `--hold`: [`Reply::Done`].
    Release,
    /// Stop all of it, or the named namespaces and processes: [`Reply::Waiting`] every second, then
    /// [`Reply::Stopped`].
    Stop {
        /// Paths to stop; empty means everything.
        paths: Vec<String>,
        /// Force of the stop.
        force: Force,
    },
    /// Send a signal: [`Reply::Signalled`].
    Signal {
        /// Recipients.
        targets: Vec<Target>,
        /// Signal number.
        signal: i32,
    },
    /// Wait until processes have come so far: [`Reply::Awaited`], or a [`RequestError`] as soon as it
    /// can never be any more.
    Await {
        /// Paths to await; a namespace has a `/` behind its path. Empty means everything.
        paths: Vec<String>,
        /// State to wait for.
        until: Awaited,
    },
    /// Start a program in a namespace. Three descriptors travel along: standard input, output and
    /// error; with a terminal all three are it. [`Reply::Began`], then [`Reply::Ended`].
    Execute(Box<ExecRequest>),
    /// Signal a program that this client has started: [`Reply::Done`].
    Forward {
        /// Session number from [`Reply::Began`].
        session: u32,
        /// The signal's number.
        signal: i32,
    },
    /// Leave a program that this client has started alone: [`Reply::Done`]. The other side of its
    /// terminal travels along.
    Leave {
        /// Session number from [`Reply::Began`].
        session: u32,
    },
    /// Restart processes, or rebuild namespaces with all that is in them: [`Reply::Restarted`].
    Restart {
        /// Paths to restart.
        paths: Vec<String>,
    },
    /// Freeze a namespace and all that is in it: [`Reply::Done`].
    Pause {
        /// Path of the namespace.
        path: String,
    },
    /// Let it go on: [`Reply::Done`].
    Resume {
        /// Path of the namespace.
        path: String,
    },
    /// Follow a process: [`Reply::Attached`], with the other side of its terminal where it has one,
    /// to be typed into; then [`Reply::Ended`].
    Attach {
        /// Path of the process.
        path: String,
    },
}

/// A process by what cannot be reused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Path, if it has one.
    pub path: String,
    /// PID on the host.
    pub pid: i32,
    /// Start time, in ticks since boot.
    pub start_time: u64,
}

/// A program to be started in a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecRequest {
    /// The namespace's path.
    pub namespace: String,
    /// The process whose namespaces are entered; that is PID 1 where nothing more is said.
    pub beside: Option<Target>,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The client's environment; that of the namespace goes over it.
    pub env: BTreeMap<String, String>,
    /// Variables set on top of both.
    pub set: BTreeMap<String, String>,
    /// Working directory; if absent, the namespace's, or else the topology's.
    pub cwd: Option<String>,
    /// Identity to run as: user, group, supplementary groups; if absent, the controller's.
    pub identity: Option<(u32, u32, Vec<u32>)>,
    /// True if the descriptors are a terminal that becomes its controlling one.
    pub terminal: bool,
    /// True if it is on its own from the start: its output goes into the log.
    pub detached: bool,
    /// Kinds of namespaces to enter, besides `pid`; if absent, all.
    pub only: Option<Vec<String>>,
    /// Session and process group; with a terminal always its own.
    #[serde(default)]
    pub session: Session,
}

/// A topology in a few numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Status {
    pub name: String,
    pub state: String,
    pub namespaces: u32,
    pub processes: u32,
    pub depth: u32,
    /// Seconds since 1970.
    pub since: f64,
    pub file: Option<String>,
    pub hash: Option<String>,
    pub controller: i32,
    /// True if the name was made up rather than chosen.
    #[serde(default)]
    pub anonymous: bool,
    /// Problems that did not end the topology, a sentence each.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// A topology as it is at this moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct Snapshot {
    pub status: Status,
    pub boot_id: String,
    /// The inode of the PID namespace of level 0.
    pub host_pidns: u64,
    /// Namespaces in the order of creation, which is that of the log files' numbers.
    pub namespaces: Vec<NamespaceDocument>,
    pub processes: Vec<ProcessDocument>,
    /// Output that could not be written into a log, nor a mark of it: the log's name, how many
    /// bytes, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmarked: Vec<(String, u64, i32)>,
    /// Number of older events: the number (`seq`) of the next one in `events.jsonl`.
    pub events: u64,
}

impl Snapshot {
    /// The path of the first namespace that cannot be where it says it is: in the one that its path
    /// names without its last part, at a level that the kernel has, and alone. A walk inward, which
    /// follows the paths, is bounded by that.
    pub fn misplaced(&self) -> Option<&str> {
        let mut known = HashSet::with_capacity(self.namespaces.len());
        self.namespaces
            .iter()
            .map(|one| (one.path.as_str(), one.parent.as_deref()))
            .find_map(|(path, parent)| {
                let is_above = path.rsplit_once('/').map(|(above, _)| above) == parent;
                let is_placed =
                    is_above && path.split('/').count() <= DEEPEST && known.insert(path);
                (!is_placed).then_some(path)
            })
    }
}

/// A reply.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the requests name them")]
pub enum Reply {
    Status(Box<Status>),
    Snapshot(Box<Snapshot>),
    Description(Box<Description>),
    /// By the path of what waits, as a description has them.
    Dependencies(BTreeMap<String, Vec<String>>),
    Done,
    /// Processes that a stop waits for: paths, seconds so far, and seconds at most.
    Waiting(Vec<(String, Option<(f64, f64)>)>),
    Stopped(Box<Timeline>),
    /// The end could not be recorded, for this reason.
    Unrecorded(String),
    /// Recipients, by path; and those that had ended already.
    Signalled {
        reached: Vec<String>,
        ended: Vec<String>,
        /// PID 1s for which the kernel would drop it: nothing was sent to them.
        #[serde(default)]
        dropped: Vec<String>,
        /// Processes that the kernel does not let the controller signal, each with the reason.
        #[serde(default)]
        refused: Vec<(String, String)>,
        /// Paused processes among those reached; they notice the signal when they go on.
        #[serde(default)]
        paused: Vec<String>,
    },
    Began {
        session: u32,
        path: String,
        pids: Vec<i32>,
    },
    Ended(ExitDocument),
    /// The path at which a program was to run is no namespace's; the client can find out what else
    /// is meant.
    NoNamespace,
    /// A program could not be executed: what is the matter, and the status that a shell gives.
    Refused {
        message: String,
        status: u8,
    },
    Restarted(Vec<String>),
    /// Every awaited process has come so far; statuses of those that have ended.
    Awaited(Vec<(String, Option<ExitDocument>)>),
    /// The name of the log.
    Attached {
        log: String,
    },
    /// The controller is about to leave.
    Gone,
    #[serde(rename = "problem")]
    RequestError(RequestError),
}

impl Request {
    /// Name of the reply.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Snapshot => "snapshot",
            Self::RefreshTruth => "refresh_truth",
            Self::Describe { .. } => "describe",
            Self::Dependencies => "dependencies",
            Self::Release => "release",
            Self::Stop { .. } => "stop",
            Self::Signal { .. } => "signal",
            Self::Await { .. } => "await",
            Self::Execute(_) => "execute",
            Self::Forward { .. } => "forward",
            Self::Leave { .. } => "leave",
            Self::Restart { .. } => "restart",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Attach { .. } => "attach",
        }
    }
}

impl Reply {
    /// True if nothing more follows to the same request.
    pub fn is_final(&self) -> bool {
        !matches!(
            self,
            Self::Waiting(_)
                | Self::Unrecorded(_)
                | Self::Began { .. }
                | Self::Attached { .. }
                | Self::Gone
        )
    }

    /// True if it says how the tree is by now, or what came of what was asked for.
    pub fn tells_of_the_tree(&self) -> bool {
        match self {
            Self::Snapshot(_)
            | Self::Done
            | Self::Stopped(_)
            | Self::Restarted(_)
            | Self::Awaited(_)
            // What was waited for in vain.
            | Self::RequestError(_) => true,
            // A signal that was sent has not been taken yet. Most programs of `exec` have ended
            // before they were told of.
            Self::Status(_)
            | Self::Description(_)
            | Self::Dependencies(_)
            | Self::Waiting(_)
            | Self::Unrecorded(_)
            | Self::Signalled { .. }
            | Self::Began { .. }
            | Self::Ended(_)
            | Self::NoNamespace
            | Self::Refused { .. }
            | Self::Attached { .. }
            | Self::Gone => false,
        }
    }
}
