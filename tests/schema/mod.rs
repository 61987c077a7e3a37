//! The schema: it is the one that is committed, it takes what `nestns check` takes, and refuses what it can see is wrong.

mod accepted;
mod corpus;
mod manual;
mod refused;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value};
use snapbox::{Data, assert_data_eq};

use crate::harness::Nestns;

pub(crate) use corpus::agrees;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/topology.schema.json")
}

/// The validator of the schema that is committed: what editors use.
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value =
        serde_json::from_slice(&fs::read(committed()).expect("it is there")).expect("it is JSON");
    jsonschema::draft7::new(&schema).expect("it is a schema")
});

/// A topology file as an editor hands it to a validator; `None` if it is not TOML.
fn document(text: &str) -> Option<Value> {
    Some(json(toml::Value::Table(toml::from_str(text).ok()?)))
}

fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(moment) => moment.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// The errors of the schema about a text, as `PLACE KEYWORD`.
fn problems(text: &str) -> Vec<String> {
    let document = document(text).unwrap_or_else(|| panic!("not TOML: {text}"));
    let problem = |error: jsonschema::ValidationError<'_>| {
        format!("{} {}", error.instance_path(), error.kind().keyword())
    };
    VALIDATOR.iter_errors(&document).map(problem).collect()
}

#[test]
fn the_committed_schema_is_the_one_that_is_printed() {
    let outcome = Nestns::new(&["schema"]).run();
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    assert_data_eq!(outcome.stdout, Data::read_from(&committed(), None).raw());
}

#[test]
fn the_schema_is_a_draft_7_schema() {
    let schema: Value = serde_json::from_slice(&fs::read(committed()).unwrap()).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    jsonschema::draft7::meta::validate(&schema).unwrap();
}
