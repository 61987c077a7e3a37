//! `after` between namespaces through the lives of a tree: restarts, pauses, failures.

use std::time::Duration;

use nix::errno::Errno;

use super::super::fake::{Bench, KILLED, assert_before};
use crate::controller::roster::State;
use crate::engine::failure::{Failure, Stage};
use crate::engine::report::Ending;
use nestns_client::protocol::message::{Awaited, Force, Request};

const FAILED: Ending = Ending::Exited(1);
const TENTH: Duration = Duration::from_millis(100);
const PARTS: [&str; 3] = ["db", "mid", "web"];
const POLICY: &str = ", restart = 'on-failure', backoff = '100ms'";

/// A chain of three namespaces, each with a process that is ready when it says so, and further keys of
/// that process.
fn chain(keys: [&str; 3]) -> String {
    let [db, mid, web] = keys;
    let process = |keys| {
        format!(
            "proc.p = {{ actor = 'idle', essential = false, ready = {{ log = 'up' }}{keys} }}\n"
        )
    };
    format!(
        "[ns.db]\n{}[ns.mid]\nafter = {{ db = 'ready' }}\n{}[ns.web]\nafter = {{ mid = 'ready' }}\n{}",
        process(db),
        process(mid),
        process(web)
    )
}

fn path(part: &str) -> String {
    format!("{part}/p")
}

/// Has a namespace of the chain start and become ready.
fn becomes_ready(bench: &mut Bench, part: &str) {
    bench.starts(&path(part));
    bench.hints(&path(part));
}

/// The chain with everything ready.
fn ready_chain(keys: [&str; 3]) -> Bench {
    let mut bench = Bench::running(&chain(keys));
    for part in PARTS {
        becomes_ready(&mut bench, part);
    }
    assert!(bench.tree().readiness.is_complete());
    bench.take();
    bench
}

/// The namespaces that were released, by the events among these orders.
fn released(orders: &[String]) -> Vec<&str> {
    let events = orders.iter();
    let paths = events.filter_map(|order| order.strip_prefix("event: release "));
    paths.filter(|path| PARTS.contains(path)).collect()
}

fn count(orders: &[String], order: &str) -> usize {
    orders.iter().filter(|line| *line == order).count()
}

/// A namespace of the chain ends, and is created again by the controller.
fn comes_back(bench: &mut Bench, part: &str, pid: i32) {
    bench.ends(&path(part), Ending::Exited(0));
    bench.ends(&format!("{part}/init"), Ending::Exited(0));
    arrives(bench, part, pid);
}

fn arrives(bench: &mut Bench, part: &str, pid: i32) {
    bench.arrives(&format!("{part}/init"), pid);
    bench.arrives(&path(part), pid + 1);
    bench.turn();
}

/// A process of the chain is created again by its PID 1.
fn process_comes_back(bench: &mut Bench, part: &str, pid: i32) {
    let namespace = bench.find(&path(part)).namespace;
    bench.happens(crate::controller::tree::Incident::Answered(
        namespace,
        crate::engine::control_channel::Answer::Done,
        None,
    ));
    bench.arrives(&path(part), pid);
    bench.turn();
}

/// Makes sure that a stop of the whole asks dependents first. Of these, the last come first; what is
/// not among them has ended before.
fn assert_stop_order(bench: &mut Bench, alive: &[&str]) {
    bench.take();
    bench.stop(9, Force::Ask);
    for part in alive.iter().rev() {
        let asked = bench.take_only("ask");
        assert_eq!(asked, [format!("ask {part}/init TERM")], "of {alive:?}");
        bench.ends(&format!("{part}/init"), Ending::Exited(0));
    }
    assert!(bench.supervisor.is_over());
}

#[test]
fn a_chain_is_released_in_order_and_stopped_in_reverse() {
    let mut bench = Bench::running(&chain([""; 3]));
    for (part, next) in [("db", "mid"), ("mid", "web")] {
        bench.take();
        bench.starts(&path(part));
        assert_eq!(released(&bench.take()), [""; 0]);
        bench.hints(&path(part));
        let orders = bench.take();
        assert_eq!(released(&orders), [next]);
        let signal = format!("signal {next}/p RELEASE");
        assert_before(&orders, &format!("event: release {next}"), &signal);
    }
    assert_stop_order(&mut bench, &PARTS);
}

