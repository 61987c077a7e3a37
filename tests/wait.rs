//! `nestns wait`: until something has come so far, can never come so far, or the time is over.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use crate::harness::detached::{Detached, ended};
use crate::harness::kernel;
use crate::harness::wait::until_asleep;

/// Jobs that end when a file appears.
const JOBS: &str = r#"
on_exit = "ignore"
[ns.@]
proc.idle = { actor = "idle" }
proc.job = { sh = "while ! [ -e DIRECTORY/job ]; do sleep 0.01; done; exit 7", oneshot = true }
proc.good = { sh = "while ! [ -e DIRECTORY/good ]; do sleep 0.01; done", oneshot = true }
proc.later = { actor = "idle", after = { good = "ok" } }
[ns."@/in"]
proc.idle = { actor = "idle" }
[ns."@/in/deep"]
proc.idle = { actor = "idle" }
"#;

/// Number of descriptors of the controller: one more for each client.
fn connections(detached: &Detached) -> usize {
    kernel::descriptors(detached.controller().as_raw()).expect("it runs")
}

fn touch(detached: &Detached, name: &str) {
    fs::write(detached.nest.directory.path().join(name), "").expect("the directory is writable");
}

#[test]
fn waits_for_an_exit_and_returns_its_status() {
    Detached::for_each_identity(JOBS, &["--no-wait"], |detached| {
        let root = &detached.nest.root;
        let waiting = detached.start(&["wait", "@/job", "--exit-code"]);
        let both = detached.start(&["wait", "@/{job,good}", "--timeout", "50s"]);
        let quiet = detached.start(&["wait", "@/good", "--exit-code", "-q"]);
        let early = detached.nestns(&["wait", "@/job", "--timeout", "50ms"]);
        assert_eq!((early.code, early.stdout.as_str()), (124, ""));
        touch(detached, "job");
        let outcome = ended(waiting);
        assert_eq!(
            (outcome.code, outcome.stdout),
            (7, format!("{root}/job: 7\n")),
            "{}",
            outcome.stderr
        );
        touch(detached, "good");
        let outcome = ended(both);
        assert_eq!(
            (outcome.code, outcome.stdout),
            (0, format!("{root}/job: 7\n{root}/good: 0\n"))
        );
        let outcome = ended(quiet);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (0, ""));
        // What is so already.
        assert_eq!(detached.nestns(&["wait", "@/job", "--exit-code"]).code, 7);
    });
}

#[test]
fn waits_for_started_and_ready_and_times_out() {
    Detached::for_each_identity(JOBS, &["--no-wait"], |detached| {
        detached.run(&[
            "wait",
            "@/idle",
            "@/in",
            "@/in/deep/init",
            "--for",
            "started",
            "--timeout",
            "50s",
        ]);
        detached.run(&["wait", "@/in", "--for", "ready", "--timeout", "50s"]);
        assert_eq!(
            detached
                .nestns(&["wait", "@/later", "--for", "started", "--timeout", "50ms"])
                .code,
            124
        );
        assert_eq!(
            detached
                .nestns(&["wait", "--for", "ready", "--timeout", "50ms"])
                .code,
            124
        );
        let never = detached.start(&["wait", "@/job", "@/good", "--for", "ready"]);
        let later = detached.start(&["wait", "@/later", "--for", "started"]);
        // Although the other could still be ready.
        touch(detached, "job");
        let outcome = ended(never);
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        assert!(
            outcome
                .stderr
                .contains("/job` ended with status 7 before it was ready"),
            "{}",
            outcome.stderr
        );
        touch(detached, "good");
        assert_eq!(ended(later).code, 0);
    });
}

#[test]
fn waits_until_a_namespace_or_the_topology_is_gone() {
    Detached::for_each_identity(JOBS, &["--no-wait"], |detached| {
        let part = detached.start(&["wait", "@/in", "--for", "gone"]);
        let inner = detached.start(&["wait", "@/in/deep/idle", "--exit-code"]);
        let whole = detached.start(&["wait", "@:/", "--for", "gone"]);
        let all = detached.start(&["wait", "--for", "exited"]);
        let never = detached.start(&["wait", "@/later", "--for", "started"]);
        assert_eq!(
            detached
                .nestns(&["wait", ".", "--for", "gone", "--timeout", "50ms"])
                .code,
            124
        );
        detached.run(&["kill", "-s", "KILL", "@/in"]);
        assert_eq!(ended(part).code, 0);
        // The kernel has killed it with its namespace.
        assert_eq!(ended(inner).code, 137);
        detached.run(&["down", "@", "--now"]);
        let outcome = ended(whole);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(!detached.is_running());
        assert_eq!(ended(all).code, 0);
        assert_eq!(ended(never).code, 1);
        // A name that does not run is gone; without one it is not known what is.
        detached.run(&["wait", "@:/", "--for", "gone"]);
        detached.run(&["wait", "-n", "@", "--for", "gone"]);
        assert_eq!(detached.nestns(&["wait", "--for", "gone"]).code, 1);
    });
}

#[test]
fn a_killed_controller_ends_every_wait() {
    Detached::for_each_identity(JOBS, &["--no-wait"], |detached| {
        let before = connections(detached);
        let gone = detached.start(&["wait", "--for", "gone"]);
        let job = detached.start(&["wait", "@/job", "--for", "ready"]);
        detached.until("both are connected", |detached| {
            (connections(detached) >= before + 2).then_some(())
        });
        // Their requests have been sent and read when none of the three has anything to do.
        let controller = detached.controller().as_raw();
        until_asleep(|| vec![gone.id().cast_signed(), job.id().cast_signed(), controller]);
        kill(detached.controller(), Signal::SIGKILL).expect("it runs");
        let asked = Instant::now();
        assert_eq!(ended(gone).code, 0);
        assert_eq!(ended(job).code, 1);
        assert!(
            asked.elapsed() < Duration::from_secs(15),
            "{:?}",
            asked.elapsed()
        );
    });
}

#[test]
fn a_waiting_client_may_disconnect() {
    Detached::for_each_identity(JOBS, &["--no-wait"], |detached| {
        let before = connections(detached);
        let mut waiting: Vec<_> = (0..20)
            .map(|_| detached.start(&["wait", "@/job"]))
            .collect();
        let last = waiting.pop().unwrap();
        detached.until("all of them are connected", |detached| {
            (connections(detached) >= before + 20).then_some(())
        });
        for mut child in waiting {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        touch(detached, "job");
        assert_eq!(ended(last).code, 0);
    });
}
