//! Readiness, and what waits for it by `after`.

use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::super::fake::{Bench, KILLED, Setup};
use super::{NESTED, PAIR};
use crate::controller::roster::State;
use crate::controller::tree::{Arrival, Incident};
use crate::engine::children::BuildError;
use crate::engine::exec_error::ExecError;
use crate::engine::failure::Stage;
use crate::engine::report::Ending;
use nestns_sys::call::Call;

const SECOND: Duration = Duration::from_secs(1);
const ASKED: &str =
    "[ns.a]\nproc.one = { actor = 'idle', ready = { exec = ['true'], every = '1s' } }\n";
/// Two tries, and what waits for them.
const BOUNDED: &str = "[ns.a]\n\
     proc.one = { actor = 'idle', ready = { PROBE, every = '1s', timeout = '2s', retries = 2, start_period = '1s' } }\n\
     proc.two = { actor = 'idle', after = { one = 'ready' }, essential = false }\n";
const SAYS: &str = "[ns.a]\nproc.one = { cmd = 'x', ready = { fd = 3 } }\n\
                    proc.two = { actor = 'idle', after = { one = 'ready' }, essential = false }\n";

#[test]
fn what_has_no_probe_is_ready_with_its_start() {
    let mut bench = Bench::standing(PAIR, Setup::default());
    assert!(bench.supervisor.open_gates());
    bench.take();
    bench.starts("a/one");
    assert_eq!(
        bench.take_only("event"),
        [
            "event: exec a/one",
            "event: started a/one",
            "event: ready a/one"
        ]
    );
    bench.starts("a/two");
    let ready = bench.take_only("event: ready");
    assert_eq!(
        ready,
        ["event: ready a/two", "event: ready a", "event: ready ."]
    );
    assert_eq!(
        (bench.state("a/one"), bench.state("a/init")),
        (State::Ready, State::Ready)
    );
}

#[test]
fn a_namespace_with_nothing_in_it_is_ready_with_the_gates() {
    let mut bench = Bench::standing("[ns.a]\n", Setup::default());
    assert!(bench.supervisor.open_gates());
    assert_eq!(
        bench.take_only("event: ready"),
        ["event: ready a", "event: ready ."]
    );
}

#[test]
fn a_namespace_is_ready_when_all_inside_are() {
    let mut bench = Bench::standing(NESTED, Setup::default());
    assert!(bench.supervisor.open_gates());
    bench.starts("a/one");
    assert_eq!(bench.take_only("event: ready"), ["event: ready a/one"]);
    bench.starts("a/b/two");
    let mut ready = bench.take_only("event: ready");
    assert_eq!(ready.last().map(String::as_str), Some("event: ready ."));
    ready.retain(|event| event != "event: ready .");
    assert_eq!(
        ready,
        ["event: ready a/b/two", "event: ready a/b", "event: ready a"]
    );
}

#[test]
fn a_dependent_is_let_through_when_the_other_is_ready() {
    let mut bench = Bench::running(SAYS);
    assert_eq!(bench.state("a/two"), State::Created);
    bench.hints("a/one");
    assert_eq!(
        bench.take(),
        [
            "event: ready a/one",
            "event: release a/two",
            "signal a/two RELEASE"
        ]
    );
    bench.hints("a/one");
    assert_eq!(bench.take(), [""; 0], "it is ready once");
}

#[test]
fn a_dependent_of_what_can_never_be_ready_is_given_up() {
    let mut bench = Bench::running(SAYS);
    bench.ends("a/one", Ending::Exited(0));
    let orders = bench.take();
    assert!(
        orders.contains(&"note: Unreachable".to_owned()),
        "{orders:?}"
    );
    assert!(
        orders.contains(&"signal a/two KILL".to_owned()),
        "{orders:?}"
    );
}

#[test]
fn what_is_said_before_the_start_is_known_counts_from_then_on() {
    let mut bench = Bench::standing(SAYS, Setup::default());
    assert!(bench.supervisor.open_gates());
    bench.hints("a/one");
    assert_eq!(bench.take_only("event: ready"), [""; 0]);
    bench.starts("a/one");
    assert_eq!(bench.take_only("event: ready"), ["event: ready a/one"]);
}

#[test]
fn what_is_said_after_the_end_makes_nothing_ready() {
    let mut bench = Bench::running(SAYS);
    bench.ends("a/one", Ending::Exited(0));
    bench.take();
    bench.hints("a/one");
    assert_eq!(bench.take(), [""; 0]);
}

