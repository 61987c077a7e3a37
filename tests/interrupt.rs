//! Ctrl-C once and twice, TERM, HUP, and a closed standard output: during the build, the run and the stop.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::identity::for_each_identity;
use crate::harness::kernel;
use crate::harness::nest::{Nest, Truth, assert_nothing_left};
use crate::harness::terminal::Terminal;
use crate::harness::wait::until;

/// The kernel's part of a second Ctrl-C, on the slowest machine.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A process in it ignores TERM, and has a long grace.
const DEAF: &str = r#"
[ns.@]
proc.idle = { actor = "idle" }
stop = { grace = "50s" }
[ns."@/deaf"]
init = { actor = "ignore-term" }
stop = { grace = "40s" }
[ns."@/in"]
proc.deaf = { actor = "ignore-term", stop = { grace = "40s" } }
"#;

const QUICK: &str = "[ns.@]\nproc.idle = { actor = \"idle\" }\n[ns.\"@/in\"]\ninit = \"pause\"\n[ns.\"@/serve\"]\ninit = { actor = \"serve\" }\n";

fn wide(size: usize) -> String {
    let mut text = "[ns.@]\n".to_owned();
    for number in 0..size {
        write!(text, "[ns.\"@/w{number}\"]\nproc.deaf = {{ actor = \"ignore-term\", stop = {{ grace = \"40s\" }} }}\n")
            .unwrap();
    }
    text
}

/// True when the tree has its name, before anything is built.
fn is_claimed(nest: &Nest) -> bool {
    std::fs::read_dir(nest.state()).is_ok_and(|mut entries| entries.next().is_some())
}

