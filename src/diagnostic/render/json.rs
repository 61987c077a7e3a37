//! The document `nestns.check/1`. Lines and columns count from 1; the end is the place behind the last character.

use serde::Serialize;

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Sources};

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: String,
    level: String,
    message: &'a str,
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    help: Option<&'a str>,
    notes: Vec<&'a str>,
    /// The other places that explain it, such as where a value is used that was written elsewhere.
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

pub(super) fn render(files: &[(&Sources, &Diagnostics)]) -> String {
    let diagnostics = files
        .iter()
        .flat_map(|(sources, diagnostics)| diagnostics.iter().map(|diagnostic| entry(sources, diagnostic)))
        .collect();
    let document = Document { schema: "nestns.check/1", diagnostics };
    // Strings, numbers and lists in memory: there is nothing that serde_json could refuse.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The notes, with the text of the underlines in front: it is part of the reason, and a reader of JSON sees no underlines.
fn entry<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Entry<'a> {
    let source = sources.of(diagnostic);
    let span = diagnostic.primary.as_ref().map(|label| label.span);
    let start = span.map(|span| source.position(span.start()));
    let end = span.map(|span| source.position(span.end().max(span.start())));
    let label = diagnostic.primary.as_ref().map(|label| label.text.as_str()).filter(|text| !text.is_empty());
    Entry {
        code: diagnostic.code.to_string(),
        level: diagnostic.level().to_string(),
        message: &diagnostic.message,
        file: source.name(),
        line: start.map(|place| place.line),
        column: start.map(|place| place.column),
        end_line: end.map(|place| place.line),
        end_column: end.map(|place| place.column),
        help: diagnostic.help.as_deref(),
        notes: label.into_iter().chain(diagnostic.notes.iter().map(String::as_str)).collect(),
        related: diagnostic.secondary.iter().map(|label| related(sources, label)).collect(),
    }
}

fn related<'a>(sources: &'a Sources, label: &'a Label) -> Related<'a> {
    let source = sources.get(label.span.file);
    let start = source.position(label.span.start());
    let end = source.position(label.span.end().max(label.span.start()));
    Related {
        message: &label.text,
        file: source.name(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
