//! `[[expect]]`: placeholders are replaced, and what comes of it is read, and kept as it is written for `nestns config`.
//!
//! Those of a file that hangs below a namespace speak of that file's own paths, and stay with it.

use toml::{Table, Value};

use super::evaluate::Evaluator;
use super::trace::Trace;
use super::variables::Scopes;
use crate::check::{check_expectations, position};
use crate::diagnostic::{Diagnostics, FileId, Sources};
use crate::expectation::{Claim, Expectation};
use crate::syntax::{Document, Entry, ExpectationSyntax, entries};
use crate::toml_text::{self, Kind, Number};
use crate::tree::Topology;

/// The expectations of the outermost scope, in the order of the files.
pub(super) fn expectations(
    documents: &[(FileId, Document<'_>)],
    scopes: &Scopes,
    evaluator: &Evaluator<'_>,
    sources: &Sources,
    out: &mut Diagnostics,
) -> Vec<(Expectation, ExpectationSyntax)> {
    let mut found = Vec::new();
    for (file, document) in documents {
        let Some(entry) = document.expectations else {
            continue;
        };
        let mut trace = Trace::default();
        let before = out.len();
        for value in entry.value.as_array().unwrap_or_default() {
            let Some(value) = evaluator.value(value, &mut trace, out) else {
                continue;
            };
            let entry = Entry {
                value: &value,
                span: value.span,
                ..entry
            };
            let Some(table) = value.as_table() else {
                entry.wrong_type("an array of tables, written [[expect]]", out);
                continue;
            };
            let syntax = ExpectationSyntax::read(table, entry.key_span, out);
            let written = written(table, out);
            if scopes.scope(*file) == 0 {
                let claims = syntax.claims.iter().map(|claim| Claim {
                    assertion: claim.value.clone(),
                    position: position(sources, claim.span),
                });
                let claims = claims.collect();
                found.push((
                    Expectation {
                        written,
                        via: syntax.via,
                        within: syntax.within,
                        claims,
                    },
                    syntax,
                ));
            }
        }
        out.amend(before, |diagnostic| trace.explain(diagnostic));
    }
    found
}

/// The tree with what is expected of it; none if that names what it does not have. What is expected of something that a count
/// of 0 has left out is left out with it: `absent` are the paths.
pub(super) fn attach(
    mut topology: Topology,
    expected: Vec<(Expectation, ExpectationSyntax)>,
    absent: &[String],
    out: &mut Diagnostics,
) -> Option<Topology> {
    let before = out.len();
    let checked = check_expectations(&topology, expected, absent, out);
    topology.expectations = checked;
    (out.len() == before).then_some(topology)
}

fn written(table: &toml_text::Table, out: &mut Diagnostics) -> Table {
    let entries =
        entries(table).filter_map(|entry| Some((entry.key.to_owned(), value(entry, out)?)));
    entries.collect()
}

/// A value as the library writes it; what no expectation can be about is reported.
fn value(entry: Entry<'_>, out: &mut Diagnostics) -> Option<Value> {
    match &entry.value.kind {
        Kind::String(text) => Some(Value::String(text.to_string())),
        Kind::Integer(number) => Some(Value::Integer(*number)),
        Kind::Boolean(flag) => Some(Value::Boolean(*flag)),
        Kind::Computed(computed) => Some(match computed.number {
            Number::Integer(number) => Value::Integer(number),
            Number::Boolean(flag) => Value::Boolean(flag),
        }),
        Kind::Array(values) => {
            let values: Vec<_> = values
                .iter()
                .filter_map(|inner| value(entry.with(inner), out))
                .collect();
            Some(Value::Array(values))
        }
        Kind::Table(table) => Some(Value::Table(written(table, out))),
        Kind::Float | Kind::Datetime => {
            entry.wrong_type("a string, a number or a table", out);
            None
        }
    }
}
