//! The stop of the whole tree.

use std::time::Duration;

use nix::libc;

use super::super::fake::{Bench, KILLED, Setup, assert_before};
use super::{NESTED, PAIR};
use crate::controller::SignalsFor;
use crate::controller::event_sink::Cause;
use crate::controller::life::Life;
use crate::controller::passing::Passed;
use crate::controller::roster::State;
use crate::controller::tree::Incident;
use crate::engine::children::BuildError;
use crate::engine::failure::{Failure, Stage};
use crate::engine::report::Ending;
use nestns_client::protocol::message::Force;
use nestns_observe::signals::Fate;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);

#[test]
fn the_roots_are_asked_and_the_rest_is_theirs() {
    let mut bench = Bench::running(NESTED);
    bench.stop(1, Force::Ask);
    assert_eq!(
        bench.take(),
        [
            "note: Stopping",
            "event: stopping . ask",
            "ask a/init TERM",
            "event: signal a/init TERM",
            "signal a/init CONT",
            "waiting: a/one a/b/two",
            "reply 1: Waiting",
        ]
    );
    assert_eq!(
        (bench.life(), bench.state("a/init")),
        (Life::Stopping, State::Stopping)
    );
}

#[test]
fn a_stop_is_asked_for_once() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.take();
    bench.stop(2, Force::Ask);
    assert_eq!(bench.take_only("ask"), [""; 0]);
    assert_eq!(bench.life(), Life::Stopping);
}

#[test]
fn the_countdown_is_told_every_second_to_all_that_wait() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.stop(2, Force::Ask);
    bench.take();
    bench.after(SECOND / 2);
    assert_eq!(bench.take_only("reply"), [""; 0]);
    bench.after(SECOND);
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: Waiting", "reply 2: Waiting"]
    );
}

#[test]
fn a_root_that_does_not_leave_is_killed_however_late_the_timer_fires() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.take();
    bench.after(HOUR);
    assert_eq!(bench.take_only("signal"), ["signal a/init KILL"]);
    assert_eq!(bench.state("a/init"), State::Killing);
    bench.after(HOUR);
    assert_eq!(bench.take_only("signal"), [""; 0], "it is killed once");
}

#[test]
fn a_second_request_overtakes_the_first_with_kill() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.take();
    bench.stop(2, Force::Kill);
    let orders = bench.take();
    assert!(orders.contains(&"note: Killing".to_owned()), "{orders:?}");
    assert!(
        orders.contains(&"signal a/init KILL".to_owned()),
        "{orders:?}"
    );
    assert_eq!(bench.life(), Life::Killing);
    bench.ends("a/init", KILLED);
    assert_eq!(bench.conclude().status, 0, "a client has asked for it");
}

#[test]
fn two_requests_of_one_turn_are_a_stop_and_a_kill() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Kill);
    let orders = bench.take();
    assert_before(&orders, "note: Stopping", "note: Killing");
    assert!(
        orders.contains(&"signal a/init KILL".to_owned()),
        "{orders:?}"
    );
}

#[test]
fn a_second_signal_is_a_kill_and_its_status_says_so() {
    let mut bench = Bench::running(PAIR);
    bench.tree().request_stop(Cause::Signal(libc::SIGINT));
    bench.turn();
    bench.tree().request_stop(Cause::Signal(libc::SIGINT));
    bench.turn();
    bench.ends("a/init", KILLED);
    assert_eq!(bench.conclude().status, 137);
}

#[test]
fn one_signal_is_a_stop_with_its_status() {
    let mut bench = Bench::running(PAIR);
    bench.tree().request_stop(Cause::Signal(libc::SIGINT));
    bench.turn();
    bench.ends("a/init", Ending::Exited(0));
    assert_eq!(bench.conclude().status, 130);
}

#[test]
fn each_cause_has_its_status() {
    for (cause, status) in [
        (Cause::Timeout, 124),
        (Cause::OutputClosed, 129),
        (Cause::Asked, 0),
        (Cause::Untied, 0),
        (Cause::Signal(libc::SIGTERM), 143),
    ] {
        let mut bench = Bench::running(PAIR);
        bench.tree().request_stop(cause.clone());
        bench.turn();
        bench.ends("a/init", Ending::Exited(0));
        assert_eq!(bench.conclude().status, status, "{cause:?}");
    }
}

#[test]
fn a_stop_before_the_gates_are_open_is_a_kill() {
    let mut bench = Bench::standing(PAIR, Setup::default());
    bench.stop(1, Force::Ask);
    let orders = bench.take();
    assert!(
        orders.contains(&"signal a/init KILL".to_owned()),
        "{orders:?}"
    );
    assert!(
        !orders.iter().any(|order| order.starts_with("ask")),
        "{orders:?}"
    );
    assert_eq!(bench.life(), Life::Killing);
}

#[test]
fn what_was_killed_and_stays_is_named_after_a_while() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Kill);
    assert!(!bench.supervisor.is_over());
    bench.after(SECOND * 9);
    assert!(!bench.supervisor.is_over());
    bench.after(SECOND * 2);
    bench.take();
    assert!(bench.supervisor.is_over());
    assert_eq!(bench.take(), ["note: Stuck"]);
}

