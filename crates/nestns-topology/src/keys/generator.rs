//! Generators: how many of something there are, and at which places.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::placeholder::{PLACEHOLDER, Whole, or_placeholder, word_or_placeholder};

/// Number of levels; the kernel allows 32 below its first one.
pub(super) type Depth = Whole<1, 32>;

/// The name of a generated namespace.
pub(super) struct As;

impl JsonSchema for As {
    fn schema_name() -> Cow<'static, str> {
        "As".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "name with placeholders", "type": "string", "minLength": 1 })
    }
}

/// Namespaces of a chain or a complete tree that contain a process.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, transform = or_number)]
pub(super) enum At {
    /// In each.
    Every,
    /// In the outermost.
    Root,
    /// In the innermost.
    Leaf,
}

fn or_number(schema: &mut Schema) {
    let Some(serde_json::Value::Array(choice)) = schema.get_mut("anyOf") else {
        return;
    };
    // In the place of the plain placeholder, which the pattern of the range lets through.
    choice.retain(|member| member["pattern"] != PLACEHOLDER);
    choice.push(json!({
        "title": "number",
        "description": "In the one at this level, counted from 0 for the outermost.",
        "type": "integer",
        "minimum": 0,
    }));
    let range = or_placeholder("^\\s*\\+?[0-9]+\\s*(\\.\\.\\s*\\+?[0-9]+\\s*)?$");
    choice.push(json!({
        "title": "\"a..b\"",
        "description": "In those from one level to another, inclusive.",
        "type": "string",
        "pattern": range,
        "examples": ["1..3"],
    }));
}
