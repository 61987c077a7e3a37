//! `[vars]`, and what placeholders make of it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The table of variables.
pub(super) struct Variables;

impl JsonSchema for Variables {
    fn schema_name() -> Cow<'static, str> {
        "Variables".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "variables",
            "description": "Each key is the name of a variable, made of letters, digits and `_`; its value, a number, a string or a boolean, gives it its type. `--set NAME=VALUE` and `--vars-file FILE` give another value of the same type.",
            "type": "object",
            "patternProperties": {
                "^[A-Za-z_][A-Za-z0-9_]*$": { "title": "number, string or boolean", "type": ["integer", "string", "boolean"] },
            },
            "additionalProperties": false,
            "examples": [{ "workers": 1000 }],
        })
    }
}