#[test]
fn a_restarted_namespace_is_asked_at_once_and_keeps_its_place_in_the_stop() {
    for part in PARTS {
        let mut bench = ready_chain([""; 3]);
        bench.restart(1, part);
        let asked = bench.take_only("ask");
        assert_eq!(asked, [format!("ask {part}/init TERM")]);
        comes_back(&mut bench, part, 201);
        let orders = bench.take();
        // What it waits for is ready still, and nothing else is restarted.
        let own: &[&str] = if part == "db" { &[] } else { &[part] };
        assert_eq!(released(&orders), own, "{orders:?}");
        assert_eq!(count(&orders, &format!("signal {part}/p RELEASE")), 1);
        becomes_ready(&mut bench, part);
        assert_eq!(released(&bench.take()), [""; 0]);
        assert_stop_order(&mut bench, &PARTS);
    }
}

#[test]
fn a_dependent_that_is_restarted_with_its_target_leaves_first_and_waits_anew() {
    for [target, dependent] in [["db", "mid"], ["mid", "web"]] {
        let mut bench = ready_chain([""; 3]);
        bench.asks(
            1,
            Request::Restart {
                paths: vec![target.to_owned(), dependent.to_owned()],
            },
        );
        let asked = bench.take_only("ask");
        assert_eq!(asked, [format!("ask {dependent}/init TERM")]);
        bench.ends(&path(dependent), Ending::Exited(0));
        bench.ends(&format!("{dependent}/init"), Ending::Exited(0));
        let asked = bench.take_only("ask");
        assert_eq!(asked, [format!("ask {target}/init TERM")]);
        bench.ends(&path(target), Ending::Exited(0));
        bench.ends(&format!("{target}/init"), Ending::Exited(0));
        arrives(&mut bench, target, 201);
        arrives(&mut bench, dependent, 301);
        assert!(!released(&bench.take()).contains(&dependent));
        becomes_ready(&mut bench, target);
        assert_eq!(released(&bench.take()), [dependent]);
        becomes_ready(&mut bench, dependent);
        assert_stop_order(&mut bench, &PARTS);
    }
}

#[test]
fn a_pause_changes_neither_release_nor_stop() {
    for part in PARTS {
        let mut bench = Bench::running(&chain([""; 3]));
        bench.pause(1, part);
        bench.take();
        for ready in PARTS.into_iter().take_while(|&ready| ready != part) {
            becomes_ready(&mut bench, ready);
        }
        // A paused namespace is released like any other, and its program runs when it goes on.
        let orders = bench.take();
        let before: Vec<&str> = PARTS[1..]
            .iter()
            .copied()
            .filter(|&one| one <= part)
            .collect();
        assert_eq!(released(&orders), before, "{part}");
        bench.asks(
            2,
            Request::Resume {
                path: part.to_owned(),
            },
        );
        for ready in PARTS.into_iter().skip_while(|&ready| ready != part) {
            becomes_ready(&mut bench, ready);
        }
        assert!(bench.tree().readiness.is_complete(), "{part}");
        bench.pause(3, part);
        bench.take();
        bench.stop(9, Force::Ask);
        let orders = bench.take();
        assert_before(
            &orders,
            &format!("event: resume {part}"),
            "ask web/init TERM",
        );
        assert_eq!(
            orders.iter().filter(|line| line.starts_with("ask")).count(),
            1
        );
    }
}

#[test]
fn a_paused_dependent_does_not_hold_what_is_taken_down_without_it() {
    for [target, dependent] in [["db", "mid"], ["mid", "web"]] {
        let mut bench = ready_chain([""; 3]);
        bench.pause(1, dependent);
        bench.take();
        bench.down(2, target, Force::Ask);
        let asked = bench.take_only("ask");
        assert_eq!(asked, [format!("ask {target}/init TERM")]);
    }
}

