//! For people: rustc's look, by annotate-snippets.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};

use super::format::{Color, HUMAN_LIMIT};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Label, Level, Source};

pub(super) fn render(color: Color, files: &[(&Source, &Diagnostics)]) -> String {
    let renderer = renderer(color);
    let mut text = String::new();
    for (source, diagnostics) in files {
        for diagnostic in diagnostics.iter().take(HUMAN_LIMIT) {
            text.push_str(&renderer.render(&[group(source, diagnostic)]));
            text.push_str("\n\n");
        }
        if diagnostics.len() > HUMAN_LIMIT {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "… and {} more in {}\n", diagnostics.len() - HUMAN_LIMIT, source.name());
        }
    }
    text
}

/// A code with its title, as a line that looks like the first one of its problems, without a newline.
pub fn heading(code: Code, color: Color) -> String {
    let title = title(code.level()).primary_title(code.title()).id(code.text());
    renderer(color).render(&[Group::with_title(title)])
}

fn renderer(color: Color) -> Renderer {
    match color {
        Color::Plain => Renderer::plain(),
        Color::Styled => Renderer::styled(),
    }
}

fn title(level: Level) -> Title<'static> {
    match level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
    }
}

fn group<'a>(source: &'a Source, diagnostic: &'a Diagnostic) -> Group<'a> {
    let title = title(diagnostic.level()).primary_title(diagnostic.message.as_str()).id(diagnostic.code.to_string());
    let group = match &diagnostic.primary {
        None => title.element(Origin::path(source.name())),
        Some(primary) => {
            let mut snippet = Snippet::source(source.text()).path(source.name()).annotation(annotation(
                AnnotationKind::Primary,
                source,
                primary,
            ));
            for label in &diagnostic.secondary {
                snippet = snippet.annotation(annotation(AnnotationKind::Context, source, label));
            }
            title.element(snippet)
        }
    };
    let notes = diagnostic.notes.iter().map(|note| Title::NOTE.message(note.as_str()));
    let help = diagnostic.help.iter().map(|help| Title::HELP.message(help.as_str()));
    group.elements(notes).elements(help)
}

fn annotation<'a>(kind: AnnotationKind, source: &Source, label: &'a Label) -> annotate_snippets::Annotation<'a> {
    let annotation = kind.span(one_line(source, label));
    if label.text.is_empty() { annotation } else { annotation.label(label.text.as_str()) }
}

/// Underlines are drawn on the first line only: a value of twenty lines would bury what is said about it.
fn one_line(source: &Source, label: &Label) -> Range<usize> {
    let start = source.boundary(label.span.start);
    let end = source.boundary(label.span.end).max(start);
    let length = source.text()[start..end].find(['\n', '\r']).unwrap_or(end - start);
    start..start + length
}
