//! `nestns run`: the command's descriptors, its terminal, and its status.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use sha2::{Digest as _, Sha256};

use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::terminal::Terminal;

const NOTHING: &str = "[ns.@]\n";

/// `nestns run ARGUMENTS` in a terminal.
fn in_terminal(identity: Identity, arguments: &[&str]) -> Terminal {
    let words: Vec<&str> = ["run"].iter().chain(arguments).copied().collect();
    Terminal::foreground(Nest::new(NOTHING).identity(identity), &words)
}

#[test]
fn the_command_has_a_terminal_where_the_caller_has_one() {
    for_each_identity(|identity| {
        for depth in ["1", "3"] {
            let script =
                "test -t 0 && test -t 1 && test -t 2 && echo al''l on $(tty); stty size; exit 7";
            let mut terminal = in_terminal(identity, &["--depth", depth, "--", "sh", "-c", script]);
            assert_eq!(terminal.status(), 7);
            terminal.expect("all on /dev/pts/");
            terminal.expect("24 80");
            assert!(terminal.is_restored());
            terminal.close();
        }
    });
}

#[test]
fn a_redirected_output_stays_redirected() {
    for_each_identity(|identity| {
        let mut shell = Terminal::shell(Nest::new(NOTHING).identity(identity));
        let program = crate::harness::nest::program().display().to_string();
        let script = "test -t 0 && test -t 2 && ! test -t 1 && echo on''ly; echo se''en >&2";
        shell.send(format!(
            "{program} run -- sh -c \"{script}\" > out; echo \"status=$?\"\r"
        ));
        shell.expect("seen\r");
        shell.expect("status=0");
        assert_eq!(
            fs::read_to_string(shell.nest.directory.path().join("out")).unwrap(),
            "only\n"
        );
        let script = "test -t 0 && test -t 1 && ! test -t 2 && echo on''ly >&2; echo se''en";
        shell.send(format!(
            "{program} run -- sh -c \"{script}\" 2> err; echo \"again=$?\"\r"
        ));
        shell.expect("seen\r");
        shell.expect("again=0");
        assert_eq!(
            fs::read_to_string(shell.nest.directory.path().join("err")).unwrap(),
            "only\n"
        );
        shell.close();
    });
}

#[test]
fn the_status_in_a_terminal_is_that_of_the_command() {
    for_each_identity(|identity| {
        for (command, status) in [
            (&["true"][..], 0),
            (&["false"], 1),
            (&["sh", "-c", "exit 200"], 200),
            (&["sh", "-c", "kill -KILL $$"], 137),
            (&["sh", "-c", "kill -TERM $$"], 143),
            (&["/no/such/program"], 127),
            (&["/etc/passwd"], 126),
        ] {
            let arguments: Vec<&str> = ["--"].iter().chain(command).copied().collect();
            let mut terminal = in_terminal(identity, &arguments);
            assert_eq!(
                terminal.status(),
                status,
                "{command:?}: {}",
                terminal.screen()
            );
            assert!(terminal.is_restored(), "{command:?}");
            terminal.close();
        }
    });
}

#[test]
fn keys_go_to_the_command() {
    for_each_identity(|identity| {
        let mut terminal = in_terminal(
            identity,
            &[
                "--",
                "sh",
                "-c",
                "trap 'echo interru''pted; exit 9' INT; echo go''es; read x",
            ],
        );
        terminal.expect("goes");
        terminal.send(b"\x03");
        assert_eq!(terminal.status(), 9);
        terminal.expect("interrupted");
        terminal.close();

        // cat closes its descriptors a moment before it ends, which must not count as a hang-up: hence often.
        for _ in 0..25 {
            let mut terminal = in_terminal(identity, &["--", "cat"]);
            terminal.until_raw();
            terminal.send("one\r\x04");
            assert_eq!(terminal.status(), 0, "{}", terminal.screen());
            // The echo, and what came of it.
            terminal.expect("one");
            terminal.expect("one");
            terminal.close();
        }
    });
}

#[test]
fn the_terminal_is_restored_when_run_is_killed_or_stopped() {
    for_each_identity(|identity| {
        for (signal, status) in [(Signal::SIGKILL, 137), (Signal::SIGTERM, 143)] {
            let mut terminal = in_terminal(identity, &["--", "sleep", "1000"]);
            terminal.until_raw();
            terminal.signal(signal);
            assert_eq!(terminal.status(), status, "{}", terminal.screen());
            terminal.until_restored();
            terminal.close();
        }
    });
}

#[test]
fn short_commands_lose_no_output_in_a_terminal() {
    for_each_identity(|identity| {
        for _ in 0..20 {
            let mut terminal = in_terminal(identity, &["--", "printf", "%s\\n", "first", "last"]);
            assert_eq!(terminal.status(), 0);
            // Written before nestns had the terminal in raw mode, a line feed gets a second return, which is invisible.
            terminal.until("both lines are shown", |terminal| {
                terminal
                    .screen()
                    .replace('\r', "")
                    .contains("first\nlast\n")
                    .then_some(())
            });
            terminal.close();
        }
    });
}

#[test]
fn a_hundred_megabytes_pass_through_cat_unchanged() {
    const BLOCK: usize = 1 << 20;
    for_each_identity(|identity| {
        let nest = Nest::new(NOTHING).identity(identity);
        let mut command = nest.command(&["run", "--", "cat"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(nest.directory.path().join("err")).unwrap());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            let mut hash = Sha256::new();
            let mut state = 0x2545_f491_4f6c_dd1d_u64;
            let mut block = vec![0_u8; BLOCK];
            for _ in 0..100 {
                for word in block.chunks_exact_mut(8) {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    word.copy_from_slice(&state.to_ne_bytes());
                }
                hash.update(&block);
                stdin.write_all(&block).unwrap();
            }
            hash.finalize()
        });
        let mut hash = Sha256::new();
        let mut stdout = child.stdout.take().unwrap();
        let mut buffer = vec![0_u8; BLOCK];
        let mut total = 0;
        loop {
            match stdout.read(&mut buffer).unwrap() {
                0 => break,
                count => {
                    hash.update(&buffer[..count]);
                    total += count;
                }
            }
        }
        assert_eq!(total, 100 * BLOCK);
        assert_eq!(hash.finalize(), writer.join().unwrap());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(fs::read(nest.directory.path().join("err")).unwrap(), b"");
        assert_nothing_left(&nest);
    });
}

#[test]
fn without_a_terminal_the_descriptors_are_inherited() {
    for_each_identity(|identity| {
        let nest = Nest::new(NOTHING).identity(identity);
        let mut command: Command =
            nest.command(&["run", "--", "sh", "-c", "test -t 0 || cat; echo done >&2"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"no line feed\0\xff")
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            (output.status.code(), &output.stdout[..], &output.stderr[..]),
            (Some(0), &b"no line feed\0\xff"[..], &b"done\n"[..])
        );
        assert_nothing_left(&nest);
    });
}
