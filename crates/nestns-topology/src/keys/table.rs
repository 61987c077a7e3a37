//! Common rules of all tables of the language: no key is demanded, none is made up, and private
//! notes are free.

use schemars::Schema;
use serde_json::json;

/// Closes a table against keys that it does not have, except `x-…`.
pub(super) fn table(schema: &mut Schema) {
    // What is missing may come from defaults or from a template.
    schema.remove("required");
    schema.insert("additionalProperties".to_owned(), false.into());
    let note = json!({ "description": "A private note, ignored by nestns." });
    schema.insert("patternProperties".to_owned(), json!({ "^x-": note }));
}

/// Refuses a table that has both keys of one of these pairs.
pub(super) fn not_both(schema: &mut Schema, pairs: impl IntoIterator<Item = [&'static str; 2]>) {
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|pair| json!({ "type": "object", "required": pair }))
        .collect();
    schema.insert(
        "not".to_owned(),
        if let [pair] = &pairs[..] {
            pair.clone()
        } else {
            json!({ "anyOf": pairs })
        },
    );
}
