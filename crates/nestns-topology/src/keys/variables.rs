//! `[vars]`, and what placeholders make of it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Description of variables and placeholders.
const DESCRIPTION: &str = "\
Each key is the name of a variable, made of letters, digits and `_`; its value, a number, a string or a boolean, gives it \
its type. `--set NAME=VALUE` and `--vars-file FILE` give it another value of that type.

In every string value of the file, `{{workers}}` stands for the value of the variable `workers`. A value that is \
exactly one placeholder keeps its type: `count = \"{{workers}}\"` is a number. Besides variables, there are `path` \
and `name`, those of the namespace or process to which the value belongs; `level`, its level, 1 directly below the \
host; `i`, the number of the nearest generated instance that contains the value, or 0 if there is none; `topology`, \
the name of the topology; and `env.HOME`, a variable of the environment, with `env.X ?? \"default\"` for one that may \
not be set.

Numbers are computed with `+`, `-`, `*`, `/`, `%` and parentheses: `{{i % 10}}`. Text is written in quotes: \
`{{\"{{\"}}` writes two braces. `$` is never replaced, and there are no placeholders in keys and headers.";

/// The table of variables.
pub(super) struct Variables;

impl JsonSchema for Variables {
    fn schema_name() -> Cow<'static, str> {
        "Variables".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "variables",
            "description": DESCRIPTION,
            "type": "object",
            "patternProperties": {
                "^[A-Za-z_][A-Za-z0-9_]*$": { "title": "number, string or boolean", "type": ["integer", "string", "boolean"] },
            },
            "additionalProperties": false,
            "examples": [{ "workers": 1000 }],
        })
    }
}