#[test]
fn a_command_is_asked_again_until_it_says_yes() {
    let mut bench = Bench::running(ASKED);
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    bench.end_of(probe, Ending::Exited(1));
    assert_eq!(bench.take(), [""; 0]);
    bench.after(SECOND / 2);
    assert_eq!(bench.take(), [""; 0]);
    bench.after(SECOND);
    assert_eq!(bench.take(), ["start a/one"]);
    bench.end_of(probe, Ending::Exited(0));
    assert_eq!(
        bench.take_only("event: ready a/one"),
        ["event: ready a/one"]
    );
    bench.after(SECOND * 60);
    assert_eq!(bench.take(), [""; 0]);
}

#[test]
fn a_command_that_does_not_answer_is_killed() {
    let mut bench = Bench::running(ASKED);
    bench.after(SECOND * 9);
    assert_eq!(bench.take(), [""; 0]);
    bench.after(SECOND * 2);
    assert_eq!(bench.take(), ["session 501", "send KILL"]);
}

#[test]
fn a_command_that_cannot_be_started_is_tried_again() {
    let mut bench = Bench::standing(ASKED, Setup::default());
    assert!(bench.supervisor.open_gates());
    bench.supervisor.edge.build_error = Some(BuildError::Interrupted);
    bench.starts("a/one");
    assert_eq!(bench.take_only("start"), ["start a/one"]);
    bench.after(SECOND);
    assert_eq!(bench.take_only("start"), ["start a/one"]);
}

#[test]
fn a_command_that_is_not_there_is_told_once() {
    let mut bench = Bench::running(ASKED);
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    for expected in [vec!["note: ProbeRefused"], vec![]] {
        let refusal = ExecError {
            stage: Stage::Execute,
            call: Call::Unnamed,
            errno: libc::ENOENT,
            detail: String::new(),
        };
        bench.happens(Incident::ServiceRefused(probe, refusal));
        assert_eq!(bench.take(), expected);
    }
}

#[test]
fn the_answer_about_a_process_that_has_ended_since_counts_for_nothing() {
    let mut bench = Bench::running(ASKED);
    bench.ends("a/one", Ending::Exited(0));
    assert!(
        bench.take().contains(&"send KILL".to_owned()),
        "the command is ended"
    );
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    bench.end_of(probe, Ending::Exited(0));
    assert_eq!(bench.take(), [""; 0]);
}

#[test]
fn a_helper_waits_for_a_file_and_is_replaced_when_it_is_killed() {
    let mut bench =
        Bench::running("[ns.a]\nproc.one = { actor = 'idle', ready = { file = '/there' } }\n");
    assert!(bench.supervisor.on_helper_ended(Pid::from_raw(501), KILLED));
    assert_eq!(bench.take(), ["watch a/one /there"]);
    assert!(
        bench
            .supervisor
            .on_helper_ended(Pid::from_raw(502), Ending::Exited(0))
    );
    assert_eq!(
        bench.take_only("event: ready a/one"),
        ["event: ready a/one"]
    );
}

#[test]
fn a_helper_that_was_called_off_says_nothing() {
    let mut bench =
        Bench::running("[ns.a]\nproc.one = { actor = 'idle', ready = { file = '/there' } }\n");
    bench.ends("a/one", Ending::Exited(0));
    assert!(bench.take().contains(&"end helper".to_owned()));
    assert!(bench.supervisor.on_helper_ended(Pid::from_raw(501), KILLED));
    assert_eq!(bench.take(), [""; 0]);
    assert!(
        !bench.supervisor.on_helper_ended(Pid::from_raw(501), KILLED),
        "it is known once"
    );
}

#[test]
fn a_one_shot_is_ready_with_its_good_end() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', oneshot = true }\n";
    let mut bench = Bench::running(toml);
    assert_eq!(bench.tree().arrival, Arrival::Awaited);
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(
        bench.take_only("event: ready a/one"),
        ["event: ready a/one"]
    );
    assert_eq!(bench.tree().arrival, Arrival::Told);
}

#[test]
fn a_one_shot_that_fails_is_not_ready() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', oneshot = true, essential = false }\n";
    let mut bench = Bench::running(toml);
    bench.ends("a/one", Ending::Exited(1));
    assert_eq!(bench.take_only("event: ready"), [""; 0]);
    assert_eq!(
        bench.tree().arrival,
        Arrival::Told,
        "it is as far as it gets"
    );
}

