//! The one table: figures, bounds, the verdict.

use std::process::ExitCode;

use crate::measure::Figures;
use crate::rows::Row;
use crate::table;

const HEADER: [&str; 9] = [
    "FILE",
    "NAMESPACES",
    "WHAT",
    "TIME",
    "A NAMESPACE",
    "GROWTH",
    "MEMORY",
    "BOUND",
    "VERDICT",
];

/// Ten or a hundred times as many namespaces may make each of them so much dearer: caches are not endless.
const MOST_GROWTH: f64 = 2.0;

/// Prints the table; 1 when a bound is exceeded or a row is missing.
pub(crate) fn print(rows: &[Row]) -> ExitCode {
    table::print(HEADER, &[0, 2, 8], rows.iter().map(cells));
    if !rows.is_empty() && rows.iter().all(|row| verdict(row) == "holds") {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn cells(row: &Row) -> [String; 9] {
    let missing = || "—".to_owned();
    let figure = |of: fn(&Figures) -> f64, unit: &str| {
        row.figures.as_ref().map_or_else(
            |_| missing(),
            |figures| format!("{:.1} {unit}", of(figures)),
        )
    };
    let share = row.figures.as_ref().map_or_else(
        |_| missing(),
        |figures| format!("{:.2} µs", figures.time * 1e3 / f64::from(row.namespaces)),
    );
    [
        row.file.clone(),
        row.namespaces.to_string(),
        row.what.to_owned(),
        figure(|figures| figures.time, "ms"),
        share,
        row.growth
            .map_or_else(missing, |growth| format!("{growth:.2}")),
        figure(|figures| figures.memory, "MiB"),
        row.bound.map_or_else(missing, |bound| {
            format!("≤ {:.0} ms, {:.0} MiB", bound.time, bound.memory)
        }),
        verdict(row),
    ]
}

fn verdict(row: &Row) -> String {
    let figures = match &row.figures {
        Ok(figures) => figures,
        Err(reason) => return format!("not measured: {reason}"),
    };
    let mut exceeded = Vec::new();
    if let Some(bound) = row.bound {
        if figures.time > bound.time {
            exceeded.push("time");
        }
        if figures.memory > bound.memory {
            exceeded.push("memory");
        }
    }
    if row.growth.is_some_and(|growth| growth > MOST_GROWTH) {
        exceeded.push("growth");
    }
    if exceeded.is_empty() {
        "holds".to_owned()
    } else {
        format!("exceeded: {}", exceeded.join(", "))
    }
}
