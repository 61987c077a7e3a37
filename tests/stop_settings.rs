//! `stop.exec` and `stop.to`: a command before the request, whom the request reaches, and what is left unasked.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::detached::Detached;
use crate::harness::document::list;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, processes_of};

/// Writes a line for what it gets, and leaves on TERM with 0.
const PROGRAM: &str = r#"["sh", "-c", "trap 'echo term >> DIRECTORY/said; exit 0' TERM; trap 'exit 0' USR1; touch DIRECTORY/up; while :; do sleep 0.02; done"]"#;

fn exists(detached: &Detached, file: &str) -> bool {
    detached.nest.directory.path().join(file).exists()
}

fn said(detached: &Detached) -> String {
    fs::read_to_string(detached.nest.directory.path().join("said")).unwrap_or_default()
}

/// Starts it, and waits until these files are there.
fn up(nest: Nest, files: &[&str]) -> Detached {
    let detached = Detached::up(nest);
    for file in files {
        detached.until("the program has set its traps", |detached| {
            exists(detached, file).then_some(())
        });
    }
    detached
}

fn step<'t>(detached: &Detached, timeline: &'t Value, path: &str) -> &'t Value {
    let path = path.replace('@', &detached.nest.root);
    let found = list(timeline, "steps")
        .iter()
        .find(|step| step["path"] == path.as_str());
    found.unwrap_or_else(|| panic!("no {path}: {timeline:#}"))
}

/// The places in which a process may be, each with the path of the process that has the `stop`.
fn places(stop: &str) -> [(String, &'static str); 4] {
    [
        (
            format!("[ns.@]\nproc.p = {{ cmd = {PROGRAM}, {stop} }}\n"),
            "@/p",
        ),
        (
            format!(
                "[ns.@]\n[ns.\"@/in\"]\ninit = \"pause\"\nproc.p = {{ cmd = {PROGRAM}, enter = \"join\", {stop} }}\n"
            ),
            "@/in/p",
        ),
        (
            format!("[ns.@]\n[ns.\"@/in\"]\ninit = {{ cmd = {PROGRAM}, {stop} }}\n"),
            "@/in/init",
        ),
        (
            format!(
                "[ns.@]\ninit = [\"sh\", \"-c\", \"trap 'exit 0' TERM; while :; do sleep 0.02; done\"]\nproc.p = {{ cmd = {PROGRAM}, {stop} }}\n"
            ),
            "@/p",
        ),
    ]
}

#[test]
fn a_command_is_run_before_the_signal_wherever_the_process_is() {
    let settings = r#"env = { WORD = "drained" }, cwd = "/tmp", stop = { exec = ["sh", "-c", "echo $WORD $PWD >> DIRECTORY/said"] }"#;
    for_each_identity(|identity| {
        for (topology, path) in places(settings) {
            for whole in [true, false] {
                let detached = up(Nest::new(&topology).identity(identity), &["up"]);
                let words = if whole {
                    vec!["down", "@"]
                } else {
                    vec!["down", "@", path]
                };
                let words = [words, vec!["--format", "json"]].concat();
                let timeline = detached.document(&words);
                let context = format!("{identity:?}, {path}, {topology}{timeline:#}");
                assert_eq!(said(&detached), "drained /tmp\nterm\n", "{context}");
                let step = step(&detached, &timeline, path);
                assert_eq!(
                    (&step["exec_code"], &step["how"]),
                    (&json!(0), &json!("exited")),
                    "{context}"
                );
                assert!(
                    step["exec_ms"].as_f64() <= step["asked_ms"].as_f64(),
                    "{context}"
                );
            }
        }
    });
}

#[test]
fn a_command_that_fails_or_is_missing_holds_nothing_up() {
    for_each_identity(|identity| {
        for (command, expected) in [
            (
                r#"["sh", "-c", "exit 3"]"#,
                "`stop.exec` of `@/p` exited with 3; the stop goes on",
            ),
            (r#"["/no/such/program"]"#, "`stop.exec` of `@/p` failed: "),
        ] {
            let topology = format!(
                "[ns.@]\nproc.p = {{ cmd = {PROGRAM}, stop = {{ exec = {command}, grace = \"60s\" }} }}\n"
            );
            let mut running = Nest::new(&topology).identity(identity).up();
            running.until("the program has set its traps", |nest| {
                nest.directory.path().join("up").exists().then_some(())
            });
            let began = Instant::now();
            let ended = running.stop();
            let expected = expected.replace('@', &ended.nest.root);
            assert!(
                ended.stderr.contains(&expected),
                "{identity:?}: {}",
                ended.stderr
            );
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{}",
                ended.stderr
            );
            let said = fs::read_to_string(ended.nest.directory.path().join("said"));
            assert_eq!(said.expect("it was asked"), "term\n");
        }
    });
}

#[test]
fn a_command_that_hangs_is_killed_and_the_signal_follows_within_the_grace() {
    for_each_identity(|identity| {
        for (topology, path) in places("stop = { exec = [\"sleep\", \"1000\"], grace = \"2s\" }") {
            let detached = up(Nest::new(&topology).identity(identity), &["up"]);
            let timeline = detached.document(&["down", "@", "--format", "json"]);
            let context = format!("{identity:?}, {path}: {timeline:#}");
            assert_eq!(said(&detached), "term\n", "{context}");
            let step = step(&detached, &timeline, path);
            let waited = step["asked_ms"].as_f64().expect("asked")
                - step["exec_ms"].as_f64().expect("prepared");
            assert!((1200.0..2000.0).contains(&waited), "{context}");
            assert_eq!(step["how"], "exited", "{context}");
        }
    });
}

#[test]
fn the_grace_is_counted_from_the_beginning_of_the_command() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.p = { actor = \"ignore-term\", stop = { exec = [\"sleep\", \"0.5\"], grace = \"2s\" } }\n";
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let timeline = detached.document(&["down", "@", "--format", "json"]);
        let step = step(&detached, &timeline, "@/p");
        let context = format!("{identity:?}: {timeline:#}");
        assert_eq!(step["how"], "killed at deadline", "{context}");
        let time = |key: &str| step[key].as_f64().expect("a time");
        assert!(time("asked_ms") - time("exec_ms") >= 500.0, "{context}");
        assert!(
            (1900.0..3500.0).contains(&(time("ended_ms") - time("exec_ms"))),
            "{context}"
        );
    });
}

