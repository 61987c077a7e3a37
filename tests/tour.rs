//! The tour of the language: every step is built by the kernel, with the numbers that were foretold, for root and for an
//! ordinary user.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::harness::Nestns;
use crate::harness::example;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Nest, Truth};
use crate::harness::requirement::{nesting, require};

/// A nest with the files of the tour, to run one of them.
fn nest(step: &str, identity: Identity) -> (Nest, String) {
    let nest = Nest::new("").identity(identity);
    let place = nest.directory.path().join("tour");
    fs::create_dir_all(place.join("parts")).unwrap();
    for part in ["", "parts"] {
        for entry in fs::read_dir(example::path("tour").join(part))
            .unwrap()
            .map(Result::unwrap)
        {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), place.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    let file = place.join(step).to_str().unwrap().to_owned();
    (nest, file)
}

/// The numbers below the host, by path.
fn numbers(document: &Value) -> BTreeMap<String, Vec<Value>> {
    let processes = document["processes"].as_array().unwrap().iter();
    processes
        .map(|process| {
            (
                process["path"].as_str().unwrap().to_owned(),
                process["pids"].as_array().unwrap()[1..].to_vec(),
            )
        })
        .collect()
}

#[test]
fn the_first_step_prints_its_pid_and_ends() {
    for_each_identity(|identity| {
        let (nest, file) = nest("1-hello.toml", identity);
        let ended = nest.start_verb(&["up", "--name", "@", &file]).wait();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (0, "hello/who  │ I am 2, and my parent is 1\n")
        );
    });
}

#[test]
fn every_other_step_runs_as_predicted() {
    for_each_identity(|identity| {
        for step in ["2-web.toml", "3-ci.toml", "4-node.toml", "5-site.toml"] {
            let (nest, file) = nest(step, identity);
            let foretold = Nestns::new(&["tree", "--format", "json", &file]).run();
            let foretold: Value = serde_json::from_str(&foretold.stdout).unwrap();
            let mut running = nest.start_verb(&["up", "--name", "@", &file]);
            let Truth(truth) = running.until_running();
            assert_eq!(numbers(&truth), numbers(&foretold), "{step}");
            if step == "3-ci.toml" {
                running.until_stdout_has("│ vm/runner/job runs as 4");
            }
            let ended = running.stop();
            assert_eq!(ended.code, 130, "{step}: {}", ended.stderr);
            assert!(
                !ended.stderr.contains("killed at deadline"),
                "{step}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn the_comments_are_true() {
    let text = fs::read_to_string(example::path("tour").join("4-node.toml")).unwrap();
    let command = text
        .lines()
        .find_map(|line| line.split_once("# nestns up 4-node.toml "))
        .expect("it advertises one")
        .1;
    let words: Vec<&str> = ["check", "4-node.toml"]
        .into_iter()
        .chain(command.split_whitespace())
        .collect();
    let outcome = Nestns::new(&words).directory(&example::path("tour")).run();
    assert_eq!(
        outcome.code, 0,
        "{words:?}: {}{}",
        outcome.stdout, outcome.stderr
    );
    assert!(
        fs::read_to_string(example::path("tour").join("2-web.toml"))
            .unwrap()
            .contains("# for its processes, not for namespaces inside")
    );
    require!(nesting());
    let topology = "[ns.@]\nenv = { STAGE = 'test' }\nproc.a = { sh = 'echo outer $STAGE in $PWD', oneshot = true }\n\
                    [ns.'@/in']\nproc.a = { sh = 'echo inner [$STAGE]', oneshot = true }\n";
    let ended = Nest::new(topology).up().wait();
    let directory = ended.nest.directory.path().display().to_string();
    // Which is where it was started, and what the manual says of `cwd`.
    assert!(
        ended
            .stdout
            .contains(&format!("outer test in {directory}\n")),
        "{}",
        ended.stdout
    );
    assert!(ended.stdout.contains("inner []\n"), "{}", ended.stdout);
    let manual = Nestns::new(&["man", "topology"]).run().stdout;
    assert!(manual.contains("in which nestns was started") && !manual.contains("else `/`"));
}

#[test]
fn a_variable_of_the_tour_changes_its_size() {
    let count = |arguments: &[&str]| {
        let file = example::path("tour").join("4-node.toml");
        let arguments: Vec<&str> = ["config", "--paths", file.to_str().unwrap()]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        Nestns::new(&arguments).run().stdout.lines().count()
    };
    // kubelet and node, two workers a pod, and six lines for each pod.
    assert_eq!(count(&[]), 2 + 3 * 2 + 3 * 6);
    assert_eq!(count(&["--set", "pods=50"]), 2 + 50 * 2 + 50 * 6);
    assert_eq!(count(&["--set", "pods=1", "--set", "levels=3"]), 2 + 2 + 7);
}
