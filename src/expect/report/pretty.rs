//! Text for people: a line a case, and below a failure the difference.

use std::fmt::Write as _;

use super::details;
use crate::expect::case::{Case, Status};

pub(super) fn render(topology: &str, cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        match case.status {
            Status::Passed => {
                let _ = writeln!(text, "ok      {}", case.name);
            }
            Status::Skipped => {
                let _ = writeln!(text, "skip    {}: {}", case.name, case.found);
            }
            Status::Error => {
                let _ = writeln!(text, "error   {}", case.name);
                for line in case.found.lines() {
                    let _ = writeln!(text, "          {line}");
                }
            }
            Status::Failed => {
                let _ = writeln!(text, "not ok  {}", case.name);
                for line in details(case) {
                    let _ = writeln!(text, "          {line}");
                }
            }
        }
    }
    let count = |status| Case::count(cases, status);
    let _ = write!(
        text,
        "{topology}: {} passed, {} failed",
        count(Status::Passed),
        count(Status::Failed)
    );
    if count(Status::Skipped) > 0 {
        let _ = write!(text, ", {} skipped", count(Status::Skipped));
    }
    if count(Status::Error) > 0 {
        let noun = if count(Status::Error) == 1 {
            "error"
        } else {
            "errors"
        };
        let _ = write!(text, ", {} {noun}", count(Status::Error));
    }
    text.push('\n');
    text
}
