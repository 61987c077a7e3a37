//! Targets that are taken down, brought back, or come back by themselves.

use std::time::Duration;

use nix::errno::Errno;

use super::super::fake::{Bench, KILLED};
use super::{NESTED, PAIR};
use crate::controller::control_channels::Reach;
use crate::controller::life::Life;
use crate::controller::roster::State;
use crate::controller::tree::Incident;
use crate::engine::control_channel::Answer;
use crate::engine::failure::{Failure, Stage};
use crate::engine::report::Ending;
use nestns_client::protocol::message::Force;
use nestns_sys::moment::Moment;

const SECOND: Duration = Duration::from_secs(1);
const TENTH: Duration = Duration::from_millis(100);
const POLICY: &str = "[ns.a]\nproc.one = { actor = 'idle', restart = 'on-failure', max = 2, backoff = '100ms', essential = false }\n";
const CHAIN: &str = "[ns.a]\nproc.one = { actor = 'idle' }\n\
                     proc.two = { actor = 'idle', after = { one = 'exited' } }\n";

/// The PID 1 of the first namespace says that it has done what it was told.
fn done(bench: &mut Bench) {
    bench.happens(Incident::Answered(0, Answer::Done, None));
}

fn fail(bench: &mut Bench, path: &str) {
    let failure = Failure::new(bench.find(path), Stage::Fork, Errno::EAGAIN);
    bench.happens(Incident::Answered(0, Answer::Failed(failure), None));
}

/// A process of the first namespace comes back.
fn comes_back(bench: &mut Bench, path: &str, pid: i32) {
    done(bench);
    bench.arrives(path, pid);
    bench.turn();
}

#[test]
fn a_process_is_asked_to_leave_created_again_and_let_go() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    assert_eq!(
        bench.take(),
        [
            "ask a/one TERM",
            "event: signal a/one TERM",
            "signal a/one CONT"
        ]
    );
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(
        bench.take_only("event"),
        ["event: exit a/one exited", "event: restart a/one"],
    );
    assert_eq!(
        (bench.state("a/one"), bench.life()),
        (State::Creating, Life::Running)
    );
    comes_back(&mut bench, "a/one", 201);
    assert_eq!(
        bench.take(),
        [
            "signal a/one RELEASE",
            "event: release a/one",
            "reply 1: Restarted([\"a/one\"])",
            "hang up a"
        ]
    );
    assert_eq!(bench.state("a/one"), State::Created);
}

#[test]
fn an_end_in_a_change_is_no_failure() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(9));
    assert_eq!(bench.life(), Life::Running);
    bench.down(2, "a/two", Force::Ask);
    bench.ends("a/two", Ending::Exited(9));
    assert_eq!(bench.life(), Life::Running);
}

#[test]
fn what_is_taken_down_stays_down_and_its_client_gets_the_timeline() {
    let mut bench = Bench::running(PAIR);
    bench.down(1, "a/one", Force::Ask);
    assert_eq!(bench.take()[0], "event: stopping a/one ask");
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(bench.take_only("reply"), ["reply 1: Stopped"]);
    assert!(
        !bench.take().contains(&"hang up a".to_owned()),
        "its PID 1 stays, so that it can come back"
    );
}

#[test]
fn what_does_not_leave_is_killed_at_its_deadline() {
    let mut bench = Bench::running(PAIR);
    bench.down(1, "a/one", Force::Ask);
    bench.take();
    bench.after(Duration::from_mins(10));
    assert!(bench.take().contains(&"signal a/one KILL".to_owned()));
    assert_eq!(bench.state("a/one"), State::Killing);
}

#[test]
fn a_second_request_with_kill_overtakes_the_first() {
    let mut bench = Bench::running(PAIR);
    bench.down(1, "a/one", Force::Ask);
    bench.take();
    bench.down(2, "a/one", Force::Kill);
    assert_eq!(bench.take_only("signal"), ["signal a/one KILL"]);
    bench.ends("a/one", KILLED);
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: Stopped", "reply 2: Stopped"]
    );
}

#[test]
fn what_was_killed_and_stays_is_a_problem_after_a_while() {
    let mut bench = Bench::running(PAIR);
    bench.down(1, "a/one", Force::Kill);
    bench.take();
    bench.after(SECOND * 11);
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: killed, but still there: a/one"]
    );
}

