//! Check that the whole is within its limits.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// The kernel's `PID_MAX_LIMIT` where a word has 64 bits: every namespace has a PID 1, and that a PID on the host.
const MOST_PIDS: u128 = 1 << 22;

/// A number of namespaces or processes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) number: u128,
    /// True if counting went on to the end.
    pub(crate) is_complete: bool,
}

/// Reports a number that is over its limit; `place` is where it was crossed.
pub(crate) fn too_many(what: &str, count: Count, limit: u64, place: Span, out: &mut Diagnostics) {
    let Count {
        number: count,
        is_complete,
    } = count;
    if count <= limit.into() {
        return;
    }
    let number = match count {
        // Sums that do not fit stay there.
        u128::MAX => "more than 10^38".to_owned(),
        count if is_complete => count.to_string(),
        count => format!("at least {count}"),
    };
    let diagnostic = Diagnostic::at(
        Code::TooMany,
        place,
        format!("the topology has {number} {what}, its limit is {limit}"),
    )
    .label("the limit is exceeded here")
    .note("the limit prevents a typo from exhausting the machine");
    out.push(if !is_complete && count <= MOST_PIDS {
        diagnostic.help(format!("if this is intended, raise {what} in [limits]"))
    } else if count <= MOST_PIDS {
        diagnostic.help(format!(
            "if this is intended, write {what} = {count} in [limits]"
        ))
    } else {
        diagnostic.help(format!(
            "no machine has that many PIDs: Linux allows at most {MOST_PIDS}"
        ))
    });
}
