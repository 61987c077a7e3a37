//! Placeholders → values, in a scope and at a place of the tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use super::arithmetic::compute;
use super::expression::{
    Expression, Kind as Form, Misread, Operator, Piece, has_placeholder, pieces,
};
use super::place::Place;
use super::scalar::Scalar;
use super::trace::Trace;
use super::variables::Scopes;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, Sources, Span};
use crate::keys::{Key, ProcessKey};
use crate::toml_text::{Entry, Kind, Table, Value};

/// Texts that are made of texts that are made of texts become longer than any memory.
const LONGEST: usize = 128 << 10;

/// Replaces placeholders, and remembers what that relied on.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    pub(super) scopes: &'a Scopes,
    pub(super) sources: &'a Sources,
    pub(super) topology: &'a str,
    /// The place of the values, if they are in a namespace.
    pub(super) place: Option<Place<'a>>,
    /// True if the result would differ in another namespace.
    pub(super) placed: Cell<bool>,
    /// True if the result would differ for another `i`.
    pub(super) indexed: Cell<bool>,
}

/// The string that is being read.
pub(super) struct Reading<'v> {
    /// Text of the string, escapes resolved.
    pub(super) content: &'v str,
    pub(super) span: Span,
    /// The variables that were met, with their places and values.
    pub(super) used: Vec<(&'v str, Span, String)>,
}

impl<'a> Evaluator<'a> {
    /// For what is the same in the whole topology.
    pub(super) fn outside(scopes: &'a Scopes, sources: &'a Sources, topology: &'a str) -> Self {
        Self {
            scopes,
            sources,
            topology,
            place: None,
            placed: Cell::new(false),
            indexed: Cell::new(false),
        }
    }

    /// For values at a place.
    pub(super) fn at(&self, place: Place<'a>) -> Self {
        Self {
            place: Some(place),
            placed: Cell::new(false),
            indexed: Cell::new(false),
            ..*self
        }
    }

