//! The standard streams of a process: words, or a file.

use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::placeholder::or_placeholder;

/// Source of standard input.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = or_file, extend("default" = "null"))]
pub(super) enum InputFrom {
    /// Nothing: the `/dev/null` of its own mount namespace, or the one outside if there is no such
    /// device.
    Null,
    /// That of `nestns up`.
    Inherit,
}

/// Destination of standard output or standard error.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", inline, transform = or_file, extend("default" = "log"))]
pub(super) enum OutputTo {
    /// To the log of the topology, which `nestns up` and `nestns logs` show line by line, prefixed with the path of
    /// the process.
    Log,
    /// That of `nestns up`, unchanged.
    Inherit,
    /// Nowhere.
    Null,
}

fn or_file(schema: &mut Schema) {
    let Some(words) = schema.remove("oneOf") else {
        return;
    };
    let mut choice = words.as_array().cloned().unwrap_or_default();
    choice.push(json!({ "title": "absolute path", "type": "string", "pattern": or_placeholder("^/"), "description": "This file, in its own mount namespace." }));
    schema.insert("anyOf".to_owned(), choice.into());
}
