//! Trees that fail to start: no command runs beside them, and every format has the reason.

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;

/// Topologies that fail to start, each in its own way, with the message.
const BROKEN: [(&str, &str); 6] = [
    (
        "proc.x = { sh = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3', ready = { log = 'never' } }",
        "| line 12",
    ),
    (
        "proc.x = { sh = 'echo so sad >&2; exit 3', oneshot = true }",
        "| so sad",
    ),
    (
        "proc.x = { sh = 'echo well', ready = { log = 'never' } }",
        "| well",
    ),
    ("proc.x = { cmd = '/no/such/program' }", "x"),
    (
        "proc.x = { sh = 'echo first; exit 3', oneshot = true }\nproc.y = { actor = 'idle', after = { x = 'ok' } }",
        "| first",
    ),
    ("init = ['/no/such/init']", "in/init"),
];

fn tree(broken: &str) -> Nest {
    Nest::new(&format!(
        "name = '@'\n[ns.@]\nproc.good = {{ actor = 'idle' }}\n[ns.'@/in']\n{broken}\n"
    ))
}

#[test]
fn a_command_does_not_run_beside_a_tree_that_failed_to_start() {
    for_each_identity(|identity| {
        for (broken, _) in BROKEN {
            for place in [&[][..], &["--in", "@"]] {
                let words = [&["run", "@.toml"][..], place, &["--", "touch", "ran"]].concat();
                let ended = tree(broken).identity(identity).start_verb(&words).wait();
                assert_eq!(
                    ended.code, 125,
                    "{identity:?} {broken}: {}{}",
                    ended.stdout, ended.stderr
                );
                assert!(
                    ended.stderr.contains("error: `"),
                    "{identity:?} {broken}: {}",
                    ended.stderr
                );
                assert!(
                    !ended.nest.directory.path().join("ran").exists(),
                    "{identity:?} {broken}: it ran"
                );
            }
        }
    });
}

#[test]
fn a_test_of_a_tree_that_failed_to_start_is_an_error_in_every_format() {
    for_each_identity(|identity| {
        for (broken, said) in BROKEN {
            for format in ["pretty", "tap", "junit", "json"] {
                let words = ["test", "@.toml", "--format", format, "--", "touch", "ran"];
                let ended = tree(broken).identity(identity).start_verb(&words).wait();
                let out = &ended.stdout;
                assert_eq!(
                    ended.code, 1,
                    "{identity:?} {broken}: {out}{}",
                    ended.stderr
                );
                assert!(
                    out.contains("the topology became ready") && out.contains(said),
                    "{format} {broken}: {out}"
                );
                let mark = match format {
                    "pretty" => "error   the topology became ready\n",
                    "tap" => "1..1\nnot ok 1 - the topology became ready\n#   ",
                    "junit" => "failures=\"0\" errors=\"1\" skipped=\"0\"",
                    _ => "\"status\": \"error\"",
                };
                assert!(out.contains(mark), "{identity:?} {broken}: {out}");
                if format == "json" {
                    let document: Value = serde_json::from_str(out).expect("it is one document");
                    assert_eq!(
                        (&document["errors"], &document["passed"]),
                        (&1.into(), &0.into())
                    );
                }
                if format == "junit" {
                    assert!(out.contains("<error message=\""), "{out}");
                }
                assert!(
                    !ended.nest.directory.path().join("ran").exists(),
                    "{identity:?} {broken}: it ran"
                );
            }
        }
    });
}

