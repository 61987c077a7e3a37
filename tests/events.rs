//! `events`: everything that happens, in order, with nothing missing between a snapshot and what follows it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use serde_json::{Value, json};

use crate::harness::detached::{Detached, ended};
use crate::harness::document::objects;
use crate::harness::identity::{Identity, ORDINARY, for_each_identity};
use crate::harness::nest::Nest;

/// The whole output of a follower that has ended by itself; the numbers have no gap.
fn follow(child: Child) -> Vec<Value> {
    let outcome = ended(child);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    let events = objects(&outcome.stdout);
    check_order(&events);
    events
}

fn check_order(events: &[Value]) {
    let numbered: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] != "snapshot")
        .collect();
    let numbers: Vec<u64> = numbered
        .iter()
        .map(|event| event["seq"].as_u64().expect("a number"))
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    let stamps: Vec<&str> = numbered
        .iter()
        .map(|event| event["ts"].as_str().expect("a stamp"))
        .collect();
    assert!(stamps.is_sorted(), "{stamps:?}");
}

/// Index of the first event from `from` on that has all of these keys.
fn place(events: &[Value], from: usize, wanted: &Value) -> usize {
    let wanted = wanted.as_object().expect("an object");
    let found = events
        .iter()
        .skip(from)
        .position(|event| wanted.iter().all(|(key, value)| &event[key] == value));
    found.unwrap_or_else(|| panic!("no {wanted:?} behind {from}: {events:#?}")) + from
}

const LAYOUT: &str = r#"
[ns.@]
proc.stay = { cmd = ["sleep", "1000"] }
proc.once = { sh = 'exit 0', oneshot = true }
proc.later = { sh = 'exec sleep 1000', after = { once = "ok" } }
proc.bad = { sh = 'exit 3', essential = false }
proc.missing = { cmd = ["/no/such/program", "argument"], essential = false }
[ns."@/in"]
init = "pause"
proc.victim = { cmd = ["sleep", "1000"] }
[ns."@/in/deep"]
init = "pause"
"#;

