//! Keys that are not read: one may be private, of a later version, of another place, of another program,
//! or misspelled.

use super::name::{NOT_IN_KEYS, has_braces};
use super::reader::Entry;
use super::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::keys::{Key, TableKind, foreign};

/// The key, if tables of its kind have it; one that they do not have is reported, unless it is a private note. `path` is the
/// namespace around it, empty outside.
pub(super) fn known<K: Key>(entry: &Entry<'_>, path: &str, out: &mut Diagnostics) -> Option<K> {
    let key = K::find(entry.key);
    if key.is_none() {
        report_unknown(K::TABLE, path, entry, out);
    }
    key
}

fn report_unknown(table: TableKind, path: &str, entry: &Entry<'_>, out: &mut Diagnostics) {
    let Entry {
        key,
        key_span: span,
        value,
        ..
    } = *entry;
    if key.starts_with("x-") {
        return;
    }
    out.push(if table.later().contains(&key) {
        not_supported(key, entry)
    } else if key == "parent" {
        parent(path, entry)
    } else if let Some(owner) = table.elsewhere(key) {
        Diagnostic::at(
            Code::MisplacedKey,
            span,
            format!("`{key}` does not belong in {}", table.noun()),
        )
        .label(format!(
            "`{key}` belongs in {}, but is used {}",
            owner.noun(),
            table.place()
        ))
    } else if let Some((owner, answer)) = foreign(key) {
        Diagnostic::at(
            Code::ForeignKey,
            span,
            format!("`{key}` is a key of {owner}, not of nestns"),
        )
        .help(answer)
    } else {
        let diagnostic = Diagnostic::at(
            Code::UnknownKey,
            span,
            format!("unknown key `{key}` {}", table.place()),
        );
        if has_braces(key) {
            diagnostic.note(NOT_IN_KEYS)
        } else if let Some(known) = nearest(key, table.keys().iter().copied()) {
            diagnostic.label(format!("did you mean `{known}`?"))
        } else if let (TableKind::Top, true) = (table, value.as_table().is_some()) {
            diagnostic.help(format!("a namespace is written [ns.{key}]"))
        } else if let (TableKind::Namespace, true, false) =
            (table, value.as_table().is_some(), path.is_empty())
        {
            diagnostic.help(format!(
                "a namespace inside this one is written [ns.\"{path}/{key}\"]"
            ))
        } else if table.keys().len() <= 4 {
            diagnostic.help(format!("the keys are {}", table.keys().join(", ")))
        } else {
            diagnostic.help("keys that begin with `x-` are ignored")
        }
    });
}

fn not_supported(key: &str, entry: &Entry<'_>) -> Diagnostic {
    let message = format!("`{key}` is part of the language but not supported by this version");
    Diagnostic::at(Code::NotSupported, entry.key_span, message)
}

fn parent(path: &str, entry: &Entry<'_>) -> Diagnostic {
    let diagnostic = Diagnostic::at(
        Code::ParentKey,
        entry.key_span,
        "`parent` is not a key: write the path",
    )
    .label("the parent is the part before the last `/` of the header");
    match entry.value.as_str() {
        Some(parent) if !path.is_empty() => {
            let name = path.rsplit('/').next().unwrap_or(path);
            diagnostic.help(format!("write [ns.\"{parent}/{name}\"]"))
        }
        _ => diagnostic.help("write [ns.\"PARENT/NAME\"]"),
    }
}
