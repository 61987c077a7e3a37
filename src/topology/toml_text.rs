//! Text → TOML values, and what TOML itself has against the text.

use toml::de::DeTable;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Source, Span};

/// Looking for an explanation reads the file again: done for the problems that people will read.
const EXPLAINED: usize = 20;

/// The values of a file, or `None` if it is not TOML; then nothing further is said about it, because what the parser made
/// of the rest is a guess.
pub(super) fn read<'a>(source: &'a Source, out: &mut Diagnostics) -> Option<DeTable<'a>> {
    let (table, errors) = DeTable::parse_recoverable(source.text());
    if errors.is_empty() {
        return Some(table.into_inner());
    }
    let mut problems: Vec<(Span, &str)> = errors
        .iter()
        .map(|error| (error.span().map_or(Span { start: 0, end: 0 }, Span::from), error.message()))
        .collect();
    // The parser hands follow-up errors out in no order.
    problems.sort_unstable();
    let mut last_line = None;
    for (span, message) in problems {
        let line = source.position(span.start).line;
        // After a mistake the parser stumbles over the rest of the line.
        if last_line.replace(line) != Some(line) {
            let diagnostic = problem(span, message);
            out.push(if out.len() < EXPLAINED { explain(source, span, diagnostic) } else { diagnostic });
        }
    }
    None
}

fn problem(span: Span, message: &str) -> Diagnostic {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let diagnostic = Diagnostic::at(Code::Syntax, span, what);
    if expected.is_empty() { diagnostic } else { diagnostic.label(format!("expected {expected}")) }
}

/// Adds what the parser cannot know: where a header stood before, and how a path is written.
fn explain(source: &Source, span: Span, diagnostic: Diagnostic) -> Diagnostic {
    let line = source.line_at(span.start).trim();
    if diagnostic.message == "duplicate key"
        && let Some(first) = same_header_before(source, line, span)
    {
        return diagnostic.label("declared here again").also(first, "declared here first");
    }
    if line.starts_with("[ns.") && line.contains('/') && !line.contains(['"', '\'']) {
        let path = line.trim_start_matches("[ns.").split(']').next().unwrap_or_default().trim();
        return diagnostic.help(format!("a path with a slash is quoted: [ns.\"{path}\"]"));
    }
    diagnostic
}

/// Where the same header stands for the first time.
fn same_header_before(source: &Source, header: &str, span: Span) -> Option<Span> {
    let header = header.split('#').next()?.trim_end();
    if !header.starts_with('[') {
        return None;
    }
    let before = source.text().get(..span.start)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let mut offset = 0;
    for line in before[..line_start].split_inclusive('\n') {
        if line.trim_start().starts_with(header) {
            let start = offset + line.len() - line.trim_start().len();
            return Some(Span { start, end: start + header.len() });
        }
        offset += line.len();
    }
    None
}