#[test]
fn a_restart_that_is_asked_for_twice_happens_twice() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.restart(2, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    bench.take();
    comes_back(&mut bench, "a/one", 201);
    let orders = bench.take();
    assert!(
        orders.contains(&"reply 1: Restarted([\"a/one\"])".to_owned()),
        "{orders:?}"
    );
    assert!(
        orders.contains(&"ask a/one TERM".to_owned()),
        "the second begins: {orders:?}"
    );
    bench.ends("a/one", Ending::Exited(0));
    comes_back(&mut bench, "a/one", 202);
    assert!(
        bench
            .take()
            .contains(&"reply 2: Restarted([\"a/one\"])".to_owned())
    );
}

#[test]
fn changes_that_have_nothing_in_common_go_on_side_by_side() {
    let mut bench = Bench::running(PAIR);
    bench.down(1, "a/one", Force::Ask);
    bench.down(2, "a/two", Force::Ask);
    assert_eq!(bench.take_only("ask"), ["ask a/one TERM", "ask a/two TERM"]);
    bench.ends("a/two", Ending::Exited(0));
    assert_eq!(bench.take_only("reply"), ["reply 2: Stopped"]);
}

#[test]
fn a_root_is_created_by_the_controller() {
    let mut bench = Bench::running("[ns.a]\n");
    bench.restart(1, "a");
    bench.ends("a/init", Ending::Exited(0));
    assert!(bench.take().contains(&"create a/init".to_owned()));
    bench.arrives("a/init", 201);
    bench.turn();
    let orders = bench.take();
    assert!(
        orders.contains(&"guardian: forget ended roots".to_owned()),
        "{orders:?}"
    );
    assert!(
        orders.contains(&"reply 1: Restarted([\"a\"])".to_owned()),
        "{orders:?}"
    );
}

#[test]
fn a_failed_creation_is_cleared_and_told() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    bench.take();
    fail(&mut bench, "a/one");
    assert_eq!(bench.take_only("signal"), ["signal a/one KILL"]);
    bench.after(SECOND * 3);
    let replies = bench.take_only("reply 1: could not restart `a/one`");
    assert_eq!((replies.len(), bench.state("a/one")), (1, State::Failed));
    assert_eq!(bench.life(), Life::Running);
}

#[test]
fn a_pid_1_that_hangs_up_fails_what_it_was_told() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    bench.happens(Incident::Closed(0));
    bench.after(SECOND * 3);
    assert_eq!(
        bench.take_only("reply 1: could not restart `a/one`").len(),
        1
    );
}

#[test]
fn a_pid_1_that_does_not_answer_is_given_up() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    bench.take();
    bench.after(SECOND * 60);
    assert_eq!(bench.take_only("reply"), [""; 0]);
    bench.after(SECOND * 20);
    bench.after(SECOND * 3);
    assert_eq!(
        bench.take_only("reply 1: could not restart `a/one`").len(),
        1
    );
}

#[test]
fn what_does_not_report_in_time_is_given_up() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    done(&mut bench);
    bench.take();
    bench.after(SECOND * 61);
    bench.after(SECOND * 3);
    assert_eq!(
        bench.take_only("reply 1: could not restart `a/one`").len(),
        1
    );
}

#[test]
fn a_holder_that_is_called_is_waited_for() {
    let mut bench = Bench::running(PAIR);
    let until = bench.supervisor.edge.now.plus(SECOND);
    bench.supervisor.edge.reach.insert(0, Reach::Waiting(until));
    bench.restart(1, "a/one");
    assert_eq!(bench.take(), [""; 0]);
    bench.supervisor.edge.reach.insert(0, Reach::Ready);
    bench.turn();
    assert_eq!(bench.take_only("ask"), ["ask a/one TERM"]);
}

#[test]
fn a_stop_during_a_restart_refuses_it() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/one");
    bench.take();
    bench.stop(2, Force::Ask);
    let orders = bench.take();
    let refused = "reply 1: the topology is being stopped, so nothing can be started in it";
    assert!(orders.contains(&refused.to_owned()), "{orders:?}");
    assert!(orders.contains(&"ask a/init TERM".to_owned()), "{orders:?}");
    bench.ends("a/one", Ending::Exited(0));
    assert!(
        !bench
            .take()
            .iter()
            .any(|order| order.starts_with("command")),
        "nothing comes back"
    );
}

