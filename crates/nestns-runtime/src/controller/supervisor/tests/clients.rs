//! Requests of clients: `exec`, `attach`, `wait`, `kill`; and clients that leave.

use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::super::fake::{Bench, KILLED, Setup, execution, start_of};
use super::PAIR;
use crate::controller::roster::State;
use crate::controller::tree::Incident;
use crate::engine::children::BuildError;
use crate::engine::exec_error::ExecError;
use crate::engine::failure::{Failure, Stage};
use crate::engine::gate;
use crate::engine::report::Ending;
use nestns_client::protocol::message::{Awaited, Force, Request, Target};
use nestns_observe::signals::Fate;
use nestns_sys::call::Call;

const HALF: Duration = Duration::from_millis(500);

fn wait(bench: &mut Bench, id: u32, paths: &[&str], until: Awaited) {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    bench.asks(id, Request::Await { paths, until });
}

fn attach(bench: &mut Bench, id: u32, path: &str) {
    bench.asks(
        id,
        Request::Attach {
            path: path.to_owned(),
        },
    );
}

fn kill(bench: &mut Bench, path: &str, pid: i32, signal: i32) -> String {
    let target = Target {
        path: path.to_owned(),
        pid,
        start_time: start_of(Pid::from_raw(pid)),
    };
    bench.take();
    bench.asks(
        9,
        Request::Signal {
            targets: vec![target],
            signal,
        },
    );
    bench.take_only("reply").remove(0)
}

#[test]
fn a_program_is_started_told_of_and_ends() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    assert_eq!(bench.take(), ["start a/exec.1"]);
    let exec = bench.find_exec("a/exec.1");
    bench.happens(Incident::Started(exec));
    assert_eq!(
        bench.take(),
        [
            "event: exec a/exec.1",
            "event: started a/exec.1",
            "reply 1: Began { session: 1, path: \"a/exec.1\", pids: [] }",
        ]
    );
    bench.tree().exec_records.launched(exec);
    bench.end_of(exec, Ending::Exited(4));
    assert_eq!(
        bench.take(),
        ["event: exit a/exec.1 failed", "reply 1: Ended(Code(4))"]
    );
}

#[test]
fn a_client_that_dies_while_its_program_starts_leaves_nothing() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    bench.take();
    bench.hangs_up(1);
    assert_eq!(
        bench.take(),
        [
            "session 501",
            "send HUP",
            "send CONT",
            "event: signal a/exec.1 HUP"
        ]
    );
    let exec = bench.find_exec("a/exec.1");
    bench.happens(Incident::Started(exec));
    assert_eq!(bench.take_only("reply"), [""; 0]);
    bench.after(HALF);
    assert_eq!(
        bench.take(),
        ["session 501", "send KILL", "event: signal a/exec.1 KILL"]
    );
}

#[test]
fn what_a_program_leaves_in_its_session_goes_as_well() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    bench.hangs_up(1);
    let exec = bench.find_exec("a/exec.1");
    bench.end_of(exec, Ending::Signalled(libc::SIGHUP));
    bench.take();
    bench.after(HALF);
    assert_eq!(bench.take(), ["session 501", "send KILL"]);
    bench
        .supervisor
        .edge
        .kernel
        .sessions
        .borrow_mut()
        .insert(Pid::from_raw(501), 0);
    bench.after(HALF);
    assert_eq!(bench.take(), ["session 501"]);
    bench.after(HALF);
    assert_eq!(bench.take(), [""; 0], "nothing is left");
}

#[test]
fn a_client_that_has_gone_before_its_request_is_served_starts_nothing() {
    let mut bench = Bench::running(PAIR);
    bench.supervisor.edge.disconnected.insert(1);
    bench.exec(1, "a");
    assert_eq!(bench.take(), [""; 0]);
}

