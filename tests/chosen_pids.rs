//! PIDs that a file chooses: `pid`, `last_pid` and `pid_max`, and the numbers of a parallel creation.

use std::fmt::Write as _;

use serde_json::Value;

use crate::harness::blueprint::numbers_below;
use crate::harness::chain::{chain, path};
use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, Truth};
use crate::harness::requirement::{nesting, own_pid_max, require};

/// The number of a process in its own namespace.
fn own(truth: &Truth, path: &str) -> i32 {
    *truth.pids(path).last().expect("it has one")
}

#[test]
fn each_kind_of_process_gets_its_pid_at_every_depth() {
    require!(nesting());
    for depth in [1, 3, 8] {
        let mut text = chain(depth);
        let here = path(depth);
        let _ = write!(
            text,
            "proc.one = {{ actor = \"idle\" }}\n\
             proc.forked = {{ actor = \"idle\", pid = 7 }}\n\
             proc.joined = {{ actor = \"idle\", enter = \"join\", pid = 40000 }}\n\
             proc.two = {{ actor = \"idle\" }}\n\
             [ns.\"{here}/in\"]\n\
             init = {{ actor = \"idle\", pid = [1, 9] }}\n\
             proc.deep = {{ actor = \"idle\", pid = [5, 50] }}\n\
             [ns.\"{here}/last\"]\n\
             proc.a = {{ actor = \"idle\" }}\n"
        );
        for_each_identity(|identity| {
            let nest = Nest::new(&text).identity(identity);
            let predicted = nest
                .command(&["tree", nest.file_name(), "--format", "json"])
                .output()
                .expect("the program was built");
            let predicted: Value = serde_json::from_slice(&predicted.stdout).expect("a document");
            let detached = Detached::up(nest);
            let truth = detached.truth();
            let here = here.replace('@', &detached.nest.root);
            let inner = |name: &str| {
                let pids = truth.pids(&format!("{here}/{name}"));
                let level = depth;
                pids[level..].to_vec()
            };
            assert_eq!(inner("init"), [1], "{identity:?} {depth}");
            for (name, pids) in [
                ("one", vec![2]),
                ("forked", vec![7]),
                ("joined", vec![40000]),
                ("two", vec![3]),
                ("in/init", vec![9, 1]),
                ("in/deep", vec![50, 5]),
                ("last/init", vec![4, 1]),
                ("last/a", vec![5, 2]),
            ] {
                assert_eq!(inner(name), pids, "{identity:?} {depth} {name}");
            }
            let numbers = |document: &Value| {
                let numbers = numbers_below(document).into_values();
                let mut numbers: Vec<_> = numbers.collect();
                numbers.sort();
                numbers
            };
            assert_eq!(numbers(&truth.0), numbers(&predicted), "{identity:?}");
        });
    }
}

#[test]
fn a_restart_asks_for_the_same_pids_again() {
    let text = "[ns.@]\nproc.keep = { actor = \"idle\" }\n\
                proc.worker = { actor = \"idle\", pid = 7 }\n\
                proc.free = { actor = \"idle\" }\n\
                [ns.\"@/in\"]\nproc.worker = { actor = \"idle\", pid = [7, 70], enter = \"join\" }\n";
    Detached::for_each_identity(text, &[], |detached| {
        let root = &detached.nest.root;
        for part in ["@/worker", "@/in/worker", "@/in", "@/worker"] {
            let before = detached.truth().host_pid(&format!("{root}/worker"));
            detached.run(&["restart", part]);
            let truth = detached.truth();
            assert_eq!(own(&truth, &format!("{root}/worker")), 7, "{part}");
            let inner = truth.pids(&format!("{root}/in/worker"));
            assert_eq!(inner[1..], [70, 7], "{part}");
            let is_new = truth.host_pid(&format!("{root}/worker")) != before;
            assert_eq!(is_new, part == "@/worker");
        }
        // What chooses none may get another number.
        detached.run(&["restart", "@/free"]);
        assert!(own(&detached.truth(), &format!("{root}/free")) > 1);
    });
}

