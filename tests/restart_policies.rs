//! `restart`: what ends by itself is started again, as often and as soon as the file says.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require};

/// Number of lines of a file: a program under test writes one each time it runs.
fn runs(directory: &Path, name: &str) -> usize {
    fs::read_to_string(directory.join(name)).map_or(0, |text| text.lines().count())
}

fn kill_process(detached: &Detached, path: &str) {
    let pid = detached
        .truth()
        .host_pid(&path.replace('@', &detached.nest.root));
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it lives");
}

#[test]
fn a_failure_is_restarted_up_to_the_limit() {
    let topology = r#"
[ns.@]
proc.keeps = { cmd = ["sleep", "1000"], essential = false }
[ns."@/in"]
proc.fails = { sh = "echo >> DIRECTORY/runs; exit 3", restart = "on-failure", max = 3, backoff = "10ms" }
"#;
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        // As many as there may be, and then it is a failure like any other.
        assert_eq!(
            runs(ended.nest.directory.path(), "runs"),
            4,
            "{}",
            ended.stderr
        );
        assert_eq!(ended.code, 3, "{}", ended.stderr);
        assert!(ended.stderr.contains("restart 3 of 3"), "{}", ended.stderr);
    });
}

#[test]
fn a_successful_exit_is_restarted_only_with_always() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.done = { sh = "echo >> DIRECTORY/done", restart = "on-failure", backoff = "10ms" }
[ns."@/always"]
proc.again = { sh = "echo >> DIRECTORY/again; test $(wc -l < DIRECTORY/again) -lt 5 || sleep 1000", restart = "always", backoff = "10ms" }
"#;
    let detached = Detached::up(Nest::new(topology));
    let directory = detached.nest.directory.path();
    detached.until("it has run often enough", |_| {
        (runs(directory, "again") == 5).then_some(())
    });
    assert_eq!(runs(directory, "done"), 1);
    detached.run(&["down", "@"]);
}

/// A namespace that waits for something that might come again leaves when that cannot be any more.
#[test]
fn a_tree_ends_when_its_last_process_exits_successfully() {
    let topology = r#"
[ns.@]
[ns."@/in"]
proc.one = { sh = "sleep 0.1", restart = "on-failure" }
proc.two = { sh = "echo >> DIRECTORY/two; test $(wc -l < DIRECTORY/two) -gt 2", restart = "on-failure", backoff = "10ms" }
[ns."@/pod"]
proc.joined = { sh = "sleep 0.2", enter = "join", restart = "on-failure" }
[ns."@/built"]
restart = "on-failure"
proc.last = { sh = "sleep 0.3" }
"#;
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(runs(ended.nest.directory.path(), "two"), 3);
    });
}

/// Covers processes forked or moved in, below nestns or a program, and whole namespaces.
#[test]
fn everything_that_is_killed_is_restarted() {
    let topology = r#"
[ns.@]
[ns."@/a"]
restart = "on-failure"
backoff = "10ms"
proc.one = { cmd = ["sleep", "1000"], restart = "always", backoff = "10ms" }
proc.joined = { cmd = ["sleep", "1000"], enter = "join", restart = "always", backoff = "10ms" }
[ns."@/a/b"]
proc.deep = { cmd = ["sleep", "1000"] }
[ns."@/p"]
init = ["sleep", "1000"]
restart = "always"
backoff = "10ms"
stop = { signal = "KILL" }
proc.member = { cmd = ["sleep", "1000"], enter = "join", restart = "always", backoff = "10ms" }
[ns."@/p/q"]
restart = "always"
backoff = "10ms"
proc.x = { cmd = ["sleep", "1000"] }
[ns.@-root]
restart = "always"
backoff = "10ms"
proc.y = { cmd = ["sleep", "1000"] }
"#;
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(topology).identity(identity));
        for (victim, witness) in [
            ("@/a/one", "@/a/one"),
            ("@/a/joined", "@/a/joined"),
            ("@/p/member", "@/p/member"),
            ("@/a/init", "@/a/b/deep"),
            ("@/p/q/init", "@/p/q/x"),
            ("@/p/init", "@/p/q/x"),
            ("@-root/init", "@-root/y"),
        ] {
            let witness = witness.replace('@', &detached.nest.root);
            let before = detached.truth().host_pid(&witness);
            let other = detached
                .truth()
                .host_pid(&format!("{}/init", detached.nest.root));
            kill_process(&detached, victim);
            detached.until(
                &format!("{witness} stands again after {victim} ({identity:?})"),
                |detached| {
                    let truth = detached.truth();
                    let now = truth.process(&witness)["pids"][0].as_i64()?;
                    (now != i64::from(before)).then_some(())
                },
            );
            assert!(detached.is_running());
            assert_eq!(
                detached
                    .truth()
                    .host_pid(&format!("{}/init", detached.nest.root)),
                other
            );
        }
        detached.run(&["down", "@"]);
    });
}

/// A stop does not wait for what was to come, and nothing comes after it.
#[test]
fn a_stop_cancels_pending_restarts() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.keeps = { cmd = ["sleep", "1000"] }
proc.fails = { sh = "echo >> DIRECTORY/runs; exit 1", restart = "always", backoff = "30s" }
"#;
    // It may have failed before everything is ready, or after that.
    let detached = Detached::try_up(Nest::new(topology));
    let directory = detached.nest.directory.path().to_owned();
    detached.until("it has run", |_| {
        (runs(&directory, "runs") == 1).then_some(())
    });
    // Taken down while it is awaited: it does not come.
    detached.run(&["down", "@", "@/fails"]);
    // By hand it does, at once.
    detached.run(&["restart", "@/fails"]);
    detached.until("it has run again", |_| {
        (runs(&directory, "runs") == 2).then_some(())
    });
    let began = Instant::now();
    detached.run(&["down", "@"]);
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(runs(&directory, "runs"), 2);
}

