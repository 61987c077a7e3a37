//! Events of the TOML parser → values, by the rules that TOML has for defining a table: once, by one header, by dotted
//! keys of one table, or inline.
//!
//! Relies on the parser for the grammar and for reading scalars. While the text is read tables live in one list, because
//! a header may return to any of them; `finish` makes a tree of it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError, Source};

use super::value::{Entry, Kind, Table, Value};
use crate::diagnostic::{FileId, Span};

/// What is nested deeper means nothing here, and whoever walks the tree has a stack.
const DEEPEST: usize = 200;
/// From this size on a table is searched by a map instead of by looking at every key.
const LARGE: usize = 16;

/// A key that was defined before: where it is now, and where it was first.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) message: &'static str,
    pub(super) span: Span,
    pub(super) first: Option<Span>,
}

/// What made a table, and so who may add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    /// `[a.b]` made `a` on the way; a header of its own may still come.
    Passing,
    /// Its own header.
    Header,
    /// Dotted keys in the table with this number of the header that made it.
    Dotted(usize),
    /// `{ … }`, which nothing can be added to.
    Inline,
}

#[derive(Debug)]
struct Draft {
    maker: Maker,
    entries: Vec<(Rc<str>, Span, DraftValue)>,
    places: HashMap<Rc<str>, usize>,
}

#[derive(Debug)]
enum DraftValue {
    Scalar(Value),
    Array(Span, Vec<DraftValue>),
    Table(Span, usize),
    /// `[[x]]`, with its tables.
    Tables(Span, Vec<usize>),
}

/// What is being read between brackets.
#[derive(Debug)]
enum Frame {
    Array { start: usize, values: Vec<DraftValue> },
    Inline { start: usize, table: usize, path: Vec<(Rc<str>, Span)> },
}

/// Receives the events of one text.
#[derive(Debug)]
pub(super) struct Structure<'s> {
    source: Source<'s>,
    file: FileId,
    drafts: Vec<Draft>,
    keys: HashMap<Box<str>, Rc<str>>,
    /// The table of the last header, `None` if it is wrong and what follows belongs nowhere.
    current: Option<usize>,
    headers: usize,
    /// The keys of the header or the pair that is being read.
    path: Vec<(Rc<str>, Span)>,
    in_header: bool,
    header_length: usize,
    frames: Vec<Frame>,
    pub(super) conflicts: Vec<Conflict>,
}

