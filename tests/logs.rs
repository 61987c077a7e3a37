//! `logs`: what programs have written is kept, all of it, within bounds, and can be read while it is written.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::detached::{Detached, ended};
use crate::harness::document::objects;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::Nest;
use crate::harness::requirement::{nesting, require, root};
use crate::harness::wait::{TIMEOUT, exit, until_asleep};

fn up(topology: &str, identity: Identity) -> Detached {
    Detached::up(Nest::new(topology).identity(identity))
}

/// The lines of the log, as `logs` shows them.
fn logs(detached: &Detached, arguments: &[&str]) -> Vec<Value> {
    let words: Vec<&str> = ["logs", "--format", "json"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    objects(&detached.run(&words))
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["text"].as_str().expect("it is text"))
        .collect()
}

/// Outcome of a child that has to end by itself.
fn until_end(mut child: Child, limit: Duration) -> crate::harness::Outcome {
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let out = std::thread::spawn(move || {
        let mut text = Vec::new();
        stdout.read_to_end(&mut text).map(|_| text)
    });
    let err = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text).map(|_| text)
    });
    let status = exit(&mut child, limit).unwrap_or_else(|| {
        let _ = child.kill();
        let _ = child.wait();
        panic!("it does not end");
    });
    let code = status.code().expect("it ends by itself");
    let text = |thread: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| {
        String::from_utf8(thread.join().unwrap().unwrap()).expect("it writes text")
    };
    crate::harness::Outcome {
        code,
        stdout: text(out),
        stderr: text(err),
    }
}

/// Processes that each write when the one before has ended, so that there is one order.
const CHAIN: &str = r#"
[ns.@]
proc.a = { sh = 'echo one', oneshot = true }
proc.b = { sh = 'echo two >&2', oneshot = true, after = { a = "ok" } }
proc.stay = { cmd = ["sleep", "1000"] }
[ns."@/in"]
proc.c = { sh = 'until [ -e DIRECTORY/go ]; do sleep 0.01; done; printf "three\nfour\n"', oneshot = true }
proc.d = { sh = 'echo five', oneshot = true, after = { c = "ok" } }
proc.e = { sh = 'printf six', oneshot = true, after = { d = "ok" } }
"#;

fn chain(identity: Identity) -> Detached {
    let nest = Nest::new(CHAIN)
        .identity(identity)
        .arguments(&["--no-wait"]);
    let detached = Detached::up(nest);
    detached.until("two lines are there", |detached| {
        (logs(detached, &[]).len() == 2).then_some(())
    });
    fs::write(detached.nest.directory.path().join("go"), "").unwrap();
    detached.until("six lines are there", |detached| {
        (logs(detached, &[]).len() == 6).then_some(())
    });
    detached
}

#[test]
fn lines_of_all_processes_are_merged_by_the_time_they_were_read() {
    for_each_identity(|identity| {
        let detached = chain(identity);
        let root = &detached.nest.root;
        let lines = logs(&detached, &[]);
        assert_eq!(
            texts(&lines),
            ["one", "two", "three", "four", "five", "six"]
        );
        let stamps: Vec<&str> = lines
            .iter()
            .map(|line| line["ts"].as_str().unwrap())
            .collect();
        assert!(
            stamps.is_sorted() && stamps.iter().all(|stamp| stamp.len() == 30),
            "{stamps:?}"
        );
        let second = &lines[1];
        assert_eq!(second["path"], format!("{root}/b"));
        assert_eq!(
            (&second["stream"], &second["partial"]),
            (&"stderr".into(), &false.into())
        );
        assert_eq!(lines[5]["partial"], true);

        let width = root.len() + "/in/c".len();
        let shown = detached.run(&["logs"]);
        let line = |path: &str, bar: &str, text: &str| {
            format!("{:width$} {bar} {text}\n", format!("{root}/{path}"))
        };
        let mut expected = line("a", " │", "one") + &line("b", "!│", "two");
        for (path, text) in [
            ("in/c", "three"),
            ("in/c", "four"),
            ("in/d", "five"),
            ("in/e", "six"),
        ] {
            expected += &line(path, " │", text);
        }
        assert_eq!(shown, expected);
        let stamped = detached.run(&["logs", "-t", "-n", "1"]);
        let (stamp, rest) = stamped.split_once(' ').unwrap();
        assert_eq!(stamp.len(), "2026-11-25T10:00:00.123456Z".len());
        assert_eq!(rest, format!("{root}/in/e  │ six\n"));
    });
}

