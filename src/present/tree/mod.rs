//! Namespaces and processes as a tree of lines, in the manner of tree(1) and systemd-cgls(1).
//!
//! Responsible for branches, columns, colours and folding. Not for facts: what stands in a line comes in as it is, from
//! a file or from the kernel alike, and goes out as text; nothing is looked up and nothing is printed.

mod drawing;
mod fold;
#[cfg(test)]
mod tests;

use super::charset::Charset;
use super::escape::escape;
use super::state::State;

use self::drawing::Drawing;

/// The last segment of a path in its parts: `w.17` has the stem `w` and the index 17.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// The declared name.
    pub stem: String,
    /// The number of a generated instance.
    pub index: Option<usize>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A namespace: bold, with the trailing `/` of the address grammar, one level deeper than what it is in.
    Namespace,
    /// A process.
    Process,
}

/// One line, and what hangs below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub label: Label,
    /// What it is.
    pub kind: Kind,
    /// The PIDs, outermost first: the host's, `None` where only the file is known, then one for each level.
    pub pids: Vec<Option<i32>>,
    /// Where it is in its life; none where only the file is known.
    pub state: Option<State>,
    /// Free text at the end of the line.
    pub note: String,
    /// In the order in which they are shown.
    pub children: Vec<Node>,
}

/// Whether the depth and the state are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colour {
    /// Plain text.
    #[default]
    Off,
    /// With escape sequences.
    On,
}

/// Whether long runs of siblings that differ by nothing but their numbers are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Folding {
    /// Every node has its line.
    #[default]
    Never,
    /// Of each run so many are shown, and one line says how many more there are.
    Keep(usize),
}

/// How a tree is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// With which characters.
    pub charset: Charset,
    /// In colour or not.
    pub colour: Colour,
    /// Whole or folded.
    pub folding: Folding,
}

/// Draws the tree below a title line; every line ends with a line feed, none with a space.
pub fn render(title: &str, roots: &[Node], look: Look) -> String {
    let mut text = escape(title);
    text.push('\n');
    Drawing::of(roots, look).write(&mut text);
    text
}