#[test]
fn a_client_that_waits_for_a_part_waits_for_the_whole_when_that_is_stopped() {
    let mut bench = Bench::running(PAIR);
    bench.down(1, "a/one", Force::Ask);
    bench.take();
    bench.stop(2, Force::Ask);
    let waiting = bench.take_only("reply");
    assert!(
        waiting.contains(&"reply 1: Waiting".to_owned()),
        "{waiting:?}"
    );
}

#[test]
fn a_dependent_does_not_take_an_end_in_a_restart_for_one() {
    let mut bench = Bench::running(CHAIN);
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(bench.state("a/two"), State::Created);
    assert!(!bench.take().contains(&"signal a/two RELEASE".to_owned()));
    comes_back(&mut bench, "a/one", 201);
    bench.starts("a/one");
    bench.ends("a/one", Ending::Exited(0));
    assert!(bench.take().contains(&"signal a/two RELEASE".to_owned()));
}

#[test]
fn a_dependent_that_is_restarted_waits_again() {
    let mut bench = Bench::running(CHAIN);
    bench.restart(1, "a/two");
    bench.ends("a/two", Ending::Exited(0));
    bench.take();
    comes_back(&mut bench, "a/two", 201);
    let orders = bench.take();
    assert!(
        !orders.contains(&"signal a/two RELEASE".to_owned()),
        "{orders:?}"
    );
    bench.ends("a/one", Ending::Exited(0));
    assert!(bench.take().contains(&"signal a/two RELEASE".to_owned()));
}

#[test]
fn what_is_restarted_is_not_ready_before_it_runs_again() {
    let mut bench = Bench::running(PAIR);
    assert!(bench.tree().readiness.is_complete());
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    assert!(!bench.tree().readiness.is_complete());
    comes_back(&mut bench, "a/one", 201);
    bench.starts("a/one");
    assert!(bench.tree().readiness.is_complete());
}

#[test]
fn the_probe_of_what_was_replaced_is_ended_with_it() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', ready = { exec = ['true'], every = '1s' } }\n";
    let mut bench = Bench::running(toml);
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    bench.restart(1, "a/one");
    bench.ends("a/one", Ending::Exited(0));
    comes_back(&mut bench, "a/one", 201);
    bench.take();
    bench.end_of(probe, Ending::Exited(0));
    assert_eq!(
        bench.take_only("event: ready"),
        [""; 0],
        "that was about the one before"
    );
}

#[test]
fn a_failure_is_followed_by_a_restart_after_the_backoff() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(1));
    assert!(bench.take().contains(&"note: Restarting".to_owned()));
    bench.after(TENTH / 2);
    assert_eq!(bench.take_only("event: restart"), [""; 0]);
    bench.after(TENTH);
    assert_eq!(bench.take_only("event: restart"), ["event: restart a/one"]);
}

#[test]
fn the_backoff_grows_until_there_were_enough() {
    let mut bench = Bench::running(POLICY);
    for (pid, wait) in [(201, TENTH), (202, TENTH * 2)] {
        bench.ends("a/one", Ending::Exited(1));
        bench.after(wait * 9 / 10);
        assert_eq!(bench.take_only("event: restart"), [""; 0], "{wait:?}");
        bench.after(wait / 10);
        assert_eq!(
            bench.take_only("event: restart"),
            ["event: restart a/one"],
            "{wait:?}"
        );
        comes_back(&mut bench, "a/one", pid);
        bench.starts("a/one");
    }
    bench.take();
    bench.ends("a/one", Ending::Exited(1));
    let orders = bench.take();
    assert!(orders.contains(&"note: Failed".to_owned()), "{orders:?}");
    assert!(
        !orders.contains(&"note: Restarting".to_owned()),
        "{orders:?}"
    );
}

#[test]
fn a_long_run_begins_the_backoff_anew() {
    let mut bench = Bench::running(POLICY);
    for pid in [201, 202, 203] {
        bench.ends("a/one", Ending::Exited(1));
        assert!(
            bench.take().contains(&"note: Restarting".to_owned()),
            "{pid}"
        );
        bench.after(TENTH);
        comes_back(&mut bench, "a/one", pid);
        bench.starts("a/one");
        bench.after(Duration::from_mins(10));
    }
}

