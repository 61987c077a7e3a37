//! The language of Mermaid's flowcharts: a subgraph for each namespace, <https://mermaid.js.org/syntax/flowchart.html>.
//!
//! Mermaid refuses what is too large, wherever it is embedded, and a reader of a page cannot change that: so a chart is
//! made with ever less detail until it is small enough, and says what it lacks.

mod chart;
mod entities;

pub(crate) use chart::Chart;

use super::{Detail, Direction, Picture, Subject};

/// Mermaid's `maxEdges`, unless a page says otherwise.
pub(crate) const MOST_EDGES: usize = 500;
/// Mermaid's `maxTextSize`, in characters, unless a page says otherwise.
pub(crate) const MOST_CHARACTERS: usize = 50_000;

/// The chart with the most detail that Mermaid takes.
pub(crate) fn fit(subject: Subject<'_>, direction: Direction) -> Chart {
    let depth = Picture::new(
        subject,
        Detail {
            depth: 0,
            ..Detail::FULL
        },
    )
    .depth();
    let mut charts =
        Detail::ladder(depth).map(|detail| Chart::of(&Picture::new(subject, detail), direction));
    let first = charts.next().unwrap_or_default();
    if first.fits() {
        return first;
    }
    // The last has two namespaces in it, and fits; but the caller is given something in any case.
    let mut smallest = first;
    for chart in charts {
        smallest = chart;
        if smallest.fits() {
            break;
        }
    }
    smallest
}
