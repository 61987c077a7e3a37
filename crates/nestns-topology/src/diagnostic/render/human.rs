//! For people: rustc's look, by annotate-snippets.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};

use super::format::{Color, HUMAN_LIMIT};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Label, Level, Source, Sources};

pub(super) fn render(color: Color, files: &[(&Sources, &Diagnostics)]) -> String {
    let renderer = renderer(color);
    let mut text = String::new();
    for (sources, diagnostics) in files {
        for diagnostic in diagnostics.iter().take(HUMAN_LIMIT) {
            text.push_str(&renderer.render(&[group(sources, diagnostic)]));
            text.push_str("\n\n");
        }
        if diagnostics.len() > HUMAN_LIMIT {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "… and {} more in {}\n",
                diagnostics.len() - HUMAN_LIMIT,
                sources.main().name()
            );
        }
    }
    text
}

/// A code with its title, as a line that looks like the first one of its problems, without a newline.
pub fn heading(code: Code, color: Color) -> String {
    let title = title(code.level())
        .primary_title(code.title())
        .id(code.text());
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

fn group<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Group<'a> {
    let title = title(diagnostic.level())
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.to_string());
    let group = match &diagnostic.primary {
        None => title.element(Origin::path(sources.main().name())),
        Some(primary) => {
            let others: Vec<FileId> = other_files(primary, &diagnostic.secondary);
            let first = title.element(snippet(sources, primary.span.file, diagnostic));
            others.into_iter().fold(first, |group, file| {
                group.element(snippet(sources, file, diagnostic))
            })
        }
    };
    let notes = diagnostic
        .notes
        .iter()
        .map(|note| Title::NOTE.message(note.as_str()));
    let help = diagnostic
        .help
        .iter()
        .map(|help| Title::HELP.message(help.as_str()));
    group.elements(notes).elements(help)
}

/// The files that only secondary places are in, each once, in the order in which they are mentioned.
fn other_files(primary: &Label, secondary: &[Label]) -> Vec<FileId> {
    let mut files: Vec<FileId> = Vec::new();
    for file in secondary.iter().map(|label| label.span.file) {
        if file != primary.span.file && !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

/// All places of a problem that are in one file.
fn snippet<'a>(
    sources: &'a Sources,
    file: FileId,
    diagnostic: &'a Diagnostic,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = sources.get(file);
    let primary = diagnostic
        .primary
        .iter()
        .map(|label| (AnnotationKind::Primary, label));
    let secondary = diagnostic
        .secondary
        .iter()
        .map(|label| (AnnotationKind::Context, label));
    primary
        .chain(secondary)
        .filter(|(_, label)| label.span.file == file)
        .fold(
            Snippet::source(source.text()).path(source.name()),
            |snippet, (kind, label)| snippet.annotation(annotation(kind, source, label)),
        )
}

fn annotation<'a>(
    kind: AnnotationKind,
    source: &Source,
    label: &'a Label,
) -> annotate_snippets::Annotation<'a> {
    let annotation = kind.span(one_line(source, label));
    if label.text.is_empty() {
        annotation
    } else {
        annotation.label(label.text.as_str())
    }
}

/// Underlines are drawn on the first line only: a value of twenty lines would bury what is said about it.
fn one_line(source: &Source, label: &Label) -> Range<usize> {
    let start = source.boundary(label.span.start());
    let end = source.boundary(label.span.end()).max(start);
    let length = source.text()[start..end]
        .find(['\n', '\r'])
        .unwrap_or(end - start);
    start..start + length
}
