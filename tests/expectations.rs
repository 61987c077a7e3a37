//! `nestns test`: expectations against the kernel, a command beside them, and nothing is left in any case.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};
use crate::harness::requirement::{nesting, require, root};

/// Two levels, a member that has joined, a PID 1 that is a program.
const TREE: &str = "[ns.@]\nproc.p = { actor = \"idle\" }\n[ns.\"@/pod\"]\ninit = \"pause\"\n\
                    proc.app = { actor = \"idle\", enter = \"join\" }\n[ns.\"@/pod/in\"]\ninit = { actor = \"idle\" }\n";

fn test(identity: Identity, expectations: &str, arguments: &[&str]) -> Ended {
    let nest = Nest::new(&format!("{TREE}{expectations}")).identity(identity);
    let file = nest.file.display().to_string();
    let mut words = vec!["test", &file];
    words.extend(arguments);
    nest.start_verb(&words).wait()
}

/// The cases of a document.
fn cases(ended: &Ended) -> Vec<(String, String, i64)> {
    let document: Value = serde_json::from_str(&ended.stdout).expect("one document");
    assert_eq!(document["schema"], "nestns.test/1");
    let cases = document["cases"].as_array().expect("a list").iter();
    cases
        .map(|case| {
            let text = |key: &str| {
                case[key]
                    .as_str()
                    .expect("text")
                    .replace(&ended.nest.root, "@")
            };
            (
                text("name"),
                text("status"),
                case["line"].as_i64().unwrap_or(0),
            )
        })
        .collect()
}

#[test]
fn correct_expectations_pass_by_every_mechanism() {
    for_each_identity(|identity| {
        for via in ["chain", "proc", "kill", "pidfd", "ptrace", "cred"] {
            let expectations = format!(
                "[[expect]]\nvia = \"{via}\"\nfrom = \"@/pod\"\nsees = [\"@/pod/\", \"@/pod/in/init\", \"@/pod/**\"]\n\
                 hides = [\"@/p\", \"@/\"]\ncount = 3\n[[expect]]\nvia = \"{via}\"\nfrom = \"@/pod/in\"\nsees = \"@/pod/in/init\"\n\
                 hides = [\"@/*\", \"@/pod/\"]\n"
            );
            let ended = test(identity, &expectations, &["--require"]);
            assert_eq!(
                ended.code, 0,
                "{identity:?} {via}: {}{}",
                ended.stdout, ended.stderr
            );
            assert!(
                ended.stdout.ends_with(": 9 passed, 0 failed\n"),
                "{}",
                ended.stdout
            );
        }
    });
}

