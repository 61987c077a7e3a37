//! `nestns save`: what runs as files, which build it again.

use std::fs;

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;

/// A file with a variable, a template, a count and a chain, which are resolved.
const TREE: &str = r#"
description = "a } and a { and {{jobs}}"
[vars]
jobs = 1
[template.pod]
hostname = "pod"
proc.app = { actor = "idle", env = { WHO = "{{jobs}}" }, restart = "on-failure" }
[ns.@]
proc.job = { cmd = ["sleep", "1000"], count = "{{jobs}}", stop = { grace = "1s" } }
proc.once = { sh = "exit 0", oneshot = true }
[ns."@/pod"]
use = "pod"
proc.late = { actor = "idle", after = { app = "ready" }, enter = "join" }
[ns."@/deep"]
depth = 2
init = "pause"
"#;

const ARGUMENTS: [&str; 4] = ["--set", "jobs=3", "--on-exit", "ignore"];

fn read(detached: &Detached, path: &str) -> String {
    fs::read_to_string(detached.nest.directory.path().join("run").join(path)).expect("it was saved")
}

#[test]
fn a_saved_file_builds_the_same_tree() {
    Detached::for_each_identity(TREE, &ARGUMENTS, |detached| {
        let root = &detached.nest.root;
        assert_eq!(
            detached.run(&["save", "-o", "run/saved", "--redact"]),
            "run/saved\n"
        );
        let (topology, truth) = (
            read(detached, "saved/topology.toml"),
            read(detached, "saved/truth.json"),
        );
        assert!(
            topology.contains("on_exit = \"ignore\"") && !topology.contains("{{"),
            "{topology}"
        );
        // Its name is that of the tree, as its namespaces' are: one at a time.
        detached.run(&["down", "@"]);
        detached.run(&["up", "-d", "run/saved/topology.toml"]);
        let again = detached.run(&["save", root, "--truth", "--redact"]);
        assert_eq!(
            detached.run(&["save", "-n", root, "--truth", "--redact"]),
            again
        );
        let [mut before, mut after] = [&truth, &again]
            .map(|text| serde_json::from_str::<Value>(text).expect("it is a document"));
        assert_eq!(before["processes"].as_array().expect("a list").len(), 10);
        for document in [&mut before, &mut after] {
            // Where it was read from; and so its hash, which `--on-exit` does not touch.
            for key in ["file", "hash"] {
                assert!(document[key].take().is_string(), "{key}");
            }
        }
        assert_eq!(before, after);
        assert_eq!(detached.run(&["save", "--topology"]), topology);
    });
}

#[test]
fn the_truth_is_that_of_the_state_directory() {
    Detached::for_each_identity(TREE, &ARGUMENTS, |detached| {
        detached.run(&["exec", "-d", "@/pod/", "--", "sleep", "1000"]);
        // The controller looks for what is undeclared, such as the command of a probe, once in a while.
        detached.until("both tell the same", |detached| {
            let saved: Value = detached.document(&["save", "--truth"]);
            (saved == detached.truth().0).then_some(())
        });
    });
}

#[test]
fn nothing_is_replaced_without_force_and_no_other_file_is_touched() {
    Detached::for_each_identity(TREE, &ARGUMENTS, |detached| {
        let directory = detached.nest.directory.path().join("run");
        let names = |path: &str| {
            let entries = fs::read_dir(directory.join(path)).expect("it is there");
            let mut names: Vec<_> = entries
                .map(|entry| entry.expect("a name").file_name())
                .collect();
            names.sort();
            names
        };
        detached.run(&["save", "-o", "run/a"]);
        fs::write(directory.join("a/truth.json"), "mine").expect("it is there");
        fs::write(directory.join("a/other"), "mine").expect("it is there");
        let refused = detached.nestns(&["save", "-o", "run/a"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
        assert!(
            refused.stderr.contains("already exists") && refused.stderr.contains("--force"),
            "{}",
            refused.stderr
        );
        assert_eq!(read(detached, "a/truth.json"), "mine");
        detached.run(&["save", "-o", "run/a", "--force"]);
        assert!(read(detached, "a/truth.json").contains("nestns.truth/1"));
        assert_eq!(names("a"), ["other", "topology.toml", "truth.json"]);
        detached.run(&["save", "--truth", "-o", "run/one.json"]);
        assert_eq!(
            detached
                .nestns(&["save", "--truth", "-o", "run/one.json"])
                .code,
            1
        );
        detached.run(&["save", "--topology", "-o", "run/one.json", "--force"]);
        assert!(read(detached, "one.json").contains("expanded = true"));
        // Half of it nowhere.
        let nowhere = detached.nestns(&["save", "-o", "run/no/such/place"]);
        assert_eq!(nowhere.code, 1);
        assert!(
            nowhere.stderr.contains("run/no/such/place"),
            "{}",
            nowhere.stderr
        );
        assert_eq!(names("."), ["a", "nestns", "one.json"]);
    });
}

#[test]
fn a_save_failure_is_reported() {
    Detached::for_each_identity(TREE, &ARGUMENTS, |detached| {
        let mut wrong = detached.nest.root.clone();
        wrong.push('x');
        let unknown = detached.nestns(&["save", &wrong]);
        assert_eq!((unknown.code, unknown.stdout.as_str()), (1, ""));
        assert!(
            unknown
                .stderr
                .contains(&format!("did you mean `{}`", detached.nest.root)),
            "{}",
            unknown.stderr
        );
        assert_eq!(detached.nestns(&["save", "-o", "-"]).code, 2);
        assert_eq!(detached.nestns(&["save", "--truth", "--topology"]).code, 2);
        let by_environment = detached
            .command(&["save"])
            .env("NESTNS_TRUTH", "1")
            .output()
            .expect("it was built");
        assert!(String::from_utf8_lossy(&by_environment.stdout).contains("nestns.truth/1"));
    });
}

#[test]
fn trees_of_run_and_test_are_saved() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\nproc.p = { actor = \"idle\" }\n").identity(identity);
        // Its NESTNS_TRUTH asks for nothing.
        let program = crate::harness::nest::program().display();
        let script = format!("{program} save -o run/of-$0 >&2 && cat run/of-$0/topology.toml");
        let file = nest.file.display().to_string();
        let root = nest.root.clone();
        let mut nest = nest;
        for verb in ["run", "test"] {
            let ended = nest
                .start_verb(&[verb, &file, "--", "sh", "-c", &script, verb])
                .wait();
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            assert!(
                ended.stdout.contains(&format!("[ns.{root}]")),
                "{}",
                ended.stdout
            );
            nest = ended.nest;
        }
    });
}