#[test]
fn a_program_that_ends_before_its_execution_is_known_is_answered_by_that() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    let exec = bench.find_exec("a/exec.1");
    bench.supervisor.edge.awaited.insert(exec);
    bench.take();
    bench.end_of(exec, Ending::Exited(127));
    assert_eq!(
        bench.take(),
        [""; 0],
        "what it has said last is still to be read"
    );
    bench.supervisor.edge.awaited.remove(&exec);
    let refusal = ExecError {
        stage: Stage::Execute,
        call: Call::Unnamed,
        errno: libc::ENOENT,
        detail: "x".to_owned(),
    };
    bench.happens(Incident::SessionRefused(exec, refusal));
    let orders = bench.take();
    assert_eq!(
        orders
            .iter()
            .filter(|order| order.starts_with("reply 1: Refused"))
            .count(),
        1,
        "{orders:?}"
    );
    assert!(
        bench.tree().exec_records.get(exec).is_none(),
        "it is forgotten"
    );
}

#[test]
fn a_program_that_never_was_one_has_no_status() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    let exec = bench.find_exec("a/exec.1");
    bench.take();
    bench.end_of(exec, KILLED);
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: `a/exec.1` ended before it could execute its program"]
    );
}

#[test]
fn a_program_that_cannot_be_forked_is_refused_and_forgotten() {
    let mut bench = Bench::running(PAIR);
    bench.supervisor.edge.build_error = Some(BuildError::Interrupted);
    bench.exec(1, "a");
    let refused = "reply 1: the topology is being stopped, so nothing can be started in it";
    assert_eq!(bench.take(), ["start a/exec.1", refused]);
    assert!(bench.tree().exec_records.find("a/exec.1").is_none());
}

#[test]
fn a_failure_on_the_way_is_told_with_its_path() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    let exec = bench.find_exec("a/exec.1");
    bench.take();
    bench.happens(Incident::SessionFailed(Failure::new(
        exec,
        Stage::WorkingDirectory,
        nix::errno::Errno::ENOENT,
    )));
    let replies = bench.take_only("reply 1: `a/exec.1`: cannot");
    assert_eq!(replies.len(), 1);
}

#[test]
fn a_detached_program_is_on_its_own_as_soon_as_it_runs() {
    let mut bench = Bench::running(PAIR);
    let request = Request::Execute(Box::new(nestns_client::protocol::message::ExecRequest {
        detached: true,
        ..execution("a")
    }));
    bench.asks(1, request);
    let exec = bench.find_exec("a/exec.1");
    bench.happens(Incident::Started(exec));
    bench.hangs_up(1);
    bench.after(Duration::from_mins(1));
    assert!(!bench.take().iter().any(|order| order.starts_with("send")));
    bench.end_of(exec, Ending::Exited(0));
    assert_eq!(bench.take_only("reply"), [""; 0]);
}

#[test]
fn a_program_that_ends_while_its_client_leaves_it_alone_is_not_there_to_be_left() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    let exec = bench.find_exec("a/exec.1");
    bench.happens(Incident::Started(exec));
    bench.report_end(exec, Ending::Exited(0));
    bench.take();
    bench.asks(1, Request::Leave { session: 1 });
    let replies = bench.take_only("reply");
    assert_eq!(replies.last().unwrap(), "reply 1: it has ended");
}

#[test]
fn a_program_that_is_left_alone_outlives_its_client() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    bench.asks(1, Request::Leave { session: 1 });
    bench.take();
    bench.hangs_up(1);
    assert_eq!(bench.take(), [""; 0]);
}

#[test]
fn nobody_forwards_signals_to_another_clients_program() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    bench.take();
    bench.asks(
        2,
        Request::Forward {
            session: 1,
            signal: libc::SIGINT,
        },
    );
    assert_eq!(bench.take(), ["reply 2: it has ended"]);
    bench.asks(
        1,
        Request::Forward {
            session: 1,
            signal: libc::SIGINT,
        },
    );
    assert_eq!(
        bench.take(),
        [
            "signal a/exec.1 INT",
            "event: signal a/exec.1 INT",
            "reply 1: Done"
        ]
    );
}

#[test]
fn numbers_of_programs_avoid_declared_names() {
    let mut bench = Bench::running("[ns.a]\nproc.exec = { actor = 'idle', count = 2 }\n");
    bench.exec(1, "a");
    assert_eq!(bench.take_only("start"), ["start a/exec.2"]);
}

#[test]
fn a_stop_hangs_programs_up() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "a");
    bench.take();
    bench.stop(2, Force::Ask);
    assert!(
        bench
            .take()
            .contains(&"event: signal a/exec.1 HUP".to_owned())
    );
}

