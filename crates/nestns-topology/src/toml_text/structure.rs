//! Events of the TOML parser → values, by the rules that TOML has for defining a table: once, by one header, by dotted
//! keys of one table, or inline.
//!
//! Relies on the parser for the grammar and for reading scalars. The tree grows in its final form, because a draft of it
//! beside it would be as large; what is only of interest while it grows is in [`Tables`].

use std::borrow::Cow;
use std::collections::HashSet;
use std::rc::Rc;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::EventReceiver;
use toml_parser::{ErrorSink, ParseError, Source};

use super::tables::{At, Key, Maker, ROOT, Tables};
use super::value::{Kind, Table, Value};
use crate::diagnostic::{FileId, Span};

/// The deepest nesting: deeper values mean nothing here, and walking the tree is recursive.
const DEEPEST: usize = 200;
/// The longest text that is shared: longer ones are hardly written twice, and looking for them would read them once more.
const LONGEST_SHARED: usize = 64;

/// An array or a table that is being read between brackets.
#[derive(Debug)]
enum Frame {
    Array {
        start: usize,
        values: Vec<Value>,
    },
    /// `path` is where the keys of its pairs begin.
    Inline {
        start: usize,
        table: Table,
        section: u32,
        path: usize,
    },
}

/// The table of the last header.
#[derive(Debug)]
struct Section {
    number: u32,
    /// The place where it begins, as [`Tables`] knows it.
    id: usize,
    /// The way from the root: which entry of each table on it.
    steps: Vec<usize>,
}

/// Receives the events of one text.
#[derive(Debug)]
pub(super) struct Structure<'s> {
    source: Source<'s>,
    file: FileId,
    root: Table,
    pub(super) tables: Tables,
    /// Keys and short strings repeat from table to table.
    texts: HashSet<Rc<str>>,
    /// `None` if the last header is wrong and what follows belongs nowhere.
    section: Option<Section>,
    /// The number of headers and inline tables so far.
    sections: u32,
    /// The keys of the header or the pairs that are being read, those of the outermost first.
    path: Vec<Key>,
    in_header: bool,
    header_length: usize,
    frames: Vec<Frame>,
}

impl<'s> Structure<'s> {
    pub(super) fn new(source: Source<'s>, file: FileId) -> Self {
        Self {
            source,
            file,
            root: Table::default(),
            tables: Tables::default(),
            texts: HashSet::new(),
            section: Some(Section {
                number: 0,
                id: ROOT,
                steps: Vec::new(),
            }),
            sections: 0,
            path: Vec::new(),
            in_header: false,
            header_length: 0,
            frames: Vec::new(),
        }
    }

    /// The whole text.
    pub(super) fn finish(self) -> Table {
        self.root
    }

    fn span(&self, span: toml_parser::Span) -> Span {
        Span::new(self.file, span.start()..span.end())
    }

    fn shared(&mut self, text: &str) -> Rc<str> {
        if text.len() > LONGEST_SHARED {
            return Rc::from(text);
        }
        if let Some(known) = self.texts.get(text) {
            return Rc::clone(known);
        }
        let text: Rc<str> = Rc::from(text);
        self.texts.insert(Rc::clone(&text));
        text
    }

    /// The number of keys that lead to what is being read.
    fn depth(&self) -> usize {
        let arrays = self
            .frames
            .iter()
            .filter(|frame| matches!(frame, Frame::Array { .. }))
            .count();
        let header = if self.in_header {
            0
        } else {
            self.header_length
        };
        header + self.path.len() + arrays
    }

    fn next_section(&mut self) -> u32 {
        self.sections = self.sections.saturating_add(1);
        self.sections
    }

    fn start_table(&mut self, is_array: bool) {
        let number = self.next_section();
        self.section = None;
        self.header_length = self.path.len();
        let Some(last) = self.path.pop() else { return };
        let mut steps = Vec::with_capacity(self.path.len() + 1);
        let mut at = At {
            table: &mut self.root,
            id: ROOT,
        };
        for key in self.path.drain(..) {
            let Some((step, inner)) = self.tables.descend(at, &key, Maker::Passing) else {
                return;
            };
            steps.push(step);
            at = inner;
        }
        if let Some((step, id)) = self.tables.head(at, last, is_array) {
            steps.push(step);
            self.section = Some(Section { number, id, steps });
        }
    }

