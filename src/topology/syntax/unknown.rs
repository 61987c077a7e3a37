//! What to say about a key that is not read: it may be private, of a later version, of another place, of another program,
//! or misspelled.

use super::foreign::foreign;
use super::name::{NOT_IN_KEYS, has_braces};
use super::reader::Entry;
use super::suggest::nearest;
use super::vocabulary::Scope;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Reports a key that a table of this kind does not have, unless it is a private note. `path` is the namespace around it,
/// empty outside.
pub(super) fn report_unknown(scope: Scope, path: &str, entry: &Entry<'_>, out: &mut Diagnostics) {
    let Entry { key, key_span: span, value, .. } = *entry;
    if key.starts_with("x-") || (scope == Scope::Top && key == "$schema") {
        return;
    }
    out.push(if scope.later().contains(&key) {
        not_supported(key, entry)
    } else if key == "parent" {
        parent(path, entry)
    } else if let Some(owner) = scope.elsewhere(key) {
        Diagnostic::at(Code::MisplacedKey, span, format!("`{key}` does not belong to {}", scope.noun())).label(format!(
            "`{key}` belongs to {}, you wrote it {}",
            owner.noun(),
            scope.place()
        ))
    } else if let Some((owner, answer)) = foreign(key) {
        Diagnostic::at(Code::ForeignKey, span, format!("`{key}` is a key of {owner}, not of nestns")).help(answer)
    } else {
        let diagnostic = Diagnostic::at(Code::UnknownKey, span, format!("unknown key `{key}` {}", scope.place()));
        if has_braces(key) {
            diagnostic.note(NOT_IN_KEYS)
        } else if let Some(known) = nearest(key, scope.keys().iter().copied()) {
            diagnostic.label(format!("did you mean `{known}`?"))
        } else if let (Scope::Top, true) = (scope, value.as_table().is_some()) {
            diagnostic.help(format!("a namespace is written [ns.{key}]"))
        } else if let (Scope::Namespace, true, false) = (scope, value.as_table().is_some(), path.is_empty()) {
            diagnostic.help(format!("a namespace inside this one is written [ns.\"{path}/{key}\"]"))
        } else if scope.keys().len() <= 4 {
            diagnostic.help(format!("the keys are {}", scope.keys().join(", ")))
        } else {
            diagnostic.help("a private note begins with `x-`")
        }
    });
}

fn not_supported(key: &str, entry: &Entry<'_>) -> Diagnostic {
    let message = format!("`{key}` is part of the language but not supported by this version");
    Diagnostic::at(Code::NotSupported, entry.key_span, message)
}

fn parent(path: &str, entry: &Entry<'_>) -> Diagnostic {
    let diagnostic = Diagnostic::at(Code::ParentKey, entry.key_span, "`parent` is not a key: write the path")
        .label("the parent is what stands before the last `/` of the header");
    match entry.value.as_str() {
        Some(parent) if !path.is_empty() => {
            let name = path.rsplit('/').next().unwrap_or(path);
            diagnostic.help(format!("write [ns.\"{parent}/{name}\"]"))
        }
        _ => diagnostic.help("write [ns.\"PARENT/NAME\"]"),
    }
}
