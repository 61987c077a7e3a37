//! Detached topologies that have ended: what they leave, what is answered from it, and how it goes.

use std::fs;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::harness::Outcome;
use crate::harness::detached::{Detached, outcome};
use crate::harness::document::objects;
use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, assert_nothing_left, processes_of};
use crate::harness::wait::until;

const TALKER: &str = "[ns.@]\nproc.talker = { sh = \"echo hello; exec sleep 1000\" }\n[ns.\"@/in\"]\nproc.one = { actor = \"idle\" }\n";

/// A topology that has written its line.
fn talking(nest: Nest) -> Detached {
    let detached = Detached::up(nest);
    detached.until("it has written", |detached| {
        let logs = detached.run(&["logs", "@:/"]);
        logs.contains("hello").then_some(())
    });
    detached
}

fn is_recorded(detached: &Detached) -> bool {
    let directory = detached.nest.state().join(&detached.nest.root);
    directory.join("ended.json").exists() && !detached.is_running()
}

/// The end, as `inspect` tells it.
fn end(detached: &Detached) -> Value {
    until("it has ended", || is_recorded(detached));
    detached.document(&["inspect", "@:/", "--format", "json"])
}

fn assert_told(outcome: &Outcome, reason: &str) {
    assert!(
        outcome.stderr.starts_with("note: `") && outcome.stderr.contains(reason),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_topology_that_was_taken_down_is_answered_from_what_it_left() {
    for_each_identity(|identity| {
        let detached = talking(Nest::new(TALKER).identity(identity));
        let root = detached.nest.root.clone();
        detached.run(&["exec", "-d", "@/in", "--", "echo", "from exec"]);
        detached.until("the program has written", |detached| {
            let logs = detached.run(&["logs", "@:/"]);
            logs.contains("from exec").then_some(())
        });
        let before = detached.events();
        detached.run(&["down", "@"]);
        assert_eq!(processes_of(&detached.nest), []);

        assert_eq!(detached.run(&["ls", "-q"]), "");
        assert_eq!(detached.run(&["ls", "-a", "-q"]), format!("{root}\n"));
        let listed = detached.document(&["ls", "-a", "--format", "json"]);
        let one = &listed["topologies"][0];
        assert_eq!(
            (&one["state"], &one["namespaces"]),
            (&json!("ended"), &json!(2))
        );
        assert_eq!(one["end"]["status"], 0, "{one}");

        for words in [&["logs", "@:/"][..], &["logs", "-f", "--name", "@"]] {
            let logs = detached.nestns(words);
            assert_eq!(logs.code, 0, "{}", logs.stderr);
            assert_told(&logs, "asked by a client (PID ");
            assert!(
                logs.stdout.contains("hello") && logs.stdout.contains("from exec"),
                "{words:?}: {}",
                logs.stdout
            );
        }
        for words in [
            &["events", "-n", "@"][..],
            &["events", "@:/", "--no-follow"],
        ] {
            let events = detached.nestns(words);
            assert_told(&events, "asked by a client (PID ");
            let events = objects(&events.stdout);
            assert!(events.starts_with(&before), "{events:?}");
            assert_eq!(
                events.last().map(|last| &last["event"]),
                Some(&json!("gone"))
            );
        }
        let snapshot = detached.run(&["events", "@:/", "--snapshot"]);
        let states = objects(&snapshot);
        assert!(
            states.iter().all(|one| one["event"] == "snapshot"),
            "{snapshot}"
        );
        assert_eq!(states[0]["state"], "ended");
    });
}

#[test]
fn the_end_comes_first_and_then_how_each_process_has_ended() {
    for_each_identity(|identity| {
        let detached = talking(Nest::new(TALKER).identity(identity));
        let root = detached.nest.root.clone();
        detached.run(&["down", "@"]);
        let whole = detached.run(&["inspect", "@:/"]);
        let whole: Vec<&str> = whole.lines().map(str::trim).collect();
        assert_eq!(whole[0], format!("{root}:/"));
        assert!(
            whole[1].starts_with("state") && whole[1].ends_with("ended"),
            "{whole:?}"
        );
        assert!(whole[2].starts_with("reason"), "{whole:?}");
        assert!(end(&detached)["stop"]["steps"].is_array());
        let process = detached.document(&["inspect", "-n", "@", "@/talker", "--format", "json"]);
        assert_eq!(process["end"]["reason"], "asked by a client");
        assert_eq!(
            process["process"]["exit"],
            json!({ "signal": 15 }),
            "{process}"
        );
        assert_eq!(process["process"]["kernel"], Value::Null);

        let waited = detached.nestns(&["wait", "-n", "@", "@/talker", "--exit-code"]);
        assert_eq!(
            (waited.code, waited.stdout),
            (143, format!("{root}/talker: TERM\n"))
        );
        assert_eq!(
            detached.nestns(&["wait", "@:/"]).stdout,
            format!("{root}/init: 0\n")
        );
        assert_eq!(detached.nestns(&["wait", "@:/", "--for", "gone"]).code, 0);
    });
}

#[test]
fn a_verb_that_needs_a_running_topology_says_that_it_has_ended() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TALKER).identity(identity));
        detached.run(&["down", "@"]);
        for words in [
            &["ps", "-n", "@"][..],
            &["exec", "-n", "@", "@", "--", "true"],
            &["exec", "@:/@", "--", "true"],
            &["kill", "-n", "@", "@/talker"],
            &["down", "@"],
            &["down", "@", "--now"],
            &["see", "-n", "@"],
            &["tree", "-n", "@"],
            &["wait", "@:/", "--for", "ready"],
            &["restart", "-n", "@", "@/talker"],
            &["attach", "-n", "@", "@/talker"],
            &["release", "@"],
        ] {
            let unknown: Vec<String> = words
                .iter()
                .map(|word| word.replace('@', "unknown"))
                .collect();
            let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
            let expected = detached.nestns(&unknown).code;
            let outcome = detached.nestns(words);
            assert_eq!(outcome.code, expected, "{words:?}: {}", outcome.stderr);
            let root = &detached.nest.root;
            for part in [
                format!("error: `{root}` ended "),
                "asked by a client (PID ".to_owned(),
                format!("`nestns logs {root}:/`"),
            ] {
                assert!(
                    outcome.stderr.contains(&part),
                    "{words:?}: {}",
                    outcome.stderr
                );
            }
        }
        assert!(is_recorded(&detached));
        let unnamed = detached.nestns(&["ps"]);
        assert!(
            unnamed.stderr.contains("no topology is running")
                && unnamed.stderr.contains("`nestns ls -a`"),
            "{}",
            unnamed.stderr
        );
    });
}

