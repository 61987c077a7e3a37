//! Whether the whole is small enough to be meant.

use std::collections::HashSet;

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::topology::syntax::Document;

/// Whether the tree, with the processes that defaults add, is within `[limits]`.
pub(super) fn within_limits(document: &Document, out: &mut Diagnostics) -> bool {
    let defaults: HashSet<_> =
        document.namespace_defaults.processes.iter().map(|process| process.name.value.as_str()).collect();
    let mut namespaces = 0;
    let mut processes = 0;
    let mut first_too_many = None;
    for declaration in &document.namespaces {
        let own = &declaration.body.processes;
        let replaced = own.iter().filter(|process| defaults.contains(process.name.value.as_str())).count();
        namespaces += 1;
        processes += own.len() as u64 + defaults.len() as u64 - replaced as u64;
        if first_too_many.is_none()
            && (namespaces > document.limits.namespaces || processes > document.limits.processes)
        {
            first_too_many = Some(declaration);
        }
    }
    let Some(declaration) = first_too_many else { return true };
    for (what, count, limit) in
        [("namespaces", namespaces, document.limits.namespaces), ("processes", processes, document.limits.processes)]
    {
        if count > limit {
            let message = format!("the topology has {count} {what}, its limit is {limit}");
            out.push(
                Diagnostic::at(Code::TooMany, declaration.path.span, message)
                    .label("the limit is crossed here")
                    .note("the limit is there so that a slip of the pen does not eat the machine")
                    .help(format!("if this is meant, write {what} = {count} in [limits]")),
            );
        }
    }
    false
}
