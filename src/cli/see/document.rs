//! `nestns.see/1`, and the same as CSV. Written row by row: the matrix is never held whole.

use serde::{Serialize, Serializer};

use super::observation::Observation;
use crate::present::redact::Redaction;
use nestns_client::documents::{Kind, MismatchEntry, SeeDocument, SeeRow, Sequence};
use nestns_observe::visibility::View;
use nestns_topology::address::HOST;

/// Content of the document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sheet<'a> {
    pub(super) observation: &'a Observation<'a>,
    pub(super) views: &'a [View],
    pub(super) via: &'static str,
    pub(super) redaction: Redaction,
}

impl<'a> Sheet<'a> {
    /// The document, whose rows are computed as they are written.
    pub(super) fn document(
        self,
        mismatches: &[MismatchEntry],
    ) -> SeeDocument<impl Serialize + use<'a>, Troubles<'a>> {
        let Observation {
            topology,
            observers,
            seen,
            ..
        } = self.observation;
        let row = move |row: usize| SeeRow {
            path: seen[row].path.clone(),
            pids: Pids(self, row),
            answers: Answers(self, row),
        };
        SeeDocument {
            schema: Kind::See.schema().into(),
            topology: topology.clone(),
            via: self.via.into(),
            observers: observers.iter().map(|named| named.path.clone()).collect(),
            rows: Sequence(move || (0..seen.len()).map(row)),
            mismatches: mismatches.to_vec(),
            troubles: Troubles(self),
        }
    }
}

struct Pids<'a>(Sheet<'a>, usize);

impl Serialize for Pids<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(sheet, row) = *self;
        serializer.collect_map(sheet.observation.observers.iter().zip(sheet.views).map(
            |(named, view)| {
                let number = view.number(row);
                let redacted =
                    number.filter(|_| named.path == HOST && sheet.redaction == Redaction::On);
                let value = match redacted {
                    Some(number) => sheet.redaction.host_pid(number).into(),
                    None => serde_json::Value::from(number),
                };
                (&named.path, value)
            },
        ))
    }
}

struct Answers<'a>(Sheet<'a>, usize);

impl Serialize for Answers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(sheet, row) = *self;
        serializer.collect_map(sheet.observation.observers.iter().zip(sheet.views).map(
            |(named, view)| {
                let answer = if view.trouble.is_some() {
                    None
                } else {
                    Some(view.answer(row).to_string())
                };
                (&named.path, answer)
            },
        ))
    }
}

/// By observer, in their order, why it could not look.
#[derive(Debug)]
pub(super) struct Troubles<'a>(Sheet<'a>);

impl Serialize for Troubles<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let blind = self.0.observation.observers.iter().zip(self.0.views);
        serializer.collect_map(
            blind.filter_map(|(named, view)| Some((&named.path, view.trouble.as_ref()?))),
        )
    }
}

impl Sheet<'_> {
    /// A line a process, a column an observer, or the other way round: the number, or the error where it is known and refused,
    /// or nothing.
    pub(super) fn write_csv(
        &self,
        out: &mut impl std::io::Write,
        is_transposed: bool,
    ) -> std::io::Result<()> {
        let observers: Vec<&str> = self
            .observation
            .observers
            .iter()
            .map(|named| named.path.as_str())
            .collect();
        let seen: Vec<&str> = self
            .observation
            .seen
            .iter()
            .map(|one| one.path.as_str())
            .collect();
        let (columns, lines) = if is_transposed {
            (seen, observers)
        } else {
            (observers, seen)
        };
        let mut line = "path".to_owned();
        for path in &columns {
            line.push(',');
            line.push_str(&quoted(path));
        }
        writeln!(out, "{line}")?;
        for (at, path) in lines.iter().enumerate() {
            line.clear();
            line.push_str(&quoted(path));
            for column in 0..columns.len() {
                let (named, row) = if is_transposed {
                    (at, column)
                } else {
                    (column, at)
                };
                line.push(',');
                line.push_str(&self.csv_cell(named, row));
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn csv_cell(&self, named: usize, row: usize) -> String {
        let view = &self.views[named];
        match (view.number(row), view.answer(row)) {
            (Some(_), answer) if answer != nestns_observe::visibility::Answer::Yes => {
                answer.to_string()
            }
            (Some(number), _) if self.observation.observers[named].path == HOST => {
                self.redaction.host_pid(number)
            }
            (Some(number), _) => number.to_string(),
            (None, _) => String::new(),
        }
    }
}

/// As RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
