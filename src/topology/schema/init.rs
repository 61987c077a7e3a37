//! `init`: who is PID 1.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::actor::ActorText;
use super::placeholder::PLACEHOLDER;
use super::table::table;

/// The value of `init`. One schema for all forms, so that an editor can say what is wrong in the one that was chosen.
pub(super) struct Init;

impl JsonSchema for Init {
    fn schema_name() -> Cow<'static, str> {
        "Init".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = InitTable::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["string", "array", "object"]));
        schema.insert("required".to_owned(), serde_json::json!(["actor"]));
        schema.insert("default".to_owned(), "builtin".into());
        schema.insert("items".to_owned(), serde_json::json!({ "type": "string" }));
        schema.insert("minItems".to_owned(), 1.into());
        let words = json_schema!({ "anyOf": [
            {
                "const": "builtin",
                "description": "nestns itself. Reaps, starts the declared processes, stops them in order, and leaves when all of them have left or when it is asked to. Passes HUP, INT, QUIT, USR1, USR2, WINCH and real-time signals on to the processes that it has forked, not to those that have joined and not to the namespaces inside.",
            },
            {
                "const": "pause",
                "description": "nestns itself, which reaps and waits, as the pause container of a pod does: it holds the namespace until it is asked to leave, and passes no signal on.",
            },
            { "type": "string", "pattern": PLACEHOLDER },
            {
                "title": "array of arguments",
                "type": "array",
                "description": "This program, as with `docker run IMAGE PROGRAM`. Its end is the end of the namespace. A signal that it does not handle, the kernel drops.",
            },
            { "title": "{ actor = \"…\" }", "type": "object", "description": "A built-in workload." },
        ] });
        for (key, value) in words.as_object().into_iter().flatten() {
            schema.insert(key.clone(), value.clone());
        }
        schema
    }
}

/// Who is PID 1. A program, in an array or as an actor, does not fork for nestns: the declared processes beside it are moved
/// in from outside.
#[derive(JsonSchema)]
#[schemars(title = "init", transform = table)]
struct InitTable {
    /// The built-in workload that is PID 1.
    actor: ActorText,
}
