//! `nestns run`: a command in a chain of namespaces, in a tree, or beside one.

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};

/// A tree for commands: the topology, and its namespaces' kinds of PID 1.
const TREE: &str = "[ns.@]\nproc.p = { actor = \"idle\" }\n[ns.\"@/pod\"]\ninit = \"pause\"\n[ns.\"@/prog\"]\n\
                    init = { actor = \"idle\" }\nproc.q = { actor = \"idle\" }\n[ns.\"@/prog/below\"]\n";

fn run(identity: Identity, topology: &str, arguments: &[&str]) -> Ended {
    let mut words = vec!["run"];
    words.extend(arguments);
    Nest::new(topology)
        .identity(identity)
        .start_verb(&words)
        .wait()
}

#[test]
fn the_command_is_the_child_of_a_pid_1_at_every_depth() {
    for_each_identity(|identity| {
        for depth in ["1", "2", "5", "31", "32"] {
            let ended = run(
                identity,
                "",
                &["--depth", depth, "--", "sh", "-c", "echo $$ $PPID; exit 3"],
            );
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (3, "2 1\n"),
                "{identity:?} {depth}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn as_init_the_command_is_pid_1_with_no_parent() {
    for_each_identity(|identity| {
        for depth in ["1", "2", "5", "31"] {
            let words = [
                "--depth",
                depth,
                "--as-init",
                "--",
                "sh",
                "-c",
                "echo $$ $PPID; exit 4",
            ];
            let ended = run(identity, "", &words);
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (4, "1 0\n"),
                "{identity:?} {depth}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn a_command_sees_only_what_is_inside() {
    for_each_identity(|identity| {
        let ended = run(
            identity,
            "",
            &["--depth", "3", "--", "sh", "-c", "echo /proc/[0-9]*"],
        );
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (0, "/proc/1 /proc/2\n"),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn signals_and_missing_commands_have_the_statuses_of_a_shell() {
    for_each_identity(|identity| {
        for (command, code) in [
            (["sh", "-c", "kill -KILL $$"].as_slice(), 137),
            (&["sh", "-c", "kill -TERM $$"], 143),
            (&["no-such-command"], 127),
            (&["/etc/passwd"], 126),
        ] {
            let words: Vec<&str> = ["run", "--depth", "2", "--"]
                .iter()
                .chain(command)
                .copied()
                .collect();
            // A directory of PATH that may not be searched would make 126 of 127, as execvp(3) does.
            let nest = Nest::new("")
                .identity(identity)
                .env("PATH", "/usr/local/bin:/usr/bin:/bin");
            let ended = nest.start_verb(&words).wait();
            assert_eq!(
                ended.code, code,
                "{identity:?} {command:?}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn a_command_in_a_namespace_of_a_tree_is_a_joined_member_of_it() {
    for_each_identity(|identity| {
        // The number is the next one after all that the file has in there and below.
        for (path, number) in [("@", 7), ("@/pod", 2), ("@/prog", 4), ("@/prog/below", 2)] {
            let words = [
                "@.toml",
                "--in",
                path,
                "--",
                "sh",
                "-c",
                "echo $$ $PPID; exit 5",
            ];
            let ended = run(identity, TREE, &words);
            let expected = format!("{number} 0\n");
            assert_eq!(
                (ended.code, ended.stdout),
                (5, expected),
                "{identity:?} {path}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn a_namespace_that_the_tree_does_not_have_is_refused_before_anything_is_built() {
    for_each_identity(|identity| {
        let ended = run(
            identity,
            TREE,
            &["@.toml", "--in", "@/nowhere", "--", "true"],
        );
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{identity:?}");
        assert!(
            ended.stderr.contains("there is no namespace"),
            "{}",
            ended.stderr
        );
        let ended = run(identity, TREE, &["@.toml", "--in", "@/init", "--", "true"]);
        assert!(
            ended.stderr.contains("  = help: that is a process, in `"),
            "{}",
            ended.stderr
        );
        let ended = run(identity, TREE, &["@.toml", "--in", "@x", "--", "true"]);
        assert!(
            ended.stderr.contains("  = help: there is `"),
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn a_command_beside_a_tree_is_on_the_host_and_reads_the_truth() {
    for_each_identity(|identity| {
        for words in [
            ["@.toml", "--"].as_slice(),
            &["@.toml", "--in", "host", "--"],
        ] {
            // A process of the truth is where the truth says: its numbers on the host are in the caller's /proc.
            let script = "cat $NESTNS_TRUTH; readlink /proc/self/ns/pid; exit 6";
            let words: Vec<&str> = words.iter().copied().chain(["sh", "-c", script]).collect();
            let ended = run(identity, TREE, &words);
            assert_eq!(ended.code, 6, "{identity:?}: {}", ended.stderr);
            let (document, namespace) = ended
                .stdout
                .trim_end()
                .rsplit_once('\n')
                .expect("two lines");
            let truth: Value = serde_json::from_str(document).expect("a document");
            assert_eq!(truth["schema"], "nestns.truth/1");
            let own = std::fs::read_link("/proc/self/ns/pid").expect("/proc is mounted");
            assert_eq!(namespace, own.to_str().expect("text"), "{identity:?}");
            assert_eq!(
                namespace,
                format!("pid:[{}]", truth["host"]["pidns"]),
                "{identity:?}"
            );
            let namespaces = truth["namespaces"].as_array().expect("a list");
            assert_eq!(namespaces.len(), 4, "{identity:?}");
            assert!(
                namespaces
                    .iter()
                    .all(|namespace| namespace["pidns"].is_u64()),
                "{identity:?}: {document}"
            );
        }
    });
}

#[test]
fn programs_of_the_tree_have_the_path_of_the_truth() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.p = { sh = \"echo told $NESTNS_TRUTH; exec sleep 1000\" }\n";
        let told = "while ! test -s told; do sleep 0.01; done; echo same $NESTNS_TRUTH";
        let topology = topology.replace(
            "echo told $NESTNS_TRUTH",
            "test -s $NESTNS_TRUTH && echo $NESTNS_TRUTH > told",
        );
        let ended = run(identity, &topology, &["@.toml", "--", "sh", "-c", told]);
        assert_eq!(ended.code, 0, "{identity:?}: {}", ended.stderr);
        let inside =
            std::fs::read_to_string(ended.nest.directory.path().join("told")).expect("it was told");
        assert_eq!(ended.stdout, format!("same {inside}"), "{identity:?}");
    });
}

#[test]
fn two_commands_cannot_have_the_same_name_at_once() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        let second = || {
            let output = nest
                .command(&["run", "--name", "taken", "--", "echo", "second"])
                .output();
            output.expect("the program was built")
        };
        let mut command = nest.command(&[
            "run",
            "--name",
            "taken",
            "--",
            "sh",
            "-c",
            "echo first; read line",
        ]);
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut first = command.spawn().expect("the program was built");
        let mut line = String::new();
        // Closed, it would end the tree.
        let mut stdout = BufReader::new(first.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("it says something");
        assert_eq!(line, "first\n", "{identity:?}");
        let refused = second();
        let stderr = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(
            (refused.status.code(), refused.stdout.as_slice()),
            (Some(125), b"".as_slice()),
            "{identity:?}: {stderr}"
        );
        assert!(
            stderr.contains("a topology named `taken` is already running"),
            "{identity:?}: {stderr}"
        );
        // End of file ends the first one; the name is free then.
        drop(first.stdin.take());
        assert!(first.wait().expect("it is our child").code().is_some());
        assert_eq!(second().stdout, b"second\n", "{identity:?}");
        crate::harness::nest::assert_nothing_left(&nest);
    });
}
