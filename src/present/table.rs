//! Rows and columns as text: no boxes, two spaces between columns, headers in capitals.
//!
//! Responsible for widths, alignment, colours, and cutting if a terminal is too narrow. Not for facts, nor for the
//! choice of columns: cells come in as they are, and go out as lines. An absent value is `—`, and one that cannot be
//! seen from the point of view is `·`, so that no cell is ever empty and every line has as many words as the header.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::charset::Charset;
use super::escape::escape;
use super::tree::Colour;

/// Least width to which a column is cut: less would be meaningless.
const NARROWEST: usize = 8;

/// Alignment of the cells of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Left, for words.
    Left,
    /// Right, for numbers.
    Right,
}

/// Treatment of a cell that is too wide for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The cell stays whole: half a number is a wrong one.
    Never,
    /// The end of the cell is cut off.
    End,
    /// The middle of the cell is cut out: the ends of a path are the most telling parts.
    Middle,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) header: &'static str,
    pub(crate) align: Align,
    pub(crate) cut: Cut,
}

/// Content of one row of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Text, in this style if there is colour.
    Text(String, Style),
    /// Absent value.
    None,
}

impl Cell {
    /// Plain text.
    pub(crate) fn text(text: &(impl ToString + ?Sized)) -> Self {
        Self::Text(text.to_string(), Style::new())
    }

    /// Text in a style.
    pub(crate) fn styled(text: &(impl ToString + ?Sized), style: Style) -> Self {
        Self::Text(text.to_string(), style)
    }

    /// A text, or no value.
    pub(crate) fn maybe(text: Option<impl ToString>) -> Self {
        text.map_or(Self::None, |text| Self::text(&text))
    }
}

/// Line with the names of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Header {
    /// Shown.
    #[default]
    Shown,
    /// Left out: scripts count lines.
    Hidden,
}

/// Style of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Look {
    pub(crate) charset: Charset,
    pub(crate) colour: Colour,
    pub(crate) header: Header,
    /// Number of columns of a terminal; `None` if nothing is to be cut.
    pub(crate) width: Option<usize>,
}

/// Draws a table; every line ends with a line feed, none with a space.
pub(crate) fn render(columns: &[Column], rows: &[Vec<Cell>], look: Look) -> String {
    let mut lines: Vec<Vec<(String, Style)>> = Vec::with_capacity(rows.len() + 1);
    if look.header == Header::Shown {
        lines.push(
            columns
                .iter()
                .map(|column| (column.header.to_owned(), Style::new()))
                .collect(),
        );
    }
    lines.extend(
        rows.iter()
            .map(|row| row.iter().map(|cell| written(cell, look.charset)).collect()),
    );
    let widths = widths(columns, &lines, look.width);
    let mut text =
        String::with_capacity(lines.len() * (widths.iter().sum::<usize>() + 2 * widths.len()));
    for line in &lines {
        let mut columns_of_line = Columns::begin(&mut text, look.colour);
        for ((cell, style), (column, &width)) in line.iter().zip(columns.iter().zip(&widths)) {
            columns_of_line.put(
                &shorten(cell, width, column.cut, look.charset),
                *style,
                width,
                column.align,
            );
        }
        columns_of_line.end();
    }
    text
}

/// Draws rows of words without colours, each column as wide as its widest word; nothing is cut or replaced.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|place| rows.iter().map(|row| row[place].width()).max().unwrap_or(0));
    let mut text = String::new();
    for row in rows {
        let mut columns = Columns::begin(&mut text, Colour::Off);
        for (word, width) in row.iter().zip(widths) {
            columns.put(word, Style::new(), width, Align::Left);
        }
        columns.end();
    }
    text
}

/// A line under way: pieces in columns, with two spaces between them and none at the end.
#[derive(Debug)]
pub(crate) struct Columns<'t> {
    text: &'t mut String,
    colour: Colour,
    /// Spaces before the next piece. Owed at the end of a line, they are never paid.
    owed: usize,
}

impl<'t> Columns<'t> {
    /// Begins a line.
    pub(crate) fn begin(text: &'t mut String, colour: Colour) -> Self {
        Self {
            text,
            colour,
            owed: 0,
        }
    }

    /// Writes a piece in front of the next column, as a part of it.
    pub(crate) fn paint(&mut self, piece: &str, style: Style) {
        match self.colour {
            // Writing to a string cannot fail.
            Colour::On if style != Style::new() && !piece.is_empty() => {
                let _ = write!(self.text, "{style}{piece}{style:#}");
            }
            _ => self.text.push_str(piece),
        }
    }

    /// Writes a column. One that is empty in every line has no width, and is left out.
    pub(crate) fn put(&mut self, piece: &str, style: Style, width: usize, align: Align) {
        if piece.is_empty() {
            self.owed += if width > 0 { width + 2 } else { 0 };
            return;
        }
        let missing = width.saturating_sub(piece.width());
        let (before, after) = match align {
            Align::Left => (0, missing),
            Align::Right => (missing, 0),
        };
        self.text
            .extend(std::iter::repeat_n(' ', self.owed + before));
        self.paint(piece, style);
        self.owed = after + 2;
    }

