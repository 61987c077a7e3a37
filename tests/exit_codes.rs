//! Exit statuses: a program's own passes through any number of namespaces, death by a signal is 128 and its number, and
//! what never ran is told apart from what ran and failed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::harness::chain::{DEPTHS, chain};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};

/// Number of trees that run at once.
const BATCH: usize = 8;

fn run(identity: Identity, arguments: &[&str]) -> Ended {
    let words: Vec<&str> = ["run"].iter().chain(arguments).copied().collect();
    Nest::new("").identity(identity).start_verb(&words).wait()
}

/// Runs a script for each of these words, at a depth, and compares the statuses.
fn compare(identity: Identity, depth: usize, cases: &[(String, i32)]) {
    let depth = depth.to_string();
    for batch in cases.chunks(BATCH) {
        let start = |(script, _): &(String, i32)| {
            Nest::new("")
                .identity(identity)
                .start_verb(&["run", "--depth", &depth, "--", "sh", "-c", script])
        };
        let running: Vec<_> = batch.iter().map(start).collect();
        for (running, (script, code)) in running.into_iter().zip(batch) {
            let ended = running.wait();
            assert_eq!(
                ended.code, *code,
                "{identity:?}, depth {depth}, {script}: {}",
                ended.stderr
            );
            assert_eq!(ended.stdout, "", "{identity:?}, depth {depth}, {script}");
        }
    }
}

#[test]
fn every_exit_code_passes_through_one_namespace() {
    for_each_identity(|identity| {
        let cases: Vec<_> = (0..=255)
            .map(|code| (format!("exit {code}"), code))
            .collect();
        compare(identity, 1, &cases);
    });
}

#[test]
fn exit_codes_pass_through_many_namespaces() {
    for_each_identity(|identity| {
        for depth in [2, 5, 31] {
            let codes = [
                0, 1, 2, 7, 63, 64, 124, 125, 126, 127, 128, 129, 130, 137, 143, 192, 254, 255,
            ];
            let cases: Vec<_> = codes
                .into_iter()
                .map(|code| (format!("exit {code}"), code))
                .collect();
            compare(identity, depth, &cases);
        }
    });
}

#[test]
fn death_by_a_signal_is_128_and_its_number() {
    // Two of them real-time signals.
    let signals = [1, 2, 3, 6, 9, 10, 13, 15, 34, 64];
    for_each_identity(|identity| {
        for depth in DEPTHS {
            let cases: Vec<_> = signals
                .into_iter()
                .map(|signal| (format!("kill -{signal} $$"), 128 + signal))
                .collect();
            compare(identity, depth, &cases);
        }
    });
}

#[test]
fn the_status_of_a_command_that_is_pid_1_passes_through() {
    for_each_identity(|identity| {
        for depth in ["1", "5"] {
            let ended = run(
                identity,
                &[
                    "--depth",
                    depth,
                    "--as-init",
                    "--",
                    "sh",
                    "-c",
                    "test $$ = 1 && exit 42",
                ],
            );
            assert_eq!(
                ended.code, 42,
                "{identity:?}, depth {depth}: {}",
                ended.stderr
            );
        }
    });
}

