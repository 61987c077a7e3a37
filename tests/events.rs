//! `events`: everything that happens, in order, with nothing missing between a snapshot and what follows it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::detached::{Detached, ended};
use crate::harness::document::objects;
use crate::harness::identity::{Identity, for_each_identity};
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

/// The processes of the layout in the order of the file.
const CREATED: [&str; 9] = [
    "init",
    "stay",
    "once",
    "later",
    "bad",
    "missing",
    "in/init",
    "in/victim",
    "in/deep/init",
];

/// Events of a topology in which everything that can happen happens.
struct Recording {
    root: String,
    /// The user that has asked for everything.
    uid: u32,
    /// Number of the events while the gates were closed.
    held: usize,
    events: Vec<Value>,
}

impl Recording {
    fn make(identity: Identity) -> Self {
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
            (events.contains(r#""event":"ready","path":"#) && events.contains("/later\""))
                .then_some(())
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
        let failing = detached.nestns(&["exec", "@", "--", "sh", "-c", "exit 7"]);
        assert_eq!(failing.code, 7);
        assert_eq!(detached.nestns(&["exec", "@", "--", "/no/such"]).code, 127);
        detached.run(&["kill", "-s", "CONT", "@/stay"]);
        let pid_one = detached.truth().host_pid(&format!("{root}/in/init"));
        kill(Pid::from_raw(pid_one), Signal::SIGKILL).expect("it runs");
        // The loss of a PID 1 that is none of the user's ends the topology.
        let events = follow(follower);
        assert_eq!(&events[..before.len()], before);
        Self {
            root,
            uid: identity.uid(),
            held: before.len(),
            events,
        }
    }

    /// The path of a process or of a namespace; that of the root where it is empty.
    fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.root)
            .trim_end_matches('/')
            .to_owned()
    }

    /// Index of the first event from `from` on with this word and path and all of these keys.
    fn at(&self, from: usize, word: &str, path: &str, keys: &Value) -> usize {
        let mut wanted = json!({ "event": word, "path": path });
        let object = wanted.as_object_mut().expect("it is one");
        object.extend(keys.as_object().expect("an object").clone());
        place(&self.events, from, &wanted)
    }

    /// The same for an event of the whole topology.
    fn of_all(&self, from: usize, word: &str, keys: &Value) -> usize {
        self.at(from, word, ".", keys)
    }

    /// The same for an event of a process or of a namespace.
    fn of(&self, from: usize, word: &str, below: &str, keys: &Value) -> usize {
        self.at(from, word, &self.path(below), keys)
    }

    /// Makes sure that everything is created in the order of the file and verified before the gates open, and returns the
    /// index of the release.
    fn assert_creation(&self) -> usize {
        let first = &self.events[0];
        assert_eq!(
            (&first["event"], &first["path"], &first["seq"]),
            (&"create".into(), &".".into(), &0.into())
        );
        assert_eq!(first["namespaces"], 3);
        let created = CREATED.map(|name| {
            let index = self.of(0, "created", name, &json!({}));
            let level = name.matches('/').count() + 2;
            let event = &self.events[index];
            assert_eq!(event["pids"].as_array().unwrap().len(), level, "{event}");
            index
        });
        let last = created.into_iter().max().expect("there are some");
        let verified = self.of_all(last, "verify", &json!({ "namespaces": 3, "depth": 3 }));
        let released = self.of_all(verified, "release", &json!({}));
        assert!(self.held > verified && self.held <= released);
        released
    }

    /// Makes sure that a program is executed, started, ready, and a dependent of a one-shot later.
    fn assert_programs_start(&self, released: usize) {
        let argv = json!({ "argv": ["sleep", "1000"] });
        let executed = self.of(released, "exec", "stay", &argv);
        let started = self.of(executed, "started", "stay", &json!({}));
        self.of(started, "ready", "stay", &json!({}));
        // A one-shot is ready when it has exited successfully, and its dependents go on then.
        let exit = json!({ "exit": { "code": 0 }, "state": "exited" });
        let ended = self.of(released, "exit", "once", &exit);
        self.of(ended, "ready", "once", &json!({}));
        let waited = self.of(ended, "release", "later", &json!({}));
        self.of(waited, "started", "later", &json!({}));
    }