    /// Ends the line.
    pub(crate) fn end(self) {
        self.text.push('\n');
    }
}

fn written(cell: &Cell, charset: Charset) -> (String, Style) {
    let none = match charset {
        Charset::Unicode => "—",
        Charset::Ascii => "-",
    };
    match cell {
        Cell::Text(text, style) if !text.is_empty() => (escape(text), *style),
        Cell::Text(..) | Cell::None => (none.to_owned(), Style::new().dimmed()),
    }
}

/// Width of each column: that of its widest cell, and if that is too much for the terminal, as much less as necessary,
/// taken from columns that may be cut, the widest first.
fn widths(columns: &[Column], lines: &[Vec<(String, Style)>], limit: Option<usize>) -> Vec<usize> {
    let widest = |place: usize| {
        lines
            .iter()
            .map(|line| line[place].0.width())
            .max()
            .unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..columns.len()).map(widest).collect();
    let Some(limit) = limit else { return widths };
    let gaps = 2 * columns.len().saturating_sub(1);
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(limit);
    while excess > 0 {
        let candidates = (0..columns.len()).filter(|&place| columns[place].cut != Cut::Never);
        let candidate = candidates
            .max_by_key(|&place| widths[place])
            .filter(|&place| widths[place] > NARROWEST);
        let Some(place) = candidate else { break };
        widths[place] -= 1;
        excess -= 1;
    }
    widths
}

fn shorten(text: &str, width: usize, cut: Cut, charset: Charset) -> std::borrow::Cow<'_, str> {
    if cut == Cut::Never || text.width() <= width {
        return text.into();
    }
    let ellipsis = match charset {
        Charset::Unicode => "…",
        Charset::Ascii => "...",
    };
    let room = width.saturating_sub(ellipsis.width());
    let tail = if cut == Cut::Middle { room / 2 } else { 0 };
    let head = taken(text.chars(), room - tail);
    let tail: String = taken(text.chars().rev(), tail).chars().rev().collect();
    format!("{head}{ellipsis}{tail}").into()
}

/// Takes as many characters as fit.
fn taken(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    characters.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            header: "PATH",
            align: Align::Left,
            cut: Cut::Middle,
        },
        Column {
            header: "PPID",
            align: Align::Right,
            cut: Cut::Never,
        },
        Column {
            header: "COMMAND",
            align: Align::Left,
            cut: Cut::End,
        },
    ];

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![
                Cell::text("vm/init"),
                Cell::text(&0),
                Cell::text("nestns init"),
            ],
            vec![
                Cell::text("vm/箱/ci"),
                Cell::text(&5304),
                Cell::text("a\u{1b}b and something that is long"),
            ],
            vec![Cell::text("vm/ci/job/really/deep"), Cell::None, Cell::None],
        ]
    }

    #[test]
    fn columns_are_as_wide_as_they_look_and_no_line_ends_with_a_space() {
        let text = render(&COLUMNS, &rows(), Look::default());
        assert_eq!(
            text,
            "\
PATH                   PPID  COMMAND
vm/init                   0  nestns init
vm/箱/ci               5304  a\\u{1b}b and something that is long
vm/ci/job/really/deep     —  —
"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_what_may_be_cut() {
        let look = Look {
            width: Some(36),
            header: Header::Hidden,
            ..Look::default()
        };
        assert_eq!(
            render(&COLUMNS, &rows(), look),
            "\
vm/init            0  nestns init
vm/箱/ci        5304  a\\u{1b}b and …
vm/ci/j…y/deep     —  —
"
        );
        for width in [0, 10, 20, 30, 36, 40, 80] {
            let text = render(
                &COLUMNS,
                &rows(),
                Look {
                    width: Some(width),
                    ..Look::default()
                },
            );
            let least = NARROWEST + 4 + NARROWEST + 4;
            assert!(
                text.lines().all(|line| line.width() <= width.max(least)),
                "{width}:\n{text}"
            );
        }
    }

    #[test]
    fn seven_bits_and_colours() {
        let rows = [vec![
            Cell::styled("x", Style::new().bold()),
            Cell::None,
            Cell::None,
        ]];
        let look = Look {
            charset: Charset::Ascii,
            header: Header::Hidden,
            ..Look::default()
        };
        assert_eq!(render(&COLUMNS, &rows, look), "x  -  -\n");
        let coloured = render(
            &COLUMNS,
            &rows,
            Look {
                colour: Colour::On,
                ..look
            },
        );
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            "x  -  -\n"
        );
        assert!(coloured.starts_with("\u{1b}[1mx\u{1b}[0m"), "{coloured:?}");
    }
}