#[test]
fn pids_parents_states_and_signals_can_be_expected() {
    let expectations = "[[expect]]\nproc = \"@/pod/app\"\npid = { \"@\" = 4, \"@/pod\" = 2 }\nppid = { \"@\" = 1, \"@/pod\" = 0 }\n\
                        chain = [4, 2]\nstate = \"running\"\n[[expect]]\nproc = \"@/**\"\ncount = 2\n[[expect]]\n\
                        signal = { from = \"@/pod\", to = \"@/p\", allowed = false }\n[[expect]]\n\
                        signal = { from = \"@\", to = \"@/pod/app\", allowed = true }\n";
    for_each_identity(|identity| {
        let ended = test(identity, expectations, &["--require", "--format", "json"]);
        let found = cases(&ended);
        assert_eq!(
            ended.code, 0,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        assert!(
            found.len() == 9 && found.iter().all(|(_, status, _)| status == "passed"),
            "{found:?}"
        );
    });
}

#[test]
fn a_wrong_expectation_fails_with_its_own_line() {
    let expectations = "[[expect]]\nfrom = \"@\"\nsees = [\"@/p\"]\nhides = [\n  \"@/pod/app\",\n]\n[[expect]]\n\
                        proc = \"@/p\"\npid = { \"@\" = 9 }\n";
    for_each_identity(|identity| {
        let ended = test(identity, expectations, &["--format", "json", "--", "false"]);
        let line = i64::try_from(TREE.lines().count()).expect("few");
        let case = |name: &str, status: &str, line: i64| (name.to_owned(), status.to_owned(), line);
        assert_eq!(
            cases(&ended),
            [
                case("@ sees @/p", "passed", line + 3),
                case("@ does not see @/pod/app", "failed", line + 5),
                case("@/p is 9 in @", "failed", line + 9),
                case("command false", "failed", 0),
            ]
        );
        assert_eq!(ended.code, 1);
        // The command runs all the same, and its success does not outweigh a failed expectation.
        for (command, status) in [("exit 0", "passed"), ("exit 7", "failed")] {
            let ended = test(
                identity,
                expectations,
                &["--format", "json", "--", "sh", "-c", command],
            );
            let found = cases(&ended);
            assert_eq!((ended.code, &*found[3].1), (1, status), "{found:?}");
        }
        let ended = test(
            identity,
            expectations,
            &["--timeout", "2s", "--", "sleep", "100"],
        );
        assert_eq!(ended.code, 124, "{}{}", ended.stdout, ended.stderr);
        let ended = test(identity, expectations, &[]);
        let root = &ended.nest.root;
        let declared = format!("declared {}:{}\n", ended.nest.file.display(), line + 5);
        assert!(
            ended
                .stdout
                .contains(&format!("not ok  {root} does not see {root}/pod/app\n")),
            "{}",
            ended.stdout
        );
        assert!(ended.stdout.contains(&format!(
            "observer {root}   {root}/pod/app   expected ·   found 4  (host "
        )));
        assert!(
            ended.stdout.contains(&declared) && ended.stdout.contains("expected 9   found 2\n"),
            "{}",
            ended.stdout
        );
    });
}

#[test]
fn tap_and_junit_are_valid() {
    require!(nesting());
    let expectations = "[[expect]]\nfrom = \"@\"\nsees = [\"@/p\"]\nhides = [\"@/pod/in/\"]\n";
    let tap = test(
        Identity::Own,
        expectations,
        &["--format", "tap", "--", "echo", "out"],
    );
    let text = tap.stdout.replace(&tap.nest.root, "@");
    assert!(
        text.starts_with(
            "TAP version 14\n1..3\nok 1 - @ sees @/p\nnot ok 2 - @ does not see @/pod/in/\n#   "
        ),
        "{text}"
    );
    assert!(text.ends_with("ok 3 - command echo out\n"), "{text}");
    assert!(
        tap.stderr.ends_with("out\n"),
        "what it writes is kept apart: {}",
        tap.stderr
    );
    let junit = test(Identity::Own, expectations, &["--format", "junit"]);
    assert!(
        junit
            .stdout
            .contains("<testsuites tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">"),
        "{}",
        junit.stdout
    );
    assert!(
        junit
            .stdout
            .contains("<failure message=\"expected ·, found 5\">observer "),
        "{}",
        junit.stdout
    );
    assert_eq!((tap.code, junit.code), (1, 1));
}

#[test]
fn the_command_has_the_truth_and_its_status_counts() {
    let expectations = "[[expect]]\nfrom = \"@\"\nsees = \"@/p\"\n";
    for_each_identity(|identity| {
        let script = "grep -q nestns.truth/1 \"$NESTNS_TRUTH\" && echo \"$$ $PPID\"; exit 7";
        let outside = test(
            identity,
            expectations,
            &["--format", "json", "--", "sh", "-c", script],
        );
        assert_eq!(outside.code, 7, "{}", outside.stderr);
        assert_eq!(cases(&outside).len(), 2);
        assert!(
            !outside.stderr.is_empty(),
            "what it writes is kept apart from the document"
        );
        let root = outside.nest.root.clone();
        drop(outside);
        assert!(!root.is_empty());
        let inside = test(identity, "", &["--in", "host", "--", "sh", "-c", "exit 0"]);
        assert_eq!(inside.code, 0, "{}", inside.stderr);
        for (command, code) in [("no-such-command", 127), ("/etc/passwd", 126)] {
            // A directory of PATH that may not be searched would make 126 of 127, as execvp(3) does.
            let nest = Nest::new(TREE)
                .identity(identity)
                .env("PATH", "/usr/local/bin:/usr/bin:/bin");
            let file = nest.file.display().to_string();
            let ended = nest.start_verb(&["test", &file, "--", command]).wait();
            assert_eq!(ended.code, code, "{identity:?} {command}: {}", ended.stderr);
        }
        assert_eq!(
            test(identity, "", &["--timeout", "1s", "--", "sleep", "100"]).code,
            124
        );
    });
}

#[test]
fn the_command_runs_in_a_namespace() {
    for_each_identity(|identity| {
        let nest = Nest::new(TREE).identity(identity);
        let (file, namespace) = (
            nest.file.display().to_string(),
            format!("{}/pod", nest.root),
        );
        let words = [
            "test",
            &file,
            "--in",
            &namespace,
            "--",
            "sh",
            "-c",
            "grep -q NSpid /proc/1/status; echo $PPID; exit 3",
        ];
        let ended = nest.start_verb(&words).wait();
        assert_eq!(
            (ended.code, ended.stdout.lines().next()),
            (3, Some("0")),
            "{}{}",
            ended.stdout,
            ended.stderr
        );
    });
}

#[test]
fn an_unmet_expectation_is_checked_again() {
    require!(nesting());
    let topology = "[ns.@]\ninit = \"pause\"\nproc.late = { sh = \"sleep 0.4; exit 3\", ok = [3] }\n[[expect]]\n\
                    proc = \"@/late\"\nexit = 3\nstate = \"exited\"\n";
    for (within, code) in [("within = \"20s\"\n", 0), ("", 1)] {
        let nest = Nest::new(&format!("{topology}{within}"));
        let file = nest.file.display().to_string();
        let ended = nest.start_verb(&["test", &file]).wait();
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
    }
}

#[test]
fn an_interrupted_test_leaves_nothing() {
    for_each_identity(|identity| {
        for (signal, code) in [
            (Signal::SIGINT, 130),
            (Signal::SIGTERM, 143),
            (Signal::SIGKILL, 137),
        ] {
            let nest = Nest::new(TREE).identity(identity);
            let file = nest.file.display().to_string();
            let mut running = nest.start_verb(&[
                "test",
                &file,
                "--",
                "sh",
                "-c",
                "echo begun; exec sleep 1.5",
            ]);
            running.until_stdout_has("begun");
            running.signal(signal);
            assert_eq!(running.wait().code, code, "{identity:?} {signal}");
        }
    });
}

#[test]
fn learned_expectations_hold() {
    for_each_identity(|identity| {
        let ended = test(identity, "", &["--learn"]);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let learnt = ended.stdout.replace(&ended.nest.root, "@");
        assert!(
            learnt.contains("[[expect]]\nfrom  = \"@/pod/\"\nsees  = [\"@/pod/\", \"@/pod/**\"]\nhides = [\"@/\"]\n"),
            "{learnt}"
        );
        let again = test(identity, &learnt, &["--require"]);
        assert_eq!(again.code, 0, "{learnt}{}{}", again.stdout, again.stderr);
    });
}

#[test]
fn instances_with_equal_visibility_are_learned_once() {
    require!(nesting());
    let topology =
        "[ns.@]\nproc.hub = { actor = \"idle\" }\n[ns.\"@/w\"]\ncount = 40\ninit = \"pause\"\n";
    let test = |expectations: &str, words: &[&str]| {
        let nest = Nest::new(&format!("{topology}{expectations}"));
        let file = nest.file.display().to_string();
        nest.start_verb(&[&["test", &file], words].concat()).wait()
    };
    let ended = test("", &["--learn"]);
    let learnt = ended.stdout.replace(&ended.nest.root, "@");
    assert!(
        learnt.starts_with("[[expect]]\nfrom  = \"@/w/\"\nhides = [\"@/\"]\ncount = 1\n\n"),
        "{learnt}"
    );
    assert_eq!(learnt.matches("from ").count(), 2, "{learnt}");
    let again = test(&learnt, &["--require"]);
    assert_eq!(again.code, 0, "{learnt}{}{}", again.stdout, again.stderr);
}

#[test]
fn a_file_that_expects_nothing_has_nothing_to_test() {
    let nest = Nest::new(TREE);
    let file = nest.file.display().to_string();
    let ended = nest.start_verb(&["test", &file]).wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""));
    assert!(ended.stderr.contains("--learn"), "{}", ended.stderr);
}

