//! `[defaults]`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::namespace::Namespace;
use super::process::Process;
use super::table::table;

/// What all namespaces and all processes have in common. What `use` brings in wins over it, and what a table says itself
/// wins over both: single values and arrays replace, tables merge key by key.
#[derive(JsonSchema)]
#[schemars(title = "defaults", transform = table)]
pub(super) struct Defaults {
    /// The keys of a namespace, except `ns` and `include`: every namespace would have it inside, without end.
    ns: NamespaceDefaults,
    /// The keys of a process.
    proc: ProcessDefaults,
}

struct NamespaceDefaults;

impl JsonSchema for NamespaceDefaults {
    fn schema_name() -> Cow<'static, str> {
        "NamespaceDefaults".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let with = |key: &str| json!({ "type": "object", "required": [key] });
        let without_end = json!({ "anyOf": [with("ns"), with("include")] });
        json_schema!({ "allOf": [generator.subschema_for::<Namespace>()], "not": without_end })
    }
}

struct ProcessDefaults;

impl JsonSchema for ProcessDefaults {
    fn schema_name() -> Cow<'static, str> {
        "ProcessDefaults".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "allOf": [generator.subschema_for::<Process>()], "type": "object" })
    }
}
