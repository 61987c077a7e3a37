//! `pause` and `resume`.

use std::time::Duration;

use super::super::fake::{Bench, assert_before};
use super::{NESTED, PAIR};
use crate::engine::report::Ending;
use nestns_client::protocol::message::{Force, Request};

fn resume(bench: &mut Bench, id: u32, path: &str) {
    bench.asks(
        id,
        Request::Resume {
            path: path.to_owned(),
        },
    );
}

#[test]
fn a_pause_is_answered_when_everything_is_frozen() {
    let mut bench = Bench::running(PAIR);
    bench.frost.borrow_mut().is_frozen = false;
    bench.pause(1, "a");
    assert_eq!(bench.take(), ["freeze a"]);
    bench.after(Duration::from_millis(1));
    assert_eq!(bench.take(), [""; 0]);
    bench.frost.borrow_mut().is_frozen = true;
    bench.after(Duration::from_millis(1));
    assert_eq!(bench.take(), ["event: pause a", "reply 1: Done"]);
    resume(&mut bench, 2, "a");
    assert_eq!(bench.take(), ["thaw 0", "event: resume a", "reply 2: Done"]);
}

#[test]
fn what_does_not_come_to_rest_goes_on() {
    let mut bench = Bench::running(PAIR);
    bench.frost.borrow_mut().is_frozen = false;
    bench.pause(1, "a");
    bench.take();
    bench.after(Duration::from_secs(6));
    let orders = bench.take();
    assert_eq!(orders[0], "thaw 0");
    assert!(
        orders[1].contains("was not frozen within 5 s: process 77"),
        "{orders:?}"
    );
    assert_eq!(bench.tree().roster.paused(), [0; 0]);
}

#[test]
fn a_machine_that_cannot_freeze_changes_nothing() {
    let mut bench = Bench::running(PAIR);
    bench.frost.borrow_mut().refuses = true;
    bench.pause(1, "a");
    assert_eq!(bench.take(), ["reply 1: cannot pause `ns`: no cgroup"]);
    assert_eq!(bench.tree().roster.paused(), [0; 0]);
}

#[test]
fn nothing_is_paused_twice() {
    let mut bench = Bench::running(NESTED);
    bench.pause(1, "a");
    bench.take();
    bench.pause(2, "a");
    bench.pause(3, "a/b");
    assert_eq!(
        bench.take(),
        [
            "reply 2: `a` is already paused",
            "reply 3: `a/b` is already paused, with `a`"
        ]
    );
    resume(&mut bench, 4, "a/b");
    assert_eq!(bench.take(), ["reply 4: `a/b` is paused with `a`"]);
}

#[test]
fn what_is_not_paused_cannot_be_resumed() {
    let mut bench = Bench::running(PAIR);
    resume(&mut bench, 1, "a");
    resume(&mut bench, 2, "b");
    assert_eq!(
        bench.take(),
        [
            "reply 1: `a` is not paused",
            "reply 2: there is no namespace `b`"
        ]
    );
}

#[test]
fn a_pause_in_a_stop_is_refused() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.take();
    bench.pause(2, "a");
    assert_eq!(
        bench.take(),
        ["reply 2: `a` is being stopped, so nothing can be started in it"]
    );
}

#[test]
fn a_stop_before_a_pause_is_complete_refuses_it() {
    let mut bench = Bench::running(PAIR);
    bench.frost.borrow_mut().is_frozen = false;
    bench.pause(1, "a");
    bench.take();
    bench.stop(2, Force::Ask);
    let orders = bench.take();
    assert!(
        orders.contains(&"reply 1: `a` was resumed before it was paused".to_owned()),
        "{orders:?}"
    );
    assert!(
        !orders.iter().any(|order| order == "event: resume a"),
        "it was never paused: {orders:?}"
    );
}

#[test]
fn a_resume_before_a_pause_is_complete_answers_both() {
    let mut bench = Bench::running(PAIR);
    bench.frost.borrow_mut().is_frozen = false;
    bench.pause(1, "a");
    bench.take();
    resume(&mut bench, 2, "a");
    assert_eq!(
        bench.take(),
        [
            "thaw 0",
            "reply 1: `a` was resumed before it was paused",
            "reply 2: Done"
        ]
    );
}

#[test]
fn nothing_starts_in_what_is_paused() {
    let mut bench = Bench::running(NESTED);
    bench.pause(1, "a");
    bench.take();
    bench.exec(2, "a/b");
    bench.restart(3, "a/b/two");
    assert_eq!(
        bench.take(),
        [
            "reply 2: `a/b` is paused with `a`, so nothing can be started in it",
            "reply 3: `a/b` is paused with `a`, so nothing can be started in it",
        ]
    );
}

#[test]
fn what_is_killed_while_it_is_paused_is_forgotten() {
    let mut bench = Bench::running(NESTED);
    bench.pause(1, "a/b");
    bench.take();
    bench.ends("a/b/init", Ending::Exited(0));
    let orders = bench.take();
    assert!(orders.contains(&"thaw 1".to_owned()), "{orders:?}");
    assert_eq!(bench.tree().roster.paused(), [0; 0]);
}

#[test]
fn a_namespace_that_is_taken_down_goes_on_first() {
    let mut bench = Bench::running(NESTED);
    bench.pause(1, "a/b");
    bench.take();
    bench.down(2, "a/b", Force::Ask);
    let orders = bench.take();
    assert_before(&orders, "thaw 1", "ask a/b/init TERM");
}