#[test]
fn logs_are_filtered_by_address_stream_time_and_count() {
    for_each_identity(|identity| {
        let detached = chain(identity);
        let all = logs(&detached, &[]);
        let text = |arguments: &[&str]| {
            let lines = logs(&detached, arguments);
            texts(&lines).join(" ")
        };
        assert_eq!(text(&["@"]), "one two");
        assert_eq!(text(&["@/in"]), "three four five six");
        assert_eq!(text(&["-r", "@"]), "one two three four five six");
        assert_eq!(text(&["@/in/{c,d}"]), "three four five");
        assert_eq!(text(&["@/a", "@/in/e"]), "one six");
        assert_eq!(text(&["--stream", "stderr"]), "two");
        assert_eq!(text(&["--stream", "stdout", "-n", "2"]), "five six");
        assert_eq!(text(&["-n", "0"]), "");
        assert_eq!(text(&["--tail", "100"]), "one two three four five six");
        let stamp = all[2]["ts"].as_str().unwrap();
        assert_eq!(text(&["--since", stamp]), "three four five six");
        assert_eq!(text(&["--until", stamp]), "one two three four");
        assert_eq!(text(&["--since", stamp, "--until", stamp]), "three four");
        assert_eq!(text(&["--since", "1h"]), "one two three four five six");
        assert_eq!(text(&["--until", "1h"]), "");
        let outcome = detached.nestns(&["logs", "@/ni"]);
        assert_eq!(outcome.code, 1);
        assert!(
            outcome.stderr.contains("did you mean"),
            "{}",
            outcome.stderr
        );
        assert_eq!(detached.nestns(&["logs", "--since", "yesterday"]).code, 2);
        // What writes nothing has no log, which is no mistake.
        assert_eq!(text(&["@/stay"]), "");
    });
}

#[test]
fn the_newest_output_is_kept_within_the_limit() {
    let topology = r#"
[limits]
log_bytes = "256K"
[ns.@]
proc.loud = { sh = 'seq -f "line %08g of very many that nobody keeps" 1 60000', oneshot = true }
proc.quiet = { sh = 'echo quiet; sleep 1000' }
"#;
    for_each_identity(|identity| {
        let detached = up(topology, identity);
        // A one-shot is ready when it has ended; its last output may still be on its way.
        detached.until("the last line is there", |detached| {
            detached
                .run(&["logs", "-n", "1", "@/loud"])
                .contains("line 00060000")
                .then_some(())
        });
        let mut lines = logs(&detached, &["@/loud"]);
        // What came before them is counted, and nothing else is missing.
        assert_eq!(
            (&lines[0]["stream"], lines[0]["missing"].is_u64()),
            (&"notice".into(), true)
        );
        lines.remove(0);
        let numbers: Vec<u32> = texts(&lines)
            .iter()
            .map(|text| text[5..13].parse().unwrap())
            .collect();
        assert!(
            numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{numbers:?}"
        );
        assert!(
            numbers.len() > 500 && numbers.len() < 4000,
            "{}",
            numbers.len()
        );
        assert_eq!(texts(&logs(&detached, &["@/quiet"])), ["quiet"]);
        let directory = detached.nest.state().join(&detached.nest.root).join("logs");
        let sizes = fs::read_dir(&directory)
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len());
        let total: u64 = sizes.sum();
        assert!(total <= 256 << 10 && total > 64 << 10, "{total}");
    });
}

