//! Values of TOML text, with places: smaller than the library's own tree by a factor of five, because a topology of a
//! hundred thousand namespaces is read in one piece.

use std::rc::Rc;

use crate::diagnostic::Span;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::topology) struct Value {
    pub(in crate::topology) kind: Kind,
    /// A table that a header made has the place of its header's last key.
    pub(in crate::topology) span: Span,
}

/// The kind of a value. Numbers with a point and dates are values of no key, so nothing is known of them but that they are.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::topology) enum Kind {
    /// Texts repeat from table to table, so they are shared.
    String(Rc<str>),
    Integer(i64),
    Boolean(bool),
    Float,
    Datetime,
    /// Behind a pointer, because tables are many and arrays are few: this is as large as a table.
    Array(Rc<Vec<Value>>),
    Table(Table),
    /// The result of a placeholder that is all of a string: a number, and a text for keys that want one.
    Computed(Box<Computed>),
}

/// A number or a truth value with its text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::topology) struct Computed {
    pub(in crate::topology) text: Rc<str>,
    pub(in crate::topology) number: Number,
}

/// The type that a computed value has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::topology) enum Number {
    Integer(i64),
    Boolean(bool),
}

/// A table, in the order in which its keys were first mentioned.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::topology) struct Table {
    pub(in crate::topology) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::topology) struct Entry {
    pub(in crate::topology) key: Rc<str>,
    pub(in crate::topology) key_span: Span,
    pub(in crate::topology) value: Value,
}

impl Value {
    pub(in crate::topology) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            Kind::Computed(computed) => Some(&computed.text),
            _ => None,
        }
    }

    pub(in crate::topology) fn as_integer(&self) -> Option<i64> {
        match &self.kind {
            Kind::Integer(number) => Some(*number),
            Kind::Computed(computed) => match computed.number {
                Number::Integer(number) => Some(number),
                Number::Boolean(_) => None,
            },
            _ => None,
        }
    }

    pub(in crate::topology) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Boolean(flag) => Some(*flag),
            Kind::Computed(computed) => match computed.number {
                Number::Boolean(flag) => Some(flag),
                Number::Integer(_) => None,
            },
            _ => None,
        }
    }

    pub(in crate::topology) fn as_array(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Array(values) => Some(values),
            _ => None,
        }
    }

    pub(in crate::topology) fn as_table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The table that it is or, of an array, that its last element is.
    pub(super) fn last_table(&mut self) -> Option<&mut Table> {
        match &mut self.kind {
            Kind::Table(table) => Some(table),
            Kind::Array(values) => Rc::make_mut(values).last_mut()?.last_table(),
            _ => None,
        }
    }

    /// The kind of the value, as a sentence calls it.
    pub(in crate::topology) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::Computed(computed) => match computed.number {
                Number::Integer(_) => "an integer",
                Number::Boolean(_) => "a boolean",
            },
            Kind::String(_) => "a string",
            Kind::Integer(_) => "an integer",
            Kind::Boolean(_) => "a boolean",
            Kind::Float => "a float",
            Kind::Datetime => "a datetime",
            Kind::Array(_) => "an array",
            Kind::Table(_) => "a table",
        }
    }
}

impl Kind {
    /// An array.
    pub(in crate::topology) fn array(values: Vec<Value>) -> Self {
        Self::Array(Rc::new(values))
    }
}

impl Table {
    /// The value of a key. Tables with many keys are walked, not searched.
    pub(in crate::topology) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}
