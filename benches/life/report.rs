//! The one table: both sides, their ratio, the bound, the verdict.

use std::process::ExitCode;

use crate::pair::{BOUND, Row};
use crate::table;

const HEADER: [&str; 7] = [
    "NESTNS", "BESIDE", "THEIRS", "OURS", "RATIO", "BOUND", "VERDICT",
];

/// Prints the table; 1 when a bound is exceeded.
pub(crate) fn print(rows: &[Row]) -> ExitCode {
    table::print(HEADER, &[0, 1, 6], rows.iter().map(cells));
    let is_exceeded = |row: &Row| {
        row.figures
            .as_ref()
            .is_ok_and(|(theirs, ours)| ours / theirs > BOUND)
    };
    if rows.iter().any(is_exceeded) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn cells(row: &Row) -> [String; 7] {
    let bound = format!("≤ {BOUND:.1} ×");
    let [theirs, ours, ratio, verdict] = match &row.figures {
        Ok((theirs, ours)) => {
            let verdict = if ours / theirs > BOUND {
                "exceeded"
            } else {
                "holds"
            };
            [
                format!("{theirs:.2} ms"),
                format!("{ours:.2} ms"),
                format!("{:.2}", ours / theirs),
                verdict.to_owned(),
            ]
        }
        Err(reason) => [
            "—".to_owned(),
            "—".to_owned(),
            "—".to_owned(),
            format!("not measured: {}", reason.trim()),
        ],
    };
    [
        row.ours.to_owned(),
        row.theirs.to_owned(),
        theirs,
        ours,
        ratio,
        bound,
        verdict,
    ]
}
