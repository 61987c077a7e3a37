//! Values of `[defaults]`.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

/// Keys with defaults for all namespaces, in tables `T`.
pub(super) struct NamespaceDefaults<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for NamespaceDefaults<T> {
    fn schema_name() -> Cow<'static, str> {
        "NamespaceDefaults".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let with = |key: &str| json!({ "type": "object", "required": [key] });
        let without_end = json!({ "anyOf": [with("ns"), with("include")] });
        json_schema!({ "allOf": [generator.subschema_for::<T>()], "not": without_end })
    }
}

/// Keys with defaults for all processes, in tables `T`.
pub(super) struct ProcessDefaults<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for ProcessDefaults<T> {
    fn schema_name() -> Cow<'static, str> {
        "ProcessDefaults".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "allOf": [generator.subschema_for::<T>()], "type": "object" })
    }
}
