//! Faults that users have met, each as it was found.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::requirement::{nesting, require};
use crate::harness::wait::{TIMEOUT, exit, until};

#[test]
fn a_process_that_waits_for_a_dependency_does_not_delay_a_stop() {
    let topology = "[ns.@]\nproc.x = \"sleep 1000\"\nproc.y = { sh = \"echo y\", after = { x = \"exited\" } }\n";
    for_each_identity(|identity| {
        let mut running = Nest::new(topology)
            .identity(identity)
            .arguments(&["--format", "json"])
            .up();
        running.until_running();
        let ended = running.stop();
        let document: serde_json::Value =
            serde_json::from_str(&ended.stdout).expect("one document");
        // The grace is five seconds, and no process needed it.
        assert!(
            document["stop"]["ms"].as_f64().expect("a time") < 2000.0,
            "{document:#}"
        );
    });
}

#[test]
fn unread_progress_output_does_not_block_the_controller() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\ninit = \"pause\"\n");
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("descriptors are free");
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("it is a pipe");
    while nix::unistd::write(&writer, &[b'x'; 4096]).is_ok() {}
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).expect("it is a pipe");
    let file = nest.file_name().to_owned();
    let mut command = nest.command(&["up", &file]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::from(writer))
        .spawn()
        .expect("it was built");
    until("the tree runs", || {
        nest.state().join(&nest.root).join("truth.json").exists()
    });
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, Signal::SIGINT).expect("it runs");
    let status = exit(&mut child, TIMEOUT).unwrap_or_else(|| {
        child.kill().expect("it runs");
        panic!(
            "does not end while descriptor {} is full",
            reader.as_raw_fd()
        );
    });
    assert_eq!(status.code(), Some(130));
    assert_nothing_left(&nest);
}

