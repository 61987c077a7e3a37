//! What was measured, in the words of the topology.

use std::collections::{BTreeMap, HashMap};

use crate::topology::expectation::Via;

/// Everything that is known at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The declared processes, in the order of creation, PID 1s included.
    pub processes: Vec<ProcessFact>,
    /// The paths of the namespaces, in the order of creation.
    pub spaces: Vec<String>,
    /// Who sees whom, by each mechanism that was asked for.
    pub sights: BTreeMap<Via, Sight>,
}

/// A declared process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFact {
    /// Its path.
    pub path: String,
    /// The namespace that it was declared in.
    pub space: String,
    /// Its state, as `ps` shows it.
    pub state: String,
    /// How it has ended, as a shell has it.
    pub exit: Option<u8>,
    /// By namespace, the outermost (`host`) first; none of what has ended.
    pub numbers: Vec<(String, i32)>,
    /// The same of its parent: 0 where that is outside.
    pub parents: Vec<(String, i32)>,
}

/// A matrix.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// Who looks.
    pub observers: Vec<Observer>,
    /// At whom.
    pub seen: Vec<Seen>,
    /// By observer and by who is seen; what is not here was looked for, and not found.
    pub cells: HashMap<(usize, usize), Mark>,
}

/// One who looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observer {
    /// Its path.
    pub path: String,
    /// Why it could not look.
    pub trouble: Option<String>,
}

/// One who is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its path.
    pub path: String,
    /// The namespace that it is in.
    pub space: String,
    /// Its number on the host.
    pub host: i32,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The number under which it was asked for.
    pub number: i32,
    /// `None` for yes, else the errno, as it is called.
    pub refused: Option<String>,
    /// Whether the observer knows now that it exists.
    pub is_seen: bool,
}

impl ProcessFact {
    /// Whether it has not ended.
    pub fn lives(&self) -> bool {
        !self.numbers.is_empty()
    }
}
