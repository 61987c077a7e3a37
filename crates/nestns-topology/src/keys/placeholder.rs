//! Placeholders: allowed in every typed value, as a string that contains `{{`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

/// Pattern of a string with a placeholder.
pub(crate) const PLACEHOLDER: &str = "\\{\\{";

/// A pattern that lets a placeholder through as well.
pub(super) fn or_placeholder(pattern: &str) -> String {
    format!("{pattern}|{PLACEHOLDER}")
}

/// Turns a choice of words into one that lets a placeholder through as well.
pub(super) fn word_or_placeholder(schema: &mut Schema) {
    let Some(words) = schema.remove("oneOf") else {
        return;
    };
    let mut choice = words.as_array().cloned().unwrap_or_default();
    choice.push(json!({ "type": "string", "pattern": PLACEHOLDER }));
    schema.insert("anyOf".to_owned(), choice.into());
}

/// `true` or `false`, or a placeholder.
pub(super) struct Flag;

impl JsonSchema for Flag {
    fn schema_name() -> Cow<'static, str> {
        "Flag".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "pattern": PLACEHOLDER })
    }
}

/// A whole number from `LOWEST` to `HIGHEST`, or a placeholder.
pub(super) struct Whole<const LOWEST: u64, const HIGHEST: u64 = { u64::MAX }>;

impl<const LOWEST: u64, const HIGHEST: u64> JsonSchema for Whole<LOWEST, HIGHEST> {
    fn schema_name() -> Cow<'static, str> {
        format!("Whole{LOWEST}To{HIGHEST}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": ["integer", "string"], "minimum": LOWEST, "pattern": PLACEHOLDER });
        if HIGHEST != u64::MAX {
            schema.insert("maximum".to_owned(), HIGHEST.into());
        }
        schema
    }
}