impl<'s> Structure<'s> {
    pub(super) fn new(source: Source<'s>, file: FileId) -> Self {
        let root = Draft { maker: Maker::Header, entries: Vec::new(), places: HashMap::new() };
        Self {
            source,
            file,
            drafts: vec![root],
            keys: HashMap::new(),
            current: Some(0),
            headers: 0,
            path: Vec::new(),
            in_header: false,
            header_length: 0,
            frames: Vec::new(),
            conflicts: Vec::new(),
        }
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> Table {
        self.take(0)
    }

    fn take(&mut self, table: usize) -> Table {
        let draft = std::mem::replace(
            &mut self.drafts[table],
            Draft { maker: Maker::Inline, entries: Vec::new(), places: HashMap::new() },
        );
        let entries = draft.entries.into_iter().map(|(key, key_span, value)| {
            let value = self.value(value);
            Entry { key, key_span, value }
        });
        Table { entries: entries.collect() }
    }

    fn value(&mut self, value: DraftValue) -> Value {
        match value {
            DraftValue::Scalar(value) => value,
            DraftValue::Array(span, values) => {
                let values = values.into_iter().map(|value| self.value(value)).collect();
                Value { kind: Kind::Array(values), span }
            }
            DraftValue::Table(span, table) => Value { kind: Kind::Table(self.take(table)), span },
            DraftValue::Tables(span, tables) => {
                let tables =
                    tables.into_iter().map(|table| Value { kind: Kind::Table(self.take(table)), span }).collect();
                Value { kind: Kind::Array(tables), span }
            }
        }
    }

    fn span(&self, span: toml_parser::Span) -> Span {
        Span::new(self.file, span.start()..span.end())
    }

    fn draft(&mut self, maker: Maker) -> usize {
        self.drafts.push(Draft { maker, entries: Vec::new(), places: HashMap::new() });
        self.drafts.len() - 1
    }

    fn find(&self, table: usize, key: &str) -> Option<usize> {
        let draft = &self.drafts[table];
        if draft.entries.len() <= LARGE {
            return draft.entries.iter().position(|(known, ..)| **known == *key);
        }
        draft.places.get(key).copied()
    }

    /// Adds a key that is not there yet.
    fn add(&mut self, table: usize, key: (Rc<str>, Span), value: DraftValue) {
        let draft = &mut self.drafts[table];
        draft.entries.push((key.0, key.1, value));
        let last = draft.entries.len() - 1;
        // The first keys of a table that becomes large are entered when it does.
        let late = if last == LARGE { 0..=last } else { last..=last };
        if last >= LARGE {
            for place in late {
                let key = Rc::clone(&draft.entries[place].0);
                draft.places.insert(key, place);
            }
        }
    }

    /// How many keys lead to what is being read.
    fn depth(&self) -> usize {
        let frames = self.frames.iter().map(|frame| match frame {
            Frame::Array { .. } => 1,
            Frame::Inline { path, .. } => path.len(),
        });
        let header = if self.in_header { 0 } else { self.header_length };
        header + self.path.len() + frames.sum::<usize>()
    }

    fn conflict(&mut self, message: &'static str, span: Span, first: Option<Span>) {
        self.conflicts.push(Conflict { message, span, first });
    }

    /// Goes down one key of a path, and makes a table where there is none; `None` if something else is there.
    fn descend(&mut self, table: usize, key: &(Rc<str>, Span), maker: Maker) -> Option<usize> {
        let Some(place) = self.find(table, &key.0) else {
            let made = self.draft(maker);
            self.add(table, key.clone(), DraftValue::Table(key.1, made));
            return Some(made);
        };
        let (_, first, value) = &self.drafts[table].entries[place];
        let (first, found) = (
            *first,
            match value {
                DraftValue::Table(_, inner) => Some(*inner),
                DraftValue::Tables(_, tables) => tables.last().copied(),
                DraftValue::Scalar(_) | DraftValue::Array(..) => None,
            },
        );
        let Some(found) = found else {
            self.conflict("cannot extend a value that is no table", key.1, Some(first));
            return None;
        };
        let is_open = match (maker, self.drafts[found].maker) {
            (_, Maker::Inline) => false,
            (Maker::Dotted(_), there) => there == maker,
            _ => true,
        };
        if !is_open {
            self.conflict("duplicate key", key.1, Some(first));
            return None;
        }
        Some(found)
    }

    fn start_table(&mut self, is_array: bool) {
        self.headers += 1;
        self.current = None;
        let mut path = std::mem::take(&mut self.path);
        self.header_length = path.len();
        let Some(last) = path.pop() else { return };
        let mut table = 0;
        for key in &path {
            let Some(inner) = self.descend(table, key, Maker::Passing) else { return };
            table = inner;
        }
        let Some(place) = self.find(table, &last.0) else {
            let made = self.draft(Maker::Header);
            let span = last.1;
            let value = if is_array { DraftValue::Tables(span, vec![made]) } else { DraftValue::Table(span, made) };
            self.add(table, last, value);
            self.current = Some(made);
            return;
        };
        let made = if is_array { Some(self.draft(Maker::Header)) } else { None };
        let (_, first, value) = &mut self.drafts[table].entries[place];
        let first = *first;
        self.current = match (value, made) {
            (DraftValue::Tables(_, tables), Some(made)) => {
                tables.push(made);
                Some(made)
            }
            (DraftValue::Table(_, inner), None) => {
                Some(*inner).filter(|&inner| self.drafts[inner].maker == Maker::Passing)
            }
            _ => None,
        };
        match self.current {
            Some(table) => self.drafts[table].maker = Maker::Header,
            None => self.conflict("duplicate key", last.1, Some(first)),
        }
    }

    /// A value is complete: it goes into the array around it, or to the key in front of it.
    fn complete(&mut self, value: DraftValue) {
        let (mut table, mut path, maker) = match self.frames.last_mut() {
            Some(Frame::Array { values, .. }) => {
                values.push(value);
                return;
            }
            Some(Frame::Inline { table, path, .. }) => (*table, std::mem::take(path), Maker::Dotted(usize::MAX)),
            None => {
                let path = std::mem::take(&mut self.path);
                let Some(current) = self.current else { return };
                (current, path, Maker::Dotted(self.headers))
            }
        };
        let Some(last) = path.pop() else { return };
        for key in &path {
            let Some(inner) = self.descend(table, key, maker) else { return };
            table = inner;
        }
        match self.find(table, &last.0) {
            Some(place) => {
                let first = self.drafts[table].entries[place].1;
                self.conflict("duplicate key", last.1, Some(first));
            }
            None => self.add(table, last, value),
        }
    }

    fn close_inline(&mut self, table: usize) {
        self.drafts[table].maker = Maker::Inline;
        // Dotted keys made tables inside, which are closed with it.
        let inner: Vec<_> = self.drafts[table]
            .entries
            .iter()
            .filter_map(|(.., value)| match value {
                DraftValue::Table(_, inner) if self.drafts[*inner].maker != Maker::Inline => Some(*inner),
                _ => None,
            })
            .collect();
        inner.into_iter().for_each(|inner| self.close_inline(inner));
    }
}

impl EventReceiver for Structure<'_> {
    fn std_table_open(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.path.clear();
        self.frames.clear();
        self.in_header = true;
    }

