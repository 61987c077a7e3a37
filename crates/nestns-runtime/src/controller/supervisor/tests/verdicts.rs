//! Verdicts about ends.

use std::time::Duration;

use nix::libc;

use super::super::fake::{Bench, KILLED, Setup};
use super::{NESTED, PAIR};
use crate::controller::Fixture;
use crate::controller::event_sink::Cause;
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::engine::report::Ending;
use nestns_topology::OnExit;

const FAILURE: Ending = Ending::Exited(3);
const SUCCESS: Ending = Ending::Exited(0);

/// A tree with one joined process, whose death by KILL may be its PID 1's.
const JOINED: &str = "[ns.a]\nproc.one = { actor = 'idle', enter = 'join' }\n";

fn finish(bench: &mut Bench) -> u8 {
    bench.ends("a/init", SUCCESS);
    bench.conclude().status
}

#[test]
fn an_essential_failure_stops_the_tree_with_its_status() {
    let mut bench = Bench::running(PAIR);
    bench.ends("a/one", FAILURE);
    assert_eq!(
        (bench.state("a/one"), bench.life()),
        (State::Failed, Life::Stopping)
    );
    assert_eq!(finish(&mut bench), 3);
}

#[test]
fn a_good_end_goes_on() {
    let mut bench = Bench::running(PAIR);
    bench.ends("a/one", SUCCESS);
    assert_eq!(
        (bench.state("a/one"), bench.life()),
        (State::Exited, Life::Running)
    );
}

#[test]
fn the_first_of_several_failures_decides() {
    let mut bench = Bench::running(PAIR);
    let (one, two) = (bench.find("a/one"), bench.find("a/two"));
    bench.report_end(two, Ending::Exited(5));
    bench.report_end(one, FAILURE);
    bench.turn();
    assert_eq!(finish(&mut bench), 5);
}

#[test]
fn a_failure_after_the_stop_has_begun_changes_nothing() {
    let mut bench = Bench::running(PAIR);
    bench.tree().request_stop(Cause::Untied);
    bench.turn();
    bench.ends("a/one", FAILURE);
    assert_eq!(finish(&mut bench), 0);
}

#[test]
fn any_end_stops_where_the_file_says_so() {
    let mut bench = Bench::running_by(
        PAIR,
        Setup {
            on_exit: OnExit::Any,
            ..Setup::default()
        },
    );
    bench.ends("a/one", SUCCESS);
    assert_eq!(bench.life(), Life::Stopping);
    assert_eq!(finish(&mut bench), 0);
}

#[test]
fn what_is_ignored_is_a_failure_at_the_end() {
    let mut bench = Bench::running_by(
        PAIR,
        Setup {
            on_exit: OnExit::Ignore,
            ..Setup::default()
        },
    );
    bench.ends("a/one", FAILURE);
    assert_eq!(bench.life(), Life::Running);
    assert_eq!(finish(&mut bench), 1);
}

#[test]
fn the_status_is_that_of_the_process_that_was_asked_for() {
    let mut bench = Bench::running_by(
        PAIR,
        Setup {
            status_from: Some("a/two"),
            ..Setup::default()
        },
    );
    bench.ends("a/two", Ending::Exited(42));
    assert_eq!(bench.life(), Life::Stopping);
    assert_eq!(finish(&mut bench), 42);
}

#[test]
fn its_status_may_come_with_the_end_of_its_namespace() {
    let mut bench = Bench::running_by(
        NESTED,
        Setup {
            status_from: Some("a/b/two"),
            ..Setup::default()
        },
    );
    bench.ends("a/b/init", KILLED);
    assert_eq!(bench.state("a/b/two"), State::Gone);
    assert_eq!(bench.life(), Life::Stopping);
}

#[test]
fn an_init_of_ours_that_was_killed_is_lost() {
    let mut bench = Bench::running(NESTED);
    bench.ends("a/b/init", KILLED);
    assert!(bench.take().contains(&"note: InitLost".to_owned()));
    assert_eq!(finish(&mut bench), 137);
}

#[test]
fn an_init_of_ours_that_leaves_is_no_failure() {
    let mut bench = Bench::running(NESTED);
    bench.ends("a/b/init", SUCCESS);
    assert_eq!(
        (bench.life(), bench.state("a/b/two")),
        (Life::Running, State::Gone)
    );
}