#[test]
fn a_count_of_zero_is_not_expected() {
    require!(nesting());
    let topology = "[vars]\nmany = 0\n[ns.@]\nproc.agent = { actor = \"idle\", count = \"{{many}}\" }\n\
                    [ns.\"@/w\"]\ncount = \"{{many}}\"\n[ns.\"@/w/in\"]\nproc.job = { actor = \"idle\" }\n\
                    [[expect]]\nfrom = \"@\"\nsees = [\"@/w/in/job\", \"@/agent\"]\n\
                    [[expect]]\nfrom = \"@/w/in\"\ncount = 2\n[[expect]]\nfrom = \"@\"\ncount = 1\n";
    let test = |many: &str, words: &[&str]| {
        let nest = Nest::new(topology);
        let file = nest.file.display().to_string();
        nest.start_verb(&[&["test", &file, "--set", many, "--format", "json"], words].concat())
            .wait()
    };
    let none = test("many=0", &["--require"]);
    assert_eq!(none.code, 0, "{}{}", none.stdout, none.stderr);
    assert_eq!(cases(&none).len(), 1, "{}", none.stdout);
    // Where there are some, everything counts: two agents and two times three processes, and PID 1.
    let some = test("many=2", &[]);
    let failed = cases(&some)
        .into_iter()
        .filter(|(_, status, _)| status == "failed")
        .count();
    assert_eq!(
        (some.code, cases(&some).len(), failed),
        (1, 4, 1),
        "{}{}",
        some.stdout,
        some.stderr
    );
}