    fn std_table_close(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.in_header = false;
        self.start_table(false);
    }

    fn array_table_open(&mut self, span: toml_parser::Span, errors: &mut dyn ErrorSink) {
        self.std_table_open(span, errors);
    }

    fn array_table_close(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        self.in_header = false;
        self.start_table(true);
    }

    fn inline_table_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        let table = self.draft(Maker::Dotted(usize::MAX));
        self.frames.push(Frame::Inline { start: span.start(), table, path: Vec::new() });
        true
    }

    fn inline_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        if let Some(Frame::Inline { start, table, .. }) = self.frames.pop() {
            self.close_inline(table);
            self.complete(DraftValue::Table(Span::new(self.file, start..span.end()), table));
        }
    }

    fn array_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        self.frames.push(Frame::Array { start: span.start(), values: Vec::new() });
        true
    }

    fn array_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        if let Some(Frame::Array { start, mut values }) = self.frames.pop() {
            values.shrink_to_fit();
            self.complete(DraftValue::Array(Span::new(self.file, start..span.end()), values));
        }
    }

    fn simple_key(&mut self, span: toml_parser::Span, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let Some(raw) = self.source.get(span) else { return };
        let mut text = Cow::Borrowed("");
        toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span).decode_key(&mut text, errors);
        let key = if let Some(known) = self.keys.get(&*text) {
            Rc::clone(known)
        } else {
            let key: Rc<str> = Rc::from(&*text);
            self.keys.insert(Box::from(&*text), Rc::clone(&key));
            key
        };
        let span = self.span(span);
        if self.depth() == DEEPEST {
            let place = toml_parser::Span::new_unchecked(span.start(), span.end());
            errors.report_error(ParseError::new("tables are nested too deeply").with_unexpected(place));
            return;
        }
        match self.frames.last_mut() {
            Some(Frame::Inline { path, .. }) => path.push((key, span)),
            _ => self.path.push((key, span)),
        }
    }

    fn scalar(&mut self, span: toml_parser::Span, encoding: Option<Encoding>, errors: &mut dyn ErrorSink) {
        let Some(raw) = self.source.get(span) else { return };
        if raw.is_empty() {
            errors.report_error(ParseError::new("the value is missing").with_unexpected(span));
            return;
        }
        let mut text = Cow::Borrowed("");
        let kind = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span).decode_scalar(&mut text, errors);
        let kind = match kind {
            ScalarKind::String => Kind::String(Box::from(&*text)),
            ScalarKind::Boolean(flag) => Kind::Boolean(flag),
            ScalarKind::Float => Kind::Float,
            ScalarKind::DateTime => {
                if text.parse::<toml::value::Datetime>().is_err() {
                    errors.report_error(ParseError::new("invalid datetime").with_unexpected(span));
                }
                Kind::Datetime
            }
            ScalarKind::Integer(radix) => {
                Kind::Integer(i64::from_str_radix(&text, radix.value()).unwrap_or_else(|_| {
                    errors.report_error(ParseError::new("the number does not fit into 64 bits").with_unexpected(span));
                    0
                }))
            }
        };
        let span = self.span(span);
        self.complete(DraftValue::Scalar(Value { kind, span }));
    }

    fn newline(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        // A pair that the parser gave up leaves its keys behind.
        if self.frames.is_empty() {
            self.path.clear();
        }
    }
}
