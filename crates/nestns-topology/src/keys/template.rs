//! Values of `[template]` and of `use`.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::name::path_pattern;

/// The table of templates, each a table `T`.
pub(super) struct Templates<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for Templates<T> {
    fn schema_name() -> Cow<'static, str> {
        "Templates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "table of templates",
            "description": "`[template.pod]` is the body of a namespace under a name, `[template.\"pod/app\"]` a namespace inside it. A namespace or another template with `use = \"pod\"` receives the body and everything inside.",
            "type": "object",
            "patternProperties": { path_pattern(): generator.subschema_for::<T>() },
            "additionalProperties": false,
        })
    }
}

/// The value of `use`.
pub(super) struct Use;

impl JsonSchema for Use {
    fn schema_name() -> Cow<'static, str> {
        "Use".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "template, or array of templates",
            "type": ["string", "array"],
            "minLength": 1,
            "items": { "type": "string", "minLength": 1 },
        })
    }
}