#[test]
fn nothing_starts_before_the_release_nor_in_a_stop() {
    let mut bench = Bench::standing(PAIR, Setup::default());
    bench.exec(1, "a");
    assert_eq!(
        bench.take(),
        ["reply 1: the topology has not been released yet"]
    );
    let mut bench = Bench::running(PAIR);
    bench.stop(2, Force::Ask);
    bench.take();
    bench.exec(1, "a");
    assert_eq!(
        bench.take(),
        ["reply 1: the topology is being stopped, so nothing can be started in it"]
    );
}

#[test]
fn a_namespace_that_is_not_there_is_said_so() {
    let mut bench = Bench::running(PAIR);
    bench.exec(1, "b");
    assert_eq!(bench.take(), ["reply 1: NoNamespace"]);
}

#[test]
fn two_clients_that_are_attached_are_both_told_of_the_end() {
    let mut bench = Bench::running(PAIR);
    attach(&mut bench, 1, "a/one");
    attach(&mut bench, 2, "a/one");
    attach(&mut bench, 3, "a/two");
    assert_eq!(
        bench.take(),
        [
            "reply 1: Attached",
            "reply 2: Attached",
            "reply 3: Attached"
        ]
    );
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: Ended(Code(0))", "reply 2: Ended(Code(0))"]
    );
}

#[test]
fn an_attached_client_that_has_left_is_not_told() {
    let mut bench = Bench::running(PAIR);
    attach(&mut bench, 1, "a/one");
    bench.hangs_up(1);
    bench.take();
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(bench.take_only("reply"), [""; 0]);
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let mut bench = Bench::running(PAIR);
    attach(&mut bench, 1, "a/init");
    attach(&mut bench, 2, "a/three");
    bench.exec(3, "a");
    bench.take();
    attach(&mut bench, 4, "a/exec.1");
    bench.ends("a/one", Ending::Exited(0));
    attach(&mut bench, 5, "a/one");
    assert_eq!(
        bench.take_only("reply"),
        [
            "reply 4: `a/exec.1` is connected to the `nestns exec` that started it",
            "reply 5: `a/one` has ended",
        ]
    );
}

#[test]
fn a_condition_that_is_met_already_is_answered_at_once() {
    let mut bench = Bench::running(PAIR);
    wait(&mut bench, 1, &["a/one"], Awaited::Ready);
    assert_eq!(bench.take(), ["reply 1: awaited [(\"a/one\", None)]"]);
}

#[test]
fn an_end_is_waited_for_and_told_how() {
    let mut bench = Bench::running(PAIR);
    wait(&mut bench, 1, &["a/one", "a/two"], Awaited::Exited);
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(bench.take_only("reply"), [""; 0]);
    bench.ends("a/two", Ending::Exited(0));
    let both = "reply 1: awaited [(\"a/one\", Some(Code(0))), (\"a/two\", Some(Code(0)))]";
    assert_eq!(bench.take_only("reply"), [both]);
}

#[test]
fn a_condition_that_can_never_be_met_is_refused_at_the_end() {
    let mut bench =
        Bench::running("[ns.a]\nproc.one = { cmd = 'x', ready = { fd = 3 }, essential = false }\n");
    wait(&mut bench, 1, &["a/one"], Awaited::Ready);
    assert_eq!(bench.take_only("reply"), [""; 0]);
    bench.ends("a/one", Ending::Exited(9));
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: `a/one` ended with status 9 before it was ready"]
    );
}

#[test]
fn what_is_ready_in_the_turn_of_its_end_was_ready() {
    let mut bench = Bench::running("[ns.a]\nproc.one = { cmd = 'x', ready = { fd = 3 } }\n");
    wait(&mut bench, 1, &["a/one"], Awaited::Ready);
    let one = bench.find("a/one");
    bench.tree().incidents.push_back(Incident::Hint(one));
    bench.report_end(one, Ending::Exited(0));
    bench.turn();
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: awaited [(\"a/one\", Some(Code(0)))]"]
    );
}

#[test]
fn a_client_that_disconnects_does_not_wait_any_more() {
    let mut bench = Bench::running(PAIR);
    wait(&mut bench, 1, &["a/one"], Awaited::Exited);
    bench.hangs_up(1);
    bench.ends("a/one", Ending::Exited(0));
    assert_eq!(bench.take_only("reply"), [""; 0]);
}