#[test]
fn processes_that_are_not_ready_in_time_are_named() {
    for_each_identity(|identity| {
        let never = "proc.slow = { actor = 'idle', ready = { log = 'never' } }";
        let ended = tree(never).identity(identity).start_verb(&[
            "run",
            "--timeout",
            "1s",
            "@.toml",
            "--",
            "touch",
            "ran",
        ]);
        let ended = ended.wait();
        assert_eq!(ended.code, 124, "{identity:?}: {}", ended.stderr);
        assert!(!ended.nest.directory.path().join("ran").exists());
        let words = [
            "test",
            "--timeout",
            "1s",
            "@.toml",
            "--format",
            "junit",
            "--",
            "touch",
            "ran",
        ];
        let ended = tree(never).identity(identity).start_verb(&words).wait();
        assert_eq!(
            ended.code, 124,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        let root = &ended.nest.root;
        assert!(
            ended
                .stdout
                .contains("<error message=\"the timeout expired\">"),
            "{}",
            ended.stdout
        );
        assert!(
            ended.stdout.contains(&format!("not ready: {root}/in/slow")),
            "{}",
            ended.stdout
        );
    });
}

#[test]
fn a_failed_expendable_process_does_not_prevent_the_command() {
    for_each_identity(|identity| {
        let expendable = "proc.x = { sh = 'exit 3', oneshot = true, essential = false }";
        for verb in ["run", "test"] {
            let ended = tree(expendable)
                .identity(identity)
                .start_verb(&[verb, "@.toml", "--", "touch", "ran"])
                .wait();
            assert_eq!(
                ended.code, 0,
                "{identity:?} {verb}: {}{}",
                ended.stdout, ended.stderr
            );
            assert!(
                ended.nest.directory.path().join("ran").exists(),
                "{identity:?} {verb}"
            );
        }
    });
}

#[test]
fn a_tree_that_fails_while_its_command_runs_is_a_failure() {
    for_each_identity(|identity| {
        let later = "proc.x = { sh = 'echo up; until test -e DIRECTORY/go; do sleep 0.02; done; touch DIRECTORY/gone; exit 3', \
                     ready = { log = 'up' } }";
        let script = "touch go; until test -e gone; do sleep 0.02; done; sleep 0.3";
        for (verb, code, failed, more) in [
            ("run", 125, 7, ""),
            ("test", 1, 7, ""),
            ("run", 0, 7, "on_exit = 'ignore'\n"),
            ("test", 0, 7, "on_exit = 'ignore'\n"),
        ] {
            for (end, expected) in [("exit 0", code), ("exit 7", failed)] {
                let topology = format!(
                    "{more}name = '@'\n[ns.@]\nproc.good = {{ actor = 'idle' }}\n{later}\n"
                );
                let nest = Nest::new(&topology).identity(identity);
                let script = format!("{script}; {end}");
                let ended = nest
                    .start_verb(&[verb, "@.toml", "--", "sh", "-c", &script])
                    .wait();
                let context = format!(
                    "{identity:?} {verb} {more}{end}: {}{}",
                    ended.stdout, ended.stderr
                );
                assert_eq!(ended.code, expected, "{context}");
                if expected == 125 {
                    assert!(ended.stderr.contains("failed while it ran"), "{context}");
                } else if verb == "test" && more.is_empty() {
                    assert!(
                        ended.stdout.contains("error   the topology stayed up"),
                        "{context}"
                    );
                }
            }
        }
    });
}

#[test]
fn a_detached_tree_that_fails_shows_its_last_output() {
    for_each_identity(|identity| {
        for (broken, said) in BROKEN {
            let nest = tree(broken).identity(identity);
            let ended = Detached::try_up(nest);
            if broken.contains("echo well") {
                // It has exited successfully, and that is all that was expected.
                continue;
            }
            assert_ne!(ended.up.code, 0, "{identity:?} {broken}");
            assert!(
                ended.up.stderr.contains(said),
                "{identity:?} {broken}: {}",
                ended.up.stderr
            );
            if said == "| line 12" {
                assert!(
                    ended.up.stderr.contains("| line 3\n")
                        && !ended.up.stderr.contains("| line 2\n")
                );
            }
        }
    });
}

#[test]
fn an_exit_that_the_user_requested_is_not_a_failure() {
    for_each_identity(|identity| {
        let topology = "name = '@'\n[ns.@]\nproc.good = { actor = 'idle' }\nproc.x = { sh = 'exec sleep 1000' }\n\
                        proc.trap = { sh = \"trap 'exit 9' TERM; echo up; while :; do sleep 0.02; done\", ready = { log = 'up' } }\n\
                        [ns.'@/pid1']\ninit = ['sleep', '1000']\n";
        let detached = Detached::up(Nest::new(topology).identity(identity));
        for (signal, path) in [("TERM", "@/x"), ("TERM", "@/trap"), ("KILL", "@/pid1/init")] {
            detached.run(&["kill", "-s", signal, path]);
            detached.run(&["wait", path, "--timeout", "50s"]);
        }
        detached.sync();
        assert_eq!(
            detached.document(&["ls", "--format", "json"])["topologies"][0]["name"],
            *detached.nest.root
        );
        let states = detached.run(&["ps", "-o", "name,state", "--no-header"]);
        assert!(
            states
                .lines()
                .any(|line| line.starts_with("good") && line.ends_with("ready")),
            "{states}"
        );
        let down = detached.nestns(&["down"]);
        assert_eq!(down.code, 0, "{identity:?}: {}", down.stderr);
        // A signal that did not mean the end excuses none.
        let nest = Nest::new(
            "name = '@'\n[ns.@]\nproc.good = { actor = 'idle' }\n\
                              proc.x = { sh = \"trap 'exit 9' USR1; echo up; while :; do sleep 0.02; done\", ready = { log = 'up' } }\n",
        );
        let mut running = nest.identity(identity).up();
        running.until_running();
        running.until_stdout_has("up");
        let root = running.nest.root.clone();
        let sent = running
            .nest
            .command(&["kill", "-s", "USR1", &format!("{root}/x")])
            .output()
            .expect("it was built");
        assert!(sent.status.success(), "{sent:?}");
        let ended = running.wait();
        assert_eq!(ended.code, 9, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn a_command_that_takes_too_long_ends_with_the_status_of_a_time_out() {
    for_each_identity(|identity| {
        for command in [
            "exec sleep 1000",
            "trap 'exit 0' TERM; while :; do sleep 0.1; done",
            // What it has started leaves with it.
            "sleep 1000 & sleep 1000; true",
            "(trap '' TERM; sleep 1000) & sleep 1000; true",
        ] {
            for place in [&[][..], &["--in", "@"]] {
                let words = [
                    &["run", "@.toml", "--timeout", "1s"][..],
                    place,
                    &["--", "sh", "-c", command],
                ]
                .concat();
                let ended = tree("").identity(identity).start_verb(&words).wait();
                assert_eq!(
                    ended.code, 124,
                    "{identity:?} {command}: {}{}",
                    ended.stdout, ended.stderr
                );
            }
        }
    });
}

#[test]
fn up_does_not_report_ready_before_every_process_is() {
    for_each_identity(|identity| {
        let topology = "on_exit = 'ignore'\n[ns.@]\nproc.x = { sh = 'exit 3', ready = { log = 'never' } }\n\
                        proc.y = { actor = 'idle' }\n";
        let detached = Detached::try_up(Nest::new(topology).identity(identity));
        assert_eq!(detached.up.code, 1, "{}", detached.up.stderr);
        let expected = format!("not ready: {}/x", detached.nest.root);
        assert!(
            detached.up.stdout.contains(&expected),
            "{}",
            detached.up.stdout
        );
    });
}
