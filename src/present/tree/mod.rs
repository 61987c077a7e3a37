//! Namespaces and processes as a tree of lines, in the manner of tree(1) and systemd-cgls(1).
//!
//! Responsible for branches, columns, colours and folding. Not for facts: the content of a line comes in as it is, from
//! a file or from the kernel alike, and goes out as text; nothing is looked up and nothing is printed.

mod drawing;
mod fold;
#[cfg(test)]
mod tests;

use super::charset::Charset;
use super::escape::escape;
use super::node::Node;

use self::drawing::Drawing;

/// Colouring of depth and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Colour {
    /// Off: plain text.
    #[default]
    Off,
    /// On: with escape sequences.
    On,
}

/// Folding of long runs of siblings that differ by nothing but their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Folding {
    /// Off: every node has its line.
    #[default]
    Never,
    /// On: so many nodes of each run are shown, and one line for the number of the others.
    Keep(usize),
}

/// Style of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    /// Characters to draw with.
    pub(crate) charset: Charset,
    /// Colouring.
    pub(crate) colour: Colour,
    /// Folding.
    pub(crate) folding: Folding,
}

/// Draws the tree below a title line; every line ends with a line feed, none with a space.
pub(crate) fn render(title: &str, roots: &[Node], look: Look) -> String {
    let mut text = escape(title);
    text.push('\n');
    Drawing::of(roots, look).write(&mut text);
    text
}
