//! Reads values of one type out of the spanned document, and reports those of another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::located::Located;
use super::name::{NOT_IN_KEYS, has_braces};
use super::suggest::did_you_mean;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::duration::{DurationError, parse_duration};
use crate::labels::Labels;
use crate::size::{format_size, parse_size};
use crate::toml_text::{self, Kind, Table, Value};

/// A key and its value, as they stand in a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    pub(crate) key_span: Span,
    pub(crate) value: &'a Value,
    pub(crate) span: Span,
}

/// The entries of a table in file order.
pub(crate) fn entries(table: &Table) -> impl Iterator<Item = Entry<'_>> {
    table.entries.iter().map(Entry::of)
}

/// The place of a key without its quotes, so that a part of a path can be shown. Escapes make the text longer than the key.
fn unquoted(key: &str, span: Span) -> Span {
    if span.len() == key.len() + 2 {
        span.with(span.start() + 1..span.end() - 1)
    } else {
        span
    }
}

impl<'a> Entry<'a> {
    /// One entry of a table.
    pub(crate) fn of(entry: &'a toml_text::Entry) -> Self {
        let key_span = unquoted(&entry.key, entry.key_span);
        Self {
            key: &entry.key,
            key_span,
            value: &entry.value,
            span: entry.value.span,
        }
    }

    /// Another value under the same key, as an element of its array.
    pub(crate) fn with(self, value: &'a Value) -> Self {
        Self {
            value,
            span: value.span,
            ..self
        }
    }

    /// Reports that the value has not the type that the key wants.
    pub(crate) fn wrong_type(&self, expected: &str, out: &mut Diagnostics) {
        // The place of a table that was made by a header is in the header: the key says it better.
        let span = if self.value.as_table().is_some() {
            self.key_span
        } else {
            self.span
        };
        out.push(
            Diagnostic::at(
                Code::WrongType,
                span,
                format!("`{}` must be {expected}", self.key),
            )
            .label(format!("this is {}", self.value.noun())),
        );
    }

    pub(crate) fn string(&self, out: &mut Diagnostics) -> Option<Located<String>> {
        let Some(text) = self.value.as_str() else {
            self.wrong_type("a string", out);
            return None;
        };
        Some(Located::new(text.to_owned(), self.span))
    }

    pub(crate) fn boolean(&self, out: &mut Diagnostics) -> Option<Located<bool>> {
        let Some(value) = self.value.as_bool() else {
            self.wrong_type("true or false", out);
            return None;
        };
        Some(Located::new(value, self.span))
    }

    /// A whole number of a range.
    pub(crate) fn integer(
        &self,
        lowest: u64,
        highest: u64,
        out: &mut Diagnostics,
    ) -> Option<Located<u64>> {
        let Some(number) = self.value.as_integer() else {
            let before = out.len();
            self.wrong_type("a number", out);
            // A string that is not the result of anything is as long as its text.
            if let Some(text) = self
                .value
                .as_str()
                .filter(|text| text.len() + 2 == self.span.len())
                && let Ok(number) = text.trim().parse::<i64>()
            {
                out.amend(before, |diagnostic| {
                    diagnostic.help = Some(format!("write {} = {number}", self.key));
                });
            }
            return None;
        };
        let Some(good) = u64::try_from(number)
            .ok()
            .filter(|number| (lowest..=highest).contains(number))
        else {
            let range = match highest {
                // The largest number that a file can say.
                highest if highest == i64::MAX.unsigned_abs() => {
                    format!("a number of at least {lowest}")
                }
                highest => format!("a number from {lowest} to {highest}"),
            };
            let label = match self.value.kind {
                Kind::Computed(_) => format!("the result is {number}, but {range} is expected"),
                _ => format!("{range} is expected"),
            };
            let message = format!("`{}` is out of range", self.key);
            out.push(Diagnostic::at(Code::OutOfRange, self.span, message).label(label));
            return None;
        };
        Some(Located::new(good, self.span))
    }

    /// The elements of an array.
    pub(crate) fn elements(&self, expected: &str, out: &mut Diagnostics) -> Option<Vec<Self>> {
        let Some(array) = self.value.as_array() else {
            self.wrong_type(expected, out);
            return None;
        };
        Some(array.iter().map(|value| self.with(value)).collect())
    }

    /// An array of strings; `None` if one element is none.
    pub(crate) fn strings(&self, out: &mut Diagnostics) -> Option<Vec<Located<String>>> {
        let elements = self.elements("an array of strings", out)?;
        let mut strings = Vec::with_capacity(elements.len());
        let mut complete = true;
        for element in elements {
            if let Some(text) = element.value.as_str() {
                strings.push(Located::new(text.to_owned(), element.span));
            } else {
                element.wrong_type("an array of strings", out);
                complete = false;
            }
        }
        complete.then_some(strings)
    }

    /// The entries of a table.
    pub(crate) fn table(&self, out: &mut Diagnostics) -> Option<Vec<Self>> {
        let Some(table) = self.value.as_table() else {
            self.wrong_type("a table", out);
            return None;
        };
        Some(entries(table).collect())
    }

