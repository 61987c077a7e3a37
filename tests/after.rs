//! `after`: a process runs only when what it waits for is true, and never when that cannot become true any more.

use std::fs;

use crate::harness::chain::{DEPTHS, chain};
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest};

/// Runs a namespace with these processes to its end. All may write to the file `order`, each line whole and in order.
fn up(identity: Identity, depth: usize, processes: &str) -> (Ended, String) {
    let topology = format!(
        "[defaults.proc]\nstdout = \"DIRECTORY/order\"\n{}{processes}",
        chain(depth)
    );
    let ended = Nest::new(&topology).identity(identity).up().wait();
    let order = fs::read_to_string(ended.nest.directory.path().join("order")).unwrap_or_default();
    (ended, order)
}

/// Compares the order of the lines that are written, for both ways to enter and every depth.
fn compare(processes: &str, code: i32, expected: &str) {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            for (first, second) in [
                ("fork", "fork"),
                ("join", "join"),
                ("fork", "join"),
                ("join", "fork"),
            ] {
                let processes = processes.replace("FIRST", first).replace("SECOND", second);
                let (ended, order) = up(identity, depth, &processes);
                let context = format!(
                    "{identity:?}, depth {depth}:\n{processes}\n{}",
                    ended.stderr
                );
                assert_eq!((ended.code, order.as_str()), (code, expected), "{context}");
            }
        }
    });
}

#[test]
fn exited_waits_for_the_exit() {
    compare(
        "proc.b = { sh = \"echo b\", after = { a = \"exited\" }, enter = \"FIRST\" }\n\
         proc.a = { sh = \"echo a; sleep 0.05; echo a ends; exit 3\", ok = [3], enter = \"SECOND\" }\n",
        0,
        "a\na ends\nb\n",
    );
}

#[test]
fn ok_waits_for_a_successful_exit() {
    compare(
        "proc.c = { sh = \"echo c\", after = { b = \"ok\", a = \"ok\" }, enter = \"FIRST\" }\n\
         proc.b = { sh = \"echo b\", after = { a = \"ok\" }, enter = \"SECOND\" }\n\
         proc.a = { sh = \"sleep 0.05; echo a\", enter = \"FIRST\" }\n",
        0,
        "a\nb\nc\n",
    );
}

#[test]
fn a_oneshot_is_ready_when_it_exits_successfully() {
    compare(
        "proc.b = { sh = \"echo b\", after = { a = \"ready\" }, enter = \"FIRST\" }\n\
         proc.a = { sh = \"sleep 0.05; echo a\", oneshot = true, enter = \"SECOND\" }\n",
        0,
        "a\nb\n",
    );
}

#[test]
fn started_waits_for_exec() {
    // `b` finds the program of `a`, and no copy of nestns any more in its place.
    for_each_identity(|identity| {
        for depth in DEPTHS {
            for condition in ["started", "ready"] {
                for enter in ["fork", "join"] {
                    let topology = format!(
                        "{}proc.b = {{ sh = \"cat /proc/3/comm\", after = {{ a = \"{condition}\" }}, enter = \"fork\" }}\n\
                         proc.a = {{ cmd = \"sleep 1000\", enter = \"{enter}\" }}\n",
                        chain(depth)
                    );
                    let nest = Nest::new(&topology).identity(identity);
                    let from = format!(
                        "{}/b",
                        crate::harness::chain::path(depth).replace('@', &nest.root)
                    );
                    let ended = nest.arguments(&["--exit-code-from", &from]).up().wait();
                    assert_eq!(
                        ended.code, 0,
                        "{identity:?}, {depth}, {condition}, {enter}: {}",
                        ended.stderr
                    );
                    assert!(
                        ended.stdout.ends_with("│ sleep\n"),
                        "{identity:?}, {depth}, {enter}: {}",
                        ended.stdout
                    );
                }
            }
        }
    });
}

#[test]
fn created_delays_no_process() {
    // Each waits in its program for the other, so that both have to run at the same time.
    compare(
        "proc.a = { sh = \"touch a; until test -e b; do sleep 0.01; done\", after = { b = \"created\" }, enter = \"FIRST\" }\n\
         proc.b = { sh = \"touch b; until test -e a; do sleep 0.01; done; echo both\", enter = \"SECOND\" }\n",
        0,
        "both\n",
    );
}

#[test]
fn an_unreachable_condition_fails_the_dependent_with_a_message() {
    let cases = [
        ("sh = \"exit 3\"", "ok"),
        ("sh = \"exit 3\", oneshot = true", "ready"),
        ("cmd = \"/nonexistent/program\"", "started"),
        ("cmd = \"/nonexistent/program\"", "ready"),
        ("cmd = \"/nonexistent/program\"", "ok"),
        ("sh = \"kill -9 $$\"", "ok"),
    ];
    for_each_identity(|identity| {
        for depth in [1, 5] {
            for (program, condition) in cases {
                let (ended, order) = up(
                    identity,
                    depth,
                    &format!(
                        "proc.a = {{ {program}, essential = false }}\n\
                         proc.b = {{ sh = \"echo b\", after = {{ a = \"{condition}\" }}, essential = false }}\n\
                         proc.c = {{ sh = \"echo c\", after = {{ b = \"exited\" }}, essential = false }}\n\
                         proc.d = {{ sh = \"echo d\", after = {{ b = \"ok\" }}, essential = false }}\n"
                    ),
                );
                let context = format!(
                    "{identity:?}, depth {depth}, {program} {condition}: {}",
                    ended.stderr
                );
                assert_eq!((ended.code, order.as_str()), (1, "c\n"), "{context}");
                let at = crate::harness::chain::path(depth).replace('@', &ended.nest.root);
                for (path, dependency) in [("b", "a"), ("d", "b")] {
                    let text = format!(
                        "error: `{at}/{path}` will not be started: `{dependency}`, which it waits for, will not \
                         reach the required state"
                    );
                    assert!(ended.stderr.contains(&text), "{context}");
                }
            }
        }
    });
}

#[test]
fn joined_and_forked_processes_can_depend_on_each_other() {
    for_each_identity(|identity| {
        for depth in DEPTHS {
            let status = "sh = \"awk '/PPid/ { print $2 }' /proc/$$/status; echo $$\"";
            let (ended, order) = up(
                identity,
                depth,
                &format!(
                    "proc.a = {{ {status} }}\n\
                     proc.b = {{ {status}, enter = \"join\", after = {{ a = \"ok\" }} }}\n\
                     proc.c = {{ {status}, after = {{ b = \"ok\" }} }}\n\
                     proc.d = {{ {status}, enter = \"join\", after = {{ c = \"ok\" }} }}\n"
                ),
            );
            let context = format!("{identity:?}, depth {depth}: {}", ended.stderr);
            assert_eq!(
                (ended.code, order.as_str()),
                (0, "1\n2\n0\n3\n1\n4\n0\n5\n"),
                "{context}"
            );
        }
    });
}
