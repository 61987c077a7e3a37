//! Layout of the script: variables, blocks of lines with notes behind them, and the lines that start everything.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::flags::Flag;
use super::names::Names;
use super::quoting::printable;
use super::series::Repeat;

use crate::present::escape::escape;

/// The kernel takes no longer text in an argument or a variable (`MAX_ARG_STRLEN`, execve(2)).
const LONGEST_TEXT: usize = 128 * 1024;
/// A quarter of the usual limit of the stack, which is what arguments and environment may have together, less some room.
const MOST_TEXT: usize = 2 * 1024 * 1024 - 128 * 1024;
/// Rightmost column at which a note begins behind its line; beyond it the note stands above.
const WIDEST_CODE: usize = 76;
/// Greatest width of a line with its note, without the blanks between; beyond it the note stands above.
const WIDEST: usize = 115;

/// A line of a shell, with a note about it.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) code: String,
    pub(super) note: String,
}

/// A variable whose text is a script of its own, or a word that is hard to quote.
#[derive(Debug)]
struct Variable {
    name: String,
    about: Vec<String>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Text(String),
    Lines(Vec<Line>),
    /// An assignment as it is.
    Shell(String),
}

/// Script being written.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) names: Names,
    pub(super) flags: BTreeSet<Flag>,
    variables: Vec<Variable>,
    users: Vec<(String, String)>,
    /// Lines at the end, which start everything.
    pub(super) lines: Vec<Line>,
}

impl Line {
    pub(super) fn new(code: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            note: note.into(),
        }
    }
}

impl Page {
    /// Keeps a text in a variable, and returns its name.
    pub(super) fn remember(&mut self, text: &str, owner: &str) -> String {
        let name = self.names.give("text", owner);
        let content = Content::Text(text.to_owned());
        self.variables.push(Variable {
            name: name.clone(),
            about: Vec::new(),
            content,
        });
        name
    }

    /// Makes room for a variable whose lines come later, so that it stands before those that it mentions.
    pub(super) fn reserve(&mut self, name: String, about: Vec<String>) -> usize {
        self.variables.push(Variable {
            name,
            about,
            content: Content::Lines(Vec::new()),
        });
        self.variables.len() - 1
    }

    /// Gives a reserved variable its lines.
    pub(super) fn fill(&mut self, place: usize, lines: Vec<Line>) {
        if let Some(variable) = self.variables.get_mut(place) {
            variable.content = Content::Lines(lines);
        }
    }

    /// The variable with the options for setpriv(1) that make a process run as `user`; computed once, outside of everything,
    /// because `$(…)` forks.
    pub(super) fn user(&mut self, user: &str, options: impl FnOnce(&str) -> String) -> String {
        if let Some((_, name)) = self.users.iter().find(|(known, _)| known == user) {
            return name.clone();
        }
        let name = self.names.give("as", user);
        self.users.push((user.to_owned(), name.clone()));
        let content = Content::Shell(options(&name));
        self.variables.push(Variable {
            name: name.clone(),
            about: Vec::new(),
            content,
        });
        name
    }

    /// Leaves out the lines of the shells of namespaces.
    pub(super) fn drop_blocks(&mut self) {
        self.variables
            .retain(|variable| !matches!(variable.content, Content::Lines(_)));
    }

    /// Returns whether the kernel would refuse it.
    pub(super) fn is_too_large(&self) -> bool {
        let sizes = self.variables.iter().map(|variable| variable.text().len());
        sizes.clone().any(|size| size >= LONGEST_TEXT) || sizes.sum::<usize>() >= MOST_TEXT
    }

    /// The text of the script after the header.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut is_apart = true;
        for variable in &self.variables {
            let stands_apart = matches!(variable.content, Content::Lines(_));
            if stands_apart && !is_apart {
                text.push('\n');
            }
            text.push_str(&variable.text());
            if stands_apart {
                text.push('\n');
            }
            is_apart = stands_apart;
        }
        if !is_apart {
            text.push('\n');
        }
        text + &aligned(&self.lines)
    }
}

impl Variable {
    fn text(&self) -> String {
        let about: Vec<String> = self
            .about
            .iter()
            .map(|line| format!("# {}\n", escape(line)))
            .collect();
        let about = about.concat();
        let name = &self.name;
        match &self.content {
            Content::Shell(text) => format!("{about}{text}\n"),
            Content::Lines(lines) => format!("{about}export {name}='\n{}'\n", aligned(lines)),
            // The dot keeps a line break at the end from being cut with the substitution's.
            Content::Text(text) if printable(text).starts_with("\"$(") => {
                format!(
                    "{about}{name}={}; export {name}=\"${{{name}%.}}\"\n",
                    printable(&format!("{text}."))
                )
            }
            Content::Text(text) => format!("{about}export {name}={}\n", printable(text)),
        }
    }
}

/// Lines with their notes in one column, or above the line where that would be too wide.
fn aligned(lines: &[Line]) -> String {
    let width = |text: &str| text.chars().count();
    let stands_behind = |line: &Line| {
        !line.note.is_empty()
            && width(&line.code) <= WIDEST_CODE
            && width(&line.code) + width(&line.note) <= WIDEST
    };
    let column = lines
        .iter()
        .filter(|line| stands_behind(line))
        .map(|line| width(&line.code))
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for line in lines {
        // In a block the text is within single quotes, which a name of the file cannot be trusted with.
        let (code, note) = (&line.code, escape(&line.note).replace('\'', "\u{2019}"));
        let indent = &code[..code.len() - code.trim_start().len()];
        // Writing into a string cannot fail.
        let _ = match () {
            () if code.is_empty() && note.is_empty() => writeln!(text),
            () if code.is_empty() => writeln!(text, "# {note}"),
            () if note.is_empty() => writeln!(text, "{code}"),
            () if column + width(&note) > WIDEST || !stands_behind(line) => {
                writeln!(text, "{indent}# {note}\n{code}")
            }
            () => writeln!(text, "{code:column$}   # {note}"),
        };
    }
    text
}

/// The lines of a loop over replicas; builtins only.
pub(super) fn repeated(repeat: &Repeat, exported: bool, body: Vec<Line>) -> Vec<Line> {
    const LISTED: usize = 8;
    let Repeat {
        variable,
        first,
        count,
        ..
    } = repeat;
    let (export, end) = (if exported { "export " } else { "" }, first + count);
    let indented = body
        .into_iter()
        .map(|line| Line::new(format!("    {}", line.code), line.note));
    let (mut lines, last) = if *count <= LISTED {
        let numbers: Vec<String> = (*first..end).map(|number| number.to_string()).collect();
        let mut head = vec![Line::new(
            format!("for {variable} in {}; do", numbers.join(" ")),
            "",
        )];
        head.extend(exported.then(|| Line::new(format!("    export {variable}"), "")));
        (head, None)
    } else {
        let head = vec![
            Line::new(format!("{export}{variable}={first}"), ""),
            Line::new(format!("while [ ${variable} -lt {end} ]; do"), ""),
        ];
        (
            head,
            Some(Line::new(format!("    {variable}=$(({variable} + 1))"), "")),
        )
    };
    lines.extend(indented);
    lines.extend(last);
    lines.push(Line::new("done", ""));
    lines
}
