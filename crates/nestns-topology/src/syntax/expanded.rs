//! `expanded = true`: a file that says what is, and nothing about how to make it.

use super::reader::{Entry, entries};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::{Handling, Key, NamespaceKey, ProcessKey, TopKey};
use crate::toml_text::{Table, Value};

/// Reports keys that would make something of an expanded file that it does not say.
pub(super) fn check_expanded(document: &Table, out: &mut Diagnostics) {
    report::<TopKey>(document, out);
    if let Some(namespaces) = document.get("ns") {
        check_namespaces(&namespaces.value, out);
    }
}

fn check_namespaces(namespaces: &Value, out: &mut Diagnostics) {
    for table in tables(namespaces) {
        report::<NamespaceKey>(table, out);
        for process in table
            .get("proc")
            .into_iter()
            .flat_map(|entry| tables(&entry.value))
        {
            report::<ProcessKey>(process, out);
        }
        if let Some(inside) = table.get("ns") {
            check_namespaces(&inside.value, out);
        }
    }
}

fn tables(value: &Value) -> impl Iterator<Item = &Table> {
    value
        .as_table()
        .into_iter()
        .flat_map(|table| &table.entries)
        .filter_map(|entry| entry.value.as_table())
}

fn report<K: Key>(table: &Table, out: &mut Diagnostics) {
    let is_gone = |key: K| matches!(key.handling(), Handling::Source | Handling::Generator);
    for Entry { key, key_span, .. } in
        entries(table).filter(|entry| K::find(entry.key).is_some_and(is_gone))
    {
        let message = format!("`{key}` cannot be used with expanded = true");
        out.push(
            Diagnostic::at(Code::Contradiction, key_span, message)
                .label("an expanded file contains the result, not how to generate it"),
        );
    }
}
