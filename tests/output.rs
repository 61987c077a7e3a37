//! Output of programs: it reaches the reader in whole lines and completely, and no reader can delay a stop.

use std::fmt::Write as _;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, assert_nothing_left};
use crate::harness::wait::{exit, until_asleep, until_some};

#[test]
fn no_line_of_two_hundred_writers_is_torn_or_lost() {
    const WRITERS: usize = 200;
    const LINES: usize = 60;
    let mut topology = "[ns.@]\n".to_owned();
    for number in 0..WRITERS {
        writeln!(
            topology,
            "[ns.\"@/w{number}\"]\nproc.p = {{ sh = 'i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo \"out $i of {number} {}\"; \
             [ $((i % 10)) = 0 ] && echo \"err $i of {number}\" >&2; done; :' }}",
            "x".repeat(100)
        )
        .unwrap();
    }
    for_each_identity(|identity| {
        let ended = Nest::new(&topology).identity(identity).up().wait();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let root = &ended.nest.root;
        let mut next = vec![(1, 10); WRITERS];
        for line in ended.stdout.lines() {
            let (path, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
            let number: usize = path
                .strip_prefix(&format!("{root}/w"))
                .and_then(|path| path.strip_suffix("/p"))
                .unwrap()
                .parse()
                .unwrap();
            let (out, err) = &mut next[number];
            let rest = rest.trim_start();
            let expected = if rest.starts_with('│') {
                let expected = format!("│ out {out} of {number} {}", "x".repeat(100));
                *out += 1;
                expected
            } else {
                let expected = format!("!│ err {err} of {number}");
                *err += 10;
                expected
            };
            assert_eq!(rest, expected, "{line:?}");
        }
        assert!(
            next.iter().all(|&next| next == (LINES + 1, LINES + 10)),
            "{next:?}"
        );
    });
}

#[test]
fn the_paths_stand_in_front_in_one_column() {
    let topology = "[ns.@]\nproc.a = { sh = 'echo one; echo two >&2' }\n[ns.\"@/longer\"]\nproc.name = { sh = 'printf \"no line feed\"' }\n";
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        let root = &ended.nest.root;
        let mut lines: Vec<&str> = ended.stdout.lines().collect();
        lines.sort_unstable();
        let width = root.len() + "/longer/name".len();
        let mut expected = vec![
            format!("{:width$}  │ one", format!("{root}/a")),
            format!("{:width$} !│ two", format!("{root}/a")),
            format!("{:width$}  │ no line feed", format!("{root}/longer/name")),
        ];
        expected.sort_unstable();
        assert_eq!(lines, expected, "{}", ended.stderr);
        assert!(ended.stdout.ends_with('\n'));
    });
}

#[test]
fn a_very_long_line_is_shown_in_pieces_without_loss() {
    let topology = "[ns.@]\nproc.p = { sh = 'head -c 1000000 /dev/zero | tr \"\\\\000\" y; echo; echo after' }\n";
    for_each_identity(|identity| {
        let ended = Nest::new(topology).identity(identity).up().wait();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        let lines: Vec<&str> = ended
            .stdout
            .lines()
            .map(|line| line.split_once("│ ").unwrap().1)
            .collect();
        let (last, long) = lines.split_last().unwrap();
        assert_eq!(*last, "after");
        assert!(
            long.iter()
                .all(|line| line.bytes().all(|byte| byte == b'y'))
        );
        assert_eq!(long.iter().map(|line| line.len()).sum::<usize>(), 1_000_000);
        assert!(
            long.iter().any(|line| line.len() >= 65_536),
            "short lines are not cut"
        );
    });
}

