//! Programs: words, an argument list, a script or an actor.

use super::located::Located;
use super::reader::Entry;
use super::shell::{COMMENT, shell_syntax, split};
use super::suggest::did_you_mean;
use crate::actor::{Actor, ActorError};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::keys::ProcessKey;
use crate::process::Program;

/// The shell of scripts.
const SHELL: &str = "/bin/sh";

/// The program of a process, as a file gives it.
#[derive(Debug, Clone, Default)]
pub(crate) enum ProgramSyntax {
    /// Nothing.
    #[default]
    Absent,
    /// Something that was reported.
    Broken,
    /// This.
    Given(Located<Program>),
}

impl ProgramSyntax {
    /// `cmd = "words"` or `cmd = [argv]`.
    pub(super) fn command(entry: &Entry<'_>, out: &mut Diagnostics) -> Self {
        if entry.value.as_array().is_some() {
            return Self::arguments(entry, out);
        }
        let Some(text) = entry.value.as_str() else {
            entry.wrong_type("a string of words or an array of arguments", out);
            return Self::Broken;
        };
        let Some(words) = split(text) else {
            out.push(
                broken(entry, "the command has an open quote").label("a quote is never closed"),
            );
            return Self::Broken;
        };
        if let Some(syntax) = shell_syntax(text) {
            let message = format!("`{}` uses `{syntax}`, but no shell runs it", entry.key);
            out.push(
                Diagnostic::at(Code::LooksLikeShell, entry.span, message)
                    .label(if syntax == COMMENT {
                        "everything after `#` is a comment and ignored".to_owned()
                    } else {
                        format!("`{syntax}` is passed to the program unchanged")
                    })
                    .help(match entry.key {
                        "exec" => "write [\"sh\", \"-c\", \"…\"] to have a shell run it, or quote it if it is literal",
                        _ => "write sh = \"…\" to have /bin/sh run it, or quote it if it is literal",
                    }),
            );
        }
        Self::of_words(words, entry, out)
    }

    /// An array of arguments.
    pub(super) fn arguments(entry: &Entry<'_>, out: &mut Diagnostics) -> Self {
        match entry.strings(out) {
            Some(words) => Self::of_words(
                words.into_iter().map(|word| word.value).collect(),
                entry,
                out,
            ),
            None => Self::Broken,
        }
    }

    /// `sh = "script"`.
    pub(super) fn script(entry: &Entry<'_>, out: &mut Diagnostics) -> Self {
        let Some(text) = entry.string(out) else {
            return Self::Broken;
        };
        if text.value.trim().is_empty() {
            out.push(broken(entry, "the script is empty"));
            return Self::Broken;
        }
        Self::of_words(
            vec![SHELL.to_owned(), "-c".to_owned(), text.value],
            entry,
            out,
        )
    }

    /// `actor = "tree --children 3"`.
    pub(super) fn actor(entry: &Entry<'_>, out: &mut Diagnostics) -> Self {
        let Some(text) = entry.string(out) else {
            return Self::Broken;
        };
        let Some(words) = split(&text.value) else {
            out.push(broken(entry, "the actor has an open quote"));
            return Self::Broken;
        };
        match Actor::parse(&words) {
            Ok(actor) => Self::Given(Located::new(Program::Actor(actor), entry.span)),
            Err(error) => {
                out.push(bad_actor(&error, entry.span));
                Self::Broken
            }
        }
    }

    /// One of the three keys, and its value.
    pub(super) fn write(program: &Program) -> (ProcessKey, toml::Value) {
        match program {
            Program::Actor(actor) => (ProcessKey::Actor, actor.to_string().into()),
            Program::Command(words) => match words.as_slice() {
                // What `sh` is short for; one that is nothing but blanks can only have been written as a command.
                [shell, option, script]
                    if shell == SHELL && option == "-c" && !script.trim().is_empty() =>
                {
                    (ProcessKey::Sh, script.clone().into())
                }
                words => (ProcessKey::Cmd, words.to_vec().into()),
            },
        }
    }

    fn of_words(words: Vec<String>, entry: &Entry<'_>, out: &mut Diagnostics) -> Self {
        if words.first().is_none_or(String::is_empty) {
            out.push(broken(entry, "the command is empty").label("the first word is the program"));
            return Self::Broken;
        }
        if words.iter().any(|word| word.contains('\0')) {
            out.push(
                broken(entry, "the command contains a NUL")
                    .label("the kernel ends an argument at a NUL"),
            );
            return Self::Broken;
        }
        Self::Given(Located::new(Program::Command(words), entry.span))
    }
}

fn broken(entry: &Entry<'_>, message: &str) -> Diagnostic {
    Diagnostic::at(Code::BadCommand, entry.span, message)
}

fn bad_actor(error: &ActorError, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::at(Code::BadActor, span, error.to_string());
    let list = |words: &[&str]| words.join(", ");
    match error {
        ActorError::UnknownName(name) => match did_you_mean(name, Actor::NAMES.iter().copied()) {
            Some(text) => diagnostic.label(text),
            None => diagnostic.help(format!("the actors are {}", list(Actor::NAMES))),
        },
        ActorError::NoName => diagnostic.help(format!("the actors are {}", list(Actor::NAMES))),
        ActorError::UnknownOption { option, known, .. } => {
            match did_you_mean(option, known.iter().copied()) {
                Some(text) => diagnostic.label(text),
                None if known.is_empty() => diagnostic.help("it has no options"),
                None => diagnostic.help(format!("its options are {}", list(known))),
            }
        }
        ActorError::NoValue(_) | ActorError::BadValue { .. } => diagnostic,
    }
}
