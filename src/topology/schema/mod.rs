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
mod reference;
mod stop;
mod stream;
mod table;
mod template;
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