#[test]
fn what_waits_for_a_failure_is_given_up_along_the_chain_and_stays_so() {
    for keys in ["", ", restart = 'always'"] {
        let mut bench = Bench::running(&chain(["", keys, keys]));
        bench.ends("db/p", FAILED);
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 2, "{orders:?}");
        for part in ["mid", "web"] {
            assert_eq!(count(&orders, &format!("signal {part}/p KILL")), 1);
            bench.ends(&path(part), KILLED);
        }
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Restarting"), 0, "{orders:?}");
        bench.after(Duration::from_mins(10));
        assert_eq!(released(&bench.take()), [""; 0]);
        assert_stop_order(&mut bench, &PARTS);
    }
}

#[test]
fn a_namespace_that_was_given_up_is_not_started_again_by_its_policy() {
    let toml = chain([""; 3]).replace("[ns.mid]\n", "[ns.mid]\nrestart = 'always'\n");
    let mut bench = Bench::running(&toml);
    bench.ends("db/p", FAILED);
    bench.ends("mid/p", KILLED);
    bench.ends("mid/init", Ending::Exited(0));
    let orders = bench.take();
    assert_eq!(count(&orders, "note: Restarting"), 0, "{orders:?}");
    assert!(bench.supervisor.idle_time().is_none());
}

#[test]
fn what_waits_in_vain_is_told_once_and_waits_anew_when_it_is_restarted() {
    let mut bench = Bench::running(&chain([""; 3]));
    bench.ends("db/p", FAILED);
    bench.ends("db/init", Ending::Exited(0));
    bench.ends("mid/p", KILLED);
    bench.ends("web/p", KILLED);
    bench.take();
    bench.restart(1, "db");
    arrives(&mut bench, "db", 201);
    becomes_ready(&mut bench, "db");
    let orders = bench.take();
    assert_eq!(count(&orders, "note: Unreachable"), 0, "{orders:?}");
    assert_eq!(released(&orders), [""; 0], "it was given up");
    bench.restart(2, "mid");
    bench.ends("mid/init", Ending::Exited(0));
    arrives(&mut bench, "mid", 301);
    assert_eq!(released(&bench.take()), ["mid"]);
    becomes_ready(&mut bench, "mid");
    assert_eq!(released(&bench.take()), [""; 0]);
}

#[test]
fn a_process_that_is_restarted_in_a_namespace_that_was_given_up_has_that_wait_anew() {
    let toml = chain([""; 3]).replace("[ns.mid]\n", "[ns.mid]\ninit = 'pause'\n");
    for is_target_back in [false, true] {
        let mut bench = Bench::running(&toml);
        bench.ends("db/p", FAILED);
        bench.ends("db/init", Ending::Exited(0));
        bench.ends("mid/p", KILLED);
        if is_target_back {
            bench.restart(1, "db");
            arrives(&mut bench, "db", 201);
            becomes_ready(&mut bench, "db");
        }
        bench.take();
        bench.restart(2, "mid/p");
        process_comes_back(&mut bench, "mid", 301);
        let orders = bench.take();
        let (released, told): (&[&str], usize) = if is_target_back {
            (&["mid"], 0)
        } else {
            (&[], 1)
        };
        assert_eq!(super::dependencies::released(&orders), released);
        assert_eq!(count(&orders, "note: Unreachable"), told, "{orders:?}");
        assert_eq!(count(&orders, "signal mid/p RELEASE"), released.len());
        assert_eq!(count(&orders, "signal mid/p KILL"), told);
    }
}

#[test]
fn a_failure_after_readiness_leaves_the_condition_met() {
    for part in ["db", "mid"] {
        let mut bench = ready_chain([""; 3]);
        bench.ends(&path(part), FAILED);
        bench.ends(&format!("{part}/init"), Ending::Exited(0));
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 0, "{orders:?}");
        let dependent = if part == "db" { "mid" } else { "web" };
        bench.restart(1, dependent);
        comes_back(&mut bench, dependent, 201);
        assert_eq!(released(&bench.take()), [dependent]);
        let alive: Vec<&str> = PARTS.into_iter().filter(|&one| one != part).collect();
        assert_stop_order(&mut bench, &alive);
    }
}

