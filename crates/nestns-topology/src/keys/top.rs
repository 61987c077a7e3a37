//! Values of the top level of the file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::{RESERVED, name_pattern};
use super::placeholder::{or_placeholder, word_or_placeholder};

/// Event that ends a foreground `nestns up`.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = word_or_placeholder, extend("default" = "fail"))]
pub(super) enum OnExit {
    /// The failure of an essential process stops the tree, and its status is that of `nestns up`; other failures make the
    /// final status 1.
    Fail,
    /// The first process that ends stops the tree.
    Any,
    /// Only the end of all processes ends the tree.
    Ignore,
}

/// The only version of the language.
pub(super) struct Version;

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "const": 1 })
    }
}

/// The name of a topology.
pub(super) struct TopologyName;

impl JsonSchema for TopologyName {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "name",
            "description": "At most 64 of `a-z`, `0-9`, `_` and `-`, beginning with a letter or a digit; `init` and `host` are reserved.",
            "type": "string",
            "pattern": or_placeholder(&name_pattern()),
            "not": { "enum": RESERVED },
        })
    }
}
