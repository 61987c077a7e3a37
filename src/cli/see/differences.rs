//! `see --diff`: the differences of a measurement from the rule, as a table.

use std::collections::BTreeMap;

use super::Args;
use super::observation::Observation;
use crate::present::count::count;
use crate::present::table::{self, Align, Cell, Column, Cut};
use nestns_client::documents::MismatchEntry;

const COLUMNS: [Column; 5] = [
    Column {
        header: "OBSERVER",
        align: Align::Left,
        cut: Cut::Middle,
    },
    Column {
        header: "PROCESS",
        align: Align::Left,
        cut: Cut::Middle,
    },
    Column {
        header: "COMPUTED",
        align: Align::Left,
        cut: Cut::Never,
    },
    Column {
        header: "MEASURED",
        align: Align::Left,
        cut: Cut::Never,
    },
    Column {
        header: "WHY",
        align: Align::Left,
        cut: Cut::Never,
    },
];

/// A table of the differences, or the sentence that there is none.
pub(super) fn differences(
    args: &Args,
    observation: &Observation<'_>,
    mismatches: &[MismatchEntry],
) -> String {
    if mismatches.is_empty() {
        return format!(
            "no difference: {} and {}, via {}\n",
            count(observation.observers.len(), "observer"),
            count(observation.seen.len(), "process"),
            args.via.word()
        );
    }
    let number = |number: Option<i32>, word: &str| {
        number.map_or_else(|| word.to_owned(), |number| number.to_string())
    };
    let look = args.look();
    let look = table::Look {
        charset: look.charset,
        colour: look.colour,
        ..table::Look::default()
    };
    let row = |observer: &str, process: &str, computed: &str, measured: &str, reason: &str| {
        vec![
            Cell::text(observer),
            Cell::text(process),
            Cell::text(computed),
            Cell::text(measured),
            Cell::text(reason),
        ]
    };
    let rows: Vec<Vec<Cell>> = if args.is_folded(mismatches.len()) {
        let mut alike: BTreeMap<(&str, &str, &str, &str), usize> = BTreeMap::new();
        for one in mismatches {
            *alike
                .entry((&one.observer, &*one.computed, &one.measured, &one.reason))
                .or_default() += 1;
        }
        let rows = alike.into_iter();
        rows.map(|((observer, computed, measured, reason), many)| {
            row(
                observer,
                &count(many, "process").to_string(),
                computed,
                measured,
                reason,
            )
        })
        .collect()
    } else {
        let rows = mismatches.iter();
        rows.map(|one| {
            let computed = number(one.expected, &one.computed);
            row(
                &one.observer,
                &one.path,
                &computed,
                &number(one.number, &one.measured),
                &one.reason,
            )
        })
        .collect()
    };
    table::render(&COLUMNS, &rows, look)
}
