//! Names of namespaces and processes: `[a-z0-9][a-z0-9_-]*`.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// Names with a meaning of their own in addresses.
const RESERVED: [(&str, &str); 2] = [
    (
        "init",
        "`vm/ci/init` is the address of the PID 1 of `vm/ci`",
    ),
    (
        "host",
        "`host` is the address of the namespace outside the topology",
    ),
];

/// Longer names would make paths that no table and no file name can hold.
const LONGEST: usize = 64;

/// Why a placeholder in a key is left alone.
pub(super) const NOT_IN_KEYS: &str = "placeholders are replaced in values, not in keys and headers";

/// True if a placeholder may have been meant.
pub(super) fn has_braces(key: &str) -> bool {
    key.contains("{{")
}

/// Reports what is wrong with a name; `what` is "a namespace" or "a process".
pub(crate) fn check_name(name: &str, span: Span, what: &str, out: &mut Diagnostics) {
    if let Some((name, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        out.push(
            Diagnostic::at(
                Code::ReservedName,
                span,
                format!("{what} cannot be named `{name}`"),
            )
            .label("this name is reserved")
            .note(*reason),
        );
        return;
    }
    if is_name(name) {
        if name.len() > LONGEST {
            let message = format!("the name has {} characters", name.len());
            out.push(
                Diagnostic::at(Code::BadName, span, message)
                    .label(format!("a name has at most {LONGEST}")),
            );
        }
        return;
    }
    let message = if name.is_empty() {
        format!("{what} needs a name")
    } else {
        format!("`{name}` is not a name")
    };
    let mut diagnostic = Diagnostic::at(Code::BadName, span, message)
        .label("a name consists of a-z, 0-9, `_` and `-`, and begins with a letter or digit");
    if name.contains('.') {
        diagnostic = diagnostic.note(
            "a dot marks a generated instance, as in `w.17`, and is never part of a declared name",
        );
    }
    if has_braces(name) {
        out.push(diagnostic.note(NOT_IN_KEYS));
        return;
    }
    let proposal = corrected(name);
    // A word without its foreign letters is another word.
    if name.is_ascii() && is_name(&proposal) {
        diagnostic = diagnostic.help(format!("write `{proposal}`"));
    }
    out.push(diagnostic);
}

/// Returns whether [`check_name`] would say nothing.
pub(super) fn is_acceptable(name: &str) -> bool {
    is_name(name) && name.len() <= LONGEST && RESERVED.iter().all(|(reserved, _)| *reserved != name)
}

/// Returns whether a generated namespace or process can be called this: a name, and numbers behind dots.
fn is_instance_name(name: &str) -> bool {
    let mut parts = name.split('.');
    let is_good = parts.next().is_some_and(is_acceptable);
    is_good
        && parts.all(|number| {
            !number.is_empty() && number.len() < 20 && number.bytes().all(|b| b.is_ascii_digit())
        })
}

/// Why a generated namespace cannot be called this.
pub(crate) fn instance_name_problem(name: &str) -> Option<String> {
    if is_instance_name(name) {
        return None;
    }
    Some(if RESERVED.iter().any(|(reserved, _)| *reserved == name) {
        format!("`{name}` is reserved")
    } else if name.len() > LONGEST {
        format!(
            "`{name}` has {} characters, a name has at most {LONGEST}",
            name.len()
        )
    } else {
        format!("`{name}` is not a name: a-z, 0-9, `_` and `-`, and numbers after dots")
    })
}

/// The names that a file may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRules {
    /// Those that people choose.
    Declared,
    /// Those of generated instances as well, because the file is what another one was expanded to.
    Expanded,
}

impl NameRules {
    fn accepts(self, name: &str) -> bool {
        match self {
            Self::Declared => is_acceptable(name),
            Self::Expanded => is_instance_name(name),
        }
    }

    /// Reports what is wrong with a name; `what` is "a namespace" or "a process".
    pub(crate) fn check(self, name: &str, span: Span, what: &str, out: &mut Diagnostics) {
        if self.accepts(name) {
            return;
        }
        match instance_name_problem(name) {
            Some(problem) if self == Self::Expanded && name.contains('.') => {
                let message = format!("{what} cannot be named `{name}`");
                out.push(Diagnostic::at(Code::BadName, span, message).label(problem));
            }
            _ => check_name(name, span, what, out),
        }
    }
}

/// Reports what is wrong with a path; `what` is "a namespace" or "a template".
pub(crate) fn check_path(
    path: &str,
    span: Span,
    rules: NameRules,
    what: &str,
    out: &mut Diagnostics,
) {
    // One diagnostic a path: the second bad segment is usually the same mistake.
    let Some(segment) = path.split('/').find(|segment| !rules.accepts(segment)) else {
        return;
    };
    if segment.is_empty() && path.contains('/') {
        let path_without: Vec<_> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let mut diagnostic = Diagnostic::at(
            Code::BadName,
            span,
            format!("`{path}` has an empty segment"),
        )
        .label("a path consists of names separated by single `/`");
        if !path_without.is_empty() {
            diagnostic = diagnostic.help(format!("write \"{}\"", path_without.join("/")));
        }
        out.push(diagnostic);
    } else {
        rules.check(segment, span, what, out);
    }
}

/// A path as a header: quoted only where TOML wants it.
pub(crate) fn header(table: &str, path: &str) -> String {
    if path.contains(['/', '.']) {
        format!("[{table}.\"{path}\"]")
    } else {
        format!("[{table}.{path}]")
    }
}

/// Returns whether it is made of the right characters.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

/// The nearest name, made of what a name may contain; empty if nothing is left.
fn corrected(name: &str) -> String {
    let replaced: String = name
        .chars()
        .take(LONGEST)
        .map(|c| c.to_ascii_lowercase())
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    replaced.trim_matches(['-', '_']).to_owned()
}