#[test]
fn the_exits_of_processes_can_be_expected_and_are_in_the_truth() {
    let topology = "[ns.@]\nproc.well = { cmd = \"true\", oneshot = true }\n\
                    [ns.\"@/in\"]\nproc.badly = { sh = \"exit 3\", oneshot = true, ok = [0, 3] }\n\
                    proc.killed = { sh = \"kill -9 $$\" }\n\
                    [[expect]]\nproc = \"@/well\"\nexit = 0\nwithin = \"30s\"\n\
                    [[expect]]\nproc = \"@/in/badly\"\nexit = 3\nstate = \"exited\"\nwithin = \"30s\"\n\
                    [[expect]]\nproc = \"@/in/killed\"\nexit = 137\nwithin = \"30s\"\n\
                    [[expect]]\nproc = \"@/in/init\"\nstate = \"exited\"\nwithin = \"30s\"\n";
    for_each_identity(|identity| {
        let nest = Nest::new(topology).identity(identity);
        let file = nest.file.display().to_string();
        // By then everything has ended, PID 1s included, and the command can still read how.
        let agent = "grep -q '\"exit\":{\"code\":3}' \"$NESTNS_TRUTH\"";
        let ended = nest
            .start_verb(&[
                "test",
                &file,
                "--format",
                "json",
                "--require",
                "--",
                "sh",
                "-c",
                agent,
            ])
            .wait();
        assert_eq!(
            (ended.code, cases(&ended).len()),
            (0, 6),
            "{identity:?}: {}{}",
            ended.stdout,
            ended.stderr
        );
    });
}

#[test]
fn a_test_that_is_killed_ends_its_topology() {
    let script = "echo began; while :; do sleep 0.05; done";
    for_each_identity(|identity| {
        for verb in ["test", "run"] {
            for place in [&[][..], &["--in", "@"]] {
                let nest = Nest::new(TREE).identity(identity);
                let (file, mark) = (
                    nest.file.display().to_string(),
                    nest.directory.path().display().to_string(),
                );
                let words = [
                    &[verb, &file][..],
                    place,
                    &["--", "sh", "-c", script, &mark],
                ]
                .concat();
                let mut running = nest.start_verb(&words);
                running.until_stdout_has("began");
                running.signal(Signal::SIGKILL);
                // Which makes sure that nothing is left: the mark is in the command line.
                assert_eq!(running.wait().code, 137, "{identity:?} {words:?}");
            }
        }
    });
}

