//! The document `nestns.check/1`. Lines and columns count from 1; the end is the place behind the last character.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Sources};

/// `nestns.check/1`: problems in topology files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckDocument {
    /// `nestns.check/1`.
    pub schema: Cow<'static, str>,
    /// The problems of all files, in the order of the files and of the places in them.
    pub diagnostics: Vec<DiagnosticEntry>,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosticEntry {
    /// `NS` and three digits, as `nestns explain` knows it.
    pub code: String,
    /// `error` or `warning`.
    pub level: String,
    /// One sentence.
    pub message: String,
    /// The file as it was named.
    pub file: String,
    /// The place in the file; `null` where the problem is that of the whole file.
    pub line: Option<usize>,
    /// See `line`.
    pub column: Option<usize>,
    /// See `line`.
    pub end_line: Option<usize>,
    /// See `line`.
    pub end_column: Option<usize>,
    /// The remedy.
    pub help: Option<String>,
    /// Reasons.
    pub notes: Vec<String>,
    /// Other places that explain it, such as the one at which a value was written that is used here.
    pub related: Vec<RelatedPlace>,
}

/// Another place that explains a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelatedPlace {
    /// Message for the place.
    pub message: String,
    /// The file as it was named.
    pub file: String,
    /// The place in the file.
    pub line: usize,
    /// See `line`.
    pub column: usize,
    /// See `line`.
    pub end_line: usize,
    /// See `line`.
    pub end_column: usize,
}

pub(super) fn render(files: &[(&Sources, &Diagnostics)]) -> String {
    let diagnostics = files
        .iter()
        .flat_map(|(sources, diagnostics)| {
            diagnostics
                .iter()
                .map(|diagnostic| entry(sources, diagnostic))
        })
        .collect();
    let document = CheckDocument {
        schema: "nestns.check/1".into(),
        diagnostics,
    };
    // Strings, numbers and lists in memory: there is nothing that serde_json could refuse.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Makes an entry of a diagnostic. The text of the underlines is part of the reason, and a reader
/// of JSON sees no underlines: it goes in front of the notes.
fn entry(sources: &Sources, diagnostic: &Diagnostic) -> DiagnosticEntry {
    let source = sources.of(diagnostic);
    let span = diagnostic.primary.as_ref().map(|label| label.span);
    let start = span.map(|span| source.position(span.start()));
    let end = span.map(|span| source.position(span.end().max(span.start())));
    let label = diagnostic
        .primary
        .as_ref()
        .map(|label| label.text.as_str())
        .filter(|text| !text.is_empty());
    DiagnosticEntry {
        code: diagnostic.code.to_string(),
        level: diagnostic.level().to_string(),
        message: diagnostic.message.clone(),
        file: source.name().to_owned(),
        line: start.map(|place| place.line),
        column: start.map(|place| place.column),
        end_line: end.map(|place| place.line),
        end_column: end.map(|place| place.column),
        help: diagnostic.help.clone(),
        notes: label
            .into_iter()
            .map(str::to_owned)
            .chain(diagnostic.notes.iter().cloned())
            .collect(),
        related: diagnostic
            .secondary
            .iter()
            .map(|label| related(sources, label))
            .collect(),
    }
}

fn related(sources: &Sources, label: &Label) -> RelatedPlace {
    let source = sources.get(label.span.file);
    let start = source.position(label.span.start());
    let end = source.position(label.span.end().max(label.span.start()));
    RelatedPlace {
        message: label.text.clone(),
        file: source.name().to_owned(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