    /// One of some words.
    pub(crate) fn word<T: Copy>(
        &self,
        words: &[(&str, T)],
        out: &mut Diagnostics,
    ) -> Option<Located<T>> {
        let text = self.string(out)?;
        if let Some(&(_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Located::new(value, self.span));
        }
        let list: Vec<_> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let message = format!("`{}` is not a value of `{}`", text.value, self.key);
        let mut diagnostic = Diagnostic::at(Code::UnknownWord, self.span, message)
            .label(format!("expected {}", alternatives(&list)));
        if let Some(help) = did_you_mean(&text.value, words.iter().map(|(word, _)| *word)) {
            diagnostic = diagnostic.help(help);
        }
        out.push(diagnostic);
        None
    }

    /// A table of strings.
    pub(crate) fn labels(&self, out: &mut Diagnostics) -> Labels {
        let entries = self.table(out).unwrap_or_default();
        for entry in entries.iter().filter(|entry| has_braces(entry.key)) {
            let message = format!("`{}` cannot be a key of `{}`", entry.key, self.key);
            out.push(
                Diagnostic::at(Code::BadPlaceholder, entry.key_span, message).label(NOT_IN_KEYS),
            );
        }
        entries
            .iter()
            .filter_map(|entry| Some((entry.key, entry.string(out)?.value)))
            .collect()
    }

    /// A table of variables: strings that execve(2) can pass on.
    pub(crate) fn environment(&self, out: &mut Diagnostics) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for entry in self.table(out).unwrap_or_default() {
            let problem = match entry.key {
                "" => Some("a variable needs a name"),
                key if key.contains('=') => {
                    Some("a name ends at the first `=`, so it cannot contain one")
                }
                key if key.contains('\0') => Some("the kernel ends the text at a NUL"),
                key if has_braces(key) => Some(NOT_IN_KEYS),
                _ => None,
            };
            if let Some(problem) = problem {
                let message = format!(
                    "`{}` cannot be the name of an environment variable",
                    entry.key
                );
                out.push(Diagnostic::at(Code::BadVariable, entry.key_span, message).label(problem));
            }
            let Some(value) = entry.string(out) else {
                continue;
            };
            if value.value.contains('\0') {
                let message = format!("the value of `{}` contains a NUL", entry.key);
                out.push(
                    Diagnostic::at(Code::BadVariable, value.span, message)
                        .label("the kernel ends the text at a NUL"),
                );
            }
            variables.insert(entry.key.to_owned(), value.value);
        }
        variables
    }

    /// A path that is the same wherever nestns is started: an absolute one.
    pub(crate) fn absolute_path(&self, out: &mut Diagnostics) -> Option<Located<PathBuf>> {
        let text = self.string(out)?;
        let problem = if text.value.is_empty() {
            "the path is empty"
        } else if text.value.contains('\0') {
            "the kernel ends the path at a NUL"
        } else if !Path::new(&text.value).is_absolute() {
            "a path begins with `/`: the directory of nestns means nothing inside a namespace"
        } else {
            return Some(Located::new(PathBuf::from(text.value), text.span));
        };
        let message = format!("`{}` is not an absolute path", self.key);
        out.push(Diagnostic::at(Code::BadPath, self.span, message).label(problem));
        None
    }

    pub(crate) fn duration(&self, out: &mut Diagnostics) -> Option<Located<Duration>> {
        if let Some(number) = self.value.as_integer() {
            let message = format!("`{}` needs a unit", self.key);
            out.push(
                Diagnostic::at(Code::BadDuration, self.span, message)
                    .label("a duration is a string")
                    .help(format!("write \"{number}s\"")),
            );
            return None;
        }
        let text = self.string(out)?;
        match parse_duration(&text.value) {
            Ok(duration) => Some(Located::new(duration, self.span)),
            Err(error) => {
                let message = format!("`{}` is not a duration", text.value);
                let help = match error {
                    DurationError::NoUnit => format!("write \"{}s\"", text.value.trim()),
                    _ => "write a number with a unit: \"200ms\", \"1.5s\", \"2m\"".to_owned(),
                };
                out.push(
                    Diagnostic::at(Code::BadDuration, self.span, message)
                        .label(error.to_string())
                        .help(help),
                );
                None
            }
        }
    }

    /// A number of bytes, or a string with a unit.
    pub(crate) fn size(&self, lowest: u64, out: &mut Diagnostics) -> Option<Located<u64>> {
        let size = if let Some(number) = self.value.as_integer() {
            u64::try_from(number).unwrap_or_default()
        } else if let Some(text) = self.value.as_str() {
            match parse_size(text) {
                Ok(size) => size,
                Err(error) => {
                    out.push(
                        Diagnostic::at(Code::BadSize, self.span, format!("`{text}` is not a size"))
                            .label(error.to_string())
                            .help("write a number of bytes, or one with a unit: \"64K\", \"16M\", \"1G\""),
                    );
                    return None;
                }
            }
        } else {
            self.wrong_type("a size such as \"64M\"", out);
            return None;
        };
        if size < lowest {
            let message = format!("`{}` is out of range", self.key);
            out.push(
                Diagnostic::at(Code::OutOfRange, self.span, message)
                    .label(format!("at least \"{}\" is expected", format_size(lowest))),
            );
            return None;
        }
        Some(Located::new(size, self.span))
    }
}

/// `"a", "b" or "c"`.
pub(crate) fn alternatives(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [words @ .., last] => format!("{} or {last}", words.join(", ")),
    }
}