#[test]
fn a_stop_is_over_when_the_last_child_is_reaped() {
    let mut bench = Bench::running(
        "[ns.a]\nproc.one = { actor = 'idle' }\n[ns.b]\nproc.two = { actor = 'idle' }\n",
    );
    bench.stop(1, Force::Ask);
    bench.ends("a/init", Ending::Exited(0));
    assert!(!bench.supervisor.is_over());
    bench.ends("b/init", Ending::Exited(0));
    assert!(bench.supervisor.is_over());
}

#[test]
fn the_timeline_begins_with_the_stop() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.after(SECOND);
    bench.ends("a/init", Ending::Exited(0));
    let timeline = bench.conclude().timeline.unwrap();
    let init = timeline
        .steps
        .iter()
        .find(|step| step.path == "a/init")
        .unwrap();
    assert_eq!(
        (init.asked_ms, init.ended_ms, init.code),
        (Some(0.0), Some(1000.0), Some(0))
    );
}

#[test]
fn what_does_not_act_on_the_request_is_known_before_it_is_asked() {
    let mut bench = Bench::running(PAIR);
    let fates = &mut bench.supervisor.edge.kernel.fates;
    fates.insert((102, libc::SIGTERM), Fate::Taken);
    fates.insert((103, libc::SIGTERM), Fate::Dropped);
    bench.stop(1, Force::Ask);
    let (one, two, init) = (
        bench.find("a/one"),
        bench.find("a/two"),
        bench.find("a/init"),
    );
    let mut handled = |subject| {
        bench
            .tree()
            .roster
            .get(subject)
            .unwrap()
            .stop_record
            .handled
    };
    assert_eq!(
        (handled(init), handled(one), handled(two)),
        (Some(true), Some(true), Some(false))
    );
}

#[test]
fn a_stop_while_something_is_paused_lets_it_go_on_first() {
    let mut bench = Bench::running(NESTED);
    bench.pause(1, "a/b");
    bench.take();
    bench.stop(2, Force::Ask);
    let orders = bench.take();
    assert_before(&orders, "thaw 1", "ask a/init TERM");
    assert_before(&orders, "event: resume a/b", "ask a/init TERM");
}

#[test]
fn readiness_after_a_stop_has_begun_asks_nothing_more() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', ready = { exec = ['true'], every = '1s' } }\n";
    let mut bench = Bench::running(toml);
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    assert!(bench.supervisor.edge.children.contains_key(&probe));
    bench.stop(1, Force::Ask);
    assert!(
        bench.take().contains(&"signal a/one KILL".to_owned()),
        "the command is ended"
    );
    bench.end_of(probe, Ending::Exited(0));
    bench.after(HOUR);
    let orders = bench.take();
    assert!(
        !orders
            .iter()
            .any(|order| order.starts_with("start") || order.contains("event: ready")),
        "{orders:?}"
    );
}

#[test]
fn a_late_failure_of_nestns_ends_the_tree() {
    let mut bench = Bench::running(PAIR);
    let failure = Failure::new(bench.find("a/one"), Stage::Fork, nix::errno::Errno::EAGAIN);
    bench.tree().fail(failure);
    bench.turn();
    assert!(bench.take().contains(&"note: LateFailure".to_owned()));
    bench.ends("a/init", Ending::Exited(0));
    assert_eq!(bench.conclude().status, 125);
}

#[test]
fn a_guardian_that_dies_in_a_stop_is_no_helper_of_a_probe() {
    let mut bench = Bench::running(PAIR);
    bench.stop(1, Force::Ask);
    bench.take();
    assert!(
        !bench
            .supervisor
            .on_helper_ended(nix::unistd::Pid::from_raw(4711), KILLED)
    );
    assert_eq!(bench.take(), [""; 0]);
    assert_eq!(bench.life(), Life::Stopping);
}

#[test]
fn an_orphan_decides_nothing() {
    let mut bench = Bench::running(PAIR);
    let orphan = crate::controller::tree::Orphan::One {
        number: 9,
        ending: Ending::Exited(1),
    };
    bench.happens(Incident::Orphan {
        namespace: 0,
        orphan,
    });
    assert_eq!(bench.take(), ["event: reparent a/init"]);
    assert_eq!(bench.life(), Life::Running);
}

#[test]
fn signals_for_the_command_wait_until_it_runs() {
    let setup = Setup {
        status_from: Some("a/one"),
        signals_for: Some(SignalsFor::Command),
        ..Setup::default()
    };
    let mut bench = Bench::standing(PAIR, setup);
    bench.tree().passing.waiting.push(Passed {
        signal: libc::SIGUSR2,
        by_kernel: false,
    });
    assert!(bench.supervisor.open_gates());
    bench.turn();
    assert!(!bench.take().iter().any(|order| order.contains("USR2")));
    bench.starts("a/one");
    assert_eq!(bench.take_only("signal"), ["signal a/one USR2"]);
}