/// As with `nginx -s quit`; and a restart policy does not bring it back.
#[test]
fn a_command_may_end_the_process_itself() {
    for_each_identity(|identity| {
        let topology = format!(
            "[ns.@]\nproc.stays = {{ actor = \"idle\" }}\n[ns.\"@/in\"]\n\
             proc.p = {{ cmd = {PROGRAM}, restart = \"always\", stop = {{ exec = [\"sh\", \"-c\", \"kill -s USR1 2; sleep 1000\"], grace = \"60s\" }} }}\n"
        );
        let detached = up(Nest::new(&topology).identity(identity), &["up"]);
        let began = Instant::now();
        let timeline = detached.document(&["down", "@", "@/in", "--format", "json"]);
        let step = step(&detached, &timeline, "@/in/p");
        assert_eq!(
            (&step["signal"], &step["how"]),
            (&Value::Null, &json!("exited")),
            "{identity:?}: {timeline:#}"
        );
        assert_eq!(said(&detached), "");
        assert!(began.elapsed() < Duration::from_secs(30));
        detached.run(&["restart", "@/in"]);
        detached.run(&["down", "@"]);
    });
}

#[test]
fn no_command_is_run_for_what_waits_or_has_ended() {
    for_each_identity(|identity| {
        let exec = "stop = { exec = [\"touch\", \"DIRECTORY/NAME.ran\"] }";
        let topology = format!(
            "on_exit = \"ignore\"\n[ns.@]\nproc.never = {{ sh = \"exec sleep 1000\", ready = {{ file = \"/never\" }} }}\n\
             proc.waits = {{ sh = \"exec sleep 1000\", after = {{ never = \"ready\" }}, {} }}\n\
             proc.over = {{ sh = \"exit 0\", {} }}\n\
             proc.killed = {{ actor = \"ignore-term\", {} }}\n",
            exec.replace("NAME", "waits"),
            exec.replace("NAME", "over"),
            exec.replace("NAME", "killed")
        );
        let detached = Detached::up(
            Nest::new(&topology)
                .identity(identity)
                .arguments(&["--no-wait"]),
        );
        detached.until("one is over", |detached| {
            let path = format!("{}/over", detached.nest.root);
            let mut events = detached.events().into_iter();
            events.find(|event| event["event"] == "exit" && event["path"] == path.as_str())
        });
        detached.run(&["down", "@", "@/killed", "--now"]);
        detached.run(&["down", "@"]);
        for name in ["waits", "over", "killed"] {
            assert!(
                !exists(&detached, &format!("{name}.ran")),
                "{identity:?}: {name}"
            );
        }
    });
}