#[test]
fn a_topology_that_ends_by_itself_leaves_its_reason_and_its_status() {
    for_each_identity(|identity| {
        for (program, status, reason) in [
            (
                "until [ -e DIRECTORY/go ]; do sleep 0.01; done",
                0,
                "all of its processes have ended",
            ),
            (
                "until [ -e DIRECTORY/go ]; do sleep 0.01; done; exit 3",
                3,
                "@/p has ended",
            ),
        ] {
            let topology = format!("[ns.@]\nproc.p = {{ sh = \"{program}\" }}\n");
            let detached = Detached::up(Nest::new(&topology).identity(identity));
            fs::write(detached.nest.directory.path().join("go"), "").expect("it is our own");
            let end = end(&detached);
            assert_eq!(end["status"], status, "{end}");
            assert_eq!(
                end["reason"],
                reason.replace('@', &detached.nest.root),
                "{end}"
            );
            let code = if status == 0 { 0 } else { 3 };
            let waited = detached.nestns(&["wait", "-n", "@", "@/p", "--exit-code"]);
            assert_eq!(waited.code, code, "{}", waited.stderr);
        }
    });
}

#[test]
fn a_killed_controller_leaves_what_its_guardian_can_tell() {
    for_each_identity(|identity| {
        for is_guardian_replaced in [false, true] {
            let detached = talking(Nest::new(TALKER).identity(identity));
            let controller = detached.controller();
            if is_guardian_replaced {
                let first = kernel::guardian(controller).expect("it has one");
                kill(first, Signal::SIGKILL).expect("it runs");
                detached.until("there is another guardian", |_| {
                    kernel::guardian(controller).filter(|&pid| pid != first)
                });
                // It has its ward when the controller answers again.
                detached.sync();
            }
            kill(controller, Signal::SIGKILL).expect("it runs");
            let end = end(&detached);
            assert_eq!(end["reason"], "its controller was killed", "{end}");
            assert_eq!((&end["status"], &end["stop"]), (&json!(137), &Value::Null));
            let logs = detached.nestns(&["logs", "@:/"]);
            assert!(
                logs.stdout.contains("hello"),
                "{}{}",
                logs.stdout,
                logs.stderr
            );
            assert_told(&logs, "its controller was killed");
            let process =
                detached.document(&["inspect", "-n", "@", "@/talker", "--format", "json"]);
            assert_eq!(process["process"]["state"], "gone", "{process}");
            let waited = detached.nestns(&["wait", "@:/", "--exit-code"]);
            assert_eq!(waited.code, 137, "{}", waited.stdout);
            let found = processes_of(&detached.nest);
            assert_eq!(found, [], "{identity:?}");
        }
    });
}

