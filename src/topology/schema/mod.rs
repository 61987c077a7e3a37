//! The language for editors: its JSON Schema, made from types that describe it.
//!
//! The types are never filled: files are read by hand in `syntax`, which can say more about a mistake than any schema. What
//! keeps the two together are tests: the keys are those of the reader's vocabulary, and what the checks accept the schema
//! accepts. The comments on tables, keys and words are the descriptions in the schema and the text of nestns-topology(5), so
//! they are written for the authors of topologies. A schema knows no tree: parents, cycles and sums are left to `check`.

#![expect(dead_code, reason = "the types are described, never built")]

mod actor;
mod defaults;
mod expectation;
mod generator;
mod init;
mod limits;
mod name;
mod namespace;
mod placeholder;
mod process;
mod program;
mod ready;
mod reference;
mod restart;
mod stop;
mod stream;
mod table;
mod template;
mod template_use;
mod top;
mod value;
mod variables;

pub use reference::{Key, Reference, Table, Term, Word, reference};

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

/// The JSON Schema (draft-07) of a topology file.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(join_lines));
    settings.into_generator().into_root_schema_for::<top::Top>().into()
}

/// A comment is broken where its source line ends, which means nothing: only empty lines divide paragraphs.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs: Vec<_> = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Value, schema};
    use crate::topology::actor::Actor;
    use crate::topology::syntax::Scope;

    #[test]
    fn the_keys_are_those_that_are_read() {
        let schema = schema();
        for (scope, table) in [
            (Scope::Top, &schema),
            (Scope::Limits, &schema["definitions"]["Limits"]),
            (Scope::Defaults, &schema["definitions"]["Defaults"]),
            (Scope::Namespace, &schema["definitions"]["Namespace"]),
            (Scope::Process, &schema["definitions"]["Process"]),
            (Scope::Ready, &schema["definitions"]["Ready"]),
            (Scope::Stop, &schema["definitions"]["Stop"]),
            (Scope::Init, &schema["definitions"]["Init"]),
            (Scope::Expectation, &schema["definitions"]["Expectation"]),
        ] {
            let described: BTreeSet<&str> =
                table["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            let read: BTreeSet<&str> = scope.keys().iter().copied().collect();
            assert_eq!(described, read, "{scope:?}");
        }
    }

    #[test]
    fn the_actors_are_all_actors() {
        let schema = schema();
        let choice = schema["definitions"]["Actor"]["anyOf"].as_array().unwrap();
        let names: Vec<&str> = choice.iter().filter_map(|word| word["const"].as_str()).collect();
        assert_eq!(names, Actor::NAMES);
    }

    #[test]
    fn every_key_and_every_word_is_described() {
        fn check(schema: &Value, place: &str) {
            for (key, value) in schema["properties"].as_object().into_iter().flatten() {
                let text = value["description"].as_str().unwrap_or_default();
                assert!(text.ends_with('.'), "{place}.{key}: {text:?}");
            }
            for word in schema["anyOf"].as_array().into_iter().flatten().filter(|word| word.get("const").is_some()) {
                assert!(word["description"].is_string(), "{place}: {word}");
            }
            for (key, value) in schema.as_object().into_iter().flatten() {
                check(value, &format!("{place}/{key}"));
            }
        }
        check(&schema(), "");
    }
}