#[test]
fn the_status_of_run_is_that_of_the_command_when_its_namespace_was_stopped_from_inside() {
    for_each_identity(|identity| {
        let nest = Nest::new("").identity(identity);
        let ended = nest
            .start_verb(&["run", "--", "sh", "-c", "kill 1; sleep 1000"])
            .wait();
        assert_eq!(ended.code, 143, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn a_namespace_does_not_end_while_a_command_runs_in_it() {
    for_each_identity(|identity| {
        let nest =
            Nest::new("[ns.@]\n[ns.\"@/in\"]\nproc.x = { sh = \"exit 0\" }\n").identity(identity);
        let file = nest.file_name().to_owned();
        let ended = nest
            .start_verb(&[
                "run",
                &file,
                "--in",
                "@/in",
                "--",
                "sh",
                "-c",
                "sleep 0.3; echo still here",
            ])
            .wait();
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (0, "still here\n"),
            "{identity:?}: {}",
            ended.stderr
        );
    });
}

#[test]
fn a_long_command_line_that_cannot_be_executed_is_reported() {
    require!(nesting());
    let long = "a".repeat(6000);
    let ended = Nest::new("")
        .start_verb(&["run", "--", "/nonexistent", &long])
        .wait();
    assert_eq!(ended.code, 127);
    assert!(
        ended
            .stderr
            .starts_with("error: `l1/cmd`: cannot execute /nonexistent aaa"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_requested_status_is_found_in_a_namespace_that_ended_with_its_program() {
    let topology = "on_exit = \"ignore\"\n[ns.@]\n[ns.\"@/a\"]\ninit = [\"sh\", \"-c\", \"sleep 0.2\"]\nproc.m = \"sleep 1000\"\n[ns.\"@/z\"]\nproc.k = \"sleep 1000\"\n";
    for_each_identity(|identity| {
        let nest = Nest::new(topology).identity(identity);
        let member = format!("{}/a/m", nest.root);
        let ended = nest.arguments(&["--exit-code-from", &member]).up().wait();
        assert_eq!(ended.code, 137, "{identity:?}: {}", ended.stderr);
    });
}

#[test]
fn a_lock_that_is_not_a_regular_file_is_refused_at_once() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\n");
    let directory = nest.state().join(&nest.root);
    fs::create_dir_all(&directory).expect("the directory is writable");
    nix::unistd::mkfifo(&directory.join("lock"), Mode::S_IRWXU).expect("the directory is writable");
    let file = nest.file_name().to_owned();
    let output = nest
        .command(&["up", &file])
        .stdin(Stdio::null())
        .output()
        .expect("it was built");
    assert_eq!(output.status.code(), Some(4));
    fs::remove_dir_all(nest.state()).expect("it is our own");
    assert_nothing_left(&nest);
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\nproc.x = \"echo lost\"\n");
    let file = nest.file_name().to_owned();
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("it is a device of every Linux");
    let output = nest
        .command(&["up", &file])
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .expect("it was built");
    assert_eq!(
        output.status.code(),
        Some(129),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_nothing_left(&nest);
}

/// A topology that is replaced is gone before the next one begins, and nothing is said of an accident.
#[test]
fn recreate_releases_the_name_in_time() {
    for_each_identity(|identity| {
        let nest = Nest::new("[ns.@]\nproc.x = { actor = \"idle\" }\n").identity(identity);
        let file = nest.file_name().to_owned();
        let detached = Detached::up(nest);
        for _ in 0..20 {
            let replaced = detached.nestns(&["up", "-d", "--recreate", &file]);
            assert_eq!(replaced.code, 0, "{identity:?}: {}", replaced.stderr);
            assert!(
                !replaced.stderr.contains("warning"),
                "{identity:?}: {}",
                replaced.stderr
            );
        }
        for words in [
            &["up", "-d", "-q", "--recreate", &file][..],
            &["up", "-d", "-q", &file],
        ] {
            let quiet = detached.nestns(words);
            let name = format!("{}\n", detached.nest.root);
            assert_eq!(
                (&*quiet.stdout, &*quiet.stderr),
                (&*name, ""),
                "{identity:?}: {words:?}"
            );
        }
    });
}

/// Checks that the client has started the program, in either order of its end and the client's
/// leaving.
#[test]
fn a_program_in_a_terminal_that_exits_at_once_has_started() {
    for_each_identity(|identity| {
        let detached =
            Detached::up(Nest::new("[ns.@]\nproc.x = { actor = \"idle\" }\n").identity(identity));
        for _ in 0..20 {
            let said = detached.run(&["exec", "-d", "-t", "@", "--", "sh", "-c", "exit 4"]);
            assert!(said.contains("/exec."), "{identity:?}: {said}");
        }
    });
}

#[test]
fn a_missing_process_is_neither_a_failed_expectation_nor_a_timeout() {
    require!(nesting());
    let detached = Detached::up(Nest::new("[ns.@]\nproc.x = { actor = \"idle\" }\n"));
    let file = detached.nest.file_name().to_owned();
    for (words, code) in [
        (&["test", &file, "--in", "nosuch", "--", "true"][..], 2),
        (&["wait", "-n", "nosuch", "--timeout", "0s"], 1),
    ] {
        let ended = detached.nestns(words);
        assert_eq!(
            ended.code, code,
            "{words:?}: {}{}",
            ended.stdout, ended.stderr
        );
    }
}

#[test]
fn help_and_messages_that_cannot_be_written_are_a_failure() {
    require!(nesting());
    let nest = Nest::new("[ns.@]\nproc.x = { actor = \"idle\" }\n");
    let file = nest.file_name().to_owned();
    let runs = format!("`{}` is running, but", nest.root);
    for (words, said) in [
        (&["--help"][..], "standard output"),
        (&["up", "--help"], "standard output"),
        (&["up", "-d", &file], &runs),
    ] {
        let full = fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("it is everywhere");
        let output = nest
            .command(words)
            .stdout(full)
            .output()
            .expect("it was built");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {stderr}");
        assert!(
            stderr.contains(said) && stderr.contains("ENOSPC"),
            "{words:?}: {stderr}"
        );
    }
    let down = nest
        .command(&["down", &nest.root])
        .output()
        .expect("it was built");
    assert!(down.status.success(), "{down:?}");
    let nobody = nest
        .command(&["whois", "1", "--in", "pid:[1]"])
        .output()
        .expect("it was built");
    assert!(
        String::from_utf8_lossy(&nobody.stderr).contains("no PID namespace pid:[1]"),
        "{nobody:?}"
    );
    assert_nothing_left(&nest);
}

/// A disk that is full where the output goes has nothing to do with what is read.
#[test]
fn an_output_that_cannot_be_written_is_not_reported_as_an_input() {
    require!(nesting());
    let detached = Detached::up(Nest::new(
        "[ns.@]\nproc.x = { sh = \"echo here; exec sleep 1000\" }\n",
    ));
    detached.until("a line", |detached| {
        detached.run(&["logs"]).contains("here").then_some(())
    });
    for words in [&["events", "--no-follow"][..], &["logs"]] {
        let full = fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("it is everywhere");
        let output = detached
            .command(words)
            .stdout(full)
            .output()
            .expect("it was built");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            stderr.contains("cannot show") && stderr.contains("ENOSPC") && !stderr.contains("read"),
            "{stderr}"
        );
    }
}