#[test]
fn a_silent_controller_that_down_has_killed_leaves_its_end() {
    for_each_identity(|identity| {
        let detached = talking(Nest::new(TALKER).identity(identity));
        crate::harness::wait::suspend(detached.controller());
        let down = detached.nestns(&["down", "@", "--now"]);
        assert_eq!(down.code, 0, "{}", down.stderr);
        assert_eq!(end(&detached)["reason"], "its controller was killed");
    });
}

#[test]
fn a_name_that_is_used_again_replaces_the_end() {
    for_each_identity(|identity| {
        let detached = talking(Nest::new(TALKER).identity(identity));
        detached.run(&["down", "@"]);
        let first = end(&detached);
        let file = detached.nest.file_name().to_owned();
        let again = detached.nestns(&["up", "-d", &file]);
        assert_eq!(again.code, 0, "{}", again.stderr);
        assert_eq!(again.stderr, "", "what was there is no left-over");
        assert_eq!(
            detached.run(&["ls", "-a", "-o", "state", "--no-header"]),
            "ready\n"
        );
        assert!(
            !detached
                .nest
                .state()
                .join(&detached.nest.root)
                .join("ended.json")
                .exists()
        );
        detached.until("it has written", |detached| {
            let logs = detached.nestns(&["logs", "@:/"]);
            assert_eq!(logs.stderr, "");
            logs.stdout.contains("hello").then_some(())
        });
        assert_eq!(detached.run(&["logs", "@:/"]).matches("hello").count(), 1);
        detached.run(&["down", "@"]);
        let second = end(&detached);
        assert!(second["ended"].as_f64() > first["ended"].as_f64());
        // One in the foreground takes the name as well, and leaves nothing.
        let mut foreground = detached.nest.command(&["up", &file, "--timeout", "300ms"]);
        let ended = outcome_of(&mut foreground);
        assert_eq!(ended.status.code(), Some(124));
        let left = fs::read_dir(detached.nest.state())
            .expect("it is there")
            .count();
        assert_eq!(left, 0);
    });
}

fn outcome_of(command: &mut std::process::Command) -> Output {
    let command = command.stdin(Stdio::null());
    command.output().expect("the program was built")
}

#[test]
fn a_topology_of_a_test_or_a_command_leaves_nothing() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\nproc.idle = { actor = \"idle\" }\n").identity(identity);
        let file = nest.file_name();
        for words in [
            &["test", file, "--", "true"][..],
            &["run", file, "--", "true"],
            &["run", "--", "true"],
        ] {
            let found = outcome(nest.command(words));
            assert_eq!(found.code, 0, "{words:?}: {found:?}");
            let left = fs::read_dir(nest.state()).map_or(0, Iterator::count);
            assert_eq!(left, 0, "{words:?}");
        }
    });
}

