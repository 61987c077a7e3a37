//! The error of a verb, and the one place where errors are printed.
//!
//! A verb returns what kept it from its answer; nothing below `main` writes an error. The kind decides the exit status, and is
//! what a program reads in `nestns.error/1`, which stands in place of the text where the verb was asked for JSON.

use std::fmt::Write as _;
use std::io;

use nix::errno::Errno;
use serde::Serialize;

use super::standard_error;
use super::status::Status;
use nestns_client::documents::{ErrorDocument, ErrorFacts, Kind};
use nestns_sys::errno::{of_io, spelled};
use nestns_topology::AddressError;
use nestns_topology::diagnostic::Code;

/// Kind of an error, which decides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorKind {
    /// The command line asks for something that it cannot mean.
    Usage,
    /// The topology file is wrong, or cannot be read.
    File,
    /// Nothing is called so, or it has ended.
    NotFound,
    /// More than the one that is wanted is called so.
    Ambiguous,
    /// The request does not fit the present state.
    Conflict,
    /// The caller may not.
    Forbidden,
    /// The controller does not answer, or is gone.
    Unresponsive,
    /// A system call or something else has failed.
    Failed,
    /// This machine cannot do it.
    Machine,
    /// A start that could not be finished.
    Start,
    /// The time is over.
    Timeout,
    /// The program cannot be executed.
    NotExecutable,
    /// There is no such program.
    ProgramMissing,
    /// The reader of standard output has seen enough, as `head` does. Never printed.
    BrokenPipe,
}

impl ErrorKind {
    /// Exit status of this kind, where the verb does not stand for a program.
    pub(super) const fn status(self) -> u8 {
        match self {
            Self::BrokenPipe => Status::Done.code(),
            Self::NotFound
            | Self::Ambiguous
            | Self::Conflict
            | Self::Forbidden
            | Self::Unresponsive
            | Self::Failed => Status::No.code(),
            Self::Usage => Status::WrongCommandLine.code(),
            Self::File => Status::WrongFile.code(),
            Self::Machine => 4,
            Self::Start => 5,
            Self::Timeout => 124,
            Self::NotExecutable => 126,
            Self::ProgramMissing => 127,
        }
    }
}

/// Form in which errors are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorFormat {
    /// `error: …`, with the hints below.
    Text,
    /// One line, `nestns.error/1`.
    Json,
}

/// A line below an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hint {
    /// The remedy: `  = help: …`.
    Help(String),
    /// Something to know: `  = note: …`.
    Note(String),
    /// The place in the topology file: `  --> file:line:column`.
    Place(String),
    /// A last line: where more is said.
    More(String),
}

impl Hint {
    fn text(&self) -> &str {
        let (Self::Help(text) | Self::Note(text) | Self::Place(text) | Self::More(text)) = self;
        text
    }
}

/// Error that kept a verb from its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandError {
    kind: ErrorKind,
    code: Option<Code>,
    message: String,
    hints: Vec<Hint>,
    /// Text for people in place of all that: the problems of a topology file, each with its lines.
    rendering: Option<String>,
    /// Of a verb that stands for a program, which leaves the statuses of the kinds to the program.
    status: Option<u8>,
    /// Others of the same run, which is about several things.
    others: Vec<Self>,
}

