//! Cases as text: for people, for TAP consumers, for `JUnit` readers, and as `nestns.test/1`.

mod json;
mod junit;
mod pretty;
mod tap;

use super::case::Case;

/// Format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    Pretty,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// An XML document, as CI systems read it.
    Junit,
    /// Document `nestns.test/1`.
    Json,
}

/// A report of all cases.
pub(crate) fn render(format: Format, topology: &str, cases: &[Case]) -> String {
    match format {
        Format::Pretty => pretty::render(topology, cases),
        Format::Tap => tap::render(cases),
        Format::Junit => junit::render(topology, cases),
        Format::Json => json::render(topology, cases),
    }
}

/// Number of differing cells shown of one case.
const SHOWN: usize = 10;

/// The cells that differ, where it was declared: what is behind a failure.
fn details(case: &Case) -> Vec<String> {
    let mut lines = Vec::new();
    let width = |width: fn(&super::case::Row) -> usize| {
        case.rows.iter().take(SHOWN).map(width).max().unwrap_or(0)
    };
    let observer = width(|row| row.observer.chars().count());
    let process = width(|row| row.process.chars().count());
    let found = width(|row| row.found.chars().count());
    for row in case.rows.iter().take(SHOWN) {
        let host = row
            .host
            .map(|host| format!("  (host {host})"))
            .unwrap_or_default();
        lines.push(format!(
            "observer {:observer$}   {:process$}   expected {}   found {:found$}{host}",
            row.observer, row.process, row.expected, row.found
        ));
    }
    if case.rows.len() > SHOWN {
        lines.push(format!("and {} more", case.rows.len() - SHOWN));
    }
    if case.rows.is_empty() {
        lines.push(format!("expected {}   found {}", case.expected, case.found));
    }
    if let Some(place) = &case.place {
        lines.push(format!("declared {}:{}", place.file, place.line));
    }
    lines
}