#[test]
fn a_process_that_fails_and_is_restarted_is_waited_for() {
    for (part, dependent) in [("db", Some("mid")), ("mid", Some("web")), ("web", None)] {
        let mut bench = Bench::running(&chain([POLICY; 3]));
        for ready in PARTS.into_iter().take_while(|&ready| ready != part) {
            becomes_ready(&mut bench, ready);
        }
        bench.starts(&path(part));
        bench.take();
        bench.ends(&path(part), FAILED);
        bench.after(TENTH);
        process_comes_back(&mut bench, part, 201);
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 0, "{orders:?}");
        let own = format!("signal {part}/p RELEASE");
        assert_eq!(count(&orders, &own), 1, "{orders:?}");
        becomes_ready(&mut bench, part);
        let expected: Vec<&str> = dependent.into_iter().collect();
        assert_eq!(released(&bench.take()), expected);
    }
}

/// A chain in which the first namespace is rebuilt by its policy.
fn rebuilt(keys: &str) -> String {
    chain([""; 3]).replace(
        "[ns.db]\n",
        &format!("[ns.db]\nbackoff = '100ms'\n{keys}\n"),
    )
}

#[test]
fn a_namespace_that_fails_before_it_is_ready_and_is_rebuilt_is_waited_for() {
    for keys in [
        "restart = 'on-failure'\nmain = 'p'",
        "restart = 'always'",
        "restart = { on = [0] }",
    ] {
        let mut bench = Bench::running(&rebuilt(keys));
        bench.ends("db/p", FAILED);
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 0, "{keys}: {orders:?}");
        bench.ends("db/init", Ending::Exited(0));
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 0, "{keys}: {orders:?}");
        assert_eq!(count(&orders, "note: Restarting"), 1, "{keys}: {orders:?}");

        bench.after(TENTH);
        assert_eq!(count(&bench.take(), "create db/init"), 1, "{keys}");
        arrives(&mut bench, "db", 201);
        becomes_ready(&mut bench, "db");
        assert_eq!(released(&bench.take()), ["mid"], "{keys}");
        assert_stop_order(&mut bench, &PARTS);
    }
}

#[test]
fn a_namespace_that_is_not_rebuilt_any_more_is_not_waited_for() {
    for keys in [
        "restart = 'on-failure'\nmain = 'p'\nmax = 1",
        "restart = 'on-failure'",
    ] {
        let mut bench = Bench::running(&rebuilt(keys));
        let has_main = keys.contains("main");
        bench.ends("db/p", FAILED);
        if has_main {
            bench.ends("db/init", Ending::Exited(0));
            bench.after(TENTH);
            arrives(&mut bench, "db", 201);
            bench.starts("db/p");
            assert_eq!(count(&bench.take(), "note: Unreachable"), 0);
            bench.ends("db/p", FAILED);
            bench.ends("db/init", Ending::Exited(0));
        }
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 2, "{keys}: {orders:?}");
        assert_eq!(count(&orders, "signal mid/p KILL"), 1, "{keys}: {orders:?}");
    }
}

#[test]
fn what_is_killed_is_waited_for_until_it_is_known_whether_it_comes_back() {
    let toml = "[ns.a]\nproc.p = { actor = 'idle', essential = false, enter = 'join', ready = { log = 'up' }, \
                restart = 'always', backoff = '100ms' }\n\
                [ns.b]\nafter = { a = 'ready', 'a/p' = 'started' }\nproc.q = { actor = 'idle' }\n";
    let mut bench = Bench::running(toml);
    // It may have died with its PID 1.
    bench.ends("a/p", KILLED);
    assert_eq!(count(&bench.take(), "note: Unreachable"), 0);
    bench.after(TENTH * 3);
    let orders = bench.take();
    assert_eq!(count(&orders, "note: Restarting"), 1, "{orders:?}");
    assert_eq!(count(&orders, "note: Unreachable"), 0, "{orders:?}");
}

#[test]
fn a_rebuild_that_fails_for_good_is_not_waited_for() {
    let mut bench = Bench::running(&rebuilt("restart = 'on-failure'\nmain = 'p'\nmax = 1"));
    bench.ends("db/p", FAILED);
    bench.ends("db/init", Ending::Exited(0));
    let failure = Failure::new(bench.find("db/init"), Stage::Fork, Errno::EAGAIN);
    bench.supervisor.edge.failure = Some(failure);
    bench.after(TENTH);
    bench.after(Duration::from_secs(3));
    let orders = bench.take();
    assert_eq!(count(&orders, "note: NotRestarted"), 1, "{orders:?}");
    assert_eq!(count(&orders, "signal mid/p KILL"), 1, "{orders:?}");
}