#[test]
fn a_missing_program_is_127_and_one_that_cannot_be_executed_126() {
    for_each_identity(|identity| {
        let cases = [
            ("/nonexistent/program", 127, "there is no such program"),
            ("no-such-program-anywhere", 127, "there is no such program"),
            (
                "./interpreter-missing",
                127,
                "the interpreter that its first line names is missing",
            ),
            ("./plain-file", 126, "it is not executable"),
            ("/usr", 126, "it is not executable"),
        ];
        for (program, code, reason) in cases {
            for verb in ["up", "run", "run --as-init"] {
                let nest = Nest::new(&format!(
                    "[ns.@]\nproc.x = [\"{program}\", \"word\"]\n[ns.\"@/in\"]\n"
                ));
                let directory = nest.directory.path().to_owned();
                let write = |name: &str, content: &[u8], mode| {
                    let path = directory.join(name);
                    fs::write(&path, content).expect("the directory is ours");
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
                        .expect("it is ours");
                };
                write(
                    "interpreter-missing",
                    b"#!/nonexistent/interpreter\n",
                    0o755,
                );
                write("plain-file", b"#!/bin/sh\n", 0o644);
                // As execvp(3), a directory that may not be searched counts as a program that may not be executed.
                let (root, nest) = (
                    nest.root.clone(),
                    nest.identity(identity).env("PATH", "/usr/bin:/bin"),
                );
                let running = match verb {
                    "up" => nest.up(),
                    "run" => nest.start_verb(&["run", "--", program, "word"]),
                    _ => nest.start_verb(&["run", "--as-init", "--", program, "word"]),
                };
                let ended = running.wait();
                let context = format!("{identity:?}, {verb} {program}: {}", ended.stderr);
                assert_eq!(ended.code, code, "{context}");
                let path = match verb {
                    "up" => format!("`{root}/x`"),
                    "run" => "`l1/cmd`".to_owned(),
                    _ => "`l1/init`".to_owned(),
                };
                let stage = format!("{path}: cannot execute {program} word (in ");
                assert!(
                    ended.stderr.contains(&format!("error: {stage}")),
                    "{context}"
                );
                assert!(ended.stderr.contains(reason), "{context}");
            }
        }
    });
}

#[test]
fn a_script_without_an_interpreter_line_is_run_by_the_shell() {
    for_each_identity(|identity| {
        let nest = Nest::new("");
        let path = nest.directory.path().join("script");
        fs::write(&path, "exit $1\n").expect("the directory is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let ended = nest
            .identity(identity)
            .start_verb(&["run", "--", "./script", "23"])
            .wait();
        assert_eq!(ended.code, 23, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn a_failure_of_run_itself_is_125_and_names_path_and_stage() {
    for_each_identity(|identity| {
        // A level too deep, seen from inside.
        let inner = crate::harness::nest::program()
            .to_str()
            .expect("our own path");
        let ended = run(
            identity,
            &[
                "--depth", "31", "--", inner, "run", "--depth", "3", "--", "echo", "ran",
            ],
        );
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (125, ""),
            "{identity:?}: {}",
            ended.stderr
        );
        let place = "error[NS404]: `l1/l2`: cannot create a PID namespace (unshare): ";
        assert!(
            ended.stderr.contains(place),
            "{identity:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains("the nesting limit is reached"),
            "{identity:?}: {}",
            ended.stderr
        );

        // A tree that cannot stand around the command.
        let nest = Nest::new("[ns.@]\nproc.x = { cmd = \"true\", cwd = \"/nonexistent\" }\n")
            .identity(identity);
        let file = nest.file_name().to_owned();
        let root = nest.root.clone();
        let ended = nest.start_verb(&["run", &file, "--", "echo", "ran"]).wait();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (125, ""),
            "{identity:?}: {}",
            ended.stderr
        );
        let text = format!(
            "error[NS502]: `{root}/x`: cannot enter its working directory (chdir) `/nonexistent`: "
        );
        assert!(
            ended.stderr.starts_with(&text),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn the_status_of_a_command_beside_a_tree_passes_through() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            for place in ["host", "@", &crate::harness::chain::path(depth)] {
                let nest = Nest::new(&format!(
                    "{}proc.x = {{ actor = \"idle\" }}\n",
                    chain(depth)
                ))
                .identity(identity);
                let file = nest.file_name().to_owned();
                let running =
                    nest.start_verb(&["run", &file, "--in", place, "--", "sh", "-c", "exit 77"]);
                let ended = running.wait();
                assert_eq!(
                    ended.code, 77,
                    "{identity:?}, depth {depth}, in {place}: {}",
                    ended.stderr
                );
            }
        }
    });
}
