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
use super::node::Node;

use self::drawing::Drawing;

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
