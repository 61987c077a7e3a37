//! The language for editors: its JSON Schema, put together from the table of keys.
//!
//! The descriptions in it are also the text of nestns-topology(5). A schema knows no tree: parents, cycles and sums are left to
//! `check`; tests see to it that what the checks accept the schema accepts.

mod reference;

pub use reference::{Key, Reference, Table, Term, Word, reference};

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::Value;

use super::keys::Top;

/// The JSON Schema (draft-07) of a topology file.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(join_lines));
    settings
        .into_generator()
        .into_root_schema_for::<Top>()
        .into()
}

/// A comment is broken where its source line ends, which means nothing: only empty lines divide paragraphs.
fn join_lines(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let paragraphs: Vec<_> = text
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect();
        *text = paragraphs.join("\n\n");
    }
}

#[cfg(test)]
mod tests {
    use super::{Value, schema};
    use crate::actor::Actor;

    #[test]
    fn the_actors_are_all_actors() {
        let schema = schema();
        let choice = schema["definitions"]["Actor"]["anyOf"].as_array().unwrap();
        let names: Vec<&str> = choice
            .iter()
            .filter_map(|word| word["const"].as_str())
            .collect();
        assert_eq!(names, Actor::NAMES);
    }

    #[test]
    fn every_key_and_every_word_is_described() {
        fn check(schema: &Value, place: &str) {
            for (key, value) in schema["properties"].as_object().into_iter().flatten() {
                let text = value["description"].as_str().unwrap_or_default();
                assert!(text.ends_with('.'), "{place}.{key}: {text:?}");
            }
            for word in schema["anyOf"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|word| word.get("const").is_some())
            {
                assert!(word["description"].is_string(), "{place}: {word}");
            }
            for (key, value) in schema.as_object().into_iter().flatten() {
                check(value, &format!("{place}/{key}"));
            }
        }
        check(&schema(), "");
    }
}