    /// A value is complete: it goes into the array around it, or to the key in front of it.
    fn complete(&mut self, value: Value) {
        let (mut at, path, maker) = match self.frames.last_mut() {
            Some(Frame::Array { values, .. }) => {
                values.push(value);
                return;
            }
            Some(Frame::Inline {
                start,
                table,
                section,
                path,
            }) => (At { table, id: *start }, *path, Maker::Dotted(*section)),
            None => {
                let Some(section) = &self.section else {
                    self.path.clear();
                    return;
                };
                let Some(table) = walk(&mut self.root, &section.steps) else {
                    return;
                };
                (
                    At {
                        table,
                        id: section.id,
                    },
                    0,
                    Maker::Dotted(section.number),
                )
            }
        };
        // A pair may have lost its key to a mistake; those in front of it are another's.
        let mut keys = self.path.drain(path.min(self.path.len())..);
        let Some(last) = keys.next_back() else { return };
        for key in keys {
            let Some((_, inner)) = self.tables.descend(at, &key, maker) else {
                return;
            };
            at = inner;
        }
        self.tables.put(at, last, value);
    }
}

/// The table at the end of a way; where the way leads into an array of tables, it goes on in the last of them.
fn walk<'t>(root: &'t mut Table, steps: &[usize]) -> Option<&'t mut Table> {
    steps.iter().try_fold(root, |table, &step| {
        table.entries.get_mut(step)?.value.last_table()
    })
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
        let section = self.next_section();
        let (start, path) = (span.start(), self.path.len());
        self.frames.push(Frame::Inline {
            start,
            table: Table::default(),
            section,
            path,
        });
        true
    }

    fn inline_table_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        if let Some(Frame::Inline {
            start, table, path, ..
        }) = self.frames.pop()
        {
            self.path.truncate(path);
            self.tables.close(start);
            self.complete(Value {
                kind: Kind::Table(table),
                span: Span::new(self.file, start..span.end()),
            });
        }
    }

    fn array_open(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) -> bool {
        self.frames.push(Frame::Array {
            start: span.start(),
            values: Vec::new(),
        });
        true
    }

    fn array_close(&mut self, span: toml_parser::Span, _: &mut dyn ErrorSink) {
        if let Some(Frame::Array { start, mut values }) = self.frames.pop() {
            values.shrink_to_fit();
            self.complete(Value {
                kind: Kind::array(values),
                span: Span::new(self.file, start..span.end()),
            });
        }
    }

    fn simple_key(
        &mut self,
        span: toml_parser::Span,
        encoding: Option<Encoding>,
        errors: &mut dyn ErrorSink,
    ) {
        let Some(raw) = self.source.get(span) else {
            return;
        };
        let mut text = Cow::Borrowed("");
        toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span).decode_key(&mut text, errors);
        let key = Key {
            text: self.shared(&text),
            span: self.span(span),
        };
        if self.depth() == DEEPEST {
            errors.report_error(
                ParseError::new("tables are nested too deeply").with_unexpected(span),
            );
            return;
        }
        self.path.push(key);
    }

    fn scalar(
        &mut self,
        span: toml_parser::Span,
        encoding: Option<Encoding>,
        errors: &mut dyn ErrorSink,
    ) {
        let Some(raw) = self.source.get(span) else {
            return;
        };
        if raw.is_empty() {
            errors.report_error(ParseError::new("the value is missing").with_unexpected(span));
            return;
        }
        let mut text = Cow::Borrowed("");
        let kind = toml_parser::Raw::new_unchecked(raw.as_str(), encoding, span)
            .decode_scalar(&mut text, errors);
        let kind = match kind {
            ScalarKind::String => Kind::String(self.shared(&text)),
            ScalarKind::Boolean(flag) => Kind::Boolean(flag),
            ScalarKind::Float => Kind::Float,
            ScalarKind::DateTime => {
                if text.parse::<toml::value::Datetime>().is_err() {
                    errors.report_error(ParseError::new("invalid datetime").with_unexpected(span));
                }
                Kind::Datetime
            }
            ScalarKind::Integer(radix) => Kind::Integer(
                i64::from_str_radix(&text, radix.value()).unwrap_or_else(|_| {
                    errors.report_error(
                        ParseError::new("the number does not fit in 64 bits").with_unexpected(span),
                    );
                    0
                }),
            ),
        };
        let span = self.span(span);
        self.complete(Value { kind, span });
    }

    fn newline(&mut self, _: toml_parser::Span, _: &mut dyn ErrorSink) {
        // A pair that the parser gave up leaves its keys behind.
        if self.frames.is_empty() {
            self.path.clear();
        }
    }
}
