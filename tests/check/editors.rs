//! The patterns for editors that read `--format short`: a problem matcher of Visual Studio Code and an `errorformat` of Vim.
//!
//! The two patterns are those that the documentation gives. There is no engine for them here: what they take a line apart into is
//! done by hand, and compared with what `--format json` says about the same problem.

use std::fs;

use nestns_topology::diagnostic::Code;
use serde_json::Value;

use crate::harness::Nestns;

/// A line as the problem matcher takes it apart:
/// `^(.+?):(\d+):(\d+): (error|warning)\[(NS\d{3})\]: (.+)$`, and for problems of a whole file
/// `^(.+?): (error|warning)\[(NS\d{3})\]: (.+)$`.
#[derive(Debug, PartialEq, Eq)]
struct Match<'a> {
    file: &'a str,
    place: Option<(u64, u64)>,
    severity: &'a str,
    code: &'a str,
    message: &'a str,
}

fn match_line(line: &str) -> Option<Match<'_>> {
    // `.+?` takes as little as possible: up to the first place where the rest fits.
    let ends = line.match_indices(": ").map(|(index, _)| index);
    ends.filter(|&end| end > 0).find_map(|end| {
        let (front, rest) = (&line[..end], &line[end + 2..]);
        let (severity, rest) = rest.split_once('[')?;
        let (code, message) = rest.split_once("]: ")?;
        let digits = code.strip_prefix("NS")?;
        let is_code = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_code || !["error", "warning"].contains(&severity) || message.is_empty() {
            return None;
        }
        let mut parts = front.rsplitn(3, ':');
        let (column, line, file) = (parts.next()?, parts.next(), parts.next());
        let number = |text: &str| text.parse::<u64>().ok();
        Some(match (number(column), line.and_then(number), file) {
            (Some(column), Some(line), Some(file)) => Match {
                file,
                place: Some((line, column)),
                severity,
                code,
                message,
            },
            _ => Match {
                file: front,
                place: None,
                severity,
                code,
                message,
            },
        })
    })
}

/// The match of `errorformat=%f:%l:%c:\ %t%*[a-z]%m,%f:\ %t%*[a-z]%m` in a line: the type is the first letter of the level, and
/// the code stays in the message, where it can be read.
fn vim(problem: &Match<'_>) -> (char, String) {
    (
        problem.severity.chars().next().expect("it is a word"),
        format!("[{}]: {}", problem.code, problem.message),
    )
}

#[test]
fn editors_find_in_a_line_what_programs_find_in_the_document() {
    let directory = tempfile::tempdir().unwrap();
    let run = |format: &str, files: &[&str]| {
        let arguments: Vec<_> = ["check", "--format", format]
            .iter()
            .chain(files)
            .copied()
            .collect();
        Nestns::new(&arguments)
            .directory(directory.path())
            .run()
            .stdout
    };
    let mut names = vec!["a directory/missing.toml".to_owned()];
    for code in Code::ALL {
        for (index, example) in code
            .explanation()
            .examples()
            .filter(|example| example.is("toml"))
            .enumerate()
        {
            // A colon and a number are allowed in file names, and so are blanks.
            let name = format!("{code}:{index} x.toml");
            fs::write(directory.path().join(&name), example.text).unwrap();
            names.push(name);
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let document: Value = serde_json::from_str(&run("json", &names)).unwrap();
    let text = run("short", &names);
    let diagnostics = document["diagnostics"].as_array().unwrap();
    assert_eq!(text.lines().count(), diagnostics.len());
    assert!(diagnostics.len() > 50, "the examples have problems");
    for (line, diagnostic) in text.lines().zip(diagnostics) {
        let expected = Match {
            file: diagnostic["file"].as_str().unwrap(),
            place: diagnostic["line"]
                .as_u64()
                .zip(diagnostic["column"].as_u64()),
            severity: diagnostic["level"].as_str().unwrap(),
            code: diagnostic["code"].as_str().unwrap(),
            message: diagnostic["message"].as_str().unwrap(),
        };
        assert_eq!(match_line(line).as_ref(), Some(&expected), "{line}");
        let (kind, message) = vim(&expected);
        assert!(
            ['e', 'w'].contains(&kind) && message.starts_with("[NS"),
            "{line}"
        );
    }
}

#[test]
fn other_lines_are_not_matched() {
    for line in [
        "",
        "checked 1 file: 1 error",
        "see `nestns explain NS101`",
        "x.toml:1:1: note[NS101]: x",
    ] {
        assert_eq!(match_line(line), None, "{line}");
    }
}
