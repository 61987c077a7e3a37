//! Problems of paths that show when all of them are known.

use crate::diagnostic::{Code, Diagnostic, Span};
use crate::syntax::{Located, header, nearest};

/// Reports a namespace whose parent does not exist. `known` are the paths that are declared.
pub(crate) fn no_parent<'a>(
    path: &Located<String>,
    parent: &str,
    known: impl Iterator<Item = (&'a str, Span)>,
) -> Diagnostic {
    let span = parent_span(path, parent);
    let diagnostic = Diagnostic::at(
        Code::NoParent,
        span,
        format!("namespace `{}` has no parent", path.value),
    )
    .label(format!("no namespace `{parent}` is declared"));
    match similar_path(parent, known) {
        Some((similar, place)) => {
            let name = path.value.rsplit('/').next().unwrap_or_default();
            let right = header("ns", &format!("{similar}/{name}"));
            diagnostic
                .also(place, "a namespace with a similar name is declared here")
                .help(format!(
                    "write {right}, or declare {} first",
                    header("ns", parent)
                ))
        }
        None => diagnostic.help(format!("also declare {}", header("ns", parent))),
    }
}

/// Reports a process and a namespace that have one name, because they have one address.
pub(crate) fn shared_name(path: &str, process: Span, namespace: Span) -> Diagnostic {
    let (earlier, later) = if process < namespace {
        (process, namespace)
    } else {
        (namespace, process)
    };
    Diagnostic::at(Code::SharedName, later, format!("`{path}` is both a process and a namespace"))
        .label("this name is taken")
        .also(earlier, "it is first used here")
        .note("the processes and namespaces in a namespace share one scope: an address names only one of them")
}

/// The declared namespace whose path was probably meant: none that would be around or inside the missing one.
fn similar_path<'a>(
    parent: &str,
    known: impl Iterator<Item = (&'a str, Span)>,
) -> Option<(&'a str, Span)> {
    let mut known: Vec<_> = known
        .filter(|(path, _)| !is_inside(path, parent) && !is_inside(parent, path))
        .collect();
    known.sort_by_key(|&(_, span)| span);
    let path = nearest(parent, known.iter().map(|&(path, _)| path))?;
    known.into_iter().find(|&(known, _)| known == path)
}

fn is_inside(path: &str, around: &str) -> bool {
    path.strip_prefix(around)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// The part of the header that names the parent; all of it where escapes hide which part that is.
fn parent_span(path: &Located<String>, parent: &str) -> Span {
    let Located { value: path, span } = path;
    // In nested tables the header's last key is only the end of the path.
    let Some(elsewhere) = path.len().checked_sub(span.len()) else {
        return *span;
    };
    match parent.len().checked_sub(elsewhere) {
        Some(length) if length > 0 => span.with(span.start()..span.start() + length),
        _ => *span,
    }
}