#[test]
fn what_its_pid_1_takes_along_has_ended() {
    let mut bench = Bench::running(PAIR);
    wait(&mut bench, 1, &["a/one"], Awaited::Exited);
    bench.ends("a/init", Ending::Exited(0));
    assert_eq!(
        bench.take_only("reply"),
        ["reply 1: awaited [(\"a/one\", Some(Signal(9)))]"]
    );
}

#[test]
fn everything_that_is_waited_for_is_bounded() {
    let mut bench = Bench::running(PAIR);
    let paths = vec!["a/one"; 2];
    for id in 1..=1100 {
        wait(&mut bench, id, &paths, Awaited::Exited);
    }
    let refused = bench.take_only("reply");
    assert!(
        refused
            .iter()
            .any(|reply| reply.contains("too many clients are waiting")),
        "{}",
        refused.len()
    );
}

#[test]
fn a_signal_is_sent_and_remembered() {
    let mut bench = Bench::running(PAIR);
    assert!(kill(&mut bench, "a/one", 102, libc::SIGTERM).contains("reached: [\"a/one\"]"));
    let one = bench.find("a/one");
    assert_eq!(
        bench.tree().roster.get(one).unwrap().sent,
        Some(libc::SIGTERM)
    );
}

#[test]
fn a_number_that_is_another_process_by_now_is_not_signalled() {
    let mut bench = Bench::running(PAIR);
    let target = Target {
        path: "a/one".to_owned(),
        pid: 102,
        start_time: 1,
    };
    bench.asks(
        1,
        Request::Signal {
            targets: vec![target],
            signal: libc::SIGTERM,
        },
    );
    let orders = bench.take();
    assert!(orders[0].contains("ended: [\"a/one\"]"), "{orders:?}");
    assert!(!orders.iter().any(|order| order.starts_with("send")));
}

#[test]
fn what_the_kernel_would_drop_is_not_sent() {
    let mut bench = Bench::running(PAIR);
    bench
        .supervisor
        .edge
        .kernel
        .fates
        .insert((101, libc::SIGUSR1), Fate::Dropped);
    assert!(kill(&mut bench, "a/init", 101, libc::SIGUSR1).contains("dropped: [\"a/init\"]"));
}

#[test]
fn the_signal_of_the_release_is_not_for_clients_to_send() {
    let mut bench = Bench::running(
        "[ns.a]\nproc.one = { actor = 'idle' }\nproc.two = { actor = 'idle', after = { one = 'ok' } }\n",
    );
    assert_eq!(bench.state("a/two"), State::Created);
    assert!(
        kill(&mut bench, "a/two", 103, gate::RELEASE as i32).contains("it has not started yet")
    );
}

#[test]
fn a_signal_for_what_is_paused_is_said_to_wait() {
    let mut bench = Bench::running(PAIR);
    bench.pause(1, "a");
    assert!(kill(&mut bench, "a/one", 102, libc::SIGTERM).contains("paused: [\"a/one\"]"));
    assert!(kill(&mut bench, "a/one", 102, libc::SIGKILL).contains("paused: []"));
}

#[test]
fn an_init_that_a_client_kills_was_not_lost() {
    let mut bench = Bench::running(super::NESTED);
    let init = bench.find("a/b/init");
    let pid = bench
        .tree()
        .roster
        .get(init)
        .unwrap()
        .pid()
        .unwrap()
        .as_raw();
    kill(&mut bench, "a/b/init", pid, libc::SIGKILL);
    bench.ends("a/b/init", KILLED);
    assert!(!bench.take().contains(&"note: InitLost".to_owned()));
    assert_eq!(bench.state("a/b/init"), State::Killed);
}

#[test]
fn a_tree_is_released_once() {
    let mut bench = Bench::standing(PAIR, Setup::default());
    bench.asks(1, Request::Release);
    assert_eq!(bench.take_only("reply"), ["reply 1: Done"]);
    bench.asks(2, Request::Release);
    assert_eq!(
        bench.take_only("reply"),
        ["reply 2: it has already been released"]
    );
}
