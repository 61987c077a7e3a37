//! Values of `init`.

use std::borrow::Cow;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::placeholder::PLACEHOLDER;

/// Keys of a process that mean nothing for PID 1: there is one, which enters its namespace first
/// and ends it.
pub(crate) const REFUSED: [&str; 4] = ["count", "at", "enter", "keeps"];

/// The value of `init`, whose table is a process `T` without the keys that mean nothing for PID 1. One schema for all forms, so that an editor can say what is wrong in the one that was chosen.
pub(super) struct InitValue<T>(PhantomData<T>);

impl<T: JsonSchema> JsonSchema for InitValue<T> {
    fn schema_name() -> Cow<'static, str> {
        "Init".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert(
            "type".to_owned(),
            serde_json::json!(["string", "array", "object"]),
        );
        if let Some(serde_json::Value::Object(keys)) = schema.get_mut("properties") {
            for key in REFUSED {
                keys.remove(key);
            }
        }
        schema.insert("default".to_owned(), "builtin".into());
        schema.insert("items".to_owned(), serde_json::json!({ "type": "string" }));
        schema.insert("minItems".to_owned(), 1.into());
        let words = json_schema!({ "anyOf": [
            {
                "const": "builtin",
                "description": "nestns itself. It reaps, starts the declared processes, stops them in order, and exits when all of them have ended or when it is asked to, by TERM or by the signal of `stop`. Of other signals it passes HUP, INT, QUIT, USR1, USR2, WINCH and all real-time signals on, whoever sends them, to the processes that it has forked: to these alone, not to their process groups, nor to processes that have joined, nor to the namespaces inside. It drops the rest.",
            },
            {
                "const": "pause",
                "description": "nestns itself, which only reaps and waits, like the pause container of a pod: it keeps the namespace alive and passes no signals on. On TERM, INT or the signal of `stop` from anybody but nestns it exits at once with 0, and the kernel kills everything inside. When nestns stops it (`down`, `restart`, Ctrl-C), it asks its members first, as a kubelet does.",
            },
            { "type": "string", "pattern": PLACEHOLDER },
            {
                "title": "array of arguments",
                "type": "array",
                "description": "This program, as with `docker run IMAGE PROGRAM`. When it ends, the namespace ends. The kernel drops signals that it does not handle.",
            },
            { "title": "table", "type": "object", "description": "A program or a built-in workload, with the keys of a process except `count`, `at`, `enter` and `keeps`. `stop`, `restart`, `max`, `backoff`, `backoff_max` and `tty` in it apply to its namespace." },
        ] });
        for (key, value) in words.as_object().into_iter().flatten() {
            schema.insert(key.clone(), value.clone());
        }
        schema
    }
}