/// Policies do not restart what was taken down on request.
#[test]
fn what_is_taken_down_is_not_restarted() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.keeps = { cmd = ["sleep", "1000"] }
[ns."@/in"]
restart = "always"
backoff = "10ms"
proc.one = { sh = "echo >> DIRECTORY/runs; sleep 1000", restart = "always", backoff = "10ms" }
"#;
    let detached = Detached::up(Nest::new(topology));
    let directory = detached.nest.directory.path().to_owned();
    detached.until("it runs", |_| (runs(&directory, "runs") == 1).then_some(()));
    for (number, part) in [(1, "@/in/one"), (2, "@/in")] {
        detached.run(&["down", "@", part]);
        // Ten times the delay after which it would be restarted.
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(runs(&directory, "runs"), number);
        detached.run(&["restart", part]);
        detached.until("it runs again", |_| {
            (runs(&directory, "runs") == number + 1).then_some(())
        });
    }
}

/// The wait between two restarts grows.
#[test]
fn the_restart_delay_doubles() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.fails = { sh = "date +%s%N >> DIRECTORY/runs; exit 1", restart = "always", max = 4, backoff = "100ms" }
"#;
    let ended = Nest::new(topology).up().wait();
    let text = fs::read_to_string(ended.nest.directory.path().join("runs")).expect("it has run");
    let stamps: Vec<u64> = text
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    assert_eq!(stamps.len(), 5);
    for (pair, least) in stamps.windows(2).zip([100, 200, 400, 800]) {
        assert!(pair[1] - pair[0] >= least * 1_000_000, "{stamps:?}");
    }
}

/// Dependents of a process that is restarted keep waiting.
#[test]
fn dependents_wait_for_the_successful_exit() {
    require!(nesting());
    let topology = r#"
[ns.@]
proc.first = { sh = "echo >> DIRECTORY/runs; test $(wc -l < DIRECTORY/runs) -gt 2", oneshot = true, restart = "on-failure", backoff = "10ms" }
proc.second = { sh = "wc -l < DIRECTORY/runs > DIRECTORY/seen", after = { first = "ok" } }
"#;
    let ended = Nest::new(topology).up().wait();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        fs::read_to_string(ended.nest.directory.path().join("seen"))
            .expect("it has run")
            .trim(),
        "3"
    );
}

/// A pause init stays whatever ends, one that might have been started again included.
#[test]
fn a_pause_namespace_remains_when_its_process_is_not_restarted() {
    for_each_identity(|identity| {
        let topology = "on_exit = \"ignore\"\n[ns.@]\ninit = \"pause\"\n\
                        proc.once = { cmd = \"true\", enter = \"join\", restart = \"on-failure\" }\n";
        let detached = Detached::up(Nest::new(topology).identity(identity));
        detached.run(&["wait", "@/once", "--for", "exited", "--timeout", "50s"]);
        let states = detached.run(&["ps", "-o", "path,state", "--no-header"]);
        assert!(detached.is_running(), "{states}");
        detached.run(&["wait", "@/init", "--for", "started", "--timeout", "50s"]);
    });
}

/// By its exit status or its signal; any other end is as without `restart`.
#[test]
fn only_the_ends_that_are_named_are_restarted() {
    let topology = r#"
[ns.@]
proc.status = { sh = "echo >> DIRECTORY/status; test $(wc -l < DIRECTORY/status) -gt 2 || exit 88; exit 5", essential = false, restart = { on = [88, 89], backoff = "10ms" } }
proc.signal = { sh = "echo >> DIRECTORY/signal; test $(wc -l < DIRECTORY/signal) -gt 1 || kill -KILL $$", essential = false, restart.on = ["KILL"], backoff = "10ms" }
proc.other = { sh = "echo >> DIRECTORY/other; exit 137", essential = false, restart = { on = ["KILL"] } }
[ns."@/whole"]
restart = { on = [88], max = 2, backoff = "10ms" }
init = { sh = "echo >> DIRECTORY/whole; exit 88", essential = false }
"#;
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        let directory = ended.nest.directory.path();
        for (name, count) in [("status", 3), ("signal", 2), ("other", 1), ("whole", 3)] {
            assert_eq!(runs(directory, name), count, "{name}: {}", ended.stderr);
        }
        assert_eq!(ended.code, 1, "{}", ended.stderr);
    });
}

#[test]
fn the_longest_delay_is_that_of_the_file() {
    let topology = r#"
[ns.@]
proc.fails = { sh = "echo >> DIRECTORY/runs; exit 1", restart = "always", max = 8, backoff = "10ms", backoff_max = "20ms" }
"#;
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        assert_eq!(runs(ended.nest.directory.path(), "runs"), 9);
        let delays: Vec<&str> = ended
            .stderr
            .lines()
            .filter_map(|line| line.split("in a row, in ").nth(1))
            .collect();
        assert_eq!(delays[0], "10 ms", "{}", ended.stderr);
        assert!(
            delays[1..].iter().all(|delay| *delay == "20 ms"),
            "{delays:?}"
        );
    });
}
