//! The standard streams of a process.

use std::path::PathBuf;

use super::located::Located;
use super::reader::Entry;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::process::{Output, Stdin};

/// `stdin`: a word, or a file.
pub(super) fn input(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Stdin>> {
    let stdin = match entry.value.as_str() {
        Some("null") => Stdin::Null,
        Some("inherit") => Stdin::Inherit,
        _ => Stdin::File(file(entry, &["null", "inherit"], out)?),
    };
    Some(Located::new(stdin, entry.span))
}

/// `stdout` or `stderr`: a word, or a file.
pub(super) fn output(entry: &Entry<'_>, out: &mut Diagnostics) -> Option<Located<Output>> {
    let output = match entry.value.as_str() {
        Some("log") => Output::Log,
        Some("inherit") => Output::Inherit,
        Some("null") => Output::Null,
        _ => Output::File(file(entry, &["log", "inherit", "null"], out)?),
    };
    Some(Located::new(output, entry.span))
}

/// A file in a place where words may stand too: without a slash it is taken for a misspelled word.
fn file(entry: &Entry<'_>, words: &[&str], out: &mut Diagnostics) -> Option<PathBuf> {
    let text = entry.string(out)?.value;
    if text.contains('/') || text.is_empty() {
        return entry.absolute_path(out).map(|path| path.value);
    }
    let message = format!("`{text}` is not a value of `{}`", entry.key);
    let words = words
        .iter()
        .map(|word| format!("\"{word}\""))
        .collect::<Vec<_>>()
        .join(", ");
    out.push(
        Diagnostic::at(Code::UnknownWord, entry.span, message)
            .label(format!("expected {words} or the absolute path of a file")),
    );
    None
}

/// The source of standard input, unless it is the default.
pub(super) fn write_input(input: &Stdin) -> Option<toml::Value> {
    match input {
        Stdin::Null => None,
        Stdin::Inherit => Some("inherit".into()),
        Stdin::File(path) => Some(path.to_string_lossy().into_owned().into()),
    }
}

/// The destination of standard output or standard error, unless it is the default.
pub(super) fn write_output(output: &Output) -> Option<toml::Value> {
    match output {
        Output::Log => None,
        Output::Inherit => Some("inherit".into()),
        Output::Null => Some("null".into()),
        Output::File(path) => Some(path.to_string_lossy().into_owned().into()),
    }
}
