//! `restart`, which a process and a namespace have alike.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::placeholder::PLACEHOLDER;
use super::value::SignalText;

/// The value of `restart`: a word, or the table `T`. One schema for both forms, so that an editor can say what is wrong in
/// the one that was chosen.
pub(super) struct RestartValue<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for RestartValue<T> {
    fn schema_name() -> Cow<'static, str> {
        "Restart".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("type".to_owned(), json!(["string", "object"]));
        schema.insert("default".to_owned(), "never".into());
        let words = json!([
            { "const": "never", "description": "Never." },
            {
                "const": "on-failure",
                "description": "After a failure: it was killed by a signal, or its status is not in its `ok`.",
            },
            { "const": "always", "description": "After any end that was not requested." },
            { "type": "string", "pattern": PLACEHOLDER },
            { "title": "table", "type": "object", "description": "After the ends that it names." },
        ]);
        schema.insert("anyOf".to_owned(), words);
        schema
    }
}

/// Ends of a process: exit statuses, and signals by name.
pub(super) struct Ends;

impl JsonSchema for Ends {
    fn schema_name() -> Cow<'static, str> {
        "Ends".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let signal = SignalText::json_schema(generator);
        json_schema!({
            "title": "array of exit statuses and names of signals",
            "type": "array",
            "minItems": 1,
            "items": {
                "type": ["integer", "string"],
                "minimum": 0,
                "maximum": 255,
                "pattern": signal.get("pattern"),
            },
        })
    }
}
