//! Values of TOML text, with places: smaller than the library's own tree by a factor of five, because a topology of a
//! hundred thousand namespaces is read in one piece.

use std::rc::Rc;

use crate::diagnostic::Span;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    /// A table that a header made has the place of its header's last key.
    pub(crate) span: Span,
}

/// The kind of a value. Numbers with a point and dates are values of no key, so nothing is known of them but that they are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
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
pub(crate) struct Computed {
    pub(crate) text: Rc<str>,
    pub(crate) number: Number,
}

/// The type that a computed value has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Boolean(bool),
}

/// A table, in the order in which its keys were first mentioned.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Rc<str>,
    pub(crate) key_span: Span,
    pub(crate) value: Value,
}

impl Value {
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            Kind::Computed(computed) => Some(&computed.text),
            _ => None,
        }
    }

    pub(crate) fn as_integer(&self) -> Option<i64> {
        match &self.kind {
            Kind::Integer(number) => Some(*number),
            Kind::Computed(computed) => match computed.number {
                Number::Integer(number) => Some(number),
                Number::Boolean(_) => None,
            },
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Boolean(flag) => Some(*flag),
            Kind::Computed(computed) => match computed.number {
                Number::Boolean(flag) => Some(flag),
                Number::Integer(_) => None,
            },
            _ => None,
        }
    }

    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::Array(values) => Some(values),
            _ => None,
        }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
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
    pub(crate) fn noun(&self) -> &'static str {
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
    pub(crate) fn array(values: Vec<Value>) -> Self {
        Self::Array(Rc::new(values))
    }
}

impl Table {
    /// The value of a key. Tables with many keys are walked, not searched.
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}