#[test]
fn what_is_inside_a_namespace_ends_with_it_for_those_that_wait() {
    let toml = "[ns.a]\ninit = { actor = 'idle', essential = false }\n\
        [ns.'a/b']\nproc.p = { actor = 'idle', essential = false, ready = { log = 'up' } }\n\
        [ns.over]\nafter = { 'a/b/p' = 'exited' }\nproc.q = { actor = 'idle' }\n\
        [ns.vain]\nafter = { 'a/b/p' = 'ready' }\nproc.q = { actor = 'idle', essential = false }\n";
    let mut bench = Bench::running(toml);
    bench.ends("a/init", FAILED);
    let orders = bench.take();
    assert_eq!(count(&orders, "signal over/q RELEASE"), 1, "{orders:?}");
    assert_eq!(count(&orders, "signal vain/q KILL"), 1, "{orders:?}");
}

#[test]
fn what_is_inside_a_namespace_is_started_with_its_release() {
    let toml = "[ns.gate]\nproc.p = { actor = 'idle', ready = { log = 'up' } }\n\
        [ns.outer]\nafter = { gate = 'ready' }\n\
        [ns.'outer/inner']\nproc.p = { actor = 'idle' }\n\
        [ns.last]\nafter = { 'outer/inner' = 'started' }\nproc.p = { actor = 'idle' }\n";
    let mut bench = Bench::running(toml);
    bench.hints("gate/p");
    let orders = bench.take();
    assert_before(&orders, "event: release outer", "event: release last");
    assert_eq!(count(&orders, "signal last/p RELEASE"), 1, "{orders:?}");
}

#[test]
fn a_namespace_without_processes_that_was_given_up_gives_up_what_waits_for_it() {
    let toml = "[ns.gate]\nproc.p = { actor = 'idle', essential = false, ready = { log = 'up' } }\n\
        [ns.empty]\nafter = { gate = 'ready' }\n[ns.'empty/inner']\n[ns.other]\nproc.p = { actor = 'idle' }\n";
    for (target, condition) in [
        ("empty", "ready"),
        ("empty", "started"),
        ("empty", "ok"),
        ("empty/inner", "ready"),
        ("empty/inner", "started"),
    ] {
        let waiter = format!(
            "[ns.last]\nafter = {{ '{target}' = '{condition}' }}\nproc.p = {{ actor = 'idle', essential = false }}\n"
        );
        let mut bench = Bench::running(&(toml.to_owned() + &waiter));
        bench.ends("gate/p", FAILED);
        let orders = bench.take();
        let case = format!("{target} {condition}");
        assert_eq!(count(&orders, "note: Unreachable"), 2, "{case}: {orders:?}");
        assert_eq!(
            count(&orders, "signal last/p KILL"),
            1,
            "{case}: {orders:?}"
        );
        bench.ends("last/p", KILLED);
        bench.take();
        bench.restart(1, "other");
        bench.ends("other/p", Ending::Exited(0));
        bench.ends("other/init", Ending::Exited(0));
        arrives(&mut bench, "other", 201);
        let orders = bench.take();
        assert_eq!(count(&orders, "note: Unreachable"), 0, "{case}: {orders:?}");
    }
}

#[test]
fn a_client_that_waits_for_a_namespace_waits_for_its_release() {
    for until in [Awaited::Started, Awaited::Ready] {
        for is_ready in [true, false] {
            let toml = "[ns.gate]\nproc.p = { actor = 'idle', essential = false, ready = { log = 'up' } }\n\
                        [ns.empty]\nafter = { gate = 'ready' }\n";
            let mut bench = Bench::running(toml);
            bench.asks(
                1,
                Request::Await {
                    paths: vec!["empty/".to_owned()],
                    until,
                },
            );
            assert_eq!(bench.take_only("reply"), [""; 0], "{until:?}");
            if is_ready {
                bench.hints("gate/p");
            } else {
                bench.ends("gate/p", FAILED);
            }
            let replies = bench.take_only("reply");
            let is_told = replies.len() == 1 && replies[0].contains("awaited") == is_ready;
            assert!(is_told, "{until:?} {is_ready}: {replies:?}");
        }
    }
}

