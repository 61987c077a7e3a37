//! A row a process, of the table and of the document; or a row for several that are alike.

use std::borrow::Cow;
use std::time::Duration;

use crate::cli::selection;
use crate::present::state::State;
use crate::present::table::Cell;
use nestns_client::documents::{NamespaceRelations, ProcessDocument, PsRow};

/// A row of the table, and of the document.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) process: &'a ProcessDocument,
    pub(super) topology: &'a str,
    /// Path for people, with the topology in front where several are shown.
    pub(super) path: Cow<'a, str>,
    pub(super) state: Option<State>,
    pub(super) age: Option<Duration>,
    /// Of a row that stands for others like this one: how many.
    pub(super) more: Option<(usize, Cow<'a, str>)>,
    /// Answer of the kernel about the namespaces of the process, when that was asked for, or why it does not.
    pub(super) namespaces: Option<Result<NamespaceRelations, String>>,
}

impl<'a> Row<'a> {
    pub(super) fn document(&self) -> PsRow<&'a ProcessDocument> {
        let (namespaces, problem) = match &self.namespaces {
            None => (None, None),
            Some(Ok(relations)) => (Some(relations.clone()), None),
            Some(Err(problem)) => (Some(NamespaceRelations::default()), Some(problem.clone())),
        };
        PsRow {
            process: self.process,
            topology: self.topology.to_owned(),
            namespaces,
            problem,
        }
    }

    /// A cell about the process; nothing where it stands for several.
    pub(super) fn one(&self, cell: impl FnOnce(&Self) -> Cell) -> Cell {
        if self.more.is_some() {
            Cell::text("")
        } else {
            cell(self)
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        selection::is_over(self.process)
    }

    /// A number may be given to another process as soon as its own has ended.
    pub(super) fn while_it_lives(&self, cell: impl FnOnce(&ProcessDocument) -> Cell) -> Cell {
        self.one(|row| {
            if row.has_ended() {
                Cell::None
            } else {
                cell(row.process)
            }
        })
    }
}

/// More undeclared processes than this that are alike are folded, to one less and a row for the others.
const ALIKE: usize = 6;

/// Folds undeclared processes of one parent, name and state.
pub(super) fn fold(rows: &mut Vec<Row<'_>>) {
    let is_alike = |one: &Row<'_>, next: &Row<'_>| {
        let (process, other) = (one.process, next.process);
        !process.declared
            && !other.declared
            && one.topology == next.topology
            && (&process.ns, &process.name, &process.state)
                == (&other.ns, &other.name, &other.state)
            && process.ppids.first() == other.ppids.first()
    };
    let mut at = 0;
    while at < rows.len() {
        let alike = 1 + rows[at + 1..]
            .iter()
            .take_while(|row| is_alike(&rows[at], row))
            .count();
        if alike > ALIKE {
            let first = at + ALIKE - 1;
            let more = alike - (ALIKE - 1);
            rows[first].more = Some((more, rows[at].path.clone()));
            rows.drain(first + 1..at + alike);
            at = first + 1;
        } else {
            at += alike;
        }
    }
}