#[test]
fn a_follower_reads_everything_across_rotation_until_the_end() {
    const STAGES: usize = 30;
    // Each stage is less than half a share, and the next one comes when it was seen.
    let topology = r#"
[limits]
log_bytes = "64K"
[ns.@]
proc.p = { sh = 'i=0; while [ $i -lt 30 ]; do until [ -e DIRECTORY/go.$i ]; do sleep 0.01; done; seq -f "$i %g of a stage that is followed" 1 200; i=$((i+1)); done; printf end' }
"#;
    for_each_identity(|identity| {
        let detached = Detached::up(Nest::new(topology).identity(identity));
        let mut child = detached.start(&["logs", "-f", "--format", "json"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let go = |stage: usize| {
            fs::write(
                detached.nest.directory.path().join(format!("go.{stage}")),
                "",
            )
            .unwrap();
        };
        for stage in 0..STAGES {
            go(stage);
            for number in 1..=200 {
                let line: Value =
                    serde_json::from_str(&lines.next().expect("it keeps running").unwrap())
                        .unwrap();
                assert_eq!(
                    line["text"],
                    format!("{stage} {number} of a stage that is followed")
                );
            }
        }
        let last: Value =
            serde_json::from_str(&lines.next().expect("it keeps running").unwrap()).unwrap();
        assert_eq!(
            (&last["text"], &last["partial"]),
            (&"end".into(), &true.into())
        );
        assert!(lines.next().is_none(), "the topology has ended");
        let outcome = ended(child);
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
        detached.until("it has ended", |detached| {
            (!detached.is_running()).then_some(())
        });
    });
}

#[test]
fn no_output_of_a_thousand_concurrent_writers_is_lost() {
    let topology = r#"
[limits]
processes = 1024
[ns.@]
proc.stay = { cmd = ["sleep", "1000"] }
proc.w = { count = 1000, sh = 'i=0; while [ $i -lt 10 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done', oneshot = true }
"#;
    for_each_identity(|identity| {
        let detached = up(topology, identity);
        let lines = detached.until("everything is read", |detached| {
            let lines = logs(detached, &[]);
            (lines.len() >= 20_000).then_some(lines)
        });
        assert_eq!(lines.len(), 20_000);
        let mut next = vec![[0_u32; 2]; 1000];
        for line in &lines {
            let number: usize = line["path"]
                .as_str()
                .unwrap()
                .rsplit_once('.')
                .unwrap()
                .1
                .parse()
                .unwrap();
            let (word, place) = if line["stream"] == "stdout" {
                ("out", 0)
            } else {
                ("err", 1)
            };
            let next = &mut next[number][place];
            assert_eq!(line["text"], format!("{word} {next}"), "{line}");
            *next += 1;
        }
        assert!(next.iter().all(|&next| next == [10, 10]));
        let stamps: Vec<&str> = lines
            .iter()
            .map(|line| line["ts"].as_str().unwrap())
            .collect();
        assert!(stamps.is_sorted());
        // The controller still forks: it must not hold a descriptor of each log.
        let descriptors = fs::read_dir(format!("/proc/{}/fd", detached.controller()))
            .unwrap()
            .count();
        assert!(descriptors < 60, "{descriptors}");
    });
}

#[test]
fn output_just_before_the_exit_is_not_lost() {
    let mut topology = "[ns.@]\n".to_owned();
    for number in 0..20 {
        // More than a pipe holds, and gone at once.
        writeln!(topology, "proc.p{number} = {{ sh = 'seq -f \"{number} %g of the last words\" 1 5000; printf bye' }}")
            .unwrap();
    }
    for_each_identity(|identity| {
        let nest = Nest::new(&topology)
            .identity(identity)
            .arguments(&["--hold"]);
        let detached = Detached::up(nest);
        let follower = detached.start(&["logs", "-f", "--format", "json"]);
        // A second one that is slow must have everything as well.
        let mut slow = detached.start(&["logs", "-f", "--format", "json"]);
        until_asleep(|| vec![follower.id().cast_signed(), slow.id().cast_signed()]);
        detached.run(&["release"]);
        let outcome = until_end(follower, TIMEOUT);
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
        check_last_lines(&outcome.stdout);
        detached.until("it has ended", |detached| {
            (!detached.is_running()).then_some(())
        });
        let mut text = String::new();
        slow.stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        check_last_lines(&text);
        let outcome = ended(slow);
        assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    });
}

fn check_last_lines(text: &str) {
    let mut next = [1_u32; 20];
    for line in objects(text) {
        let path = line["path"].as_str().unwrap();
        let number: usize = path.rsplit_once("/p").unwrap().1.parse().unwrap();
        let next = &mut next[number];
        let expected = if *next <= 5000 {
            format!("{number} {next} of the last words")
        } else {
            "bye".to_owned()
        };
        assert_eq!(line["text"], expected);
        *next += 1;
    }
    assert_eq!(next, [5002; 20]);
}

#[test]
fn output_of_every_byte_value_is_unchanged() {
    let topology = r#"
[ns.@]
proc.p = { sh = 'cat DIRECTORY/bytes; sleep 1000' }
"#;
    // Every pair of bytes, line feeds among them, and lines that are longer than a record and than a pipe.
    let mut bytes: Vec<u8> = (0..=255_u8)
        .flat_map(|high| (0..=255_u8).flat_map(move |low| [high, low]))
        .collect();
    bytes.extend(vec![b'x'; 200_000]);
    bytes.push(b'\n');
    bytes.extend(vec![0xff; 100_000]);
    bytes.extend(b"\nend\n");
    for_each_identity(|identity| {
        let nest = Nest::new(topology).identity(identity);
        fs::write(nest.directory.path().join("bytes"), &bytes).unwrap();
        let detached = Detached::up(nest);
        let lines = detached.until("all of it is there", |detached| {
            let lines = logs(detached, &[]);
            lines
                .last()
                .is_some_and(|line| line["text"] == "end")
                .then_some(lines)
        });
        let mut read = Vec::new();
        for line in lines {
            match line["base64"].as_str() {
                Some(text) => read.extend(decode(text)),
                None => read.extend(line["text"].as_str().unwrap().bytes()),
            }
            if line["partial"] == false {
                read.push(b'\n');
            }
        }
        assert_eq!(read.len(), bytes.len());
        assert!(read == bytes);
        let mut human = Vec::new();
        let mut child = detached
            .command(&["logs"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_end(&mut human)
            .unwrap();
        assert!(child.wait().unwrap().success());
        assert!(human.ends_with("│ end\n".as_bytes()));
    });
}

/// base64(1) knows it.
fn decode(text: &str) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("coreutils");
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn a_follower_ends_when_its_output_is_closed() {
    for_each_identity(|identity| {
        let detached = up(
            "[ns.@]\nproc.p = { sh = 'echo hello; sleep 1000' }\n",
            identity,
        );
        let mut silent = detached.start(&["logs", "-f"]);
        let mut first = String::new();
        let mut stdout = BufReader::new(silent.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        assert!(first.ends_with("│ hello\n"), "{first}");
        drop(stdout);
        let status = exit(&mut silent, TIMEOUT).expect("it does not end");
        assert_eq!(status.code(), Some(0));
        assert!(detached.is_running());
    });
}

#[test]
fn a_topology_that_has_ended_is_not_one_that_runs() {
    for_each_identity(|identity| {
        let detached = up(
            "[ns.@]\nproc.p = { sh = 'echo hello; sleep 1000' }\n",
            identity,
        );
        detached.run(&["down"]);
        for verb in ["logs", "events"] {
            let outcome = detached.nestns(&[verb]);
            assert_eq!(outcome.code, 1);
            assert!(
                outcome.stderr.contains("no topology is running"),
                "{}",
                outcome.stderr
            );
            assert!(
                outcome
                    .stderr
                    .contains("until it is pruned or its name is used again"),
                "{}",
                outcome.stderr
            );
        }
    });
}

#[test]
fn output_shown_in_the_foreground_is_kept() {
    for_each_identity(|identity| {
        let mut running = Nest::new("[ns.@]\nproc.p = { sh = 'echo hello; sleep 1000' }\n")
            .identity(identity)
            .up();
        running.until_stdout_has("hello");
        let output = running
            .nest
            .command(&["logs"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, format!("{}/p  │ hello\n", running.nest.root));
        let ended = running.stop();
        assert_eq!(ended.code, 130);
        assert_eq!(ended.stdout, format!("{}/p  │ hello\n", ended.nest.root));
    });
}

#[test]
fn the_terminal_of_a_detached_topology_is_kept() {
    for_each_identity(|identity| {
        let topology = "[ns.@]\nproc.p = { sh = 'test -t 1 && echo terminal; printf prompt; sleep 1000', tty = true }\n";
        let detached = up(topology, identity);
        let lines = detached.until("it has said something", |detached| {
            let lines = logs(detached, &[]);
            texts(&lines).concat().ends_with("prompt").then_some(lines)
        });
        // A terminal's bytes come in the pieces in which they were written.
        assert_eq!(texts(&lines).concat(), "terminal\rprompt");
        assert!(
            detached
                .run(&["logs"])
                .starts_with(&format!("{}/p  │ ", detached.nest.root))
        );
    });
}

#[test]
fn detached_exec_processes_have_a_log() {
    for_each_identity(|identity| {
        let detached = up(
            "[ns.@]\nproc.p = { cmd = [\"sleep\", \"1000\"] }\n[ns.\"@/in\"]\ninit = \"pause\"\n",
            identity,
        );
        let mut follower = detached.start(&["logs", "-f", "@/in"]);
        let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
        detached.run(&["exec", "-d", "@", "--", "echo", "outer"]);
        detached.run(&[
            "exec",
            "-d",
            "@/in",
            "--",
            "sh",
            "-c",
            "echo inner; echo error >&2",
        ]);
        let line = lines.next().unwrap().unwrap();
        assert!(
            line.starts_with(&format!("{}/in/exec.2", detached.nest.root))
                && line.ends_with("│ inner"),
            "{line}"
        );
        assert!(lines.next().unwrap().unwrap().ends_with("!│ error"));
        detached.until("it has ended", |detached| {
            let snapshot = detached.run(&["events", "--snapshot", "--no-follow"]);
            (!snapshot.contains("exec.")).then_some(())
        });
        assert_eq!(
            texts(&logs(&detached, &["@/in/exec.2"])),
            ["inner", "error"]
        );
        assert_eq!(texts(&logs(&detached, &["@/exec.*"])), ["outer"]);
        assert_eq!(texts(&logs(&detached, &[])), ["outer", "inner", "error"]);
        detached.run(&["down"]);
        assert!(lines.next().is_none());
        assert_eq!(ended(follower).code, 0);
    });
}

#[test]
fn a_full_disk_is_reported_once_and_ends_nothing() {
    require!(nesting(), root());
    let topology = r#"
[ns.@]
proc.p = { sh = 'seq -f "line %g of what does not fit" 1 100000' }
"#;
    let nest = Nest::new(topology);
    let run = nest.directory.path().join("run");
    let script = format!(
        "mount -t tmpfs -o size=512k,mode=700 tmpfs {} && exec \"$@\"",
        path(&run)
    );
    let ended = nest
        .wrapped(&["unshare", "-m", "sh", "-c", &script, "sh"])
        .up()
        .wait();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 100_000);
    assert!(ended.stdout.ends_with("line 100000 of what does not fit\n"));
    assert_eq!(
        ended.stderr.matches("are no longer kept").count(),
        1,
        "{}",
        ended.stderr
    );
}

fn path(path: &Path) -> &str {
    path.to_str().expect("our own path")
}
