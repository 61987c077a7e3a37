//! Settings of the topology as a whole: its name, its end, its limits.

use super::evaluate::Evaluator;
use super::trace::Trace;
use super::variables::Scopes;
use crate::diagnostic::{Diagnostics, FileId};
use crate::syntax::{Document, Heading, Limits, Located};
use crate::toml_text::Table;
use crate::tree::Topology;

/// Settings that are checked when the tree is there.
pub(super) struct Whole {
    /// Limits of the tree.
    pub(super) limits: Limits,
    /// The process whose end is that of the tree.
    pub(super) main: Option<Located<String>>,
}

/// Tells the topology what the files say about it, and hands out what is checked later.
pub(super) fn whole(
    documents: &[(FileId, Document<'_>)],
    scopes: &Scopes,
    evaluator: &Evaluator<'_>,
    topology: &mut Topology,
    out: &mut Diagnostics,
) -> Whole {
    let main = heading(documents, evaluator, topology, out);
    let limits = limits(documents, scopes, evaluator, out);
    topology.log_bytes = limits.log_bytes;
    Whole { limits, main }
}

/// The heading of the main file; that of included ones is read as well, and does not count.
fn heading(
    documents: &[(FileId, Document<'_>)],
    evaluator: &Evaluator<'_>,
    topology: &mut Topology,
    out: &mut Diagnostics,
) -> Option<Located<String>> {
    let mut main = None;
    for (file, document) in documents {
        let mut trace = Trace::default();
        let before = out.len();
        let table = evaluator.table(document.heading, |key| !Heading::has(key), &mut trace, out);
        let heading = Heading::read(&table, out);
        out.amend(before, |diagnostic| trace.explain(diagnostic));
        if *file == FileId::MAIN {
            topology.description = heading.description;
            topology.on_exit = heading.on_exit;
            main = heading.main;
        }
    }
    main
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
