//! What is shown of a namespace or a process, whether it stands already or only in a file.
//!
//! Trees and pictures alike are drawn from these nodes, which `present::outline` makes; nothing is looked up later.

use std::fmt;

use super::state::State;
use crate::topology::{Entry, Labels};

/// The last segment of a path in its parts: `w.17` has the stem `w` and the index 17, `t.2.5` the stem `t.2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// The declared name; none of a process that was not declared, which has a number only.
    pub stem: String,
    /// The number of a generated instance.
    pub index: Option<usize>,
}

impl Label {
    /// Takes a name apart.
    pub fn of(name: &str) -> Self {
        match name.rsplit_once('.').map(|(stem, index)| (stem, index.parse())) {
            Some((stem, Ok(index))) => Self { stem: stem.to_owned(), index: Some(index) },
            _ => Self { stem: name.to_owned(), index: None },
        }
    }

    /// That of a process without a name, `vm#17`: its number.
    pub fn of_number(name: &str) -> Self {
        match name.rsplit_once('#').map(|(_, number)| number.parse()) {
            Some(Ok(number)) => Self { stem: String::new(), index: Some(number) },
            _ => Self::of(name),
        }
    }
}

/// The name, whole again.
impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) if self.stem.is_empty() => write!(f, "#{index}"),
            Some(index) => write!(f, "{}.{index}", self.stem),
            None => f.write_str(&self.stem),
        }
    }
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A namespace, and with it the process that is its PID 1.
    Namespace,
    /// A process.
    Process,
}

/// What a process runs; of a namespace, what its PID 1 runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// nestns itself, which leaves when all have left.
    Builtin,
    /// nestns itself, which waits.
    Pause,
    /// A command, its words with spaces between, or `actor` and the actor's.
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

/// What has no room in a line of a tree; pictures have some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The whole path.
    pub path: String,
    /// What runs.
    pub runs: Runs,
    /// How it gets into its namespace.
    pub entry: Entry,
    /// What the author says about it.
    pub description: Option<String>,
    /// Free words to select by.
    pub labels: Labels,
}

/// One thing that is shown, and what is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub label: Label,
    /// What it is.
    pub kind: Kind,
    /// The PIDs, outermost first: the host's, `None` where only the file is known, then one for each level. Of what runs and
    /// has none, it is over, or invisible from where one looks.
    pub pids: Vec<Option<i32>>,
    /// Where it is in its life; none where only the file is known.
    pub state: Option<State>,
    /// Free text at the end of the line.
    pub note: String,
    /// What else there is to say.
    pub facts: Facts,
    /// In the order in which they are shown.
    pub children: Vec<Node>,
}

#[cfg(test)]
mod tests {
    use super::Label;

    #[test]
    fn a_name_is_taken_apart_at_its_last_dot_and_put_together_again() {
        for (name, stem, index) in
            [("w.17", "w", Some(17)), ("t.2.5", "t.2", Some(5)), ("vm", "vm", None), ("a.b", "a.b", None)]
        {
            let label = Label::of(name);
            assert_eq!((label.stem.as_str(), label.index, label.to_string().as_str()), (stem, index, name));
        }
    }
}