#[test]
fn one_control_c_stops_the_tree() {
    for_each_identity(|identity| {
        let mut terminal = Terminal::up(Nest::new(QUICK).identity(identity));
        terminal.expect("created in");
        terminal.expect("ready");
        terminal.send(b"\x03");
        assert_eq!(terminal.status(), 130);
        terminal.expect("stopping: got INT");
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn the_first_control_c_names_what_it_waits_for_and_the_second_kills() {
    for_each_identity(|identity| {
        let mut terminal = Terminal::up(Nest::new(DEAF).identity(identity));
        terminal.expect("created in");
        let root = terminal.nest.root.clone();
        let asked = Instant::now();
        terminal.send(b"\x03");
        terminal.expect("stopping: waiting for ");
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
        let said = terminal.expect("Ctrl-C again to kill");
        assert!(
            said.contains(&format!("{root}/deaf/init"))
                && said.contains(&format!("{root}/in/deaf")),
            "{said}"
        );
        let again = Instant::now();
        terminal.send(b"\x03");
        assert_eq!(terminal.status(), 137);
        assert!(again.elapsed() < AT_ONCE, "{:?}", again.elapsed());
        terminal.expect("killing the roots");
        terminal.close();
    });
}

#[test]
fn control_c_during_the_build_rolls_it_back() {
    for_each_identity(|identity| {
        let mut terminal = Terminal::up(Nest::new(&wide(900)).identity(identity));
        terminal.pid();
        terminal.until("the build goes on", |terminal| {
            is_claimed(&terminal.nest).then_some(())
        });
        assert!(
            !terminal.screen().contains("created in"),
            "the tree is not large enough"
        );
        let asked = Instant::now();
        terminal.send(b"\x03");
        assert_eq!(terminal.status(), 130);
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "{:?}",
            asked.elapsed()
        );
        assert!(
            !terminal.screen().contains("created in"),
            "{}",
            terminal.screen()
        );
        terminal.close();
    });
}

#[test]
fn signals_set_the_status_during_build_run_and_stop() {
    for_each_identity(|identity| {
        for (signal, status) in [
            (Signal::SIGINT, 130),
            (Signal::SIGTERM, 143),
            (Signal::SIGHUP, 129),
        ] {
            let mut running = Nest::new(QUICK).identity(identity).up();
            running.until_running();
            running.signal(signal);
            let ended = running.wait();
            assert_eq!(ended.code, status, "{signal}: {}", ended.stderr);
            assert!(
                ended
                    .stderr
                    .contains(&format!("stopping: got {}", &signal.as_str()[3..])),
                "{}",
                ended.stderr
            );

            let mut running = Nest::new(&wide(900)).identity(identity).up();
            running.until("the build goes on", |nest| is_claimed(nest).then_some(()));
            running.signal(signal);
            let ended = running.wait();
            assert_eq!(
                ended.code, status,
                "{signal} during the build: {}",
                ended.stderr
            );

            let mut running = Nest::new(DEAF).identity(identity).up();
            running.until_running();
            running.signal(Signal::SIGTERM);
            running.until_stderr_has("Ctrl-C again to kill");
            let asked = Instant::now();
            running.signal(signal);
            let ended = running.wait();
            assert_eq!(
                ended.code, 137,
                "{signal} during the stop: {}",
                ended.stderr
            );
            assert!(asked.elapsed() < AT_ONCE, "{signal}: {:?}", asked.elapsed());
        }
    });
}

#[test]
fn the_second_request_kills_a_wide_tree_at_once() {
    for_each_identity(|identity| {
        let mut running = Nest::new(&wide(400)).identity(identity).up();
        running.until_running();
        running.signal(Signal::SIGINT);
        running.until_stderr_has("Ctrl-C again to kill");
        let asked = Instant::now();
        running.signal(Signal::SIGINT);
        let ended = running.wait();
        assert_eq!(ended.code, 137, "{}", ended.stderr);
        assert!(asked.elapsed() < AT_ONCE, "{:?}", asked.elapsed());
    });
}

#[test]
fn a_sighup_that_the_caller_ignores_is_ignored() {
    for_each_identity(|identity| {
        let nest = Nest::new(QUICK).identity(identity);
        let words = nest.words_for_up();
        let program = crate::harness::nest::program().to_str().unwrap();
        let mut arguments = vec!["-c", "trap '' HUP; exec \"$@\"", "sh", program];
        arguments.extend(words.iter().map(String::as_str));
        let command = nest.other_command(std::path::Path::new("/bin/sh"), &arguments);
        let mut running = nest.start(command);
        running.until_running();
        running.signal(Signal::SIGHUP);
        running.signal(Signal::SIGTERM);
        let ended = running.wait();
        assert_eq!(ended.code, 143, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("stopping: got TERM"),
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn where_interrupts_are_ignored_a_typed_one_is_and_a_sent_one_is_not() {
    for_each_identity(|identity| {
        let mut shell = Terminal::shell(Nest::new(QUICK).identity(identity));
        let words = shell.nest.words_for_up().join(" ");
        let program = crate::harness::nest::program().display().to_string();
        shell.send(format!(
            "(trap '' INT; echo $BASHPID > pid; exec {program} {words})\r"
        ));
        shell.expect("ready");
        // The terminal shows the key when it has sent the signal.
        shell.send(b"\x03");
        shell.expect("^C");
        let pid = shell.pid();
        kill(pid, None).expect("it runs");
        // While it is pending the kernel drops another one.
        let interrupt = 1 << (Signal::SIGINT as u32 - 1);
        until("the typed one is taken", || {
            kernel::signals(pid.as_raw(), "ShdPnd:") & interrupt == 0
        });
        assert!(!shell.screen().contains("stopping"), "{}", shell.screen());
        kill(pid, Signal::SIGINT).expect("it runs");
        shell.expect("stopping: got INT");
        shell.expect("$ ");
        // Had the typed one counted, this would have been the second.
        assert!(
            !shell.screen().contains("killing the roots"),
            "{}",
            shell.screen()
        );
        shell.close();
    });
}

#[test]
fn a_closed_standard_output_is_a_graceful_stop() {
    for_each_identity(|identity| {
        let topology =
            "[ns.@]\nproc.log = { actor = \"log --rate 20\" }\nproc.idle = { actor = \"idle\" }\n";
        for writes in [true, false] {
            let topology = if writes { topology } else { QUICK };
            let nest = Nest::new(topology).identity(identity);
            let words = nest.words_for_up();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut command = nest.command(&words);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut stdout = child.stdout.take().unwrap();
            assert!(stdout.read(&mut [0; 64]).unwrap() > 0);
            drop(stdout);
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(129), "{stderr}");
            assert!(stderr.contains("the output is no longer read"), "{stderr}");
            assert!(!stderr.contains("killed"), "{stderr}");
            assert_nothing_left(&nest);
        }
    });
}

#[test]
fn control_z_suspends_and_fg_resumes() {
    for_each_identity(|identity| {
        let mut shell = Terminal::shell(Nest::new(QUICK).identity(identity));
        let words = shell.nest.words_for_up().join(" ");
        let program = crate::harness::nest::program().display().to_string();
        shell.send(format!("{program} {words}\r"));
        shell.expect("ready");
        shell.send(b"\x1a");
        shell.expect("Stopped");
        shell.expect("$ ");
        let truth = std::fs::read_dir(shell.nest.state())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path()
            .join("truth.json");
        let truth = Truth(serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap());
        let idle = truth.host_pid(&format!("{}/idle", shell.nest.root));
        shell.send("fg\r");
        shell.expect(" up ");
        // It is in the foreground again and takes signals: the tree stops on request.
        kill(Pid::from_raw(idle), None).expect("the tree has gone on");
        shell.send(b"\x03");
        shell.expect("stopping: got INT");
        shell.expect("$ ");
        shell.send("echo \"status=$?\"\r");
        shell.expect("status=130");
        shell.close();
    });
}
