//! The lines of a tree: branches on the left, columns on the right, each as wide as its widest piece.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::Look;
use super::fold::{Item, fold};
use crate::present::charset::Charset;
use crate::present::depth;
use crate::present::escape::escape;
use crate::present::node::{Kind, Label, Node};
use crate::present::state::{State, style, symbol};
use crate::present::table::{Align, Columns};

/// Position of a node among its siblings.
#[derive(Debug, Clone, Copy)]
enum Place {
    Between,
    Last,
}

/// The pieces of a line before columns are aligned.
struct Line {
    branches: String,
    label: String,
    style: Style,
    pids: String,
    state: Option<State>,
    note: String,
}

/// A whole tree as lines, in order.
pub(super) struct Drawing {
    look: Look,
    /// Characters left of the branches of the nodes being drawn.
    prefix: String,
    lines: Vec<Line>,
}

impl Drawing {
    /// Lays the trees out, below each other.
    pub(super) fn of(roots: &[Node], look: Look) -> Self {
        let mut drawing = Self {
            look,
            prefix: String::new(),
            lines: Vec::new(),
        };
        drawing.draw(roots, 0);
        drawing
    }

    fn draw(&mut self, siblings: &[Node], level: usize) {
        let mut items = fold(siblings, self.look.folding).peekable();
        while let Some(item) = items.next() {
            let place = if items.peek().is_none() {
                Place::Last
            } else {
                Place::Between
            };
            match item {
                Item::Node(node) => self.draw_node(node, level, place),
                Item::More { count, like } => self.draw_more(count, like, place),
            }
        }
    }

    fn draw_node(&mut self, node: &Node, level: usize, place: Place) {
        let (level, style) = match node.kind {
            Kind::Namespace => (level + 1, depth::style(level + 1).bold()),
            Kind::Process => (level, depth::style(level)),
        };
        let (branch, below) = self.branches(place);
        self.lines.push(Line {
            branches: format!("{}{branch}", self.prefix),
            label: match node.kind {
                Kind::Namespace => format!("{}/", name(&node.label)),
                Kind::Process => name(&node.label),
            },
            style,
            pids: self.numbers(node),
            state: node.state,
            note: escape(&with_after(node)),
        });
        let length = self.prefix.len();
        self.prefix.push_str(below);
        self.draw(&node.children, level);
        self.prefix.truncate(length);
    }

    /// The PIDs, or the reason why there are none.
    fn numbers(&self, node: &Node) -> String {
        match (node.state, self.look.charset) {
            (Some(state), charset) if node.pids.is_empty() => match (state.is_over(), charset) {
                (true, Charset::Unicode) => "—",
                (false, Charset::Unicode) => "·",
                (true, Charset::Ascii) => "-",
                (false, Charset::Ascii) => ".",
            }
            .to_owned(),
            _ => chain(&node.pids),
        }
    }

    fn draw_more(&mut self, count: usize, like: &Node, place: Place) {
        let ellipsis = match self.look.charset {
            Charset::Unicode => "…",
            Charset::Ascii => "...",
        };
        let (branch, _) = self.branches(place);
        self.lines.push(Line {
            branches: format!("{}{branch}", self.prefix),
            label: format!("{ellipsis} {count} more like {}", name(&like.label)),
            style: Style::new().dimmed(),
            pids: String::new(),
            state: None,
            note: String::new(),
        });
    }

    /// The branch to a node, and its continuation in the lines of its children.
    fn branches(&self, place: Place) -> (&'static str, &'static str) {
        match (self.look.charset, place) {
            (Charset::Unicode, Place::Between) => ("├─ ", "│  "),
            (Charset::Unicode, Place::Last) => ("└─ ", "   "),
            (Charset::Ascii, Place::Between) => ("|- ", "|  "),
            (Charset::Ascii, Place::Last) => ("`- ", "   "),
        }
    }

    /// Aligns the columns and appends the lines.
    pub(super) fn write(&self, text: &mut String) {
        let widths = Widths::of(&self.lines);
        for line in &self.lines {
            let mut columns = Columns::begin(text, self.look.colour);
            columns.paint(&line.branches, Style::new().dimmed());
            columns.put(
                &line.label,
                line.style,
                widths.label.saturating_sub(line.branches.width()),
                Align::Left,
            );
            columns.put(&line.pids, Style::new(), widths.pids, Align::Left);
            let state = line
                .state
                .map(|state| format!("{} {state}", symbol(state, self.look.charset)));
            let state_style = line.state.map(style).unwrap_or_default();
            columns.put(
                state.as_deref().unwrap_or_default(),
                state_style,
                widths.state,
                Align::Left,
            );
            columns.put(&line.note, Style::new(), 0, Align::Left);
            columns.end();
        }
    }
}

/// The widths of the columns; 0 for one that is empty in every line, which is left out.
struct Widths {
    label: usize,
    pids: usize,
    state: usize,
}

impl Widths {
    fn of(lines: &[Line]) -> Self {
        let widest = |measure: fn(&Line) -> usize| lines.iter().map(measure).max().unwrap_or(0);
        Self {
            // A line without columns, as that of a fold, sticks out as far as it likes.
            label: widest(
                |line| match (line.pids.is_empty(), line.state, line.note.is_empty()) {
                    (true, None, true) => 0,
                    _ => line.branches.width() + line.label.width(),
                },
            ),
            pids: widest(|line| line.pids.width()),
            // The symbol and a space.
            state: widest(|line| line.state.map_or(0, |state| 2 + state.word().width())),
        }
    }
}

/// The note, and what it waits for.
fn with_after(node: &Node) -> String {
    match (&*node.note, &*node.after) {
        (words, "") => words.to_owned(),
        ("", after) => format!("after {after}"),
        (words, after) => format!("{words}, after {after}"),
    }
}

fn name(label: &Label) -> String {
    escape(&label.to_string())
}

/// `5303/7/4`, outermost first, `?` where the number is not known.
fn chain(pids: &[Option<i32>]) -> String {
    let mut text = String::new();
    for (place, pid) in pids.iter().enumerate() {
        if place > 0 {
            text.push('/');
        }
        // Writing to a string cannot fail.
        let _ = match pid {
            Some(pid) => write!(text, "{pid}"),
            None => write!(text, "?"),
        };
    }
    text
}
