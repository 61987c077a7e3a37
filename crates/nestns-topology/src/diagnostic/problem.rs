//! One problem: a code, a sentence, places, reasons and a remedy.

use super::codes::{Code, Level};
use super::span::Span;

/// A place in the file, with what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The text; empty where the underline says enough.
    pub text: String,
}

impl Label {
    /// A place, and what to say about it.
    pub fn new(span: Span, text: impl Into<String>) -> Self {
        Self {
            span,
            text: printable(text.into()),
        }
    }
}

/// One problem of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of problem.
    pub code: Code,
    /// The problem in one line: lower case, no full stop.
    pub message: String,
    /// The place of the problem; `None` if it is the file itself.
    pub primary: Option<Label>,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// Why it matters, in terms of the kernel where it has a say.
    pub notes: Vec<String>,
    /// The remedy.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A problem of the whole file.
    pub fn of_file(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: printable(message.into()),
            primary: None,
            secondary: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// A problem at a place.
    pub fn at(code: Code, span: Span, message: impl Into<String>) -> Self {
        let mut diagnostic = Self::of_file(code, message);
        diagnostic.primary = Some(Label::new(span, ""));
        diagnostic
    }

    /// Says something right under the place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = printable(text.into());
        }
        self
    }

    /// Shows another place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label::new(span, text));
        self
    }

    /// Gives a reason.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(printable(text.into()));
        self
    }

    /// Says how to write it right.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(printable(text.into()));
        self
    }

    /// The severity, which follows from the code.
    pub fn level(&self) -> Level {
        self.code.level()
    }
}

/// The longest sentence: a name of a million letters does not help.
const LONGEST: usize = 1000;

/// Quoted pieces of a file must not move the cursor or colour the terminal, nor bury everything else.
fn printable(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars()
        .map(|c| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}
