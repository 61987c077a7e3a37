//! The values that variables and placeholders have.

use std::borrow::Cow;

use crate::toml_text::{Computed, Kind, Number};

/// The result of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar {
    Integer(i64),
    Boolean(bool),
    Text(String),
}

impl Scalar {
    /// As a value of a file.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Text(text) => Kind::String(text.into()),
            Self::Integer(number) => computed(number.to_string(), Number::Integer(number)),
            Self::Boolean(flag) => computed(flag.to_string(), Number::Boolean(flag)),
        }
    }

    /// As a part of a text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Boolean(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// As a sentence calls it.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "a string",
        }
    }
}

fn computed(text: String, number: Number) -> Kind {
    Kind::Computed(Box::new(Computed {
        text: text.into(),
        number,
    }))
}