    /// A table with every placeholder in it replaced, apart from the keys that are left out: as it is if there is nothing
    /// to replace, else without them. What cannot be replaced is reported, and left out as well.
    pub(super) fn table<'v>(
        &self,
        table: &'v Table,
        is_left_out: impl Fn(&str) -> bool,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Cow<'v, Table> {
        let is_read = |entry: &&Entry| !is_left_out(&entry.key) && !is_private(&entry.key);
        if !table
            .entries
            .iter()
            .filter(is_read)
            .any(has_placeholder_in_entry)
        {
            return Cow::Borrowed(table);
        }
        let entries = table
            .entries
            .iter()
            .filter(is_read)
            .filter_map(|entry| self.entry(entry, trace, out));
        Cow::Owned(Table {
            entries: entries.collect(),
        })
    }

    /// A value with every placeholder in it replaced; `None` if it was reported.
    pub(super) fn value<'v>(
        &self,
        value: &'v Value,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Option<Cow<'v, Value>> {
        if has_placeholder_in(value) {
            self.replace(value, trace, out).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(value))
        }
    }

    fn entry(&self, entry: &Entry, trace: &mut Trace, out: &mut Diagnostics) -> Option<Entry> {
        // A private note is not read, so nothing in it is a placeholder.
        let value = match &entry.value.kind {
            _ if is_private(&entry.key) => entry.value.clone(),
            Kind::Table(table) if has_names(entry) => Value {
                kind: Kind::Table(self.names(table, trace, out)),
                span: entry.value.span,
            },
            _ => self.replace(&entry.value, trace, out)?,
        };
        Some(Entry {
            key: Rc::clone(&entry.key),
            key_span: entry.key_span,
            value,
        })
    }

    /// A table whose keys are names of other parts of the tree, with every placeholder in them replaced.
    fn names(&self, table: &Table, trace: &mut Trace, out: &mut Diagnostics) -> Table {
        let entries = table.entries.iter().filter_map(|entry| {
            let value = self.replace(&entry.value, trace, out)?;
            let key = if has_placeholder(&entry.key) {
                self.part_name(entry, trace, out)?
            } else {
                Rc::clone(&entry.key)
            };
            let key_span = entry.key_span;
            Some(Entry {
                key,
                key_span,
                value,
            })
        });
        Table {
            entries: entries.collect(),
        }
    }

    fn part_name(
        &self,
        entry: &Entry,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Option<Rc<str>> {
        let name = self.string(&entry.key, entry.key_span, trace, out)?;
        Some(match name.kind {
            Kind::String(text) => Rc::from(&*text),
            other => Rc::from(
                Value {
                    kind: other,
                    span: entry.key_span,
                }
                .as_str()?,
            ),
        })
    }

    fn replace(&self, value: &Value, trace: &mut Trace, out: &mut Diagnostics) -> Option<Value> {
        let kind = match &value.kind {
            Kind::String(text) if has_placeholder(text) => {
                return self.string(text, value.span, trace, out);
            }
            Kind::Array(values) => {
                let replaced: Vec<_> = values
                    .iter()
                    .map(|value| self.replace(value, trace, out))
                    .collect();
                Kind::array(replaced.into_iter().collect::<Option<Vec<_>>>()?)
            }
            Kind::Table(table) => {
                let entries = table
                    .entries
                    .iter()
                    .filter_map(|entry| self.entry(entry, trace, out))
                    .collect();
                Kind::Table(Table { entries })
            }
            other => other.clone(),
        };
        Some(Value {
            kind,
            span: value.span,
        })
    }

    fn string(
        &self,
        text: &str,
        span: Span,
        trace: &mut Trace,
        out: &mut Diagnostics,
    ) -> Option<Value> {
        if self.scopes.is_literal(span.file) {
            return Some(Value {
                kind: Kind::String(text.into()),
                span,
            });
        }
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(Misread { range, message }) => {
                out.push(
                    Diagnostic::at(
                        Code::BadPlaceholder,
                        self.part(text, span, range),
                        "a placeholder is invalid",
                    )
                    .label(message)
                    .help("literal double braces are written {{\"{{\"}}"),
                );
                return None;
            }
        };
        let mut reading = Reading {
            content: text,
            span,
            used: Vec::new(),
        };
        let kind = if let [Piece::Placeholder(expression)] = pieces.as_slice() {
            self.expression(expression, &mut reading, out)?.kind()
        } else {
            let mut whole = Some(String::new());
            for piece in &pieces {
                match piece {
                    Piece::Literal(text) => whole.iter_mut().for_each(|whole| whole.push_str(text)),
                    Piece::Placeholder(expression) => {
                        // All of them are read, so that all are reported.
                        let value = self.expression(expression, &mut reading, out);
                        whole = whole.zip(value).map(|(whole, value)| whole + &value.text());
                        if whole
                            .as_ref()
                            .is_some_and(|whole| whole.len() > LONGEST.max(text.len()))
                        {
                            out.push(too_long(self.part(text, span, expression.range.clone())));
                            return None;
                        }
                    }
                }
            }
            Kind::String(whole?.into())
        };
        for (name, place, value) in reading.used {
            let label = Label::new(place, format!("`{name}` is {value} here"));
            trace.add(span, label);
        }
        Some(Value { kind, span })
    }

    /// The place of a part of a string. Escapes make what is written differ from what is read; then it is found if it
    /// stands there once, and else the whole string is shown.
    pub(super) fn part(&self, text: &str, span: Span, range: Range<usize>) -> Span {
        let written = self
            .sources
            .get(span.file)
            .text()
            .get(span.start()..span.end())
            .unwrap_or_default();
        if text.is_empty() {
            return span;
        }
        if let Some(offset) = written.find(text) {
            let start = span.start() + offset;
            return span.with(start + range.start..start + range.end);
        }
        let part = &text[range];
        let mut places = written.match_indices(part);
        match (places.next(), places.next()) {
            (Some((offset, _)), None) if !part.is_empty() => {
                let start = span.start() + offset;
                span.with(start..start + part.len())
            }
            _ => span,
        }
    }

    fn expression<'v>(
        &self,
        expression: &Expression<'v>,
        reading: &mut Reading<'v>,
        out: &mut Diagnostics,
    ) -> Option<Scalar>
    where
        'a: 'v,
    {
        let place = |reading: &Reading<'_>| {
            self.part(reading.content, reading.span, expression.range.clone())
        };
        match &expression.kind {
            Form::Integer(number) => Some(Scalar::Integer(*number)),
            Form::Boolean(flag) => Some(Scalar::Boolean(*flag)),
            Form::Text(text) => Some(Scalar::Text((*text).to_owned())),
            Form::Name(name) => self.name(name, expression, reading, out),
            Form::Environment(name, default) => {
                let default = match default {
                    Some(default) => Some(self.expression(default, reading, out)?),
                    None => None,
                };
                self.environment(name, default, expression, reading, out)
            }
            Form::Negative(inner) => {
                let value = self.expression(inner, reading, out)?;
                compute(
                    &Scalar::Integer(0),
                    Operator::Minus,
                    &value,
                    || place(reading),
                    out,
                )
            }
            Form::Operation(left, operator, right) => {
                // Both sides are read, so that both are reported.
                let left = self.expression(left, reading, out);
                let right = self.expression(right, reading, out);
                compute(&left?, *operator, &right?, || place(reading), out)
            }
        }
    }
}

fn too_long(place: Span) -> Diagnostic {
    Diagnostic::at(
        Code::BadArithmetic,
        place,
        format!("the text is longer than {} KiB", LONGEST >> 10),
    )
    .label("it exceeds that here")
    .note(
        "the kernel passes no longer argument or variable to a program (MAX_ARG_STRLEN, execve(2))",
    )
}

fn is_private(key: &str) -> bool {
    key.starts_with("x-")
}

fn has_placeholder_in_entry(entry: &Entry) -> bool {
    let is_named = match &entry.value.kind {
        Kind::Table(names) if has_names(entry) => names
            .entries
            .iter()
            .any(|entry| has_placeholder(&entry.key)),
        _ => false,
    };
    is_named || has_placeholder_in(&entry.value)
}

/// Returns whether the keys of a table are names of other parts of the tree: what waits for the neighbor of the same number
/// has that in a key.
fn has_names(entry: &Entry) -> bool {
    &*entry.key == ProcessKey::After.name()
}

fn has_placeholder_in(value: &Value) -> bool {
    match &value.kind {
        Kind::String(text) => has_placeholder(text),
        Kind::Array(values) => values.iter().any(has_placeholder_in),
        Kind::Table(table) => table.entries.iter().any(has_placeholder_in_entry),
        Kind::Integer(_) | Kind::Boolean(_) | Kind::Float | Kind::Datetime | Kind::Computed(_) => {
            false
        }
    }
}