#[test]
fn the_second_interrupt_from_the_terminal_means_the_tree() {
    let setup = Setup {
        status_from: Some("a/one"),
        signals_for: Some(SignalsFor::Command),
        ..Setup::default()
    };
    let mut bench = Bench::running_by(PAIR, setup);
    for _ in 0..2 {
        bench.tree().passing.waiting.push(Passed {
            signal: libc::SIGINT,
            by_kernel: true,
        });
        bench.turn();
    }
    let orders = bench.take();
    assert_eq!(
        orders
            .iter()
            .filter(|order| *order == "signal a/one INT")
            .count(),
        1,
        "{orders:?}"
    );
    assert_eq!(bench.life(), Life::Killing);
}

#[test]
fn a_request_that_a_pid_1_would_never_get_stops_the_tree() {
    let toml = "[ns.a]\ninit = { actor = 'idle' }\n";
    let setup = Setup {
        status_from: Some("a/init"),
        signals_for: Some(SignalsFor::Command),
        ..Setup::default()
    };
    let mut bench = Bench::running_by(toml, setup);
    bench.tree().passing.waiting.push(Passed {
        signal: libc::SIGTERM,
        by_kernel: false,
    });
    bench.turn();
    assert!(
        bench.take().contains(&"signal a/init TERM".to_owned()),
        "what nobody can tell is tried"
    );
    assert_eq!(bench.life(), Life::Running);
}

/// A PID 1 that the controller asks, and a process that a builtin init asks.
const DRAINED: &str = "
[ns.a]
init = { actor = 'idle', stop = { exec = ['drain'], grace = '4s' } }
[ns.b]
proc.one = { actor = 'idle', stop = { exec = ['drain'], grace = '4s' } }
";

#[test]
fn what_the_controller_asks_is_held_until_its_command_has_ended() {
    let mut bench = Bench::running(DRAINED);
    let command = bench.find("a/init").stop_command_of().expect("a PID 1");
    bench.stop(1, Force::Ask);
    bench.turn();
    let orders = bench.take();
    assert!(orders.contains(&"start a/init".to_owned()), "{orders:?}");
    assert!(
        !orders.contains(&"ask a/init TERM".to_owned()),
        "{orders:?}"
    );
    assert_eq!(bench.state("a/init"), State::Stopping);
    bench.end_of(command, Ending::Exited(3));
    let orders = bench.take();
    assert_before(&orders, "event: stopexec a/init", "ask a/init TERM");
    assert_before(&orders, "note: StopExec", "ask a/init TERM");
}

#[test]
fn what_an_init_asks_is_held_by_it_and_the_hold_is_lifted() {
    let mut bench = Bench::running(DRAINED);
    let one = bench.find("b/one");
    let command = one.stop_command_of().expect("a declared process");
    bench.happens(Incident::Preparing(one));
    assert!(bench.take().contains(&"start b/one".to_owned()));
    bench.happens(Incident::Preparing(one));
    assert_eq!(bench.take_only("start"), [""; 0], "it runs already");
    bench.end_of(command, Ending::Exited(0));
    let orders = bench.take();
    assert_before(&orders, "event: stopexec b/one", "lift 1 for b/init");
    assert!(!orders.contains(&"note: StopExec".to_owned()), "{orders:?}");
    bench.happens(Incident::Preparing(one));
    assert_eq!(
        bench.take(),
        ["lift 1 for b/init"],
        "it is run once in a life"
    );
}

#[test]
fn a_command_is_killed_when_its_process_is_asked_or_has_ended() {
    let mut bench = Bench::running(DRAINED);
    bench.stop(1, Force::Ask);
    bench.turn();
    bench.take();
    bench.after(3 * SECOND);
    bench.turn();
    let orders = bench.take();
    assert!(orders.contains(&"ask a/init TERM".to_owned()), "{orders:?}");
    assert!(orders.contains(&"send KILL".to_owned()), "{orders:?}");
    let command = bench.find("a/init").stop_command_of().expect("a PID 1");
    bench.end_of(command, Ending::Signalled(libc::SIGKILL));
    assert!(bench.take().contains(&"note: StopExec".to_owned()));
}

#[test]
fn a_command_that_cannot_be_started_holds_nothing_up() {
    let mut bench = Bench::running(DRAINED);
    bench.supervisor.edge.build_error = Some(BuildError::Interrupted);
    bench.stop(1, Force::Ask);
    bench.turn();
    let orders = bench.take();
    assert_before(&orders, "note: StopExec", "ask a/init TERM");
}

#[test]
fn everything_that_comes_from_a_process_is_asked_once_it_is() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', stop = { to = 'all' } }\nproc.two = { actor = 'idle' }\n";
    let mut bench = Bench::running(toml);
    let one = bench.find("a/one");
    bench.tree().extend_request(one, libc::SIGTERM);
    bench.turn();
    assert_eq!(
        bench.take(),
        [
            "offspring 102 Offspring { heir: Some(Pid(101)) } but 2",
            "send TERM",
            "send CONT",
        ]
    );
    // A report may say anything.
    bench.tree().extend_request(one, libc::SIGUSR1);
    let two = bench.find("a/two");
    bench.tree().extend_request(two, libc::SIGTERM);
    bench.turn();
    assert_eq!(bench.take(), [""; 0]);
}