impl CommandError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: None,
            message: message.into(),
            hints: Vec::new(),
            rendering: None,
            status: None,
            others: Vec::new(),
        }
    }

    /// Error of the command line.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Error of a command line that clap refuses: the first paragraph of its text is the message, the others are hints.
    pub(super) fn of_usage(text: &str) -> Self {
        let mut paragraphs = text.trim_end().split("\n\n").map(str::trim);
        let first = paragraphs.next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        paragraphs.fold(Self::usage(message), |error, hint| {
            error.hint(Hint::More(hint.to_owned()))
        })
    }

    /// Error of something that is not there, or not any more.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Error of a system call, or of anything else that did not work.
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// One error of several; none where nothing has failed. The status is the largest.
    pub(super) fn of_several(errors: Vec<Self>) -> Result<(), Self> {
        let mut errors = errors.into_iter();
        match errors.next() {
            None => Ok(()),
            Some(mut first) => {
                first.others.extend(errors);
                Err(first)
            }
        }
    }

    #[must_use]
    pub(super) fn code(self, code: Code) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// Adds a hint.
    #[must_use]
    pub(super) fn hint(mut self, hint: Hint) -> Self {
        self.hints.push(hint);
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        self.hint(Hint::Help(help.into()))
    }

    /// Replaces what people read.
    #[must_use]
    pub(super) fn rendering(self, text: String) -> Self {
        Self {
            rendering: Some(text),
            ..self
        }
    }

    /// Replaces the exit status of the kind.
    #[must_use]
    pub(super) fn with_status(self, status: Status) -> Self {
        Self {
            status: Some(status.code()),
            ..self
        }
    }

    /// Puts what was to be done in front.
    #[must_use]
    pub(super) fn context(self, what: impl std::fmt::Display) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }

    /// Exit status.
    pub(super) fn status(&self) -> u8 {
        let own = self.status.unwrap_or_else(|| self.kind.status());
        self.others.iter().map(Self::status).fold(own, u8::max)
    }

    /// Text for people.
    pub(super) fn text(&self) -> String {
        let mut text = match (&self.rendering, self.code) {
            (Some(rendering), _) => rendering.clone(),
            (None, None) => format!("error: {}\n", self.message),
            (None, Some(code)) => format!("error[{code}]: {}\n", self.message),
        };
        for hint in &self.hints {
            // Writing to a string cannot fail.
            let _ = match hint {
                Hint::Help(help) if self.rendering.is_none() => writeln!(text, "  = help: {help}"),
                Hint::Note(note) if self.rendering.is_none() => writeln!(text, "  = note: {note}"),
                Hint::Place(place) if self.rendering.is_none() => writeln!(text, "  --> {place}"),
                Hint::More(line) => writeln!(text, "{line}"),
                // The rendering has them, where they belong.
                Hint::Help(_) | Hint::Note(_) | Hint::Place(_) => Ok(()),
            };
        }
        text
    }

    /// Text of the same, for something that goes on all the same.
    pub(super) fn as_warning(&self) -> String {
        self.text().replacen("error", "warning", 1)
    }

    fn document(&self) -> String {
        let error = ErrorFacts {
            kind: self.kind,
            code: self.code.map(|code| code.text().to_owned()),
            message: self.message.clone(),
            hints: self
                .hints
                .iter()
                .map(|hint| hint.text().to_owned())
                .collect(),
            status: self.status.unwrap_or_else(|| self.kind.status()),
        };
        // Text and numbers can always be written.
        serde_json::to_string(&ErrorDocument {
            schema: Kind::Error.schema().into(),
            error,
        })
        .unwrap_or_default()
            + "\n"
    }

    /// Prints it on standard error, and those that came with it.
    pub(super) fn print(&self, format: ErrorFormat) {
        if self.kind != ErrorKind::BrokenPipe {
            standard_error::write(&match format {
                ErrorFormat::Text => self.text(),
                ErrorFormat::Json => self.document(),
            });
        }
        self.others.iter().for_each(|other| other.print(format));
    }
}

/// A failure to write the answer, where it is a system call's: all others are given a context.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        let is_bare = error.raw_os_error().is_some();
        let error = Self::of_io(&error);
        if is_bare {
            error.context("cannot write to standard output")
        } else {
            error
        }
    }
}

impl From<Errno> for CommandError {
    fn from(errno: Errno) -> Self {
        Self::failed(spelled(errno))
    }
}

impl From<AddressError> for CommandError {
    fn from(error: AddressError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl CommandError {
    fn of_io(error: &io::Error) -> Self {
        let is_unread = error.kind() == io::ErrorKind::BrokenPipe;
        Self::new(
            if is_unread {
                ErrorKind::BrokenPipe
            } else {
                ErrorKind::Failed
            },
            of_io(error),
        )
    }
}

/// Context of a failed system call: the operation that was to be done.
pub(super) trait Context<T> {
    /// Makes a [`CommandError`] of an error, with what was to be done in front.
    fn context(self, what: impl std::fmt::Display) -> Result<T, CommandError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl std::fmt::Display) -> Result<T, CommandError> {
        self.map_err(|error| CommandError::of_io(&error.into()).context(what))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{CommandError, Context as _, ErrorKind, Hint};
    use nestns_topology::diagnostic::Code;

    #[test]
    fn text_and_document() {
        let error = CommandError::new(ErrorKind::Conflict, "it runs").code(Code::NameInUse);
        let error = error
            .hint(Hint::Place("a.toml:1:2".to_owned()))
            .help("stop it")
            .hint(Hint::More("more".to_owned()));
        assert_eq!(
            error.text(),
            "error[NS501]: it runs\n  --> a.toml:1:2\n  = help: stop it\nmore\n"
        );
        let document = "{\"schema\":\"nestns.error/1\",\"error\":{\"kind\":\"conflict\",\"code\":\"NS501\",\"message\":\"it runs\",\"hints\":\
                        [\"a.toml:1:2\",\"stop it\",\"more\"],\"status\":1}}\n";
        assert_eq!(error.document(), document);
    }

    #[test]
    fn a_wrong_command_line_is_a_message_with_hints() {
        let error = CommandError::of_usage(
            "error: there is no x\n\n  tip: write y\n\nFor more, try '--help'.\n",
        );
        assert_eq!(
            (error.status(), &*error.text()),
            (
                2,
                "error: there is no x\ntip: write y\nFor more, try '--help'.\n"
            )
        );
    }

    #[test]
    fn the_status_is_the_largest_of_several() {
        let errors = [ErrorKind::Failed, ErrorKind::Timeout, ErrorKind::Usage];
        let errors = errors.map(|kind| CommandError::new(kind, "no")).to_vec();
        assert_eq!(
            CommandError::of_several(errors).map_err(|error| error.status()),
            Err(124)
        );
        assert_eq!(CommandError::of_several(Vec::new()), Ok(()));
    }

    #[test]
    fn a_reader_who_has_left_is_no_failure() {
        let written = io::Result::<()>::Err(io::ErrorKind::BrokenPipe.into());
        let error = written.context("cannot write").expect_err("it is one");
        assert_eq!((error.kind, error.status()), (ErrorKind::BrokenPipe, 0));
    }
}
