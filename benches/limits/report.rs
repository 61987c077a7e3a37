//! The one table: both sides, their ratio, the bound, the verdict.

use std::process::ExitCode;

use crate::rows::{Bound, Row};
use crate::table;

const HEADER: [&str; 7] = [
    "SHAPE", "WHAT", "BASELINE", "NESTNS", "RATIO", "BOUND", "VERDICT",
];

/// Prints the table; 1 when a bound is exceeded.
pub(crate) fn print(rows: &[Row]) -> ExitCode {
    table::print(HEADER, &[0, 1, 6], rows.iter().map(cells));
    if rows.iter().any(|row| holds(row) == Some(false)) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn cells(row: &Row) -> [String; 7] {
    let figure = |value: f64| format!("{value:.2} {}", row.unit);
    let missing = || "—".to_owned();
    let bound = match row.bound {
        Bound::Times(times) => format!("≤ {times:.1} ×"),
        Bound::Most(most) => format!("≤ {most:.0} {}", row.unit),
    };
    let verdict = match (holds(row), &row.nestns) {
        (Some(true), _) => "holds".to_owned(),
        (Some(false), _) => "exceeded".to_owned(),
        (None, Err(reason)) => format!("not measured: {reason}"),
        (None, Ok(_)) => "no baseline".to_owned(),
    };
    [
        row.shape.clone(),
        row.what.to_owned(),
        row.baseline.map_or_else(missing, figure),
        row.nestns
            .as_ref()
            .map_or_else(|_| missing(), |&value| figure(value)),
        ratio(row).map_or_else(missing, |ratio| format!("{ratio:.2}")),
        bound,
        verdict,
    ]
}

fn ratio(row: &Row) -> Option<f64> {
    Some(*row.nestns.as_ref().ok()? / row.baseline?)
}

/// True where the bound is held; `None` where a side is missing.
fn holds(row: &Row) -> Option<bool> {
    match row.bound {
        Bound::Times(times) => ratio(row).map(|ratio| ratio <= times),
        Bound::Most(most) => row.nestns.as_ref().ok().map(|&value| value <= most),
    }
}