#[test]
fn conditions_on_the_end_tell_good_from_bad() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', essential = false }\n\
                proc.two = { actor = 'idle', after = { one = 'exited' } }\n\
                proc.three = { actor = 'idle', after = { one = 'ok' }, essential = false }\n";
    let mut bench = Bench::running(toml);
    bench.ends("a/one", Ending::Exited(1));
    let signals = bench.take_only("signal");
    assert_eq!(signals, ["signal a/two RELEASE", "signal a/three KILL"]);
}

#[test]
fn a_port_is_tried_again_until_somebody_listens() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', ready = { tcp = 80 } }\n";
    let mut bench = Bench::running(toml);
    assert!(
        bench
            .supervisor
            .on_helper_ended(Pid::from_raw(501), Ending::Exited(1))
    );
    bench.after(SECOND / 2);
    assert_eq!(bench.take(), [""; 0]);
    bench.after(SECOND);
    assert_eq!(bench.take(), ["connect a/one 80"]);
    assert!(
        bench
            .supervisor
            .on_helper_ended(Pid::from_raw(502), Ending::Exited(0))
    );
    assert_eq!(
        bench.take_only("event: ready a/one"),
        ["event: ready a/one"]
    );
    bench.after(SECOND * 60);
    assert_eq!(bench.take(), [""; 0]);
}

#[test]
fn a_connection_that_takes_too_long_is_given_up() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', ready = { tcp = 80, timeout = '3s' } }\n";
    let mut bench = Bench::running(toml);
    bench.after(SECOND * 2);
    assert_eq!(bench.take(), [""; 0]);
    bench.after(SECOND);
    assert_eq!(bench.take(), ["end helper"]);
    bench.supervisor.on_helper_ended(Pid::from_raw(501), KILLED);
    bench.after(SECOND);
    assert_eq!(bench.take(), ["connect a/one 80"]);
}

#[test]
fn what_waits_for_a_process_that_never_becomes_ready_is_given_up() {
    let mut bench = Bench::running(&BOUNDED.replace("PROBE", "tcp = 80"));
    for (helper, count) in [(501, 0), (502, 0), (503, 1)] {
        bench
            .supervisor
            .on_helper_ended(Pid::from_raw(helper), Ending::Exited(1));
        let told = bench.take_only("event: unready");
        assert_eq!(told.len(), count, "{helper}: the first does not count");
        bench.after(SECOND);
    }
    assert_eq!(bench.state("a/one"), State::Running);
    bench.after(SECOND * 60);
    assert_eq!(bench.take_only("connect"), [""; 0]);
}

#[test]
fn the_last_failed_try_is_told_and_lets_nothing_through() {
    let toml = BOUNDED.replace("PROBE", "exec = ['false']");
    let mut bench = Bench::running(&toml);
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    for _ in 0..2 {
        bench.end_of(probe, Ending::Exited(1));
        bench.after(SECOND);
    }
    bench.take();
    bench.end_of(probe, KILLED);
    let orders = bench.take();
    for order in [
        "event: unready a/one",
        "note: NeverReady",
        "note: Unreachable",
        "signal a/two KILL",
    ] {
        assert!(orders.contains(&order.to_owned()), "{order}: {orders:?}");
    }
    bench.ends("a/two", KILLED);
    assert_eq!(
        bench.tree().arrival,
        Arrival::Told,
        "it is as far as it gets"
    );
}

#[test]
fn a_pid_one_is_asked_like_any_other() {
    let toml = "[ns.a.init]\ncmd = 'x'\nready = { exec = ['true'] }\n";
    let mut bench = Bench::running(toml);
    let probe = bench.find("a/init").probe_of().expect("a program");
    bench.end_of(probe, Ending::Exited(0));
    let ready = bench.take_only("event: ready");
    assert_eq!(
        ready,
        ["event: ready a/init", "event: ready a", "event: ready ."]
    );
}

#[test]
fn a_paused_process_is_not_tried_and_fails_no_try() {
    let toml = "[ns.a]\nproc.one = { actor = 'idle', ready = { exec = ['true'], retries = 1 } }\n";
    let mut bench = Bench::running(toml);
    let probe = bench.find("a/one").probe_of().expect("a declared process");
    bench.pause(1, "a");
    bench.end_of(probe, Ending::Exited(1));
    bench.take();
    bench.after(SECOND * 60);
    assert_eq!(bench.take(), [""; 0]);
    bench.asks(
        2,
        nestns_client::protocol::message::Request::Resume {
            path: "a".to_owned(),
        },
    );
    bench.after(SECOND);
    assert_eq!(bench.take_only("start"), ["start a/one"]);
    bench.end_of(probe, Ending::Exited(1));
    assert_eq!(bench.take_only("event: unready"), ["event: unready a/one"]);
}
