//! A stop: the request goes root first, completion comes leaf first, and a process that ignores it costs its own grace and
//! no other's. The handlers of the programs record it, and the timeline has to agree with them.

use std::fs;

use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::document::{list, step, timeline};
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Ended, Nest, Running};

/// A shell that says when it was asked, works for a moment, and says when it has finished. A shell runs its traps between
/// commands, and `wait` is one that a signal interrupts.
const HANDLER: &str = "trap 'date +%s%N > DIRECTORY/NAME.asked; sleep 0.1; date +%s%N > DIRECTORY/NAME.finished; exit 0' TERM; \
                       : > DIRECTORY/NAME.ready; while :; do sleep 1000 & wait; done";

fn handler(name: &str) -> String {
    HANDLER.replace("NAME", name)
}

/// Waits until every named program has set its trap.
fn ready(running: &mut Running, names: &[&str]) {
    for name in names {
        running.until(&format!("{name} is ready"), |nest| {
            nest.directory
                .path()
                .join(format!("{name}.ready"))
                .exists()
                .then_some(())
        });
    }
}

fn stamp(ended: &Ended, file: &str) -> u128 {
    let text = fs::read_to_string(ended.nest.directory.path().join(file))
        .unwrap_or_else(|_| panic!("no {file}: {}", ended.stderr));
    text.trim().parse().expect("nanoseconds")
}