/// The events of a topology in which everything that can happen happens: the root's path, how many there were while the
/// gates were closed, and all of them.
fn record(identity: Identity) -> (String, usize, Vec<Value>) {
    let detached = Detached::up(Nest::new(LAYOUT).identity(identity).arguments(&[
        "--hold",
        "--on-exit",
        "ignore",
    ]));
    let root = detached.nest.root.clone();
    let before = objects(&detached.run(&["events", "--no-follow"]));
    let follower = detached.start(&["events", "--since", "1h"]);
    detached.run(&["release"]);
    detached.until("all of it runs", |detached| {
        let events = detached.run(&["events", "--no-follow"]);
        (events.contains(r#""event":"ready","path":"#) && events.contains("/later\"")).then_some(())
    });
    detached.until("the failures are known", |detached| {
        let events = objects(&detached.run(&["events", "--no-follow"]));
        let ended = events
            .iter()
            .filter(|event| event["event"] == "exit")
            .count();
        let later = events
            .iter()
            .any(|event| event["event"] == "ready" && event["path"] == format!("{root}/later"));
        (ended == 3 && later).then_some(())
    });
    assert_eq!(
        detached
            .nestns(&["exec", "@", "--", "sh", "-c", "exit 7"])
            .code,
        7
    );
    assert_eq!(detached.nestns(&["exec", "@", "--", "/no/such"]).code, 127);
    detached.run(&["kill", "-s", "CONT", "@/stay"]);
    let pid_one = detached.truth().host_pid(&format!("{root}/in/init"));
    kill(Pid::from_raw(pid_one), Signal::SIGKILL).expect("it runs");
    // The loss of a PID 1 that is none of the user's ends the topology.
    let events = follow(follower);
    assert_eq!(&events[..before.len()], before);
    let held = before.len();
    (root, held, events)
}

#[test]
fn events_are_in_order() {
    for_each_identity(|identity| {
        let (root, held, events) = record(identity);
        let path = |path: &str| {
            if path.is_empty() {
                root.clone()
            } else {
                format!("{root}/{path}")
            }
        };
        let uid = if identity == Identity::Ordinary {
            ORDINARY
        } else {
            geteuid().as_raw()
        };
        let truth = &events[0];
        assert_eq!(
            (&truth["event"], &truth["path"], &truth["seq"]),
            (&"create".into(), &".".into(), &0.into())
        );
        assert_eq!(truth["namespaces"], 3);
        let at = |from: usize, wanted: Value| place(&events, from, &wanted);
        // Created in the order of the file, before anything of it runs.
        let mut created = 0;
        for name in [
            "init",
            "stay",
            "once",
            "later",
            "bad",
            "missing",
            "in/init",
            "in/victim",
            "in/deep/init",
        ] {
            created = at(0, json!({ "event": "created", "path": path(name) })).max(created);
            let level = name.matches('/').count() + 2;
            let event = &events[at(0, json!({ "event": "created", "path": path(name) }))];
            assert_eq!(event["pids"].as_array().unwrap().len(), level, "{event}");
        }
        let verified = at(
            created,
            json!({ "event": "verify", "path": ".", "namespaces": 3, "depth": 3 }),
        );
        let released = at(verified, json!({ "event": "release", "path": "." }));
        assert!(held > verified && held <= released);
        // A program: executed, started, ready.
        let argv = json!(["sleep", "1000"]);
        let executed = at(
            released,
            json!({ "event": "exec", "path": path("stay"), "argv": argv }),
        );
        let started = at(
            executed,
            json!({ "event": "started", "path": path("stay") }),
        );
        at(started, json!({ "event": "ready", "path": path("stay") }));
        // A one-shot is ready when it has exited successfully, and its dependents go on then.
        let ended = at(
            released,
            json!({ "event": "exit", "path": path("once"), "exit": { "code": 0 }, "state": "exited" }),
        );
        at(ended, json!({ "event": "ready", "path": path("once") }));
        let waited = at(ended, json!({ "event": "release", "path": path("later") }));
        at(waited, json!({ "event": "started", "path": path("later") }));
        // Failures, and what is none of a program.
        at(
            released,
            json!({ "event": "exit", "path": path("bad"), "exit": { "code": 3 }, "state": "failed" }),
        );
        let refused = &events[at(
            released,
            json!({ "event": "exec", "path": path("missing") }),
        )];
        assert!(
            refused["error"]
                .as_str()
                .unwrap()
                .contains("/no/such/program"),
            "{refused}"
        );
        assert!(
            !events
                .iter()
                .any(|event| event["event"] == "started" && event["path"] == path("missing"))
        );
        at(
            released,
            json!({ "event": "exit", "path": path("missing"), "exit": { "code": 127 } }),
        );
        // An exec process, and its client.
        let exec = at(
            released,
            json!({ "event": "exec", "path": path("exec.1"), "argv": ["sh", "-c", "exit 7"] }),
        );
        assert_eq!(events[exec]["by"]["uid"], uid);
        assert!(events[exec]["by"]["pid"].as_i64().unwrap() > 1);
        let started = at(exec, json!({ "event": "started", "path": path("exec.1") }));
        at(
            started,
            json!({ "event": "exit", "path": path("exec.1"), "exit": { "code": 7 } }),
        );
        let refused = &events[at(exec, json!({ "event": "exec", "path": path("exec.2") }))];
        assert!(
            refused["error"]
                .as_str()
                .unwrap()
                .contains("no such program"),
            "{refused}"
        );
        let signal = &events[at(
            exec,
            json!({ "event": "signal", "path": path("stay"), "signal": "CONT" }),
        )];
        assert_eq!(signal["by"]["uid"], uid);
        // The kernel's part: the processes that were killed with a PID 1.
        let with = path("in/init");
        for name in ["in/victim", "in/deep/init"] {
            let exit = json!({ "event": "exit", "path": path(name), "exit": { "signal": 9 }, "state": "gone", "with": with });
            at(exec, exit);
        }
        let lost = json!({ "event": "exit", "path": path("in/init"), "exit": { "signal": 9 }, "state": "killed" });
        let gone = at(
            at(exec, lost),
            json!({ "event": "gone", "path": path("in") }),
        );
        at(exec, json!({ "event": "gone", "path": path("in/deep") }));
        // The end.
        let stopping = at(
            gone,
            json!({ "event": "stopping", "path": ".", "stage": "ask" }),
        );
        let asked = at(
            stopping,
            json!({ "event": "signal", "path": path("stay"), "signal": "TERM" }),
        );
        let ended = at(
            asked,
            json!({ "event": "exit", "path": path("stay"), "exit": { "signal": 15 }, "state": "killed" }),
        );
        let left = at(
            ended,
            json!({ "event": "exit", "path": path("init"), "exit": { "code": 0 }, "state": "exited" }),
        );
        let gone = at(left, json!({ "event": "gone", "path": path("") }));
        assert_eq!(
            at(gone, json!({ "event": "gone", "path": "." })),
            events.len() - 1
        );
        // No process has ended twice.
        let mut exits = HashMap::new();
        for event in events.iter().filter(|event| event["event"] == "exit") {
            *exits.entry(event["path"].as_str().unwrap()).or_insert(0) += 1;
        }
        assert!(exits.values().all(|&times| times == 1), "{exits:?}");
    });
}

#[test]
fn a_stop_has_its_requester_and_its_stages() {
    let topology =
        "[ns.@]\nproc.deaf = { actor = \"ignore-term\", stop = { grace = \"200ms\" } }\n";
    for_each_identity(|identity| {
        let uid = if identity == Identity::Ordinary {
            ORDINARY
        } else {
            geteuid().as_raw()
        };
        for (words, stages) in [(&["down"][..], 1), (&["down", "--now", "@"][..], 2)] {
            let detached = Detached::up(Nest::new(topology).identity(identity));
            let follower = detached.start(&["events", "--since", "1h"]);
            detached.run(words);
            let events = follow(follower);
            let deaf = format!("{}/deaf", detached.nest.root);
            let stopping: Vec<&Value> = events
                .iter()
                .filter(|event| event["event"] == "stopping")
                .collect();
            assert_eq!(stopping.len(), stages, "{stopping:?}");
            assert_eq!(stopping[0]["by"]["uid"], uid);
            if stages == 1 {
                let asked = place(
                    &events,
                    0,
                    &json!({ "event": "signal", "path": deaf, "signal": "TERM" }),
                );
                let killed = place(
                    &events,
                    asked,
                    &json!({ "event": "signal", "path": deaf, "signal": "KILL" }),
                );
                place(
                    &events,
                    killed,
                    &json!({ "event": "exit", "path": deaf, "exit": { "signal": 9 }, "state": "killed" }),
                );
            } else {
                assert_eq!(stopping[1]["stage"], "kill");
                place(
                    &events,
                    0,
                    &json!({ "event": "exit", "path": deaf, "state": "gone" }),
                );
            }
        }
    });
}

#[test]
fn no_event_is_lost_or_repeated_between_the_snapshot_and_the_stream() {
    for_each_identity(|identity| {
        let detached = Detached::up(
            Nest::new("[ns.@]\nproc.p = { cmd = [\"sleep\", \"1000\"] }\n").identity(identity),
        );
        let storm: Vec<Child> = (0..3)
            .map(|_| detached.start(&["exec", "@", "--", "sh", "-c", "exit 0"]))
            .collect();
        let mut followers = Vec::new();
        let mut storm = storm;
        for round in 0..12 {
            followers.push(detached.start(&["events", "--snapshot"]));
            storm.push(detached.start(&["exec", "@", "--", "sh", "-c", &format!("exit {round}")]));
        }
        for child in storm {
            ended(child);
        }
        // Each of them has come as far as its snapshot when the topology goes.
        let mut waiting = Vec::new();
        for mut follower in followers {
            let mut stdout = BufReader::new(follower.stdout.take().unwrap());
            let mut first = String::new();
            stdout.read_line(&mut first).unwrap();
            waiting.push((follower, stdout, first));
        }
        detached.run(&["down"]);
        for (follower, stdout, first) in waiting {
            let rest: Vec<String> = stdout.lines().map(|line| line.unwrap()).collect();
            let outcome = ended(follower);
            assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
            let events = objects(&(first + &rest.join("\n")));
            check_order(&events);
            let whole = &events[0];
            assert_eq!(
                (&whole["event"], &whole["path"], &whole["state"]),
                (&"snapshot".into(), &".".into(), &"ready".into())
            );
            let states = events
                .iter()
                .take_while(|event| event["event"] == "snapshot")
                .count();
            assert_eq!(events[states]["seq"], whole["seq"], "{:?}", events[states]);
            assert_eq!(events.last().unwrap()["path"], ".");
            // A process in the snapshot exits later, and one that exits later and has not started later is in the snapshot.
            let paths = |range: &[Value], kind: &str| -> Vec<String> {
                let found = range.iter().filter(|event| event["event"] == kind);
                let mut paths: Vec<String> = found
                    .map(|event| event["path"].as_str().unwrap().to_owned())
                    .collect();
                paths.sort_unstable();
                paths
            };
            let running = events[..states].iter().filter(|event| {
                // An exec process runs, and readiness does not wait for it.
                (event["state"] == "ready" || event["state"] == "running")
                    && event["path"] != "."
                    && event["path"] != detached.nest.root.as_str()
            });
            let mut expected: Vec<String> = running
                .map(|event| event["path"].as_str().unwrap().to_owned())
                .collect();
            expected.extend(paths(&events[states..], "started"));
            expected.push(format!("{}/init", detached.nest.root));
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(paths(&events[states..], "exit"), expected);
        }
    });
}

#[test]
fn events_are_filtered_by_address_and_time() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.p = { cmd = [\"sleep\", \"1000\"] }\n[ns.\"@/in\"]\nproc.q = { cmd = [\"sleep\", \"1000\"] }\n";
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let root = &detached.nest.root;
        let paths = |arguments: &[&str]| -> Vec<String> {
            let words: Vec<&str> = ["events", "--no-follow"]
                .into_iter()
                .chain(arguments.iter().copied())
                .collect();
            let events = objects(&detached.run(&words));
            let mut paths: Vec<String> = events
                .iter()
                .map(|event| event["path"].as_str().unwrap().to_owned())
                .collect();
            paths.sort_unstable();
            paths.dedup();
            paths
                .into_iter()
                .map(|path| path.replace(root.as_str(), "@"))
                .collect()
        };
        assert_eq!(
            paths(&[]),
            [".", "@", "@/in", "@/in/init", "@/in/q", "@/init", "@/p"]
        );
        assert_eq!(paths(&["@"]), ["@", "@/init", "@/p"]);
        assert_eq!(paths(&["@/in/q"]), ["@/in/q"]);
        assert_eq!(
            paths(&["--snapshot", "@/in"]),
            ["@/in", "@/in/init", "@/in/q"]
        );
        assert_eq!(paths(&["--until", "1h"]), Vec::<String>::new());
        detached.run(&["exec", "@/in", "--", "true"]);
        assert!(paths(&["@/in"]).contains(&"@/in/exec.1".to_owned()));
        assert!(!paths(&["@"]).contains(&"@/in/exec.1".to_owned()));
        assert_eq!(detached.nestns(&["events", "@/nobody"]).code, 1);
        // It ends with the time, and with its reader.
        let until = humantime::format_rfc3339_nanos(
            std::time::SystemTime::now() + Duration::from_millis(300),
        )
        .to_string();
        let outcome = ended(detached.start(&["events", "--until", &until]));
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
        let mut unread = detached.start(&["events"]);
        drop(unread.stdout.take());
        assert_eq!(unread.wait().unwrap().code(), Some(0));
    });
}

#[test]
fn a_follower_reads_everything_through_rotation() {
    // More than one file of events.
    for_each_identity(|identity| {
        let detached = Detached::up(
            Nest::new("[ns.@]\nproc.p = { cmd = [\"sleep\", \"1000\"] }\n").identity(identity),
        );
        let follower = detached.start(&["events", "--since", "1h"]);
        let long = "x".repeat(100_000);
        for _ in 0..100 {
            detached.run(&["exec", "@", "--", "true", &long]);
        }
        detached.run(&["down"]);
        let events = follow(follower);
        assert_eq!(events.last().unwrap()["event"], "gone");
        assert_eq!(
            events
                .iter()
                .filter(|event| event["event"] == "started")
                .count(),
            101
        );
    });
}

#[test]
fn a_process_that_exits_at_once_has_started_first() {
    for_each_identity(|identity| {
        let mut topology =
            "on_exit = \"ignore\"\n[ns.@]\nproc.stay = { actor = \"idle\" }\n".to_owned();
        for (namespace, init, enter) in [
            ("", "\"builtin\"", "fork"),
            ("/join", "\"pause\"", "join"),
            ("/program", "{ actor = \"idle\" }", "join"),
        ] {
            if !namespace.is_empty() {
                let _ = write!(topology, "[ns.\"@{namespace}\"]\ninit = {init}\n");
            }
            for number in 0..12 {
                let _ = writeln!(
                    topology,
                    "proc.p{number} = {{ cmd = [\"true\"], enter = \"{enter}\", essential = false }}"
                );
            }
        }
        // A PID 1 that ends at once, and takes along what has only just begun.
        for number in 0..6 {
            let _ = write!(
                topology,
                "[ns.\"@/short{number}\"]\ninit = [\"true\"]\nproc.inside = {{ actor = \"idle\", essential = false }}\n"
            );
        }
        let detached = Detached::up(
            Nest::new(&topology)
                .identity(identity)
                .arguments(&["--hold"]),
        );
        let mut follower = detached.start(&["events", "--snapshot"]);
        let mut lines = BufReader::new(follower.stdout.take().expect("it is piped"));
        let mut snapshot = String::new();
        lines.read_line(&mut snapshot).expect("it says something");
        detached.run(&["release"]);
        let root = &detached.nest.root;
        for number in 0..12 {
            for namespace in ["", "/join", "/program"] {
                detached.nestns(&[
                    "wait",
                    &format!("@{namespace}/p{number}"),
                    "--timeout",
                    "50s",
                ]);
            }
        }
        for number in 0..6 {
            detached.nestns(&[
                "wait",
                &format!("@/short{number}"),
                "--for",
                "gone",
                "--timeout",
                "50s",
            ]);
        }
        detached.run(&["down", root]);
        let mut text = String::new();
        lines.read_to_string(&mut text).expect("it is text");
        drop(lines);
        assert_eq!(ended(follower).code, 0);
        let events = objects(&text);
        check_order(&events);
        let mut seen: HashMap<String, Vec<String>> = HashMap::new();
        for event in &events {
            let word = event["event"].as_str().expect("a word").to_owned();
            seen.entry(event["path"].as_str().expect("a path").to_owned())
                .or_default()
                .push(word);
        }
        let mut count = 0;
        for (path, words) in seen
            .iter()
            .filter(|(path, _)| path.contains("/p") || path.contains("/short"))
        {
            let at = |word: &str| words.iter().position(|other| other == word);
            let Some(exit) = at("exit") else { continue };
            if let Some(started) = at("started") {
                count += 1;
                assert!(
                    at("exec") < Some(started) && started < exit,
                    "{identity:?}, {path}: {words:?}"
                );
                assert!(
                    at("ready").is_none_or(|ready| started < ready && ready < exit),
                    "{identity:?}, {path}: {words:?}"
                );
            }
            assert!(
                words
                    .iter()
                    .rposition(|word| word == "started")
                    .is_none_or(|last| last < exit),
                "{path}: {words:?}"
            );
        }
        assert!(
            count >= 36,
            "{identity:?}: {count} of them have started: {seen:#?}"
        );
    });
}
