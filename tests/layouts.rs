//! The layouts of `examples/` that say what is expected of them: all of it is so, and what is made wrong fails where it is written.

use serde_json::Value;

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

#[test]
fn a_wrong_expectation_of_a_layout_fails_with_its_line_in_each_format() {
    // The file; what is changed, to what; the case that fails then.
    let cases = [
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
    for_each_identity(|identity| {
        for (layout, right, wrong, name) in cases {
            let topology = example::text(layout);
            let line = line_of(&topology, right);
            let topology = topology.replace(right, wrong);
            for format in ["pretty", "tap", "junit", "json"] {
                let ended = test(identity, &topology, format);
                let file = ended.nest.file.display();
                let about = format!(
                    "{identity:?} {layout} {format}: {}{}",
                    ended.stdout, ended.stderr
                );
                assert_eq!(ended.code, 1, "{about}");
                let text = &ended.stdout;
                let declared = format!("declared {file}:{line}");
                match format {
                    "pretty" => {
                        let (_, after) =
                            text.split_once(&format!("not ok  {name}\n")).expect(&about);
                        let place = after
                            .lines()
                            .find(|line| line.contains("declared "))
                            .expect(&about);
                        assert_eq!(place.trim(), declared, "{about}");
                        assert_eq!(text.matches("not ok").count(), 1, "{about}");
                    }
                    "tap" => {
                        let (_, after) = text.split_once(&format!(" - {name}\n")).expect(&about);
                        let place = after
                            .lines()
                            .find(|line| line.contains("declared "))
                            .expect(&about);
                        assert_eq!(place, format!("#   {declared}"), "{about}");
                        assert_eq!(text.matches("\nnot ok ").count(), 1, "{about}");
                    }
                    "junit" => {
                        let case = format!(
                            "name=\"{name}\" file=\"{file}\" line=\"{line}\">\n      <failure message=\""
                        );
                        assert!(
                            text.contains(&case) && text.matches("<failure ").count() == 1,
                            "{about}"
                        );
                    }
                    _ => {
                        let document: Value = serde_json::from_str(text).expect(&about);
                        let cases = document["cases"].as_array().expect("a list");
                        let failed: Vec<_> = cases
                            .iter()
                            .filter(|case| case["status"] == "failed")
                            .collect();
                        assert_eq!(document["failed"], 1, "{about}");
                        assert_eq!(
                            (&failed[0]["name"], &failed[0]["line"]),
                            (&name.into(), &line.into()),
                            "{about}"
                        );
                        assert_eq!(failed[0]["file"], file.to_string(), "{about}");
                    }
                }
            }
        }
    });
}
