//! Program of a process that is no actor.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A program and its arguments.
pub(super) struct Command;

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "words, or array of arguments",
            "type": ["string", "array"],
            "pattern": "\\S",
            "items": { "type": "string" },
            "minItems": 1,
        })
    }
}

/// A shell script.
pub(super) struct Script;

impl JsonSchema for Script {
    fn schema_name() -> Cow<'static, str> {
        "Script".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "script", "type": "string", "pattern": "\\S" })
    }
}
