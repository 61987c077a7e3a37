//! Settings of the topology as a whole: its name, its end, its limits.

use super::evaluate::Evaluator;
use super::trace::Trace;
use super::variables::Scopes;
use crate::diagnostic::{Diagnostics, FileId};
use crate::syntax::{Document, Heading, Limits};
use crate::toml_text::Table;
use crate::tree::Topology;

/// Tells the topology what the files say about it, and hands out what it may not exceed.
pub(super) fn whole(
    documents: &[(FileId, Document<'_>)],
    scopes: &Scopes,
    evaluator: &Evaluator<'_>,
    topology: &mut Topology,
    out: &mut Diagnostics,
) -> Limits {
    heading(documents, evaluator, topology, out);
    let limits = limits(documents, scopes, evaluator, out);
    topology.log_bytes = limits.log_bytes;
    limits
}

/// The heading of the main file; that of included ones is read as well, and does not count.
fn heading(
    documents: &[(FileId, Document<'_>)],
    evaluator: &Evaluator<'_>,
    topology: &mut Topology,
    out: &mut Diagnostics,
) {
    for (file, document) in documents {
        let mut trace = Trace::default();
        let before = out.len();
        let table = evaluator.table(document.heading, |key| !Heading::has(key), &mut trace, out);
        let heading = Heading::read(&table, out);
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        if *file == FileId::MAIN {
            topology.description = heading.description;
            topology.on_exit = heading.on_exit;
        }
    }
}

/// The limits of all files of the outermost scope; the including file's own count.
fn limits(
    documents: &[(FileId, Document<'_>)],
    scopes: &Scopes,
    evaluator: &Evaluator<'_>,
    out: &mut Diagnostics,
) -> Limits {
    let mut merged = Table::default();
    for (file, document) in documents {
        let Some(entry) = document.limits else {
            continue;
        };
        let Some(table) = entry.value.as_table() else {
            entry.wrong_type("a table", out);
            continue;
        };
        if scopes.scope(*file) != 0 {
            // What hangs below a namespace may be a topology of its own, and its limits are about that.
            read_limits(table, evaluator, out);
            continue;
        }
        for entry in &table.entries {
            merged.entries.retain(|there| there.key != entry.key);
            merged.entries.push(entry.clone());
        }
    }
    read_limits(&merged, evaluator, out)
}

fn read_limits(table: &Table, evaluator: &Evaluator<'_>, out: &mut Diagnostics) -> Limits {
    let mut trace = Trace::default();
    let before = out.len();
    let table = evaluator.table(table, |_| false, &mut trace, out);
    let limits = Limits::read(&table, out);
    out.amend(before, |diagnostic| trace.explain(diagnostic));
    limits
}
