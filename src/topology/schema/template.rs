//! `[template]`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::path_pattern;
use super::namespace::Namespace;

/// The table of templates.
pub(super) struct Templates;

impl JsonSchema for Templates {
    fn schema_name() -> Cow<'static, str> {
        "Templates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of templates",
            "description": "`[template.pod]` is the body of a namespace under a name, `[template.\"pod/app\"]` a namespace inside it. Where a namespace or another template says `use = \"pod\"`, it gets the body and everything inside.",
            "type": "object",
            "patternProperties": { path_pattern(): generator.subschema_for::<Namespace>() },
            "additionalProperties": false,
        })
    }
}