#[test]
fn a_stop_from_inside_runs_it_as_well() {
    for_each_identity(|identity| {
        let topology = format!(
            "on_exit = \"ignore\"\n[ns.@]\nproc.stays = {{ actor = \"idle\" }}\n[ns.\"@/in\"]\n\
             proc.p = {{ cmd = {PROGRAM}, stop = {{ exec = [\"sh\", \"-c\", \"echo drained >> DIRECTORY/said\"] }} }}\n"
        );
        let detached = up(Nest::new(&topology).identity(identity), &["up"]);
        detached.run(&["exec", "@/in", "--", "sh", "-c", "kill 1"]);
        detached.until("it is gone", |detached| {
            let path = format!("{}/in", detached.nest.root);
            let mut events = detached.events().into_iter();
            events.find(|event| event["event"] == "gone" && event["path"] == path.as_str())
        });
        assert_eq!(said(&detached), "drained\nterm\n", "{identity:?}");
        let mut events = detached.events().into_iter();
        let event = events
            .find(|event| event["event"] == "stopexec")
            .expect("it was recorded");
        assert_eq!(event["exit"]["code"], 0);
        detached.run(&["down", "@"]);
    });
}

/// A shell that leaves at once, with a background child and one in another session, which take longer to clean up.
const FAMILY: &str = r#"
[ns.@]
proc.other = { actor = "idle" }
proc.shell = { cmd = ["sh", "-c", "sh DIRECTORY/child.sh DIRECTORY/group & setsid sh DIRECTORY/child.sh DIRECTORY/session & trap 'exit 0' TERM; while :; do sleep 0.02; done"], stop = { to = "REACH" }, ENTER }
"#;
const CHILD: &str =
    "trap 'sleep 0.4; touch $1.clean; exit' TERM; touch $1.up; while :; do sleep 0.02; done\n";

#[test]
fn the_request_reaches_the_group_or_everything_and_clean_ups_finish() {
    for_each_identity(|identity| {
        for enter in ["enter = \"fork\"", "enter = \"join\""] {
            for (reach, cleaned, unasked) in [
                ("process", [false, false], json!(2)),
                ("group", [true, false], json!(1)),
                ("all", [true, true], Value::Null),
            ] {
                let topology = FAMILY.replace("REACH", reach).replace("ENTER", enter);
                let nest = Nest::new(&topology).identity(identity);
                fs::write(nest.directory.path().join("child.sh"), CHILD).expect("it is writable");
                let detached = up(nest, &["group.up", "session.up"]);
                let timeline = detached.document(&["down", "@", "--format", "json"]);
                let context = format!("{identity:?}, {enter}, {reach}: {timeline:#}");
                let found = ["group.clean", "session.clean"].map(|file| exists(&detached, file));
                assert_eq!(found, cleaned, "{context}");
                // What each was running at that moment may be counted as well.
                let count = &step(&detached, &timeline, "@/init")["not_asked"];
                assert_eq!(count.is_null(), unasked.is_null(), "{context}");
                assert!(count.as_i64() >= unasked.as_i64(), "{context}");
            }
        }
    });
}

/// Of a PID 1, whose end is that of all others, `all` is its namespace.
#[test]
fn the_request_to_a_pid_1_reaches_its_namespace() {
    for_each_identity(|identity| {
        let topology = r#"
[ns.@]
init = { cmd = ["sh", "-c", "setsid sh DIRECTORY/child.sh DIRECTORY/session & trap 'wait; exit 0' TERM; while :; do sleep 0.02; done"], stop = { to = "all" } }
"#;
        let nest = Nest::new(topology).identity(identity);
        fs::write(nest.directory.path().join("child.sh"), CHILD).expect("it is writable");
        let detached = up(nest, &["session.up"]);
        detached.run(&["down", "@"]);
        assert!(exists(&detached, "session.clean"), "{identity:?}");
    });
}

#[test]
fn what_is_killed_unasked_is_counted_in_the_timeline_and_the_events() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.stays = { actor = \"idle\" }\n[ns.\"@/in\"]\nproc.p = { sh = \"sleep 1000 & sleep 1000 & exec sleep 1000\" }\n";
        let detached = Detached::up(Nest::new(topology).identity(identity));
        detached.until("all of them sleep", |detached| {
            let found = processes_of(&detached.nest).into_iter();
            let sleepers = found.filter(|(_, title)| title.starts_with("sleep 1000"));
            (sleepers.count() == 3).then_some(())
        });
        let text = detached.run(&["down", "@", "@/in"]);
        let init = format!("{}/in/init", detached.nest.root);
        let line = text.lines().find(|line| line.starts_with(&init));
        assert!(
            line.expect("a line").ends_with("exited; 2 more, not asked"),
            "{identity:?}: {text}"
        );
        let path = format!("{}/in", detached.nest.root);
        let mut events = detached.events().into_iter();
        let gone = events.find(|event| event["event"] == "gone" && event["path"] == path.as_str());
        assert_eq!(gone.expect("it is gone")["not_asked"], 2);
        detached.run(&["down", "@"]);
    });
}