fn time(step: &Value, key: &str) -> f64 {
    step[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key}: {step:#}"))
}

/// Programs of the tree whose stop is compared with its timeline: in a root, deeper inside, and as PID 1.
const PROGRAMS: [&str; 6] = ["forked", "joined", "middle", "low", "inside", "leaf"];

/// Those programs by their paths below the root.
const PROGRAM_PATHS: [&str; 6] = [
    "forked",
    "joined",
    "mid/middle",
    "mid/low/init",
    "mid/low/inside",
    "mid/low/deep/leaf",
];

/// A process, and another one that must not be asked before it.
const ASKED: [(&str, &str); 7] = [
    ("init", "forked"),
    ("init", "joined"),
    ("init", "mid/init"),
    ("mid/init", "mid/middle"),
    ("mid/init", "mid/low/inside"),
    ("mid/init", "mid/low/deep/init"),
    ("mid/low/deep/init", "mid/low/deep/leaf"),
];

/// A process, and another one that must not end before it.
const ENDED: [(&str, &str); 8] = [
    ("forked", "init"),
    ("joined", "init"),
    ("mid/init", "init"),
    ("mid/middle", "mid/init"),
    ("mid/low/init", "mid/init"),
    ("mid/low/inside", "mid/low/init"),
    ("mid/low/deep/init", "mid/low/init"),
    ("mid/low/deep/leaf", "mid/low/deep/init"),
];

fn programs() -> String {
    let [forked, joined, middle, low, inside, leaf] = PROGRAMS.map(handler);
    format!(
        "[ns.@]\nproc.forked = {{ sh = \"{forked}\" }}\nproc.joined = {{ sh = \"{joined}\", enter = \"join\" }}\n\
         [ns.\"@/mid\"]\nproc.middle = {{ sh = \"{middle}\" }}\n\
         [ns.\"@/mid/low\"]\ninit = [\"sh\", \"-c\", \"{low}\"]\nproc.inside = {{ sh = \"{inside}\" }}\n\
         [ns.\"@/mid/low/deep\"]\nproc.leaf = {{ sh = \"{leaf}\" }}\n"
    )
}

/// Makes sure of the order in which the programs themselves were asked and have finished.
fn assert_recorded_in_order(ended: &Ended) {
    let asked = |name: &str| stamp(ended, &format!("{name}.asked"));
    let finished = |name: &str| stamp(ended, &format!("{name}.finished"));
    for name in PROGRAMS {
        assert!(asked(name) < finished(name), "{name}");
    }
    // A program that is PID 1 is asked when all inside it has left, because its end would be theirs.
    for name in ["inside", "leaf"] {
        assert!(finished(name) < asked("low"), "{name}");
    }
}

#[test]
fn the_request_goes_root_first_and_completion_comes_leaf_first() {
    for_each_identity(|identity| {
        let mut running = Nest::new(&programs())
            .identity(identity)
            .arguments(&["--format", "json"])
            .up();
        ready(&mut running, &PROGRAMS);
        let ended = running.stop();
        assert_eq!(ended.code, 130, "{}", ended.stderr);
        assert_recorded_in_order(&ended);
        let timeline = timeline(&ended);
        let step = |path| step(&timeline, &ended, &format!("@/{path}"));
        for (first, second) in ASKED {
            assert!(
                time(step(first), "asked_ms") <= time(step(second), "asked_ms"),
                "{first} was asked after {second}: {timeline:#}"
            );
        }
        for (first, second) in ENDED {
            assert!(
                time(step(first), "ended_ms") <= time(step(second), "ended_ms"),
                "{second} ended before {first}: {timeline:#}"
            );
        }
        for step in PROGRAM_PATHS.map(step) {
            assert_eq!(
                (
                    &step["signal"],
                    &step["handled"],
                    &step["how"],
                    &step["code"]
                ),
                (&"TERM".into(), &true.into(), &"exited".into(), &0.into()),
                "{step:#}"
            );
            assert!(
                time(step, "ended_ms") - time(step, "asked_ms") >= 100.0,
                "{step:#}"
            );
        }
        // Sorted by when they ended.
        let steps = list(&timeline, "steps").iter();
        let ends: Vec<f64> = steps.map(|step| time(step, "ended_ms")).collect();
        assert!(ends.is_sorted(), "{timeline:#}");
    });
}

#[test]
fn a_leaf_that_ignores_the_request_costs_only_its_own_grace() {
    for_each_identity(|identity| {
        for enter in ["fork", "join"] {
            let topology = format!(
                "[ns.@]\nproc.one = {{ sh = \"{}\" }}\n[ns.\"@/a\"]\nproc.two = {{ sh = \"{}\" }}\n\
                 [ns.\"@/a/b\"]\nproc.deaf = {{ actor = \"ignore-term\", enter = \"{enter}\", stop = {{ grace = \"1s\" }} }}\n\
                 proc.three = {{ sh = \"{}\" }}\n[ns.\"@/c\"]\nproc.four = {{ sh = \"{}\" }}\n",
                handler("one"),
                handler("two"),
                handler("three"),
                handler("four")
            );
            let mut running = Nest::new(&topology)
                .identity(identity)
                .arguments(&["--format", "json"])
                .up();
            ready(&mut running, &["one", "two", "three", "four"]);
            // The actor runs, and has set its dispositions.
            let deaf = format!("{}/a/b/deaf", running.nest.root);
            let pid = running.until_running().host_pid(&deaf);
            running.until("the actor ignores TERM", |_| {
                (kernel::signals(pid, "SigIgn:") & 1 << 14 != 0).then_some(())
            });
            let ended = running.stop();
            assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
            let timeline = timeline(&ended);
            let step = |path| step(&timeline, &ended, &format!("@/{path}"));
            let deaf = step("a/b/deaf");
            assert_eq!(
                (&deaf["handled"], &deaf["how"], &deaf["code"]),
                (&false.into(), &"killed at deadline".into(), &137.into()),
                "{identity:?}, {enter}: {deaf:#}"
            );
            let cost = time(deaf, "ended_ms") - time(deaf, "asked_ms");
            assert!(
                (1000.0..1900.0).contains(&cost),
                "{identity:?}, {enter}: {cost} ms; {timeline:#}"
            );
            let all = timeline["ms"].as_f64().expect("a number");
            assert!(
                (1000.0..1900.0).contains(&all),
                "{identity:?}, {enter}: {timeline:#}"
            );
            for path in ["one", "a/two", "a/b/three", "c/four", "c/init"] {
                let step = step(path);
                assert_eq!(
                    (&step["how"], &step["code"]),
                    (&"exited".into(), &0.into()),
                    "{identity:?}, {enter}: {step:#}"
                );
                assert!(
                    time(step, "ended_ms") < 1000.0,
                    "{identity:?}, {enter}: {step:#}"
                );
            }
            for path in ["a/b/init", "a/init", "init"] {
                assert!(
                    time(step(path), "ended_ms") >= time(deaf, "ended_ms"),
                    "{identity:?}, {enter}: {timeline:#}"
                );
                assert_eq!(
                    step(path)["how"],
                    "exited",
                    "{identity:?}, {enter}: {timeline:#}"
                );
            }
        }
    });
}

#[test]
fn dependents_are_stopped_before_their_dependencies() {
    for_each_identity(|identity| {
        for (first, second) in [
            ("fork", "fork"),
            ("join", "join"),
            ("fork", "join"),
            ("join", "fork"),
        ] {
            let topology = format!(
                "[ns.@]\nproc.base = {{ sh = \"{}\", enter = \"{first}\" }}\n\
                 proc.upper = {{ sh = \"{}\", enter = \"{second}\", after = {{ base = \"started\" }} }}\n",
                handler("base"),
                handler("upper")
            );
            let mut running = Nest::new(&topology).identity(identity).up();
            ready(&mut running, &["base", "upper"]);
            let ended = running.stop();
            assert_eq!(ended.code, 130, "{identity:?}: {}", ended.stderr);
            assert!(
                stamp(&ended, "upper.finished") < stamp(&ended, "base.asked"),
                "{identity:?}, {first}, {second}"
            );
        }
    });
}

#[test]
fn a_process_gets_its_own_stop_signal() {
    for_each_identity(|identity| {
        let script = handler("x").replace("' TERM", "' USR2");
        let topology = format!(
            "[ns.@]\nproc.x = {{ sh = \"{script}\", stop = {{ signal = \"USR2\" }} }}\nproc.y = {{ cmd = \"sleep 1000\" }}\n"
        );
        let mut running = Nest::new(&topology)
            .identity(identity)
            .arguments(&["--format", "json"])
            .up();
        ready(&mut running, &["x"]);
        let ended = running.stop();
        let timeline = timeline(&ended);
        let (x, y) = (
            step(&timeline, &ended, "@/x"),
            step(&timeline, &ended, "@/y"),
        );
        assert_eq!(
            (&x["signal"], &x["how"]),
            (&"USR2".into(), &"exited".into()),
            "{identity:?}: {x:#}"
        );
        // The default action of TERM is an end as well, and a signal's.
        assert_eq!(
            (&y["signal"], &y["how"], &y["code"], &y["handled"]),
            (
                &"TERM".into(),
                &"signalled".into(),
                &143.into(),
                &true.into()
            ),
            "{identity:?}: {y:#}"
        );
    });
}

#[test]
fn a_short_inner_grace_does_not_shorten_an_outer_one() {
    // More than a second longer than any grace inside, and shorter than the default.
    let flush = handler("db").replace("sleep 0.1", "sleep 2.5");
    for_each_identity(|identity| {
        for ci in [
            "stop.grace = \"100ms\"",
            "proc.x = { actor = \"idle\", stop = { grace = \"100ms\" } }",
        ] {
            let topology = format!(
                "[ns.@]\n[ns.\"@/vm\"]\nproc.db = {{ sh = \"{flush}\" }}\n[ns.\"@/vm/ci\"]\n{ci}\n[ns.\"@/vm/ci/in\"]\n\
                 stop.grace = \"50ms\"\nproc.y = {{ actor = \"idle\" }}\n"
            );
            let mut running = Nest::new(&topology)
                .identity(identity)
                .arguments(&["--format", "json"])
                .up();
            ready(&mut running, &["db"]);
            let ended = running.stop();
            let timeline = timeline(&ended);
            let db = step(&timeline, &ended, "@/vm/db");
            assert_eq!(
                (&db["how"], &db["code"]),
                (&"exited".into(), &0.into()),
                "{identity:?}, {ci}: {timeline:#}"
            );
            assert!(
                stamp(&ended, "db.asked") < stamp(&ended, "db.finished"),
                "{identity:?}, {ci}"
            );
        }
    });
}

/// A process held back behind one that ignores TERM, in a namespace with a longer grace than the one around it has.
const HELD_BACK: &str =
    "stop = { grace = \"60s\" }\nproc.deaf = { sh = \"DEAF\", after = { base = \"started\" } }\n";
/// A script that ignores TERM, and writes a file when it does.
const DEAF: &str = "trap '' TERM; : > DIRECTORY/deaf.ready; while :; do sleep 1000; done";

#[test]
fn held_back_processes_are_requested_after_half_of_the_remaining_time() {
    for_each_identity(|identity| {
        // A program that is PID 1, right below and two levels down; and a process on which another depends.
        let program = "init = [\"sh\", \"-c\", \"HANDLER\"]\nstop = { grace = \"60s\" }\nproc.deaf = { sh = \"DEAF\" }\n";
        let process = format!("proc.base = {{ sh = \"HANDLER\" }}\n{HELD_BACK}");
        for (inside, path) in [
            (format!("[ns.\"@/a\"]\n{program}"), "a/init"),
            (
                format!(
                    "[ns.\"@/a\"]\nstop.grace = \"50s\"\n[ns.\"@/a/b\"]\nstop.grace = \"50s\"\n[ns.\"@/a/b/c\"]\n{program}"
                ),
                "a/b/c/init",
            ),
            (
                format!("[ns.\"@/a\"]\nstop.grace = \"50s\"\n[ns.\"@/a/b\"]\n{process}"),
                "a/b/base",
            ),
            (
                format!(
                    "[ns.\"@/a\"]\ninit = {{ actor = \"ignore-term\" }}\nstop.grace = \"50s\"\n[ns.\"@/a/b\"]\n{program}"
                ),
                "a/b/init",
            ),
        ] {
            let inside = inside
                .replace("HANDLER", &handler("held"))
                .replace("DEAF", DEAF);
            let topology = format!("[ns.@]\nstop = {{ grace = \"3s\" }}\n{inside}");
            let mut running = Nest::new(&topology)
                .identity(identity)
                .arguments(&["--format", "json"])
                .up();
            ready(&mut running, &["held", "deaf"]);
            let ended = running.stop();
            let timeline = timeline(&ended);
            let context = format!("{identity:?}, {path}: {timeline:#}");
            let held = step(&timeline, &ended, &format!("@/{path}"));
            assert_eq!(
                (&held["how"], &held["code"]),
                (&"exited".into(), &0.into()),
                "{context}"
            );
            assert!(
                stamp(&ended, "held.asked") < stamp(&ended, "held.finished"),
                "{context}"
            );
            // The process that ignores TERM still had a good part of the time.
            assert!(time(held, "asked_ms") >= 700.0, "{context}");
        }
    });
}

#[test]
fn down_with_a_timeout_requests_held_back_processes_before_it_kills() {
    for_each_identity(|identity| {
        for inside in ["", "/a"] {
            let outer = if inside.is_empty() {
                ""
            } else {
                "[ns.@]\nstop.grace = \"70s\"\n"
            };
            let topology = format!(
                "{outer}[ns.\"@{inside}\"]\ninit = [\"sh\", \"-c\", \"{}\"]\nstop = {{ grace = \"60s\" }}\n\
                 proc.deaf = {{ sh = \"{DEAF}\" }}\n",
                handler("held")
            );
            for part in [false, true] {
                let detached = Detached::up(Nest::new(&topology).identity(identity));
                let directory = detached.nest.directory.path();
                detached.until("its trap is set", |_| {
                    (directory.join("held.ready").exists() && directory.join("deaf.ready").exists())
                        .then_some(())
                });
                let root = detached.nest.root.clone();
                let whole = format!("{root}{inside}/");
                let mut words = vec!["down", &root, "--timeout", "3s"];
                if part {
                    words.push(&whole);
                }
                let outcome = detached.nestns(&words);
                assert!(
                    directory.join("held.finished").exists(),
                    "{identity:?}, {words:?}: {}{}",
                    outcome.stdout,
                    outcome.stderr
                );
            }
        }
    });
}
