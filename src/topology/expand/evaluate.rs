//! Placeholders → values, in a scope and at a place of the tree.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use super::expression::{Expression, Kind as Form, Misread, Operator, Piece, has_placeholder, pieces};
use super::variables::{Scopes, Variable};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, Sources, Span};
use crate::topology::syntax::nearest;
use crate::topology::toml_text::{Computed, Entry, Kind, Number, Table, Value};

/// The names that mean something without being declared.
pub(super) const MAGIC: [&str; 6] = ["path", "name", "level", "i", "topology", "env"];

/// A namespace or process of the tree, for the names that say where a value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) name: &'a str,
    /// 1 directly below the host.
    pub(super) level: u64,
    /// The number of the nearest generated thing around it, 0 where nothing is generated.
    pub(super) index: u64,
}

/// Replaces placeholders, and remembers what that relied on.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    pub(super) scopes: &'a Scopes,
    pub(super) sources: &'a Sources,
    pub(super) topology: &'a str,
    /// Where the values are, if they are in a namespace.
    pub(super) place: Option<Place<'a>>,
    /// Whether the result would differ in another namespace.
    pub(super) placed: Cell<bool>,
    /// Whether the result would differ for another `i`.
    pub(super) indexed: Cell<bool>,
}

/// A value that was computed: where its text is, and what to say about where it comes from.
#[derive(Debug, Default)]
pub(super) struct Trace {
    list: Vec<(Span, Label)>,
}

impl Trace {
    /// Tells under a problem with a computed value where the value comes from.
    pub(super) fn explain(&self, diagnostic: &mut Diagnostic) {
        let Some(primary) = &diagnostic.primary else { return };
        let place = primary.span;
        for (span, label) in &self.list {
            if *span == place && !diagnostic.secondary.contains(label) {
                diagnostic.secondary.push(label.clone());
            }
        }
    }
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Integer(i64),
    Boolean(bool),
    Text(String),
}

impl Scalar {
    fn kind(self) -> Kind {
        match self {
            Self::Text(text) => Kind::String(text.into()),
            Self::Integer(number) => computed(number.to_string(), Number::Integer(number)),
            Self::Boolean(flag) => computed(flag.to_string(), Number::Boolean(flag)),
        }
    }

    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "a string",
        }
    }
}

fn computed(text: String, number: Number) -> Kind {
    Kind::Computed(Box::new(Computed { text: text.into(), number }))
}

/// The string that is being read.
struct Text<'v> {
    text: &'v str,
    span: Span,
    used: Vec<(&'v str, Span, String)>,
}

impl<'a> Evaluator<'a> {
    /// For what is the same in the whole topology.
    pub(super) fn outside(scopes: &'a Scopes, sources: &'a Sources, topology: &'a str) -> Self {
        Self { scopes, sources, topology, place: None, placed: Cell::new(false), indexed: Cell::new(false) }
    }

    /// For values at a place.
    pub(super) fn at(&self, place: Place<'a>) -> Self {
        Self { place: Some(place), placed: Cell::new(false), indexed: Cell::new(false), ..*self }
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
        if !table.entries.iter().filter(is_read).any(|entry| has_placeholder_in(&entry.value)) {
            return Cow::Borrowed(table);
        }
        let entries = table.entries.iter().filter(is_read).filter_map(|entry| self.entry(entry, trace, out));
        Cow::Owned(Table { entries: entries.collect() })
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
        // Nobody reads a private note, so nothing in it is a placeholder.
        let value = if is_private(&entry.key) { entry.value.clone() } else { self.replace(&entry.value, trace, out)? };
        Some(Entry { key: Rc::clone(&entry.key), key_span: entry.key_span, value })
    }

    fn replace(&self, value: &Value, trace: &mut Trace, out: &mut Diagnostics) -> Option<Value> {
        let kind = match &value.kind {
            Kind::String(text) if has_placeholder(text) => return self.string(text, value.span, trace, out),
            Kind::Array(values) => {
                let replaced: Vec<_> = values.iter().map(|value| self.replace(value, trace, out)).collect();
                Kind::array(replaced.into_iter().collect::<Option<Vec<_>>>()?)
            }
            Kind::Table(table) => {
                let entries = table.entries.iter().filter_map(|entry| self.entry(entry, trace, out)).collect();
                Kind::Table(Table { entries })
            }
            other => other.clone(),
        };
        Some(Value { kind, span: value.span })
    }

