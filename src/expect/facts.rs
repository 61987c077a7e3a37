//! Measurements, in the words of the topology.

use std::collections::{BTreeMap, HashMap};

use crate::topology::expectation::Via;

/// All facts known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The declared processes, in the order of creation, PID 1s included.
    pub processes: Vec<ProcessFact>,
    /// The paths of the namespaces, in the order of creation.
    pub spaces: Vec<String>,
    /// Visibility matrices, by each mechanism that was asked for.
    pub sights: BTreeMap<Via, Sight>,
}

/// A declared process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFact {
    /// Path.
    pub path: String,
    /// The namespace that it was declared in.
    pub space: String,
    /// State, as `ps` shows it.
    pub state: String,
    /// Exit status, as a shell has it.
    pub exit: Option<u8>,
    /// Numbers by namespace, the outermost (`host`) first; none for an ended process.
    pub numbers: Vec<(String, i32)>,
    /// Numbers of its parent by namespace: 0 where that is outside.
    pub parents: Vec<(String, i32)>,
}

/// A matrix.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// The observers.
    pub observers: Vec<Observer>,
    /// The processes observed.
    pub seen: Vec<Seen>,
    /// Marks by observer and process; a process without a mark was looked for, and not found.
    pub cells: HashMap<(usize, usize), Mark>,
}

/// Observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer {
    /// Path.
    pub path: String,
    /// Reason why it could not look.
    pub trouble: Option<String>,
}

/// Process that is observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Path.
    pub path: String,
    /// The namespace that it is in.
    pub space: String,
    /// Number on the host.
    pub host: i32,
}

/// Answer about a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The number under which it was asked for.
    pub number: i32,
    /// `None` for yes, else the errno, as it is called.
    pub refused: Option<String>,
    /// True if the observer now knows that the process exists.
    pub is_seen: bool,
}

impl ProcessFact {
    /// True if the process has not ended.
    pub fn lives(&self) -> bool {
        !self.numbers.is_empty()
    }
}