    /// Makes sure that a failure is told, and that what is none of a program never starts.
    fn assert_failures(&self, released: usize) {
        let exit = json!({ "exit": { "code": 3 }, "state": "failed" });
        self.of(released, "exit", "bad", &exit);
        let refused = &self.events[self.of(released, "exec", "missing", &json!({}))];
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains("/no/such/program"), "{refused}");
        let missing = self.path("missing");
        assert!(
            !self
                .events
                .iter()
                .any(|event| event["event"] == "started" && event["path"] == missing)
        );
        let exit = json!({ "exit": { "code": 127 } });
        self.of(released, "exit", "missing", &exit);
    }

    /// Makes sure that exec processes and signals are told with the client, and returns the index of the first exec.
    fn assert_requests(&self, released: usize) -> usize {
        let argv = json!({ "argv": ["sh", "-c", "exit 7"] });
        let exec = self.of(released, "exec", "exec.1", &argv);
        assert_eq!(self.events[exec]["by"]["uid"], self.uid);
        assert!(self.events[exec]["by"]["pid"].as_i64().unwrap() > 1);
        let started = self.of(exec, "started", "exec.1", &json!({}));
        let exit = json!({ "exit": { "code": 7 } });
        self.of(started, "exit", "exec.1", &exit);
        let refused = &self.events[self.of(exec, "exec", "exec.2", &json!({}))];
        let error = refused["error"].as_str().unwrap();
        assert!(error.contains("no such program"), "{refused}");
        let signal = &self.events[self.of(exec, "signal", "stay", &json!({ "signal": "CONT" }))];
        assert_eq!(signal["by"]["uid"], self.uid);
        exec
    }

    /// Makes sure that the processes that the kernel has killed with a PID 1 are told, and returns the index of the end of
    /// their namespace.
    fn assert_lost_with_pid_one(&self, from: usize) -> usize {
        let with = self.path("in/init");
        for name in ["in/victim", "in/deep/init"] {
            let exit = json!({ "exit": { "signal": 9 }, "state": "gone", "with": with });
            self.of(from, "exit", name, &exit);
        }
        self.of(from, "gone", "in/deep", &json!({}));
        let exit = json!({ "exit": { "signal": 9 }, "state": "killed" });
        let lost = self.of(from, "exit", "in/init", &exit);
        self.of(lost, "gone", "in", &json!({}))
    }

    /// Makes sure that the stop is told to the last event, and that no process has ended twice.
    fn assert_stop(&self, from: usize) {
        let stopping = self.of_all(from, "stopping", &json!({ "stage": "ask" }));
        let asked = self.of(stopping, "signal", "stay", &json!({ "signal": "TERM" }));
        let exit = json!({ "exit": { "signal": 15 }, "state": "killed" });
        let ended = self.of(asked, "exit", "stay", &exit);
        let exit = json!({ "exit": { "code": 0 }, "state": "exited" });
        let left = self.of(ended, "exit", "init", &exit);
        let gone = self.of(left, "gone", "", &json!({}));
        let last = self.of_all(gone, "gone", &json!({}));
        assert_eq!(last, self.events.len() - 1);
        let mut exits = HashMap::new();
        for event in self.events.iter().filter(|event| event["event"] == "exit") {
            *exits.entry(event["path"].as_str().unwrap()).or_insert(0) += 1;
        }
        assert!(exits.values().all(|&times| times == 1), "{exits:?}");
    }
}

#[test]
fn events_are_in_order() {
    for_each_identity(|identity| {
        let recording = Recording::make(identity);
        let released = recording.assert_creation();
        recording.assert_programs_start(released);
        recording.assert_failures(released);
        let exec = recording.assert_requests(released);
        let gone = recording.assert_lost_with_pid_one(exec);
        recording.assert_stop(gone);
    });
}