#[test]
fn an_expectation_that_cannot_be_checked_is_not_a_success() {
    require!(nesting(), root());
    // A process that executes an unreadable file cannot be inspected by its own user, on the host or in a namespace.
    let test = |words: &[&str]| {
        let topology = "[ns.@]\nproc.p = [\"DIRECTORY/sleep\", \"1000\"]\nproc.q = { actor = \"idle\" }\n[[expect]]\nfrom = \"@/p\"\n\
                        via = \"kill\"\nsees = \"@/q\"\n[[expect]]\nfrom = \"@\"\nsees = \"@/q\"\n";
        let nest = Nest::new(topology).identity(Identity::Ordinary);
        let (copy, file) = (
            nest.directory.path().join("sleep"),
            nest.file.display().to_string(),
        );
        let copied = std::process::Command::new("install")
            .args(["-m", "711", "/bin/sleep"])
            .arg(&copy)
            .status();
        assert!(copied.is_ok_and(|status| status.success()));
        nest.start_verb(&[&["test", &file], words].concat()).wait()
    };
    let ended = test(&[]);
    assert_eq!(ended.code, 4, "{}{}", ended.stdout, ended.stderr);
    assert!(
        ended.stdout.ends_with(": 1 passed, 0 failed, 1 skipped\n"),
        "{}",
        ended.stdout
    );
    let root = &ended.nest.root;
    let told = format!(
        "error: cannot determine whether {root}/p sees {root}/q via kill: cannot place a probe there: "
    );
    assert!(
        ended.stderr.contains(&told) && ended.stderr.contains("--require"),
        "{}",
        ended.stderr
    );
    let junit = test(&["--format", "junit"]);
    assert!(
        junit
            .stdout
            .contains("failures=\"0\" errors=\"0\" skipped=\"1\""),
        "{}",
        junit.stdout
    );
    let tap = test(&["--format", "tap", "--", "true"]);
    assert!(
        tap.stdout
            .contains(" via kill # SKIP cannot place a probe there: "),
        "{}",
        tap.stdout
    );
    assert_eq!((junit.code, tap.code), (4, 4));
    // A command that has failed has the last word, as everywhere; and with --require nothing is skipped.
    assert_eq!(test(&["--", "sh", "-c", "exit 7"]).code, 7);
    let required = test(&["--require"]);
    assert_eq!(required.code, 1, "{}{}", required.stdout, required.stderr);
    assert!(
        required.stdout.ends_with(": 1 passed, 1 failed\n"),
        "{}",
        required.stdout
    );
}

#[test]
fn expectations_hold_from_a_user_namespace_of_a_process() {
    for_each_identity(|identity| {
        for via in ["chain", "proc", "kill", "pidfd", "ptrace", "cred"] {
            let topology = format!(
                "[ns.@]\nproc.q = {{ actor = \"idle\" }}\n[ns.\"@/in\"]\nproc.p = [\"unshare\", \"--user\", \"--map-root-user\", \"sleep\", \"1000\"]\n\
                 proc.other = {{ actor = \"idle\" }}\n[[expect]]\nfrom = \"@/in/p\"\nvia = \"{via}\"\nwithin = \"20s\"\nsees = \"@/in/other\"\n\
                 hides = \"@/q\"\n"
            );
            let nest = Nest::new(&topology).identity(identity);
            let file = nest.file.display().to_string();
            let ended = nest.start_verb(&["test", &file]).wait();
            assert_eq!(
                ended.code, 0,
                "{identity:?} {via}: {}{}",
                ended.stdout, ended.stderr
            );
            assert!(
                ended.stdout.ends_with(": 2 passed, 0 failed\n"),
                "{}",
                ended.stdout
            );
        }
    });
}

#[test]
fn a_wildcard_stands_for_a_pid_1_where_that_is_all_there_is() {
    for_each_identity(|identity| {
        // `in` holds its PID 1 alone.
        let expectations = "[[expect]]\nfrom = \"@/pod/in/*\"\nsees = [\"@/pod/in/*\", \"@/pod/in/**\", \"@/**/in/i*\"]\ncount = 1\n\
                            [[expect]]\nproc = \"@/pod/in/*\"\ncount = 1\nchain = [5, 3, 1]\nstate = \"running\"\n\
                            [[expect]]\nsignal = { from = \"@\", to = \"@/pod/in/**\", allowed = true }\n\
                            [[expect]]\nproc = \"@/pod/*\"\ncount = 1\n";
        let ended = test(identity, expectations, &["--require"]);
        assert_eq!(
            ended.code, 0,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        // One that is visible is not passed over.
        let ended = test(
            identity,
            "[[expect]]\nfrom = \"@/pod\"\nhides = \"@/pod/*\"\n",
            &[],
        );
        assert_eq!(
            ended.code, 1,
            "{identity:?}: {}{}",
            ended.stdout, ended.stderr
        );
        assert!(ended.stdout.contains("/pod/init "), "{}", ended.stdout);
    });
}
