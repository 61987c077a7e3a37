//! A program with `tty = true` has a terminal of its own, and the caller's comes back unharmed.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, processes_of};
use crate::harness::terminal::Terminal;

/// A shell without an editor of its own for the line: what it shows is what was typed and what came of it.
const SHELL: &str = r#"
[ns.@]
init = ["bash", "--norc", "--noediting"]
tty  = true
env  = { PS1 = "in> " }
stop = { signal = "HUP", grace = "2s" }
"#;

#[test]
fn the_program_has_a_terminal_of_the_callers_size_which_follows_it() {
    Terminal::for_each_identity(SHELL, |mut terminal| {
        terminal.expect("in> ");
        terminal.send(
            "trap 'echo \"now $(stty size)\"' WINCH; echo \"first $(stty size) on $(tty)\"\r",
        );
        let name = {
            terminal.expect("first 24 80 on /dev/pts/");
            terminal.expect("\r")
        };
        assert!(name.parse::<u32>().is_ok(), "{name:?}");
        terminal.expect("in> ");
        terminal.resize(50, 132);
        // The trap is run by the next line at the latest.
        terminal.send("\r");
        terminal.expect("now 50 132");
        terminal.send("exit 0\r");
        assert_eq!(terminal.status(), 0);
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn job_control_works_inside_and_does_not_affect_the_outside() {
    Terminal::for_each_identity(SHELL, |mut terminal| {
        terminal.expect("in> ");
        terminal.send("sleep 1000 &\r");
        terminal.expect("[1] ");
        let number: i32 = terminal
            .expect("\r")
            .parse()
            .expect("the shell prints the job's number");
        assert!(number < 20, "{number}");
        terminal.expect("in> ");
        // The foreground has a job of its own before a key is pressed.
        terminal.send("sh -c 'echo wait''ing; exec sleep 1000'\r");
        terminal.expect("waiting");
        terminal.send(b"\x03");
        terminal.expect("in> ");
        terminal.send("echo \"status=$?\"\r");
        terminal.expect("status=130");
        // `exec`: dash forks by vfork(2), and a shell with a child stopped between the two does not stop.
        terminal.send("sh -c 'echo again''1; exec sleep 1000'\r");
        terminal.expect("again1");
        terminal.send(b"\x1a");
        terminal.expect("Stopped");
        terminal.expect("in> ");
        terminal.send("fg\r");
        terminal.expect("sleep 1000'");
        terminal.send(b"\x03");
        terminal.expect("in> ");
        terminal.send("exit 3\r");
        assert_eq!(terminal.status(), 3);
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn raw_bytes_pass_in_both_directions() {
    let topology = r#"
[ns.@]
init = ["sh", "-c", "stty raw -echo; printf g%s o; head -c 255 | od -An -v -tx1; printf '\\001\\377\\200\\003end'"]
tty  = true
"#;
    Terminal::for_each_identity(topology, |mut terminal| {
        terminal.expect("go");
        let bytes: Vec<u8> = (1..=255).collect();
        terminal.send(&bytes);
        assert_eq!(terminal.status(), 0);
        terminal.expect("end");
        let screen = terminal.raw_screen();
        assert!(
            screen
                .windows(7)
                .any(|window| window == b"\x01\xff\x80\x03end"),
            "{screen:?}"
        );
        let text = terminal.screen();
        let dump: Vec<u8> = text
            .split_whitespace()
            .filter_map(|word| {
                u8::from_str_radix(word, 16)
                    .ok()
                    .filter(|_| word.len() == 2)
            })
            .collect();
        assert!(dump.windows(255).any(|window| window == bytes), "{text}");
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn everything_that_was_written_is_shown_before_the_end() {
    let topology =
        "[ns.@]\ninit = [\"sh\", \"-c\", \"seq 1 5000; echo the last line\"]\ntty = true\n";
    Terminal::for_each_identity(topology, |mut terminal| {
        assert_eq!(terminal.status(), 0);
        terminal.expect("the last line");
        let screen = terminal.screen();
        let mut lines = screen.lines().map(|line| line.trim_end_matches('\r'));
        let missing = (1..=5000)
            .map(|number: i32| number.to_string())
            .find(|number| !lines.any(|line| line == number));
        assert_eq!(missing, None, "{screen}");
        terminal.close();
    });
}

#[test]
fn the_settings_are_restored_when_the_program_cannot_be_executed() {
    for (program, status) in [("/no/such/program", 127), ("/etc/passwd", 126)] {
        Terminal::for_each_identity(
            &format!("[ns.@]\ninit = [\"{program}\"]\ntty = true\n"),
            |mut terminal| {
                assert_eq!(terminal.status(), status);
                assert!(terminal.is_restored());
                terminal.expect("cannot execute");
                terminal.close();
            },
        );
    }
}

#[test]
fn the_settings_are_restored_when_the_program_is_killed() {
    Terminal::for_each_identity(SHELL, |mut terminal| {
        terminal.until_raw();
        let truth = fs::read(
            fs::read_dir(terminal.nest.state())
                .unwrap()
                .next()
                .unwrap()
                .unwrap()
                .path()
                .join("truth.json"),
        );
        let truth: serde_json::Value = serde_json::from_slice(&truth.unwrap()).unwrap();
        let pid = truth["processes"][0]["pids"][0].as_i64().unwrap();
        kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
        assert_eq!(terminal.status(), 137);
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn the_settings_are_restored_when_the_tree_is_stopped_from_outside() {
    for (signal, status) in [
        (Signal::SIGTERM, 143),
        (Signal::SIGINT, 130),
        (Signal::SIGHUP, 129),
    ] {
        Terminal::for_each_identity(SHELL, |mut terminal| {
            terminal.until_raw();
            terminal.signal(signal);
            assert_eq!(terminal.status(), status);
            assert!(terminal.is_restored());
            terminal.close();
        });
    }
}

#[test]
fn the_guardian_restores_the_settings_of_a_killed_controller() {
    Terminal::for_each_identity(SHELL, |mut terminal| {
        terminal.until_raw();
        terminal.signal(Signal::SIGKILL);
        assert_eq!(terminal.status(), 137);
        terminal.until_restored();
        terminal.close();
    });
}

#[test]
fn a_suspended_nestns_restores_the_terminal_and_takes_it_again() {
    for_each_identity(|identity| {
        let mut shell = Terminal::shell(Nest::new(SHELL).identity(identity));
        let words = shell.nest.words_for_up().join(" ");
        let program = crate::harness::nest::program().display().to_string();
        shell.send(format!("stty -a > before; {program} {words}\r"));
        shell.expect("in> ");
        let controller = processes_of(&shell.nest)
            .into_iter()
            .find(|(_, words)| words.starts_with(&program));
        let (pid, _) = controller.expect("it runs");
        kill(Pid::from_raw(pid), Signal::SIGTSTP).unwrap();
        shell.expect("Stopped");
        shell.send("stty -a > meanwhile; cmp before meanwhile && echo sa''me\r");
        shell.expect("same");
        shell.send("fg\r");
        shell.until_raw();
        shell.send("echo \"pid=$$\"\r");
        shell.expect("pid=1");
        shell.send("exit 4\r");
        shell.expect("$ ");
        shell.send("echo \"status=$?\"; stty -a > after; cmp before after && echo un''changed\r");
        shell.expect("status=4");
        shell.expect("unchanged");
        shell.close();
    });
}

#[test]
fn a_nestns_in_the_background_leaves_the_terminal_alone() {
    for_each_identity(|identity| {
        let mut shell = Terminal::shell(Nest::new(SHELL).identity(identity));
        let words = shell.nest.words_for_up().join(" ");
        let program = crate::harness::nest::program().display().to_string();
        shell.send(format!("stty -a > before; {program} {words} &\r"));
        // The program's own prompt is shown: it runs, and its terminal is carried.
        shell.expect("in> ");
        shell.send("stty -a > meanwhile; cmp before meanwhile && echo sa''me\r");
        shell.expect("same");
        shell.send("kill %1; wait %1; echo \"status=$?\"\r");
        shell.expect("status=143");
        shell.close();
    });
}