#[test]
fn a_death_by_kill_waits_for_that_of_its_pid_1() {
    let mut bench = Bench::running(JOINED);
    bench.ends("a/one", KILLED);
    assert_eq!(
        (bench.state("a/one"), bench.life()),
        (State::Gone, Life::Running)
    );
    bench.ends("a/init", KILLED);
    assert!(
        !bench.take().iter().any(|order| order == "note: Failed"),
        "its PID 1 explains it"
    );
    assert_eq!(bench.state("a/one"), State::Gone);
}

#[test]
fn a_death_that_nothing_explains_in_time_is_its_own() {
    let mut bench = Bench::running(JOINED);
    bench.ends("a/one", KILLED);
    bench.take();
    bench.after(Duration::from_millis(100));
    assert_eq!(bench.life(), Life::Running);
    bench.after(Duration::from_millis(200));
    assert!(bench.take().contains(&"note: Failed".to_owned()));
    assert_eq!(bench.life(), Life::Stopping);
}

#[test]
fn it_waits_longer_where_the_pid_1_is_seen_to_end() {
    let mut bench = Bench::running(JOINED);
    bench
        .supervisor
        .edge
        .kernel
        .ending
        .insert(nix::unistd::Pid::from_raw(101));
    bench.ends("a/one", KILLED);
    bench.after(Duration::from_secs(20));
    assert_eq!(bench.life(), Life::Running);
    bench.after(Duration::from_secs(20));
    assert_eq!(bench.life(), Life::Stopping);
}

#[test]
fn a_process_that_a_user_has_ended_has_not_failed() {
    let mut bench = Bench::running(PAIR);
    let one = bench.find("a/one");
    bench.tree().roster.get_mut(one).unwrap().sent = Some(libc::SIGTERM);
    bench.ends("a/one", Ending::Signalled(libc::SIGTERM));
    assert_eq!(
        (bench.state("a/one"), bench.life()),
        (State::Killed, Life::Running)
    );
}

#[test]
fn an_end_is_written_once() {
    let mut bench = Bench::running(NESTED);
    bench.take();
    bench.ends("a/b/init", SUCCESS);
    bench.ends("a/b/two", KILLED);
    let exits = bench.take_only("event: exit a/b/two");
    assert_eq!(exits, ["event: exit a/b/two gone"]);
}

#[test]
fn a_fixture_that_never_becomes_ready_ends_with_its_own_status() {
    let fixture = Fixture {
        status: 99,
        on_exit: OnExit::Fail,
    };
    let toml = "[ns.a]\nproc.one = { cmd = 'x', ready = { fd = 3 } }\n";
    let mut bench = Bench::running_by(
        toml,
        Setup {
            fixture: Some(fixture),
            on_exit: OnExit::Ignore,
            ..Setup::default()
        },
    );
    bench.ends("a/one", SUCCESS);
    assert!(bench.take().contains(&"note: Unready".to_owned()));
    assert_eq!(
        bench.life(),
        Life::Running,
        "the stop is asked for after this turn"
    );
    bench.turn();
    assert_eq!(bench.life(), Life::Stopping);
    assert_eq!(finish(&mut bench), 99);
}

#[test]
fn a_fixture_goes_on_when_something_fails_after_it_was_ready() {
    let fixture = Fixture {
        status: 99,
        on_exit: OnExit::Fail,
    };
    let mut bench = Bench::running_by(
        PAIR,
        Setup {
            fixture: Some(fixture),
            on_exit: OnExit::Ignore,
            ..Setup::default()
        },
    );
    bench.ends("a/one", FAILURE);
    assert_eq!(bench.life(), Life::Running);
}

#[test]
fn a_tree_that_stays_waits_until_it_is_stopped() {
    let mut bench = Bench::running_by(
        PAIR,
        Setup {
            stays: true,
            ..Setup::default()
        },
    );
    bench.ends("a/one", SUCCESS);
    bench.ends("a/two", SUCCESS);
    bench.ends("a/init", SUCCESS);
    assert!(!bench.supervisor.is_over());
    bench.tree().request_stop(Cause::Asked);
    bench.turn();
    assert!(bench.supervisor.is_over());
}

#[test]
fn a_tree_that_does_not_stay_is_over_with_its_last_child() {
    let mut bench = Bench::running(PAIR);
    bench.ends("a/init", SUCCESS);
    assert_eq!(bench.conclude().status, 0);
}