    fn string(&self, text: &str, span: Span, trace: &mut Trace, out: &mut Diagnostics) -> Option<Value> {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(Misread { range, message }) => {
                out.push(
                    Diagnostic::at(Code::BadPlaceholder, self.part(text, span, range), "a placeholder cannot be read")
                        .label(message)
                        .help("two braces that are no placeholder are written {{\"{{\"}}"),
                );
                return None;
            }
        };
        let mut reading = Text { text, span, used: Vec::new() };
        let kind = if let [Piece::Placeholder(expression)] = pieces.as_slice() {
            self.expression(expression, &mut reading, out)?.kind()
        } else {
            let mut whole = String::new();
            for piece in &pieces {
                match piece {
                    Piece::Literal(text) => whole.push_str(text),
                    Piece::Placeholder(expression) => {
                        whole.push_str(&self.expression(expression, &mut reading, out)?.text());
                    }
                }
            }
            Kind::String(whole.into())
        };
        for (name, place, value) in reading.used {
            let label = Label { span: place, text: format!("`{name}` is {value} here") };
            trace.list.push((span, label));
        }
        Some(Value { kind, span })
    }

    /// Where a part of a string stands, if the string is written without escapes; else the string.
    fn part(&self, text: &str, span: Span, range: Range<usize>) -> Span {
        let written = self.sources.get(span.file).text().get(span.start()..span.end()).unwrap_or_default();
        match written.find(text) {
            Some(offset) if !text.is_empty() => {
                let start = span.start() + offset;
                span.with(start + range.start..start + range.end)
            }
            _ => span,
        }
    }

    fn expression<'v>(
        &self,
        expression: &Expression<'v>,
        reading: &mut Text<'v>,
        out: &mut Diagnostics,
    ) -> Option<Scalar>
    where
        'a: 'v,
    {
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
                self.operation(&Scalar::Integer(0), Operator::Minus, &value, expression, reading, out)
            }
            Form::Operation(left, operator, right) => {
                // Both sides are read, so that both are reported.
                let left = self.expression(left, reading, out);
                let right = self.expression(right, reading, out);
                self.operation(&left?, *operator, &right?, expression, reading, out)
            }
        }
    }

    fn name<'v>(
        &self,
        name: &'v str,
        expression: &Expression<'v>,
        reading: &mut Text<'v>,
        out: &mut Diagnostics,
    ) -> Option<Scalar> {
        let place = self.part(reading.text, reading.span, expression.range.clone());
        if let Some(magic) = self.magic(name) {
            if magic.is_none() {
                out.push(
                    Diagnostic::at(Code::UnknownVariable, place, format!("`{name}` is not known here"))
                        .label("this is read before there is a namespace that it could be about"),
                );
            }
            return magic;
        }
        match self.scopes.find(reading.span.file, name) {
            Some(Variable { value: Some(value), span }) => {
                let shown = match value {
                    Scalar::Text(text) => format!("\"{text}\""),
                    other => other.text().into_owned(),
                };
                reading.used.push((name, *span, shown));
                Some(value.clone())
            }
            // It was reported where it is declared.
            Some(Variable { value: None, .. }) => None,
            None => {
                let known = self.scopes.names(reading.span.file);
                let candidates = known.iter().map(String::as_str).chain(MAGIC);
                let diagnostic = Diagnostic::at(Code::UnknownVariable, place, format!("there is no variable `{name}`"));
                out.push(match nearest(name, candidates) {
                    Some(similar) => diagnostic.label(format!("did you mean `{similar}`?")),
                    None => diagnostic.help(format!("declare it: [vars] and, in the next line, {name} = …")),
                });
                None
            }
        }
    }

    /// The outer option says whether the name is magic, the inner one whether it has a value here.
    fn magic(&self, name: &str) -> Option<Option<Scalar>> {
        if name == "topology" {
            return Some(Some(Scalar::Text(self.topology.to_owned())));
        }
        if !MAGIC.contains(&name) {
            return None;
        }
        let Some(place) = self.place else { return Some(None) };
        self.placed.set(true);
        Some(Some(match name {
            "path" => Scalar::Text(place.path.to_owned()),
            "name" => Scalar::Text(place.name.to_owned()),
            "level" => Scalar::Integer(i64::try_from(place.level).unwrap_or(i64::MAX)),
            _ => {
                self.indexed.set(true);
                Scalar::Integer(i64::try_from(place.index).unwrap_or(i64::MAX))
            }
        }))
    }

    fn environment<'v>(
        &self,
        name: &'v str,
        default: Option<Scalar>,
        expression: &Expression<'v>,
        reading: &Text<'v>,
        out: &mut Diagnostics,
    ) -> Option<Scalar> {
        let place = || self.part(reading.text, reading.span, expression.range.clone());
        let Some(found) = self.scopes.environment(name) else {
            if default.is_none() {
                out.push(
                    Diagnostic::at(Code::UnknownVariable, place(), format!("the environment has no `{name}`"))
                        .label("nothing says what to take instead")
                        .help(format!("write {{{{env.{name} ?? \"…\"}}}}")),
                );
            }
            return default;
        };
        let typed = match default {
            None | Some(Scalar::Text(_)) => Some(Scalar::Text(found.clone())),
            Some(Scalar::Integer(_)) => found.trim().parse().ok().map(Scalar::Integer),
            Some(Scalar::Boolean(_)) => found.trim().parse().ok().map(Scalar::Boolean),
        };
        if typed.is_none() {
            let wanted = default.map_or("a string", |default| default.noun());
            out.push(
                Diagnostic::at(Code::BadOverride, place(), format!("the environment's `{name}` is not {wanted}"))
                    .label(format!("it is \"{found}\""))
                    .note("a value of the environment has the type of its default"),
            );
        }
        typed
    }

    fn operation(
        &self,
        left: &Scalar,
        operator: Operator,
        right: &Scalar,
        expression: &Expression<'_>,
        reading: &Text<'_>,
        out: &mut Diagnostics,
    ) -> Option<Scalar> {
        let place = || self.part(reading.text, reading.span, expression.range.clone());
        let (&Scalar::Integer(left), &Scalar::Integer(right)) = (left, right) else {
            let other = if matches!(left, Scalar::Integer(_)) { right } else { left };
            out.push(
                Diagnostic::at(Code::BadArithmetic, place(), "only integers can be computed with").label(format!(
                    "`{}` is {}",
                    other.text(),
                    other.noun()
                )),
            );
            return None;
        };
        let (result, sign) = match operator {
            Operator::Plus => (left.checked_add(right), '+'),
            Operator::Minus => (left.checked_sub(right), '-'),
            Operator::Times => (left.checked_mul(right), '*'),
            Operator::Over => (left.checked_div(right), '/'),
            Operator::Modulo => (left.checked_rem(right), '%'),
        };
        if result.is_none() {
            let reason = if right == 0 && matches!(operator, Operator::Over | Operator::Modulo) {
                "nothing can be divided by 0"
            } else {
                "the result does not fit into 64 bits"
            };
            out.push(
                Diagnostic::at(Code::BadArithmetic, place(), "the computation has no result")
                    .label(format!("{left} {sign} {right}: {reason}")),
            );
        }
        result.map(Scalar::Integer)
    }
}

fn is_private(key: &str) -> bool {
    key.starts_with("x-")
}

fn has_placeholder_in(value: &Value) -> bool {
    match &value.kind {
        Kind::String(text) => has_placeholder(text),
        Kind::Array(values) => values.iter().any(has_placeholder_in),
        Kind::Table(table) => table.entries.iter().any(|entry| has_placeholder_in(&entry.value)),
        Kind::Integer(_) | Kind::Boolean(_) | Kind::Float | Kind::Datetime | Kind::Computed(_) => false,
    }
}
