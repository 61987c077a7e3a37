//! Measurements, in the words of the topology.

use std::collections::{BTreeMap, HashMap};

use nestns_topology::expectation::Mechanism;

/// All facts known at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The declared processes, in the order of creation, PID 1s included.
    pub(crate) processes: Vec<ProcessFact>,
    /// The paths of the namespaces, in the order of creation.
    pub(crate) spaces: Vec<String>,
    /// Visibility matrices, by each mechanism that was asked for.
    pub(crate) sights: BTreeMap<Mechanism, Visibility>,
}

/// A declared process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessFact {
    /// Path.
    pub(crate) path: String,
    /// The namespace that it was declared in.
    pub(crate) space: String,
    /// State, as `ps` shows it.
    pub(crate) state: String,
    /// Exit status, as a shell has it.
    pub(crate) exit: Option<u8>,
    /// Numbers by namespace, the outermost (`host`) first; none for an ended process.
    pub(crate) numbers: Vec<(String, i32)>,
    /// Numbers of its parent by namespace: 0 where that is outside.
    pub(crate) parents: Vec<(String, i32)>,
    /// Numbers of its process group by namespace: 0 where the leader is outside.
    pub(crate) groups: Vec<(String, i32)>,
    /// Numbers of its session by namespace: 0 where the leader is outside.
    pub(crate) sessions: Vec<(String, i32)>,
}

/// A matrix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visibility {
    /// The observers.
    pub(crate) observers: Vec<Observer>,
    /// The processes observed.
    pub(crate) seen: Vec<Seen>,
    /// Marks by observer and process; a process without a mark was looked for, and not found.
    pub(crate) cells: HashMap<(usize, usize), Mark>,
}

/// Observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observer {
    /// Path.
    pub(crate) path: String,
    /// Reason why it could not look.
    pub(crate) trouble: Option<String>,
}

/// Process that is observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Path.
    pub(crate) path: String,
    /// The namespace that it is in.
    pub(crate) space: String,
    /// Number on the host.
    pub(crate) host: i32,
}

/// Answer about a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The number under which it was asked for.
    pub(crate) number: i32,
    /// `None` for yes, else the errno, as it is called.
    pub(crate) refused: Option<String>,
    /// True if the observer now knows that the process exists.
    pub(crate) is_seen: bool,
}

impl ProcessFact {
    /// True if the process has not ended.
    pub(crate) fn lives(&self) -> bool {
        !self.numbers.is_empty()
    }
}
