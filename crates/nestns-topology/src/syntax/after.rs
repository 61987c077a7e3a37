//! `after`, which a process, the program that is PID 1 and a namespace have alike.

use super::located::Located;
use super::reader::Entry;
use super::writer::non_empty;
use crate::dependency::{After, Condition, Target};
use crate::diagnostic::Diagnostics;
use crate::tree::Topology;

/// Conditions by the names of their targets, in the order of the file.
pub(crate) type AfterSyntax = Vec<(Located<String>, Condition)>;

/// Beginning of a path from the top, which a name alone is not.
pub(crate) const TOP: &str = "/";

const CONDITIONS: &[(&str, Condition)] = &[
    ("created", Condition::Created),
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("exited", Condition::Exited),
    ("done", Condition::Exited),
    ("ok", Condition::Ok),
];

/// Reads the table.
pub(super) fn read(entry: &Entry<'_>, out: &mut Diagnostics) -> AfterSyntax {
    let entries = entry.table(out).unwrap_or_default();
    let read = |condition: &Entry<'_>| {
        // A condition that cannot be read still names a target, which is checked.
        let word = Entry {
            key: "after",
            ..*condition
        }
        .word(CONDITIONS, out)
        .map_or(Condition::Started, |word| word.value);
        (
            Located::new(condition.key.to_owned(), condition.key_span),
            word,
        )
    };
    entries.iter().map(read).collect()
}

/// The conditions by the names that their targets have for whatever waits: what is in its own namespace by its name,
/// everything else by its path from the top.
pub(super) fn write(waiter: Target, after: &[After], topology: &Topology) -> Option<toml::Value> {
    let entry = |after: &After| {
        let word = after.condition.word(after.target.part);
        (
            after.target.name(waiter, &after.target.path(topology)),
            word.into(),
        )
    };
    non_empty(after.iter().map(entry).collect())
}