#[test]
fn an_end_that_cannot_be_recorded_is_a_warning() {
    if !cfg!(debug_assertions) {
        // Faults on purpose are only in a debug build.
        return;
    }
    for_each_identity(|identity| {
        let nest = Nest::new(TALKER).identity(identity);
        let detached = Detached::up(nest.env("NESTNS_FAULT", "record:28"));
        let down = detached.nestns(&["down", "@"]);
        assert_eq!(down.code, 0, "{}", down.stderr);
        assert!(
            down.stderr.contains("warning: the logs and events of `")
                && down.stderr.contains("No space left on device"),
            "{}",
            down.stderr
        );
        let left = fs::read_dir(detached.nest.state())
            .expect("it is there")
            .count();
        assert_eq!(left, 0, "{identity:?}");
    });
}

#[test]
fn prune_removes_what_has_ended_long_enough_ago_and_nothing_that_runs() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(TALKER).identity(identity));
        let file = detached.nest.file_name().to_owned();
        for name in ["one", "two"] {
            detached.run(&["up", "-d", &file, "--name", name]);
            detached.run(&["down", name]);
        }
        let listed = || detached.run(&["ls", "-a", "-q"]);
        let root = detached.nest.root.clone();
        let all = format!("one\n{root}\ntwo\n");

        assert_eq!(detached.run(&["prune", "--older-than", "1h"]), "");
        let would = detached.run(&["prune", "--dry-run", "two"]);
        assert!(
            would.starts_with("would remove two: it ended 0s ago: asked by a client"),
            "{would}"
        );
        let running = detached.nestns(&["prune", &root]);
        assert_eq!((running.code, running.stdout.as_str()), (1, ""));
        assert!(running.stderr.contains("is running"), "{}", running.stderr);
        assert_eq!(detached.nestns(&["prune", "nothing"]).code, 1);
        assert_eq!(listed(), all);

        let removed =
            detached.document(&["prune", "two", "--older-than", "0s", "--format", "json"]);
        assert_eq!(removed["removed"][0]["name"], "two", "{removed}");
        assert_eq!(listed(), format!("one\n{root}\n"));
        detached.run(&["prune"]);
        assert_eq!(listed(), format!("{root}\n"));
        assert!(detached.is_running());
    });
}

#[test]
fn up_prune_and_logs_at_the_same_time_do_not_mix() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\nproc.p = { sh = \"echo hello; exec sleep 1000\" }\n")
            .identity(identity);
        let (root, file) = (nest.root.clone(), nest.file_name().to_owned());
        let is_over = AtomicBool::new(false);
        let repeat = |words: &[&str]| {
            while !is_over.load(Ordering::Relaxed) {
                let found = outcome(nest.command(words));
                let is_expected = match found.code {
                    0 => found.stdout.matches("hello").count() <= 1,
                    // Not there, or not any more.
                    1 => found.stderr.starts_with("error: "),
                    _ => false,
                };
                assert!(is_expected, "{words:?}: {found:?}");
            }
        };
        let (logs, name) = (format!("{root}:/"), root.clone());
        std::thread::scope(|scope| {
            scope.spawn(|| repeat(&["logs", &logs]));
            scope.spawn(|| repeat(&["prune"]));
            let run = |words: &[&str]| {
                let found = outcome(nest.command(words));
                if found.code != 0 {
                    is_over.store(true, Ordering::Relaxed);
                }
                assert_eq!(found.code, 0, "{words:?}: {found:?}");
            };
            for _ in 0..12 {
                run(&["up", "-d", &file]);
                run(&["down", &name]);
            }
            is_over.store(true, Ordering::Relaxed);
        });
        assert_nothing_left(&nest);
    });
}