#[test]
fn a_pid_that_is_in_use_is_named_when_a_restart_needs_it() {
    let text = "on_exit = \"ignore\"\n[ns.@]\nlast_pid = 6\nproc.keep = { actor = \"idle\" }\n\
                proc.worker = { cmd = \"sleep 1000\", pid = 7 }\n";
    Detached::for_each_identity(text, &[], |detached| {
        let worker = format!("{}/worker", detached.nest.root);
        detached.run(&["kill", "-s", "KILL", "@/worker"]);
        detached.until("it has ended", |detached| {
            (detached.truth().process(&worker)["state"] == "killed"
                || detached.truth().process(&worker)["state"] == "failed")
                .then_some(())
        });
        let holder = detached.run(&["exec", "-d", "@", "--", "sleep", "1000"]);
        let holder = holder.trim();
        assert_eq!(own(&detached.truth(), holder), 7, "the counter stood at 6");
        let refused = detached.nestns(&["restart", "@/worker"]);
        assert_ne!(refused.code, 0, "{refused:?}");
        for text in ["the PIDs chosen for it", "`7`", "is in use", "EEXIST"] {
            assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
        }
        detached.run(&["kill", "-s", "KILL", holder]);
        detached.until("the number is free", |detached| {
            let answer = detached.nestns(&["restart", "@/worker"]);
            (answer.code == 0).then_some(())
        });
        assert_eq!(own(&detached.truth(), &worker), 7);
    });
}

#[test]
fn programs_fork_from_the_last_pid_on() {
    let fork = "sh -c 'echo forked $$'; exec sleep 1000";
    let text = format!(
        "[ns.@]\ninit = \"pause\"\n\
         [ns.\"@/last\"]\nlast_pid = 299\nproc.p = {{ sh = {fork:?}, ready = {{ log = \"forked\" }} }}\n\
         [ns.\"@/chosen\"]\nproc.p = {{ sh = {fork:?}, pid = 41, ready = {{ log = \"forked\" }} }}\n\
         [ns.\"@/counted\"]\nproc.p = {{ sh = {fork:?}, ready = {{ log = \"forked\" }} }}\n"
    );
    Detached::for_each_identity(&text, &[], |detached| {
        for (part, number) in [("@/last/p", 300), ("@/chosen/p", 42), ("@/counted/p", 3)] {
            let log = detached.run(&["logs", part]);
            assert!(log.contains(&format!("forked {number}\n")), "{part}: {log}");
        }
    });
}

#[test]
fn a_small_pid_max_makes_pids_be_reused() {
    require!(nesting(), own_pid_max());
    let text = "[ns.@]\npid_max = 301\nlast_pid = 299\nproc.keep = { actor = \"idle\" }\n\
                proc.p = { sh = \"exec sleep 0.01\", restart = \"always\", backoff = \"10ms\", backoff_max = \"10ms\", \
                essential = false }\n";
    Detached::for_each_identity(text, &[], |detached| {
        let path = format!("{}/p", detached.nest.root);
        let numbers = detached.until("it was started often", |detached| {
            let events = detached.events();
            let started = events
                .iter()
                .filter(|event| event["event"] == "started" && event["path"] == path);
            let numbers: Vec<i64> = started
                .map(|event| event["pids"][1].as_i64().expect("a number"))
                .collect();
            (numbers.len() > 5).then_some(numbers)
        });
        assert_eq!(numbers[0], 3);
        assert!(
            numbers[1..].iter().all(|&number| number == 300),
            "{numbers:?}"
        );
    });
}

#[test]
fn too_few_pids_are_reported_with_the_namespace() {
    require!(nesting(), own_pid_max());
    let text = "[ns.@]\npid_max = 301\nlast_pid = 299\nproc.keep = { actor = \"idle\" }\n";
    Detached::for_each_identity(text, &[], |detached| {
        detached.run(&["exec", "-d", "@", "--", "sleep", "1000"]);
        let refused = detached.nestns(&["exec", "@", "--", "true"]);
        assert_ne!(refused.code, 0);
        let expected = format!(
            "every PID of the PID namespace `{}` is in use",
            detached.nest.root
        );
        assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
    });
}