#[test]
fn a_stop_has_its_requester_and_its_stages() {
    let topology =
        "[ns.@]\nproc.deaf = { actor = \"ignore-term\", stop = { grace = \"200ms\" } }\n";
    for_each_identity(|identity| {
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
            assert_eq!(stopping[0]["by"]["uid"], identity.uid());
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

/// Processes of each kind that exit at once, a dozen in each namespace.
const SHORT_LIVED: usize = 12;
/// PID 1s that exit at once.
const SHORT_LIVED_INITS: usize = 6;

/// A topology of processes that exit at once: below each kind of parent, and as PID 1.
fn short_lived() -> String {
    let mut topology =
        "on_exit = \"ignore\"\n[ns.@]\nproc.stay = { actor = \"idle\" }\n".to_owned();
    for (header, enter) in [
        ("", "fork"),
        ("[ns.\"@/join\"]\ninit = \"pause\"\n", "join"),
        ("[ns.\"@/program\"]\ninit = { actor = \"idle\" }\n", "join"),
    ] {
        topology += header;
        for number in 0..SHORT_LIVED {
            let _ = writeln!(
                topology,
                "proc.p{number} = {{ cmd = [\"true\"], enter = \"{enter}\", essential = false }}"
            );
        }
    }
    // A PID 1 that ends at once, and takes along what has only just begun.
    for number in 0..SHORT_LIVED_INITS {
        let _ = write!(
            topology,
            "[ns.\"@/short{number}\"]\ninit = [\"true\"]\nproc.inside = {{ actor = \"idle\", essential = false }}\n"
        );
    }
    topology
}

/// Waits until all of them have ended.
fn until_short_lived_have_ended(detached: &Detached) {
    for number in 0..SHORT_LIVED {
        for namespace in ["", "/join", "/program"] {
            let path = format!("@{namespace}/p{number}");
            detached.nestns(&["wait", &path, "--timeout", "50s"]);
        }
    }
    for number in 0..SHORT_LIVED_INITS {
        let path = format!("@/short{number}");
        detached.nestns(&["wait", &path, "--for", "gone", "--timeout", "50s"]);
    }
}

/// Makes sure that a process has started before it has exited, by the words of its events; true if it has done both.
fn assert_started_first(path: &str, words: &[String]) -> bool {
    let at = |word: &str| words.iter().position(|other| other == word);
    let Some(exit) = at("exit") else { return false };
    let last = words.iter().rposition(|word| word == "started");
    assert!(last.is_none_or(|last| last < exit), "{path}: {words:?}");
    let Some(started) = at("started") else {
        return false;
    };
    assert!(
        at("exec") < Some(started) && started < exit,
        "{path}: {words:?}"
    );
    assert!(
        at("ready").is_none_or(|ready| started < ready && ready < exit),
        "{path}: {words:?}"
    );
    true
}

#[test]
fn a_process_that_exits_at_once_has_started_first() {
    for_each_identity(|identity| {
        let nest = Nest::new(&short_lived()).identity(identity);
        let detached = Detached::up(nest.arguments(&["--hold"]));
        let mut follower = detached.start(&["events", "--snapshot"]);
        let mut lines = BufReader::new(follower.stdout.take().expect("it is piped"));
        let mut snapshot = String::new();
        lines.read_line(&mut snapshot).expect("it says something");
        detached.run(&["release"]);
        until_short_lived_have_ended(&detached);
        detached.run(&["down", &detached.nest.root]);
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
        let short_lived = seen
            .iter()
            .filter(|(path, _)| path.contains("/p") || path.contains("/short"));
        let count = short_lived
            .filter(|(path, words)| assert_started_first(path, words))
            .count();
        assert!(
            count >= 3 * SHORT_LIVED,
            "{count} of them have started: {seen:#?}"
        );
    });
}
