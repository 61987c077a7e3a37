//! Nodes: properties of a namespace or a process to show, running or only declared.
//!
//! Trees and pictures alike are drawn from these nodes, which `present::topology_nodes` makes; nothing is looked up later.

use std::fmt;

use super::state::State;
use nestns_topology::{Entry, Labels};

/// Last segment of a path in its parts: `w.17` has the stem `w` and the index 17, `t.2.5` the stem `t.2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Label {
    /// Declared name; empty for an undeclared process, which has a number only.
    pub(crate) stem: String,
    /// Number of a generated instance.
    pub(crate) index: Option<usize>,
}

impl Label {
    /// Splits a name.
    pub(crate) fn of(name: &str) -> Self {
        match name
            .rsplit_once('.')
            .map(|(stem, index)| (stem, index.parse()))
        {
            Some((stem, Ok(index))) => Self {
                stem: stem.to_owned(),
                index: Some(index),
            },
            _ => Self {
                stem: name.to_owned(),
                index: None,
            },
        }
    }

    /// Label of a process without a name, `vm#17`: its number.
    pub(crate) fn of_number(name: &str) -> Self {
        match name.rsplit_once('#').map(|(_, number)| number.parse()) {
            Some(Ok(number)) => Self {
                stem: String::new(),
                index: Some(number),
            },
            _ => Self::of(name),
        }
    }
}

/// Formats the whole name.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) if self.stem.is_empty() => write!(f, "#{index}"),
            Some(index) => write!(f, "{}.{index}", self.stem),
            None => f.write_str(&self.stem),
        }
    }
}

/// Kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A namespace, and with it the process that is its PID 1.
    Namespace,
    /// A process.
    Process,
}

/// Program of a process; for a namespace, that of its PID 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Runs {
    /// nestns itself, which ends when all others have ended.
    Builtin,
    /// nestns itself, which waits for ever.
    Pause,
    /// A command, its words with spaces between, or `actor` and the actor's name.
    Program(String),
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Builtin => "builtin",
            Self::Pause => "pause",
            Self::Program(words) => words,
        })
    }
}

/// Facts that have no room in a line of a tree; pictures have some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The whole path.
    pub(crate) path: String,
    /// Program.
    pub(crate) runs: Runs,
    /// Way into its namespace.
    pub(crate) entry: Entry,
    /// Description by the author.
    pub(crate) description: Option<String>,
    /// Labels to select by.
    pub(crate) labels: Labels,
}

/// Namespace or process to show, with its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Name.
    pub(crate) label: Label,
    /// Kind.
    pub(crate) kind: Kind,
    /// PIDs, outermost first: the host's, `None` if only the file is known, then one for each level. Empty for a
    /// process that has ended, or is invisible from the point of view.
    pub(crate) pids: Vec<Option<i32>>,
    /// Life-cycle state; `None` if only the file is known.
    pub(crate) state: Option<State>,
    /// Free text at the end of the line.
    pub(crate) note: String,
    /// Everything in other namespaces that it waits for, in words; empty if there is nothing.
    pub(crate) after: String,
    /// Further facts.
    pub(crate) facts: Facts,
    /// Children in the order in which they are shown.
    pub(crate) children: Vec<Node>,
}

#[cfg(test)]
mod tests {
    use super::Label;

    #[test]
    fn a_name_is_taken_apart_at_its_last_dot_and_put_together_again() {
        for (name, stem, index) in [
            ("w.17", "w", Some(17)),
            ("t.2.5", "t.2", Some(5)),
            ("vm", "vm", None),
            ("a.b", "a.b", None),
        ] {
            let label = Label::of(name);
            assert_eq!(
                (label.stem.as_str(), label.index, label.to_string().as_str()),
                (stem, index, name)
            );
        }
    }
}
