//! The Test Anything Protocol: <https://testanything.org/tap-version-14-specification.html>.

use std::fmt::Write as _;

use super::details;
use crate::expect::case::{Case, Status};

pub(super) fn render(cases: &[Case]) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", cases.len());
    for (case, number) in cases.iter().zip(1..) {
        // A `#` would begin a directive.
        let name = one_line(&case.name)
            .replace('\\', "\\\\")
            .replace('#', "\\#");
        let _ = match case.status {
            Status::Passed => writeln!(text, "ok {number} - {name}"),
            Status::Skipped => writeln!(
                text,
                "ok {number} - {name} # SKIP {}",
                one_line(&case.found)
            ),
            Status::Failed | Status::Error => writeln!(text, "not ok {number} - {name}"),
        };
        if case.status == Status::Error {
            for line in case.found.lines() {
                let _ = writeln!(text, "#   {line}");
            }
        }
        if case.status == Status::Failed {
            for line in details(case) {
                let _ = writeln!(text, "#   {}", one_line(&line));
            }
        }
    }
    text
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