/// A chain of namespaces that different PID 1s ask to stop, so that the controller lifts the holds.
const APART: &str = "[ns.one]\n[ns.'one/db']\nproc.p = { actor = 'idle' }\n\
    [ns.two]\n[ns.'two/mid']\nafter = { 'one/db' = 'ready' }\nproc.p = { actor = 'idle' }\n\
    [ns.three]\n[ns.'three/web']\nafter = { 'two/mid' = 'ready' }\nproc.p = { actor = 'idle' }\n";

#[test]
fn a_hold_is_lifted_when_its_dependents_have_ended_or_are_not_stopped() {
    let mut bench = Bench::running(APART);
    for process in ["two/mid/p", "three/web/p"] {
        bench.starts(process);
    }
    bench.take();
    bench.stop(1, Force::Ask);
    assert_eq!(bench.take_only("lift"), [""; 0]);
    bench.ends("three/web/p", Ending::Exited(0));
    assert_eq!(
        bench.take_only("lift"),
        [""; 0],
        "a namespace ends with its PID 1"
    );
    bench.ends("three/web/init", Ending::Exited(0));
    assert_eq!(bench.take_only("lift"), ["lift 1 for two/init"]);
    bench.ends("two/mid/init", Ending::Exited(0));
    assert_eq!(bench.take_only("lift"), ["lift 0 for one/init"]);
}

#[test]
fn a_hold_of_what_is_taken_down_alone_is_lifted_at_once() {
    for (part, hold) in [
        ("one", "lift 0 for one/init"),
        ("two", "lift 1 for two/init"),
    ] {
        let mut bench = Bench::running(APART);
        for process in ["two/mid/p", "three/web/p"] {
            bench.starts(process);
        }
        bench.take();
        bench.down(1, part, Force::Ask);
        assert_eq!(bench.take_only("lift"), [hold]);
    }
    // With its dependent it waits for that one.
    let mut bench = Bench::running(APART);
    for process in ["two/mid/p", "three/web/p"] {
        bench.starts(process);
    }
    bench.take();
    let paths = vec!["one".to_owned(), "two".to_owned()];
    bench.asks(
        1,
        Request::Stop {
            paths,
            force: Force::Ask,
        },
    );
    assert_eq!(bench.take_only("lift"), ["lift 1 for two/init"]);
    bench.ends("two/mid/init", Ending::Exited(0));
    assert_eq!(bench.take_only("lift"), ["lift 0 for one/init"]);
    assert_eq!(bench.state("three/web/init"), State::Ready);
}

#[test]
fn a_dependent_that_has_ended_is_no_gap_in_the_chain() {
    // Before the stop, and in it before its turn.
    for is_early in [true, false] {
        let mut bench = Bench::running(APART);
        for process in ["two/mid/p", "three/web/p"] {
            bench.starts(process);
        }
        bench.take();
        if is_early {
            bench.ends("two/mid/init", Ending::Exited(0));
            assert_eq!(bench.take_only("lift"), [""; 0]);
        }
        bench.stop(1, Force::Ask);
        if !is_early {
            bench.ends("two/mid/init", Ending::Exited(0));
        }
        assert_eq!(bench.take_only("lift"), [""; 0], "{is_early}");
        bench.ends("three/web/init", Ending::Exited(0));
        let lifted = bench.take_only("lift");
        assert!(
            lifted.contains(&"lift 0 for one/init".to_owned()),
            "{is_early}: {lifted:?}"
        );
    }
}

#[test]
fn a_root_that_ends_before_its_turn_is_no_gap_in_the_chain() {
    let mut bench = ready_chain([""; 3]);
    bench.stop(9, Force::Ask);
    assert_eq!(bench.take_only("ask"), ["ask web/init TERM"]);
    bench.ends("mid/init", Ending::Exited(0));
    assert_eq!(bench.take_only("ask"), [""; 0]);
    bench.ends("web/init", Ending::Exited(0));
    assert_eq!(bench.take_only("ask"), ["ask db/init TERM"]);
}
