//! `JUnit`'s XML, of which CI systems read the same few elements.

use std::fmt::Write as _;

use super::details;
use crate::expect::case::{Case, Status};

pub(super) fn render(topology: &str, cases: &[Case]) -> String {
    let count = |status| Case::count(cases, status);
    let numbers = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        cases.len(),
        count(Status::Failed),
        count(Status::Error),
        count(Status::Skipped)
    );
    let suite = escaped(topology);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {numbers}>\n  <testsuite name=\"{suite}\" {numbers}>\n"
    );
    for case in cases {
        let place = case.place.as_ref();
        let place = place
            .map(|place| format!(" file=\"{}\" line=\"{}\"", escaped(&place.file), place.line));
        let head = format!(
            "    <testcase classname=\"{suite}\" name=\"{}\"{}",
            escaped(&case.name),
            place.unwrap_or_default()
        );
        let _ = match case.status {
            Status::Passed => writeln!(text, "{head}/>"),
            Status::Skipped => {
                writeln!(
                    text,
                    "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>",
                    escaped(&case.found)
                )
            }
            Status::Error => {
                let message = case.found.lines().next().unwrap_or_default();
                writeln!(
                    text,
                    "{head}>\n      <error message=\"{}\">{}</error>\n    </testcase>",
                    escaped(message),
                    escaped(&case.found)
                )
            }
            Status::Failed => {
                let message = format!("expected {}, found {}", case.expected, case.found);
                writeln!(
                    text,
                    "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    escaped(&message),
                    escaped(&details(case).join("\n"))
                )
            }
        };
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Escapes text, also for the value of an attribute; characters that XML 1.0 cannot represent are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            control if control.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
