//! `down NAME PATH…`: a part of a tree is taken down, and the rest neither ends nor fails.

use std::time::{Duration, Instant};

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

const LAYOUT: &str = r#"
[ns.@]
[ns."@/a"]
proc.one = { cmd = ["sleep", "1000"] }
[ns."@/a/b"]
proc.deep = { cmd = ["sleep", "1000"] }
[ns."@/pod"]
proc.m = { sh = "sleep 1000 & sleep 1000 & wait", enter = "join" }
proc.n = { cmd = ["sleep", "1000"], enter = "join" }
[ns."@/p"]
init = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
[ns."@/p/q"]
proc.x = { cmd = ["sleep", "1000"] }
"#;

fn state(detached: &Detached, path: &str) -> String {
    let path = path.replace('@', &detached.nest.root);
    detached.truth().process(&path)["state"]
        .as_str()
        .expect("it has one")
        .to_owned()
}

fn runs(detached: &Detached, path: &str) -> bool {
    !["exited", "failed", "killed", "gone"].contains(&&*state(detached, path))
}

#[test]
fn the_rest_keeps_running_and_the_part_can_be_restarted() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(LAYOUT).identity(identity));
        let all = ["@/a/one", "@/a/b/deep", "@/pod/m", "@/pod/n", "@/p/q/x"];
        for (part, inside) in [
            // The last of what was in its namespace, which stays.
            ("@/a/b/deep", vec!["@/a/b/deep"]),
            ("@/a/b", vec!["@/a/b/deep"]),
            ("@/a", vec!["@/a/one", "@/a/b/deep"]),
            ("@/pod/m", vec!["@/pod/m"]),
            ("@/p/q", vec!["@/p/q/x"]),
            ("@/p", vec!["@/p/q/x"]),
            ("@/p/init", vec!["@/p/q/x"]),
        ] {
            let timeline = detached.document(&["down", "@", part, "--format", "json"]);
            let steps = timeline["steps"].as_array().expect("a timeline");
            for path in &inside {
                let path = path.replace('@', &detached.nest.root);
                assert!(
                    steps.iter().any(|step| step["path"] == path.as_str()),
                    "{part}: {timeline}"
                );
            }
            for path in all {
                assert_eq!(
                    runs(&detached, path),
                    !inside.contains(&path),
                    "{part} ({identity:?}): {path}"
                );
            }
            detached.sync();
            assert!(detached.is_running());
            detached.run(&["restart", part]);
            for path in all {
                assert!(runs(&detached, path), "{part} ({identity:?}): {path}");
            }
        }
        detached.run(&["down", "@"]);
    });
}

/// Reports that a process cannot restart without its namespace.
#[test]
fn nothing_restarts_without_its_namespace() {
    require!(nesting());
    let detached = Detached::up(Nest::new(LAYOUT));
    detached.run(&["down", "@", "@/a"]);
    for part in ["@/a/one", "@/a/b"] {
        let refused = detached.nestns(&["restart", part]);
        assert_eq!(refused.code, 1);
        assert!(refused.stderr.contains("PID 1 of"), "{}", refused.stderr);
    }
    detached.run(&["restart", "@/a"]);
    assert!(runs(&detached, "@/a/b/deep"));
}

/// Takes both processes of a namespace down, one after the other.
#[test]
fn one_process_is_taken_down_alone() {
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(LAYOUT).identity(identity));
        detached.run(&["down", "@", "@/pod/m"]);
        assert!(runs(&detached, "@/pod/n") && runs(&detached, "@/pod/init"));
        detached.run(&["down", "@", "@/pod/n"]);
        assert!(runs(&detached, "@/pod/init"));
        detached.run(&["restart", "@/pod/n"]);
        assert!(runs(&detached, "@/pod/n") && !runs(&detached, "@/pod/m"));
    });
}

/// `--now` kills, also a process whose stop was requested by another client.
#[test]
fn processes_that_ignore_the_stop_are_killed() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.stays = { cmd = ["sleep", "1000"] }
proc.deaf = { actor = "ignore-term", stop = { grace = "600s" } }
[ns."@/in"]
stop = { grace = "600s" }
proc.deaf = { actor = "ignore-term", stop = { grace = "600s" } }
"#;
    let detached = Detached::up(Nest::new(topology));
    let began = Instant::now();
    let first = detached.start(&["down", "@", "@/deaf"]);
    let path = format!("{}/deaf", detached.nest.root);
    detached.until("it has its signal", |detached| {
        detached
            .events()
            .iter()
            .any(|event| event["event"] == "signal" && event["path"] == path)
            .then_some(())
    });
    detached.run(&["down", "@", "@/deaf", "--now"]);
    assert_eq!(crate::harness::detached::ended(first).code, 0);
    detached.run(&["down", "@", "@/in", "--timeout", "200ms"]);
    assert!(began.elapsed() < Duration::from_mins(1));
    assert!(
        runs(&detached, "@/stays") && !runs(&detached, "@/deaf") && !runs(&detached, "@/in/deaf")
    );
}

/// Exits on request are failures by no rule.
#[test]
fn on_exit_ignores_what_was_taken_down() {
    require!(nesting());
    let topology = r#"
on_exit = "any"
[ns.@]
proc.a = { sh = "trap 'exit 3' TERM; while :; do sleep 0.05; done" }
proc.b = { cmd = ["sleep", "1000"] }
[ns."@/c"]
proc.d = { cmd = ["sleep", "1000"] }
"#;
    let nest = Nest::new(topology);
    let from = format!("{}/b", nest.root);
    let detached = Detached::up(nest.arguments(&["--exit-code-from", &from]));
    for part in ["@/a", "@/b", "@/c"] {
        detached.run(&["down", "@", part]);
    }
    detached.sync();
    assert!(detached.is_running());
    detached.run(&["restart", "@/a", "@/c"]);
    assert!(runs(&detached, "@/a") && runs(&detached, "@/c/d") && !runs(&detached, "@/b"));
}

/// Dependents of a process that was taken down wait for its restart.
#[test]
fn dependents_of_what_was_taken_down_keep_waiting() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.first = { sh = "test -e DIRECTORY/go && exit 0; sleep 1000", oneshot = true }
proc.second = { cmd = ["sleep", "1000"], after = { first = "ok" } }
"#;
    let detached = Detached::up(Nest::new(topology).arguments(&["--no-wait"]));
    detached.run(&["down", "@", "@/first"]);
    detached.sync();
    assert!(detached.is_running() && state(&detached, "@/second") == "created");
    std::fs::write(detached.nest.directory.path().join("go"), "").unwrap();
    detached.run(&["restart", "@/first"]);
    let second = format!("{}/second", detached.nest.root);
    let pid = detached.truth().host_pid(&second);
    detached.until("the second runs", |_| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .ok()?
            .starts_with("sleep")
            .then_some(())
    });
}

/// The topology ends with its last root.
#[test]
fn taking_down_the_last_root_ends_the_topology() {
    require!(nesting());
    let detached = Detached::up(Nest::new("[ns.@]\n[ns.@-two]\n"));
    detached.run(&["down", "@", "@-two"]);
    assert!(detached.is_running());
    detached.run(&["restart", "@-two"]);
    detached.run(&["down", "@", "@-two"]);
    detached.run(&["down", "@", "@/"]);
    detached.until("it has ended", |detached| {
        (!detached.is_running()).then_some(())
    });
}
