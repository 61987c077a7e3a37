//! Rules for adding to a table, while a text is being read.
//!
//! A table is known by the offset of what made it: a key, or the brace of an inline one. Of one that nothing can be added
//! to any more nothing is known.

use std::collections::HashMap;
use std::rc::Rc;

use super::value::{Entry, Kind, Table, Value};
use crate::diagnostic::Span;

/// The table that is the whole text, which no key made.
pub(super) const ROOT: usize = usize::MAX;
/// The library lets this through in places.
pub(super) const DOTTED_LIST: &str =
    "an array of tables is extended by headers, not by dotted keys";
/// From this size on a table is searched by a map instead of by looking at every key.
const LARGE: usize = 16;

/// A key as it was read.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) text: Rc<str>,
    pub(super) span: Span,
}

/// A key that was defined before: where it is now, and where it was first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conflict {
    pub(super) message: &'static str,
    pub(super) span: Span,
    pub(super) first: Span,
}

/// The origin of a table, which decides what may add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// `[a.b]` made `a` on the way; a header of its own or dotted keys may still come.
    Passing,
    /// Made by its own header.
    Header,
    /// Dotted keys below the header, or in the inline table, with this number.
    Dotted(u32),
}

/// A table to which something is added.
#[derive(Debug)]
pub(super) struct At<'t> {
    pub(super) table: &'t mut Table,
    pub(super) id: usize,
}

/// Facts about the tables of a text.
#[derive(Debug, Default)]
pub(super) struct Tables {
    makers: HashMap<usize, Maker>,
    /// The places of the keys in large tables.
    places: HashMap<usize, HashMap<Rc<str>, usize>>,
    pub(super) conflicts: Vec<Conflict>,
}

impl Tables {
    /// Goes down one key of a path, and makes a table where there is none: which entry that is, and the table. `None` if
    /// something else is there.
    pub(super) fn descend<'t>(
        &mut self,
        mut at: At<'t>,
        key: &Key,
        maker: Maker,
    ) -> Option<(usize, At<'t>)> {
        let place = self.find(&at, &key.text).unwrap_or_else(|| {
            self.makers.insert(key.span.start(), maker);
            self.add(
                &mut at,
                key.clone(),
                Value {
                    kind: Kind::Table(Table::default()),
                    span: key.span,
                },
            )
        });
        let entry = &mut at.table.entries[place];
        let first = entry.key_span;
        let id = self.open_table(&entry.value);
        let there = id.and_then(|id| self.makers.get(&id)).copied();
        if let (Maker::Dotted(_), Some(Maker::Passing), Some(id)) = (maker, there, id) {
            // From now on no header of its own may come.
            self.makers.insert(id, maker);
        }
        let is_open = match (maker, there) {
            (_, None) => false,
            (Maker::Dotted(_), Some(there)) => there == Maker::Passing || there == maker,
            _ => true,
        };
        let is_list = matches!(entry.value.kind, Kind::Array(_));
        match (id, entry.value.last_table()) {
            (Some(id), Some(table)) if is_open => Some((place, At { table, id })),
            (Some(_), _) if is_list => self.conflict(DOTTED_LIST, key.span, first),
            (Some(_), _) => self.conflict("duplicate key", key.span, first),
            (None, _) => {
                self.conflict("cannot extend a value that is not a table", key.span, first)
            }
        }
    }

    /// Makes, or finds, the table of a header by the last key of its path: which entry that is, and which table. `None` if
    /// that key is taken.
    pub(super) fn head(
        &mut self,
        mut at: At<'_>,
        key: Key,
        is_array: bool,
    ) -> Option<(usize, usize)> {
        let id = key.span.start();
        let table = Value {
            kind: Kind::Table(Table::default()),
            span: key.span,
        };
        let Some(place) = self.find(&at, &key.text) else {
            self.makers.insert(id, Maker::Header);
            let value = if is_array {
                Value {
                    kind: Kind::array(vec![table]),
                    span: key.span,
                }
            } else {
                table
            };
            return Some((self.add(&mut at, key, value), id));
        };
        let Entry {
            value,
            key_span: first,
            ..
        } = &mut at.table.entries[place];
        let there = self
            .open_table(value)
            .and_then(|id| self.makers.get(&id))
            .copied();
        match (&mut value.kind, there) {
            (Kind::Array(tables), Some(_)) if is_array => {
                Rc::make_mut(tables).push(table);
                self.makers.insert(id, Maker::Header);
                Some((place, id))
            }
            (Kind::Table(_), Some(Maker::Passing)) if !is_array => {
                // It is known by what made it, which was an earlier header.
                let id = value.span.start();
                self.makers.insert(id, Maker::Header);
                Some((place, id))
            }
            _ => self.conflict("duplicate key", key.span, *first),
        }
    }

    /// Adds a key with its value.
    pub(super) fn put(&mut self, mut at: At<'_>, key: Key, value: Value) {
        match self.find(&at, &key.text) {
            Some(place) => {
                let first = at.table.entries[place].key_span;
                self.conflict::<()>("duplicate key", key.span, first);
            }
            None => {
                self.add(&mut at, key, value);
            }
        }
    }

    /// An inline table is complete.
    pub(super) fn close(&mut self, id: usize) {
        self.places.remove(&id);
    }

    /// The table that a value is, or, of those of `[[x]]`, the last: nothing that stands between brackets.
    fn open_table(&self, value: &Value) -> Option<usize> {
        match &value.kind {
            Kind::Table(_) => Some(value.span.start()),
            Kind::Array(values) => values
                .last()
                .map(|last| last.span.start())
                .filter(|id| self.makers.contains_key(id)),
            _ => None,
        }
    }

    fn find(&self, at: &At<'_>, key: &str) -> Option<usize> {
        let entries = &at.table.entries;
        if entries.len() <= LARGE {
            return entries.iter().position(|entry| *entry.key == *key);
        }
        self.places.get(&at.id)?.get(key).copied()
    }

    /// Adds a key that is not there yet, and tells its place.
    fn add(&mut self, at: &mut At<'_>, key: Key, value: Value) -> usize {
        let entries = &mut at.table.entries;
        let place = entries.len();
        // Most tables have one key or two, and a list that grows by itself begins with room for four.
        if place < 4 {
            entries.reserve_exact(1);
        }
        entries.push(Entry {
            key: key.text,
            key_span: key.span,
            value,
        });
        if place >= LARGE {
            let places = self.places.entry(at.id).or_default();
            // The first keys of a table that becomes large are entered when it does.
            let late = if place == LARGE { 0 } else { place };
            places.extend((late..=place).map(|place| (Rc::clone(&entries[place].key), place)));
        }
        place
    }

    fn conflict<T>(&mut self, message: &'static str, span: Span, first: Span) -> Option<T> {
        self.conflicts.push(Conflict {
            message,
            span,
            first,
        });
        None
    }
}