/// `up` with a standard output that is not read.
fn unread(nest: &Nest) -> Child {
    let words = nest.words_for_up();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let log = std::fs::File::create(nest.directory.path().join("stderr")).unwrap();
    nest.command(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Waits until the loud program of a tree waits for the controller, and the controller for its own reader.
fn until_silent(controller: &Child, pid: i32) {
    let controller = controller.id().cast_signed();
    until_asleep(|| vec![controller, pid, controller]);
}

fn loud_pid(nest: &Nest) -> i32 {
    let truth: Value = until_some("the tree runs", || {
        let directory = std::fs::read_dir(nest.state())
            .ok()?
            .flatten()
            .next()?
            .path();
        serde_json::from_slice(&std::fs::read(directory.join("truth.json")).ok()?).ok()
    });
    let loud = truth["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|process| process["name"] == "loud")
        .unwrap();
    i32::try_from(loud["pids"][0].as_i64().unwrap()).unwrap()
}

const LOUD: &str = "[ns.@]\nproc.loud = { cmd = [\"yes\", \"a line of some length that is written again and again\"] }\n";

#[test]
fn a_reader_that_never_reads_does_not_delay_a_stop() {
    for_each_identity(|identity| {
        for (signal, status) in [(Signal::SIGINT, 130), (Signal::SIGTERM, 143)] {
            let nest = Nest::new(LOUD).identity(identity);
            let mut child = unread(&nest);
            until_silent(&child, loud_pid(&nest));
            kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
            let ended = exit(&mut child, Duration::from_secs(10)).expect("does not end");
            assert_eq!(ended.code(), Some(status));
            assert_nothing_left(&nest);
        }
    });
}

#[test]
fn a_reader_that_pauses_costs_no_time() {
    for_each_identity(|identity| {
        let nest = Nest::new(LOUD).identity(identity);
        let mut child = unread(&nest);
        until_silent(&child, loud_pid(&nest));
        let ticks = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
            let fields: Vec<&str> = stat
                .rsplit_once(')')
                .unwrap()
                .1
                .split_whitespace()
                .collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        };
        let before = ticks();
        // The time of a processor in a second is what is measured.
        std::thread::sleep(Duration::from_secs(1));
        let used = ticks() - before;
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143));
        // Of a hundred a second.
        assert!(
            used <= 10,
            "the controller used {used} ticks of processor time while it had nothing to do"
        );
        assert_nothing_left(&nest);
    });
}

#[test]
fn a_slow_reader_gets_everything() {
    let topology = "[ns.@]\nproc.p = { sh = 'seq 1 300000; echo the last' }\n";
    for_each_identity(|identity| {
        let nest = Nest::new(topology).identity(identity);
        let mut child = unread(&nest);
        let mut stdout = child.stdout.take().unwrap();
        let mut text = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            // Slow is the point of it.
            std::thread::sleep(Duration::from_millis(4));
            match stdout.read(&mut buffer).unwrap() {
                0 => break,
                count => text.extend_from_slice(&buffer[..count]),
            }
        }
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines().map(|line| line.split_once("│ ").unwrap().1);
        for number in 1..=300_000 {
            assert_eq!(lines.next(), Some(number.to_string().as_str()));
        }
        assert_eq!(lines.next(), Some("the last"));
        assert_nothing_left(&nest);
    });
}

#[test]
fn the_json_answer_is_one_document_and_the_lines_go_elsewhere() {
    let topology = "[ns.@]\nproc.p = { sh = 'echo hello; exit 3' }\n";
    for_each_identity(|identity| {
        let ended = Nest::new(topology)
            .identity(identity)
            .arguments(&["--format", "json"])
            .up()
            .wait();
        assert_eq!(ended.code, 3);
        let document: Value = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", ended.stdout));
        assert_eq!(document["schema"], "nestns.up/1");
        assert_eq!(
            (
                &document["namespaces"],
                &document["processes"],
                &document["depth"]
            ),
            (&1.into(), &1.into(), &1.into())
        );
        assert_eq!(document["exit"]["code"], 3, "{document}");
        assert!(ended.stderr.contains("│ hello"), "{}", ended.stderr);
    });
}

#[test]
fn json_progress_is_one_object_per_line() {
    let topology = "[ns.@]\nproc.p = { sh = 'exit 3' }\nproc.q = { actor = \"idle\" }\nproc.r = { cmd = [\"/no/such\"] }\n";
    for_each_identity(|identity| {
        let ended = Nest::new(topology)
            .identity(identity)
            .arguments(&["--progress", "json"])
            .up()
            .wait();
        let mut events = Vec::new();
        for line in ended.stderr.lines() {
            let event: Value =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(
                event["ts"].is_string() && event["event"].is_string(),
                "{line}"
            );
            events.push(event["event"].as_str().unwrap().to_owned());
        }
        for name in ["create", "verify", "release", "error", "stopping", "gone"] {
            assert!(
                events.iter().any(|event| event == name),
                "no {name}: {events:?}"
            );
        }
    });
}

#[test]
fn quiet_prints_only_errors() {
    for_each_identity(|identity| {
        let good = "[ns.@]\nproc.p = { sh = 'echo hello' }\n";
        let ended = Nest::new(good)
            .identity(identity)
            .arguments(&["-q"])
            .up()
            .wait();
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
        assert!(ended.stdout.ends_with("│ hello\n"), "{}", ended.stdout);
        let mut running = Nest::new("[ns.@]\nproc.p = { actor = \"idle\" }\n")
            .identity(identity)
            .arguments(&["-q"])
            .up();
        running.until_running();
        let ended = running.stop();
        assert_eq!((ended.code, ended.stderr.as_str()), (130, ""));
        let bad = "[ns.@]\nproc.p = { sh = 'exit 3' }\n";
        let ended = Nest::new(bad)
            .identity(identity)
            .arguments(&["-q"])
            .up()
            .wait();
        assert!(ended.stderr.contains("exited with 3"), "{}", ended.stderr);
    });
}
