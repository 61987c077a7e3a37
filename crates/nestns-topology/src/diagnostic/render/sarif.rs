//! SARIF 2.1.0, the exchange format of static analysis: one log with one run. Code hosts and editors read it.
//!
//! Lines and columns count from 1 and the end is the place behind the last character, as everywhere here; `columnKind` says
//! that a column is a character. What is said about a code comes from its explanation.

use std::fmt::Write as _;

use serde::Serialize;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Label, Sources};

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: String,
    short_description: Text<&'static str>,
    full_description: Text<String>,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    level: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: &'static str,
    rule_index: usize,
    level: String,
    message: Text<String>,
    locations: [Location<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<&'a str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct Text<T> {
    text: T,
}

pub(super) fn render(files: &[(&Sources, &Diagnostics)]) -> String {
    let mut codes: Vec<Code> = files
        .iter()
        .flat_map(|(_, found)| found.iter().map(|found| found.code))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let results = files
        .iter()
        .flat_map(|(sources, diagnostics)| {
            diagnostics
                .iter()
                .map(|diagnostic| finding(sources, diagnostic, &codes))
        })
        .collect();
    let driver = Driver {
        name: "nestns",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: codes.iter().copied().map(rule).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        column_kind: "unicodeCodePoints",
        results,
    };
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [run],
    };
    // Strings, numbers and lists in memory: there is nothing that serde_json could refuse.
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(code: Code) -> Rule {
    let explanation = code.explanation();
    Rule {
        id: code.text(),
        name: format!("{code:?}"),
        short_description: Text { text: code.title() },
        full_description: Text {
            text: explanation.summary(),
        },
        help: Help {
            text: explanation.to_string(),
            markdown: explanation.markdown,
        },
        default_configuration: Configuration {
            level: code.level().to_string(),
        },
    }
}

fn finding<'a>(sources: &'a Sources, diagnostic: &'a Diagnostic, codes: &[Code]) -> Finding<'a> {
    let related = diagnostic.secondary.iter().map(|label| Location {
        physical_location: place(sources, Some(label)),
        message: Some(Text {
            text: label.text.as_str(),
        })
        .filter(|message| !message.text.is_empty()),
    });
    let primary = Location {
        physical_location: place(sources, diagnostic.primary.as_ref()),
        message: None,
    };
    Finding {
        rule_id: diagnostic.code.text(),
        rule_index: codes.binary_search(&diagnostic.code).unwrap_or_default(),
        level: diagnostic.level().to_string(),
        message: Text {
            text: message(diagnostic),
        },
        locations: [primary],
        related_locations: related.collect(),
    }
}

/// A reader of SARIF sees no underlines: what they say goes behind the message, as do notes and help.
fn message(diagnostic: &Diagnostic) -> String {
    let label = diagnostic
        .primary
        .as_ref()
        .map(|label| label.text.clone())
        .filter(|text| !text.is_empty());
    let help = diagnostic.help.as_ref().map(|help| format!("help: {help}"));
    let lines = [diagnostic.message.clone()]
        .into_iter()
        .chain(label)
        .chain(diagnostic.notes.clone())
        .chain(help);
    lines.collect::<Vec<_>>().join("\n")
}

fn place(sources: &Sources, label: Option<&Label>) -> PhysicalLocation {
    let source = sources.get(label.map_or(FileId::MAIN, |label| label.span.file));
    let region = label.map(|label| {
        let start = source.position(label.span.start());
        let end = source.position(label.span.end().max(label.span.start()));
        Region {
            start_line: start.line,
            start_column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    });
    PhysicalLocation {
        artifact_location: ArtifactLocation {
            uri: uri(source.name()),
        },
        region,
    }
}

/// A path as a URI (RFC 3986): relative to wherever the log is read if the path is relative, and `%3Cstdin%3E` for what was
/// read from standard input, which is no file.
fn uri(name: &str) -> String {
    let mut text = String::from(if name.starts_with('/') { "file://" } else { "" });
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        for (name, expected) in [
            ("dind.nestns.toml", "dind.nestns.toml"),
            ("lab/my file.toml", "lab/my%20file.toml"),
            ("/srv/ü%.toml", "file:///srv/%C3%BC%25.toml"),
            // Not a scheme.
            ("c:x.toml", "c%3Ax.toml"),
            ("<stdin>", "%3Cstdin%3E"),
            (".", "."),
        ] {
            assert_eq!(uri(name), expected);
        }
    }
}
