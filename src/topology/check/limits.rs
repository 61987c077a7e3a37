//! Whether the whole is small enough to be meant.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// Reports a number that is over its limit; `place` is where it was crossed.
pub(in crate::topology) fn too_many(
    what: &str,
    (count, is_complete): (u128, bool),
    limit: u64,
    place: Span,
    out: &mut Diagnostics,
) {
    if count <= limit.into() {
        return;
    }
    let number = if is_complete && count < u128::MAX { count.to_string() } else { format!("at least {count}") };
    let diagnostic =
        Diagnostic::at(Code::TooMany, place, format!("the topology has {number} {what}, its limit is {limit}"))
            .label("the limit is crossed here")
            .note("the limit is there so that a slip of the pen does not eat the machine");
    out.push(if !is_complete {
        diagnostic.help(format!("if this is meant, raise {what} in [limits]"))
    } else if count <= u32::MAX.into() {
        diagnostic.help(format!("if this is meant, write {what} = {count} in [limits]"))
    } else {
        diagnostic.help("no machine has so many PIDs")
    });
}
