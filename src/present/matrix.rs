//! Visibility as a table: numbers where a process is seen, `·` where not, so that structure becomes shape: a chain is a
//! staircase, a fan-out a comb.
//!
//! Responsible for widths, names of columns, folding and transposition. Kept sparse until it is drawn: with ten
//! thousand processes in a thousand namespaces nearly all cells are empty.

mod fold;
mod group;
mod tally;
mod unlike;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::charset::Charset;
use super::depth;
use super::escape::escape;
use super::table::{Align, Columns};
use super::tree::Colour;

/// A line of cells, across or down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Path, the name of the line.
    pub(crate) path: String,
    /// Depth; the host is 0.
    pub(crate) level: usize,
    /// Number of instances that it stands for.
    pub(crate) count: usize,
    /// Key of the declaration: only lines with the same one are folded.
    pub(crate) kin: u64,
    /// Instances that a folded column is about, seen from a row's.
    pub(crate) relation: Relation,
}

/// Instances that are meant, of several in one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Each of them.
    #[default]
    All,
    /// The one that the row itself is in.
    Own,
    /// The others that are in the same instance of this around them.
    Same(String),
    /// All others.
    Others,
}

/// Content of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The lowest number.
    pub(crate) first: i32,
    /// The highest number; the same, if it is one cell's.
    pub(crate) last: i32,
    /// Text in place of the number.
    pub(crate) refused: Option<String>,
}

/// A matrix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Matrix {
    /// Rows, top to bottom.
    pub(crate) rows: Vec<Line>,
    /// Columns, left to right.
    pub(crate) columns: Vec<Line>,
    /// Marks by row and column.
    pub(crate) marks: BTreeMap<(usize, usize), Mark>,
    /// Cells without anything that could be seen: a folded column of a row's own has none of another row's.
    pub(crate) void: BTreeSet<(usize, usize)>,
    /// Columns about which nothing is known.
    pub(crate) blind: Vec<usize>,
}

/// Style of a matrix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) charset: Charset,
    pub(crate) colour: Colour,
}

impl Line {
    /// A line that stands for one instance.
    pub(crate) fn new(path: impl Into<String>, level: usize) -> Self {
        Self {
            path: path.into(),
            level,
            count: 1,
            kin: 0,
            relation: Relation::All,
        }
    }
}

impl Mark {
    fn text(&self) -> String {
        match &self.refused {
            Some(refused) => refused.clone(),
            None if self.first == self.last => self.first.to_string(),
            None => format!("{}..{}", self.first, self.last),
        }
    }

    /// Merges two marks into one cell: the lowest and the highest of their numbers.
    fn and(self, other: &Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            ..self
        }
    }
}

impl Matrix {
    /// Folds instances of one declaration into one line, in rows and columns, where that stays true. A cell has the
    /// lowest and the highest of all their numbers.
    #[must_use]
    pub(crate) fn folded(&self) -> Self {
        fold::fold(self)
    }

    /// Swaps rows and columns. Only columns can be blind.
    #[must_use]
    pub(crate) fn transposed(self) -> Self {
        let marks = self
            .marks
            .into_iter()
            .map(|((row, column), mark)| ((column, row), mark))
            .collect();
        let void = self
            .void
            .into_iter()
            .map(|(row, column)| (column, row))
            .collect();
        Self {
            rows: self.columns,
            columns: self.rows,
            marks,
            void,
            blind: Vec::new(),
        }
    }

    /// Draws it; every line ends with a line feed, none with a space.
    pub(crate) fn render(&self, look: Look) -> String {
        let headers: Vec<String> = short_names(&self.columns)
            .iter()
            .map(|name| escape(name))
            .collect();
        let names: Vec<String> = self
            .rows
            .iter()
            .map(|row| escape(&called(row, &row.path)))
            .collect();
        let texts: BTreeMap<(usize, usize), String> = self
            .marks
            .iter()
            .map(|(&place, mark)| (place, mark.text()))
            .collect();
        let mut widths: Vec<usize> = headers.iter().map(|header| header.width()).collect();
        for (&(_, column), text) in &texts {
            widths[column] = widths[column].max(text.width());
        }
        let first = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let mut text = String::new();
        let mut line = Columns::begin(&mut text, look.colour);
        line.put("", Style::new(), first, Align::Left);
        for (header, (&width, column)) in headers.iter().zip(widths.iter().zip(&self.columns)) {
            line.put(header, depth::style(column.level), width, Align::Right);
        }
        line.end();
        let none = if look.charset == Charset::Unicode {
            "—"
        } else {
            "-"
        };
        let invisible = if look.charset == Charset::Unicode {
            "·"
        } else {
            "."
        };
        for (row, name) in names.iter().enumerate() {
            let mut line = Columns::begin(&mut text, look.colour);
            line.put(name, depth::style(self.rows[row].level), first, Align::Left);
            for (column, &width) in widths.iter().enumerate() {
                let (cell, style) = match texts.get(&(row, column)) {
                    Some(cell) => (cell.as_str(), depth::style(self.columns[column].level)),
                    None if self.void.contains(&(row, column)) => (none, Style::new().dimmed()),
                    None if self.blind.contains(&column) => ("?", Style::new().dimmed()),
                    None => (invisible, Style::new().dimmed()),
                };
                line.put(cell, style, width, Align::Right);
            }
            line.end();
        }
        text
    }
}

