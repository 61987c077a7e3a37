//! Values of `ready`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::placeholder::or_placeholder;

/// `true`, `false` or `"all"`, or a placeholder.
pub(super) struct NotifierSyntax;

impl JsonSchema for NotifierSyntax {
    fn schema_name() -> Cow<'static, str> {
        "Notifier".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "pattern": or_placeholder("^all$") })
    }
}
