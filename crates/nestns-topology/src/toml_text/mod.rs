//! Text → TOML values, and what TOML itself has against the text.
//!
//! The grammar is the library's; the tree is ours ([`value`]). The library keeps the whole text as tokens, as events and as
//! tables with a hash map each, which for a hundred thousand namespaces is half a gigabyte; here the text is handed to its
//! parser in pieces that end where a line of the top level ends. The rows `parse, own tree` and `parse, DeTable` of
//! `cargo bench --bench language -- declared` show what each of them takes for a hundred thousand declared namespaces:
//! 84 MiB and 300 ms, and 412 MiB and 406 ms, where the whole check may take 200 MiB.

mod structure;
mod tables;
#[cfg(test)]
mod tests;
mod value;

use toml_parser::lexer::{Token, TokenKind};
use toml_parser::parser::{RecursionGuard, ValidateWhitespace, parse_document};
use toml_parser::{Expected, ParseError};

pub(super) use value::{Computed, Entry, Kind, Number, Table, Value};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Source, Span};
use structure::Structure;
use tables::Conflict;

/// Looking for an explanation reads the line again: done for the problems that people will read.
const EXPLAINED: usize = 20;
/// The deepest nesting of arrays and inline tables: the library's own limit.
const DEEPEST: u32 = 80;
/// The number of tokens that are gathered before they are handed on.
const PIECE: usize = 4096;

/// The values of a file, or `None` if it is not TOML; then nothing further is said about it, because what the parser made
/// of the rest is a guess.
pub(super) fn read(source: &Source, file: FileId, out: &mut Diagnostics) -> Option<Table> {
    let text = toml_parser::Source::new(source.text());
    let mut structure = Structure::new(text, file);
    let mut errors: Vec<ParseError> = Vec::new();
    for piece in Pieces(text.lex()) {
        let mut checked = ValidateWhitespace::new(&mut structure, text);
        let mut guarded = RecursionGuard::new(&mut checked, DEEPEST);
        parse_document(&piece, &mut guarded, &mut errors);
    }
    if errors.is_empty() && structure.tables.conflicts.is_empty() {
        return Some(structure.finish());
    }
    let conflicts = structure.tables.conflicts.into_iter().map(conflict);
    let errors = errors.iter().map(|error| problem(error, file));
    let mut problems: Vec<_> = errors.chain(conflicts).collect();
    problems.sort_by_key(|(span, _)| (span.start(), span.end()));
    let mut last_line = None;
    for (span, diagnostic) in problems {
        let line = source.position(span.start()).line;
        // After a mistake the parser stumbles over the rest of the line.
        if last_line.replace(line) != Some(line) {
            out.push(if out.len() < EXPLAINED {
                explain(source, span, diagnostic)
            } else {
                diagnostic
            });
        }
    }
    None
}

/// The tokens in pieces, each of which is some whole lines outside all brackets.
struct Pieces<'s>(toml_parser::lexer::Lexer<'s>);

impl Iterator for Pieces<'_> {
    type Item = Vec<Token>;

    fn next(&mut self) -> Option<Vec<Token>> {
        let mut piece = Vec::new();
        let mut depth = 0_usize;
        for token in self.0.by_ref() {
            piece.push(token);
            match token.kind() {
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => depth += 1,
                TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                    depth = depth.saturating_sub(1);
                }
                TokenKind::Newline if depth == 0 && piece.len() >= PIECE => break,
                _ => {}
            }
        }
        if piece.is_empty() { None } else { Some(piece) }
    }
}

fn conflict(conflict: Conflict) -> (Span, Diagnostic) {
    let diagnostic = Diagnostic::at(Code::Syntax, conflict.span, conflict.message)
        .label("declared here again")
        .also(conflict.first, "declared here first");
    (conflict.span, diagnostic)
}

fn problem(error: &ParseError, file: FileId) -> (Span, Diagnostic) {
    let span = error
        .unexpected()
        .map_or(0..0, |span| span.start()..span.end());
    let span = Span::new(file, span);
    let diagnostic = Diagnostic::at(Code::Syntax, span, error.description());
    let Some(expected) = error.expected() else {
        return (span, diagnostic);
    };
    let expected: Vec<_> = expected
        .iter()
        .map(|expected| match expected {
            Expected::Literal("\n") => "newline".to_owned(),
            Expected::Literal("'") => "`'`".to_owned(),
            Expected::Literal(literal) => format!("`{literal}`"),
            Expected::Description(text) => (*text).to_owned(),
            _ => "something else".to_owned(),
        })
        .collect();
    let expected = if expected.is_empty() {
        "nothing".to_owned()
    } else {
        expected.join(", ")
    };
    (span, diagnostic.label(format!("expected {expected}")))
}

/// Adds what the parser cannot know: how a path is written.
fn explain(source: &Source, span: Span, diagnostic: Diagnostic) -> Diagnostic {
    let line = source.line_at(span.start()).trim();
    if line.starts_with("[ns.") && line.contains('/') && !line.contains(['"', '\'']) {
        let path = line
            .trim_start_matches("[ns.")
            .split(']')
            .next()
            .unwrap_or_default()
            .trim();
        return diagnostic.help(format!("a path with a slash is quoted: [ns.\"{path}\"]"));
    }
    diagnostic
}