fn called(line: &Line, name: &str) -> String {
    let name = if line.count > 1 {
        format!("{name} ({})", line.count)
    } else {
        name.to_owned()
    };
    match &line.relation {
        Relation::All => name,
        Relation::Own => format!("{name} own"),
        Relation::Same(around) => format!("{name} same {around}"),
        Relation::Others => format!("{name} others"),
    }
}

/// The shortest suffixes, in segments, that distinguish each line from all others.
fn short_names(lines: &[Line]) -> Vec<String> {
    let mut names: Vec<Option<String>> = vec![None; lines.len()];
    let deepest = lines
        .iter()
        .map(|line| line.path.split('/').count())
        .max()
        .unwrap_or(0);
    for segments in 1..=deepest {
        let mut found: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, line) in lines.iter().enumerate() {
            found
                .entry(suffix(&line.path, segments))
                .or_default()
                .push(place);
        }
        for (name, places) in found {
            // Slices of one folded column have one path.
            let is_one = places
                .iter()
                .all(|&place| lines[place].path == lines[places[0]].path);
            for place in places.into_iter().filter(|_| is_one) {
                names[place].get_or_insert_with(|| called(&lines[place], name));
            }
        }
    }
    names
        .into_iter()
        .zip(lines)
        .map(|(name, line)| name.unwrap_or_else(|| called(line, &line.path)))
        .collect()
}

fn suffix(path: &str, segments: usize) -> &str {
    let mut slashes = path.rmatch_indices('/');
    slashes
        .nth(segments - 1)
        .map_or(path, |(slash, _)| &path[slash + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(
        rows: &[(&str, usize)],
        columns: &[(&str, usize)],
        marks: &[(usize, usize, i32)],
    ) -> Matrix {
        let lines = |lines: &[(&str, usize)]| {
            lines
                .iter()
                .map(|&(path, level)| Line::new(path, level))
                .collect()
        };
        let mark = |number| Mark {
            first: number,
            last: number,
            refused: None,
        };
        Matrix {
            rows: lines(rows),
            columns: lines(columns),
            marks: marks
                .iter()
                .map(|&(row, column, number)| ((row, column), mark(number)))
                .collect(),
            ..Matrix::default()
        }
    }

    fn chain() -> Matrix {
        matrix(
            &[
                ("d.0/init", 1),
                ("d.0/d.1/init", 2),
                ("d.0/d.1/d.2/init", 3),
            ],
            &[("host", 0), ("d.0", 1), ("d.0/d.1", 2), ("d.0/d.1/d.2", 3)],
            &[
                (0, 0, 6590),
                (0, 1, 1),
                (1, 0, 6592),
                (1, 1, 3),
                (1, 2, 1),
                (2, 0, 6594),
                (2, 1, 5),
                (2, 2, 3),
                (2, 3, 1),
            ],
        )
    }

    #[test]
    fn a_chain_is_a_staircase() {
        let expected = "
                  host  d.0  d.1  d.2
d.0/init          6590    1    ·    ·
d.0/d.1/init      6592    3    1    ·
d.0/d.1/d.2/init  6594    5    3    1
";
        assert_eq!(chain().render(Look::default()), &expected[1..]);
    }

    #[test]
    fn a_fan_is_a_comb_and_folds_to_a_line() {
        let fan = matrix(
            &[("w.0/init", 1), ("w.1/init", 1), ("w.2/init", 1)],
            &[("host", 0), ("w.0", 1), ("w.1", 1), ("w.2", 1)],
            &[
                (0, 0, 10),
                (0, 1, 1),
                (1, 0, 11),
                (1, 2, 1),
                (2, 0, 12),
                (2, 3, 1),
            ],
        );
        let expected = "
          host  w.0  w.1  w.2
w.0/init    10    1    ·    ·
w.1/init    11    ·    1    ·
w.2/init    12    ·    ·    1
";
        assert_eq!(fan.render(Look::default()), &expected[1..]);
        let expected = "
                host  w.* (3) own  w.* (3) others
w.*/init (3)  10..12            1               ·
";
        assert_eq!(fan.folded().render(Look::default()), &expected[1..]);
    }

    #[test]
    fn turned_refused_and_blind() {
        let mut turned = chain();
        turned.marks.insert(
            (0, 1),
            Mark {
                first: 1,
                last: 1,
                refused: Some("EPERM".to_owned()),
            },
        );
        turned.blind.push(3);
        let expected = "
                  host    d.0  d.1  d.2
d.0/init          6590  EPERM    .    ?
d.0/d.1/init      6592      3    1    ?
d.0/d.1/d.2/init  6594      5    3    1
";
        let look = Look {
            charset: Charset::Ascii,
            ..Look::default()
        };
        assert_eq!(turned.render(look), &expected[1..]);
        let expected = "
             d.0/init  d.1/init  d.2/init
host             6590      6592      6594
d.0             EPERM         3         5
d.0/d.1             ·         1         3
d.0/d.1/d.2         ·         ·         1
";
        assert_eq!(turned.transposed().render(Look::default()), &expected[1..]);
    }

    #[test]
    fn columns_are_named_as_briefly_as_they_differ() {
        let lines: Vec<Line> = ["host", "vm", "vm/ci", "db/ci", "a/x/y", "b/x/y"]
            .iter()
            .map(|path| Line::new(*path, 1))
            .collect();
        assert_eq!(
            short_names(&lines),
            ["host", "vm", "vm/ci", "db/ci", "a/x/y", "b/x/y"]
        );
        assert_eq!(short_names(&lines[..3]), ["host", "vm", "ci"]);
    }
}