#[test]
fn a_good_end_is_not_followed_by_a_restart_on_failure() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(0));
    bench.after(SECOND);
    assert!(!bench.take().iter().any(|order| order.contains("estart")));
}

#[test]
fn a_restart_by_policy_waits_for_a_namespace_that_is_paused() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(1));
    bench.pause(1, "a");
    bench.take();
    bench.after(SECOND);
    assert_eq!(bench.take_only("event: restart"), [""; 0]);
    bench.asks(
        2,
        nestns_client::protocol::message::Request::Resume {
            path: "a".to_owned(),
        },
    );
    bench.after(SECOND);
    assert_eq!(bench.take_only("event: restart"), ["event: restart a/one"]);
}

#[test]
fn a_stop_ends_what_was_to_come_back() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(1));
    bench.stop(1, Force::Ask);
    bench.take();
    bench.after(SECOND);
    assert_eq!(bench.take_only("event: restart"), [""; 0]);
    bench.ends("a/init", Ending::Exited(0));
    assert!(bench.supervisor.is_over());
}

#[test]
fn a_tree_is_not_over_while_something_is_to_come_back() {
    let mut bench = Bench::running(
        "[ns.a]\ninit = { actor = 'idle' }\nrestart = 'always'\nbackoff = '100ms'\n",
    );
    bench.ends("a/init", Ending::Exited(0));
    assert!(!bench.supervisor.is_over());
    let next = bench.supervisor.idle_time().unwrap();
    assert!(next <= TENTH, "{next:?}");
    bench.after(TENTH);
    assert!(bench.take().contains(&"create a/init".to_owned()));
}

#[test]
fn a_client_that_takes_it_down_ends_what_was_to_come_back() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(1));
    bench.down(1, "a/one", Force::Ask);
    assert!(bench.take().contains(&"reply 1: Stopped".to_owned()));
    bench.after(SECOND);
    assert_eq!(bench.take_only("event: restart"), [""; 0]);
}

#[test]
fn a_restart_by_policy_that_fails_counts_as_an_end() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(1));
    bench.after(TENTH);
    fail(&mut bench, "a/one");
    bench.take();
    bench.after(SECOND * 3);
    let notes = bench.take_only("note");
    assert_eq!(notes, ["note: NotRestarted", "note: Restarting"]);
}

#[test]
fn nothing_comes_back_without_the_pid_1_around_it() {
    let mut bench = Bench::running(NESTED);
    bench.ends("a/b/init", Ending::Exited(0));
    bench.take();
    bench.restart(1, "a/b/two");
    assert_eq!(
        bench.take(),
        ["reply 1: PID 1 of `a/b` has exited, and `a/b/two` cannot be restarted without it"]
    );
}

#[test]
fn a_path_that_names_nothing_is_refused() {
    let mut bench = Bench::running(PAIR);
    bench.restart(1, "a/three");
    assert_eq!(
        bench.take(),
        ["reply 1: there is neither a namespace nor a declared process `a/three`"]
    );
}

#[test]
fn time_that_has_passed_is_no_time_to_wait() {
    let mut bench = Bench::running(POLICY);
    bench.ends("a/one", Ending::Exited(1));
    assert!(bench.supervisor.idle_time().is_some());
    bench.supervisor.edge.now = Moment::default().plus(Duration::from_hours(5));
    assert_eq!(bench.supervisor.idle_time(), Some(Duration::ZERO));
}

#[test]
fn only_the_ends_that_are_named_are_followed_by_a_restart() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', restart = { on = [88, 'SEGV'] }, essential = false }\n\
                proc.two = { actor = 'idle' }\n";
    for (ending, comes_back) in [
        (Ending::Exited(88), true),
        (Ending::Signalled(nix::libc::SIGSEGV), true),
        (Ending::Exited(139), false),
        (Ending::Exited(1), false),
        (Ending::Exited(0), false),
        (Ending::Signalled(nix::libc::SIGTERM), false),
    ] {
        let mut bench = Bench::running(toml);
        bench.ends("a/one", ending);
        let notes = bench.take_only("note: Restarting");
        assert_eq!(!notes.is_empty(), comes_back, "{ending:?}");
    }
}
