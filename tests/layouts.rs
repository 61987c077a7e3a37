//! The layouts of `examples/` that say what is expected of them: all of it is so, and what is made wrong fails where it is written.

use serde_json::Value;

use crate::harness::document::list;
use crate::harness::example;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};

const LAYOUTS: [&str; 3] = ["dind.toml", "kind.toml", "pod.toml"];

fn test(identity: Identity, topology: &str, format: &str) -> Ended {
    let nest = Nest::new(topology).identity(identity);
    let file = nest.file.display().to_string();
    nest.start_verb(&["test", &file, "--require", "--format", format])
        .wait()
}

/// The number of the only line with this, from 1.
fn line_of(topology: &str, words: &str) -> usize {
    let found: Vec<usize> = topology
        .lines()
        .zip(1..)
        .filter(|(line, _)| line.contains(words))
        .map(|(_, number)| number)
        .collect();
    assert_eq!(found.len(), 1, "{words}");
    found[0]
}

#[test]
fn the_expectations_of_every_layout_hold() {
    for_each_identity(|identity| {
        for layout in LAYOUTS {
            let topology = example::text(layout);
            assert!(topology.contains("\n[[expect]]\n"), "{layout}");
            let ended = test(identity, &topology, "pretty");
            assert_eq!(
                ended.code, 0,
                "{identity:?} {layout}: {}{}",
                ended.stdout, ended.stderr
            );
            assert!(
                ended.stdout.ends_with(" passed, 0 failed\n"),
                "{identity:?} {layout}: {}",
                ended.stdout
            );
        }
    });
}

/// A change of a layout that makes one of its expectations wrong: the file; what is changed, to what; the case that fails.
const WRONG: [(&str, &str, &str, &str); 4] = [
    (
        "dind.toml",
        "hides = [\"vm/dockerd\", \"vm/containerd\"]",
        "hides = [\"vm/ci/job/\"]",
        "vm/ci/runner does not see vm/ci/job/",
    ),
    (
        "dind.toml",
        "chain = [5, 2]",
        "chain = [4, 2]",
        "the numbers of vm/ci/dockerd are 4/2",
    ),
    (
        "kind.toml",
        "count = 8",
        "count = 40",
        "worker/agent sees 40 processes",
    ),
    (
        "pod.toml",
        "ppid = { \"node/web\" = 0 }",
        "ppid = { \"node/web\" = 1 }",
        "the parent of node/web/* is 1 in node/web",
    ),
];

/// The line of a report that says where the case is declared whose title ends like this.
fn declaration<'t>(text: &'t str, title: &str) -> &'t str {
    let (_, after) = text
        .split_once(&format!("{title}\n"))
        .unwrap_or_else(|| panic!("no {title}: {text}"));
    after
        .lines()
        .find(|line| line.contains("declared "))
        .expect("it is told")
}

/// Makes sure that a report in this format has exactly one failed case, of this name and at this line of the file.
fn assert_one_failed(format: &str, text: &str, name: &str, (file, line): (&str, usize)) {
    let declared = format!("declared {file}:{line}");
    match format {
        "pretty" => {
            assert_eq!(
                declaration(text, &format!("not ok  {name}")).trim(),
                declared
            );
            assert_eq!(text.matches("not ok").count(), 1);
        }
        "tap" => {
            assert_eq!(
                declaration(text, &format!(" - {name}")),
                format!("#   {declared}")
            );
            assert_eq!(text.matches("\nnot ok ").count(), 1);
        }
        "junit" => {
            let case = format!(
                "name=\"{name}\" file=\"{file}\" line=\"{line}\">\n      <failure message=\""
            );
            assert!(text.contains(&case));
            assert_eq!(text.matches("<failure ").count(), 1);
        }
        _ => {
            let document: Value = serde_json::from_str(text).expect("a document");
            let failed: Vec<_> = list(&document, "cases")
                .iter()
                .filter(|case| case["status"] == "failed")
                .collect();
            assert_eq!(document["failed"], 1);
            assert_eq!(
                (&failed[0]["name"], &failed[0]["line"]),
                (&name.into(), &line.into())
            );
            assert_eq!(failed[0]["file"], file);
        }
    }
}

#[test]
fn a_wrong_expectation_of_a_layout_fails_with_its_line_in_each_format() {
    for_each_identity(|identity| {
        for (layout, right, wrong, name) in WRONG {
            let topology = example::text(layout);
            let line = line_of(&topology, right);
            let topology = topology.replace(right, wrong);
            for format in ["pretty", "tap", "junit", "json"] {
                let ended = test(identity, &topology, format);
                // Shown where an assertion fails.
                println!("{layout} {format}: {}{}", ended.stdout, ended.stderr);
                assert_eq!(ended.code, 1);
                let file = ended.nest.file.display().to_string();
                assert_one_failed(format, &ended.stdout, name, (&file, line));
            }
        }
    });
}
