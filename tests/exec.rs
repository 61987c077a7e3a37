//! Programs that come to a standing tree from outside: where they are, what they get, what is left of them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::harness::detached::{Detached, ended};
use crate::harness::identity::Identity;
use crate::harness::nest::{Nest, processes_of, program};
use crate::harness::requirement::{nesting, require};
use crate::harness::socket::Socket;
use crate::harness::terminal::Terminal;
use crate::harness::wait::{TIMEOUT, suspend};

const TREE: &str = r#"
[ns.@]
proc.outer = { actor = "idle" }

[ns."@/in"]
hostname  = "inside"
unshare   = ["mount", "uts", "ipc"]
env       = { WHERE = "inside", BOTH = "namespace" }
proc.idle = { actor = "idle" }

[ns."@/in/deep"]
proc.idle = { actor = "idle" }
"#;

/// Kills the client, which is an unreaped child.
fn kill_client(client: &mut Child) {
    client.kill().expect("it is our child");
    client.wait().expect("it is our child");
}

/// Waits until no process of the nest has this in its command line.
fn until_none_runs(tree: &Detached, word: &str) {
    tree.until(&format!("nobody runs {word}"), |tree| {
        processes_of(&tree.nest)
            .iter()
            .all(|(_, line)| !line.contains(word))
            .then_some(())
    });
}

/// Waits until a process of the nest has this command line, and returns its PID.
fn until_runs(tree: &Detached, word: &str) -> i32 {
    tree.until(&format!("somebody runs {word}"), |tree| {
        let found = processes_of(&tree.nest)
            .into_iter()
            .find(|(_, line)| line.starts_with(word));
        found.map(|(pid, _)| pid)
    })
}

#[test]
fn the_process_is_in_every_namespace_of_the_target() {
    Detached::for_each_identity(TREE, &[], |tree| {
        for (target, init) in [
            ("@/in", "@/in/init"),
            ("@/in/deep", "@/in/deep/init"),
            ("@/in/idle", "@/in/idle"),
        ] {
            let init = tree.truth().host_pid(&init.replace('@', &tree.nest.root));
            // With the host's own /proc: the number that it has there is in `self`.
            let script = "for kind in pid mnt uts ipc net user cgroup time; do readlink /proc/self/ns/$kind; done";
            let inside = tree.run(&["exec", target, "--", "sh", "-c", script]);
            let kinds = ["pid", "mnt", "uts", "ipc", "net", "user", "cgroup", "time"];
            let link = |kind| {
                fs::read_link(format!("/proc/{init}/ns/{kind}"))
                    .unwrap()
                    .display()
                    .to_string()
            };
            assert_eq!(
                inside.lines().collect::<Vec<_>>(),
                kinds.map(link),
                "{target}"
            );
        }
        assert_eq!(tree.run(&["exec", "@/in", "uname", "-n"]), "inside\n");
        let script = "echo $PPID; readlink /proc/self/ns/pid";
        let inside = tree.run(&["exec", "@/in/deep", "sh", "-c", script]);
        assert!(
            inside.starts_with("0\npid:"),
            "its parent is outside: {inside}"
        );
        // Only the PID namespace: the host name is still the caller's.
        let own = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(
            tree.run(&["exec", "--only", "pid", "@/in", "uname", "-n"]),
            own
        );
    });
}

#[test]
fn the_status_is_that_of_the_program() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let code = |arguments: &[&str]| tree.nestns(&[&["exec", "@/in"], arguments].concat()).code;
        assert_eq!(code(&["true"]), 0);
        assert_eq!(code(&["--", "sh", "-c", "exit 7"]), 7);
        assert_eq!(code(&["sh", "-c", "kill -9 $$"]), 137);
        assert_eq!(code(&["sh", "-c", "kill -USR1 $$"]), 138);
        assert_eq!(code(&["/etc/passwd"]), 126);
        assert_eq!(code(&["no-such-program"]), 127);
        assert_eq!(code(&["/no/such/program"]), 127);
        let outcome = tree.nestns(&["exec", "-w", "/no/such/directory", "@/in", "true"]);
        assert_eq!(outcome.code, 125, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("/no/such/directory"),
            "{}",
            outcome.stderr
        );
        let outcome = tree.nestns(&["exec", "@/im", "true"]);
        assert_eq!(outcome.code, 1);
        assert!(
            outcome.stderr.contains(&format!("{}/in", tree.nest.root)),
            "the nearest name: {}",
            outcome.stderr
        );
        let outcome = tree.nestns(&["exec", "@/*", "true"]);
        assert_eq!(outcome.code, 1, "several: {}", outcome.stderr);
        assert_eq!(
            tree.nestns(&["exec", "@/in", "-u", "no-such-user", "true"])
                .code,
            2
        );
    });
}

#[test]
fn environment_directory_and_user_are_as_requested() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let script = "echo $WHERE $BOTH $NEW $PWD; test -r \"$NESTNS_TRUTH\" && echo truth";
        let said = tree.run(&[
            "exec",
            "-e",
            "BOTH=mine",
            "-e",
            "NEW=x=y",
            "-w",
            "/usr",
            "@/in",
            "sh",
            "-c",
            script,
        ]);
        assert_eq!(said, "inside mine x=y /usr\ntruth\n");
        let mut command = tree.command(&["exec", "-e", "GIVEN", "@/in", "sh", "-c", "echo $GIVEN"]);
        let output = command
            .env("GIVEN", "by the caller")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "by the caller\n");
        if tree.nest.identity == Identity::Own && nix::unistd::geteuid().is_root() {
            assert_eq!(
                tree.run(&[
                    "exec",
                    "-u",
                    "12345:54321",
                    "@/in",
                    "sh",
                    "-c",
                    "id -u; id -g"
                ]),
                "12345\n54321\n"
            );
        }
        // Without a program it is the caller's shell.
        let mut command = tree.command(&["exec", "@/in"]);
        let mut child = command
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"echo I am $0; exit 3\n")
            .unwrap();
        let outcome = ended(child);
        assert_eq!((outcome.code, &*outcome.stdout), (3, "I am /bin/sh\n"));
    });
}

#[test]
fn closed_streams_are_dev_null() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let place = format!("{}/in", tree.nest.root);
        let by_hand = |script: &str| {
            let program = program().to_str().expect("our own path");
            let mut shell = tree
                .nest
                .other_command(Path::new("/bin/sh"), &["-c", script, program, &place]);
            ended(
                shell
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap(),
            )
        };
        let outcome = by_hand("\"$0\" exec \"$1\" -- readlink /proc/self/fd/0 <&-");
        assert_eq!(
            (outcome.code, &*outcome.stdout, &*outcome.stderr),
            (0, "/dev/null\n", "")
        );
        let outcome =
            by_hand("\"$0\" exec \"$1\" -- sh -c 'test /proc/$$/fd/1 -ef /dev/null && exit 7' >&-");
        assert_eq!(
            (outcome.code, &*outcome.stdout, &*outcome.stderr),
            (7, "", "")
        );
        let outcome = by_hand("\"$0\" exec \"$1\" -- readlink /proc/self/fd/2 <&- 2>&-");
        assert_eq!(
            (outcome.code, &*outcome.stdout, &*outcome.stderr),
            (0, "/dev/null\n", "")
        );
    });
}

#[test]
fn the_streams_are_those_of_the_caller() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let outcome = tree.nestns(&["exec", "@/in", "sh", "-c", "echo out; echo err >&2"]);
        assert_eq!((&*outcome.stdout, &*outcome.stderr), ("out\n", "err\n"));
        // Every byte, and so many of them that nothing of it fits anywhere in between.
        let megabytes = if std::env::var_os("NESTNS_LONG").is_some() {
            1024
        } else {
            48
        };
        let mut child = tree
            .command(&["exec", "-i", "@/in/deep", "--", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let block: Vec<u8> = (0..1 << 20)
            .map(|place: u32| (place.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let mut stdin = child.stdin.take().unwrap();
        let sent = block.clone();
        let writer = std::thread::spawn(move || {
            (0..megabytes).for_each(|_| stdin.write_all(&sent).unwrap());
        });
        let mut stdout = child.stdout.take().unwrap();
        let mut received = vec![0; block.len()];
        for _ in 0..megabytes {
            stdout.read_exact(&mut received).unwrap();
            assert!(received == block, "bytes have changed");
        }
        assert_eq!(stdout.read(&mut received).unwrap(), 0, "and no more");
        writer.join().unwrap();
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn signals_of_the_client_are_forwarded() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let script = "trap 'echo got INT; exit 5' INT; echo ready; while :; do sleep 0.05; done";
        let mut child = tree.start(&["exec", "@/in", "sh", "-c", script]);
        let mut ready = [0; 6];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
        let outcome = ended(child);
        assert_eq!((outcome.code, &*outcome.stdout), (5, "got INT\n"));
    });
}

#[test]
fn a_killed_client_leaves_no_process_of_its_session() {
    Detached::for_each_identity(TREE, &[], |tree| {
        // A process that ignores SIGHUP, and its children.
        let script = "trap '' HUP; sleep 1111 & sleep 1112 & while :; do sleep 0.1; done";
        let mut child = tree.start(&["exec", "@/in/deep", "sh", "-c", script]);
        until_runs(tree, "sleep 1112");
        kill_client(&mut child);
        until_none_runs(tree, "sleep 11");
        until_none_runs(tree, "trap");
        // init, idle, and the three of this very pipe.
        tree.until("nobody else is in there", |tree| {
            let said = tree.run(&[
                "exec",
                "@/in/deep",
                "sh",
                "-c",
                "ls /proc | grep -c '^[0-9]'",
            ]);
            (said.trim().parse::<u32>().unwrap() <= 5).then_some(())
        });
    });
}

#[test]
fn ten_exec_processes_do_not_delay_a_stop() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let script = "trap '' HUP TERM INT; while :; do sleep 1000; done";
        let mut children: Vec<Child> = (0..10)
            .map(|place| {
                let target = ["@", "@/in", "@/in/deep"][place % 3];
                tree.start(&["exec", target, "sh", "-c", script])
            })
            .collect();
        tree.until("ten of them run", |tree| {
            let found = processes_of(&tree.nest);
            (found
                .iter()
                .filter(|(_, line)| line.starts_with("sleep 1000"))
                .count()
                == 10)
                .then_some(())
        });
        let began = Instant::now();
        tree.run(&["down", "@"]);
        // The default grace is ten seconds, and no process of the tree itself takes any of it.
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
        for child in children.drain(..) {
            let outcome = ended(child);
            assert_eq!(outcome.code, 137, "{}", outcome.stderr);
        }
    });
}

#[test]
fn nothing_starts_in_a_namespace_that_is_stopping() {
    require!(nesting());
    let topology = "[ns.@]\nproc.deaf = { actor = \"ignore-term\", stop = { grace = \"30s\" } }\nstop.grace = \"30s\"\n";
    let tree = Detached::up(Nest::new(topology));
    let mut down = tree.start(&["down", "@"]);
    let end = Instant::now() + TIMEOUT;
    loop {
        let outcome = tree.nestns(&["exec", "@", "true"]);
        if outcome.code == 125 {
            assert!(
                outcome.stderr.contains("being stopped"),
                "{}",
                outcome.stderr
            );
            break;
        }
        assert!(Instant::now() < end, "{}", outcome.stderr);
    }
    tree.run(&["down", "@", "--now"]);
    down.wait().unwrap();
}

#[test]
fn a_stopped_controller_is_reported_and_starts_nothing_afterwards() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let controller = tree.controller();
        suspend(controller);
        let outcome = tree.nestns(&["exec", "@/in", "--", "touch", "@.late"]);
        kill(controller, Signal::SIGCONT).expect("it runs");
        assert_eq!(outcome.code, 125, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("is stopped, as by Ctrl-Z"),
            "{}",
            outcome.stderr
        );
        // It serves one after another: what came before this has been served or dropped.
        assert_eq!(tree.run(&["exec", "@/in", "--", "echo", "here"]), "here\n");
        assert!(!tree.run(&["events", "--no-follow"]).contains("@.late"));
    });
}

#[test]
fn a_request_of_a_disconnected_client_is_dropped() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let controller = tree.controller();
        let mut client = Socket::connect(&tree.nest.state().join(&tree.nest.root));
        let execution = |word: &str| {
            let namespace = format!("{}/in", tree.nest.root);
            let argv = ["true", word];
            json!({ "execute": { "namespace": namespace, "argv": argv, "env": {}, "set": {}, "terminal": false, "detached": true } })
        };
        client.call(&execution("awaited"));
        suspend(controller);
        client.request(&execution("abandoned"));
        drop(client);
        kill(controller, Signal::SIGCONT).expect("it runs");
        // It serves one after another: what came before this has been served or dropped.
        assert_eq!(tree.run(&["exec", "@/in", "--", "echo", "here"]), "here\n");
        let events = tree.run(&["events", "--no-follow"]);
        assert!(
            events.contains("awaited") && !events.contains("abandoned"),
            "{events}"
        );
    });
}

#[test]
fn all_prefixes_lines_and_returns_the_worst_status() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let root = &tree.nest.root;
        let outcome = tree.nestns(&[
            "exec",
            "--all",
            "@/**",
            "--",
            "sh",
            "-c",
            "echo hello; test \"$WHERE\" != inside || exit 9",
        ]);
        assert_eq!(outcome.code, 9, "{}", outcome.stderr);
        let mut lines: Vec<String> = outcome
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                format!("{root}/in │ hello"),
                format!("{root}/in/deep │ hello")
            ]
        );
    });
}

#[test]
fn a_detached_process_runs_alone_and_its_output_is_kept() {
    Detached::for_each_identity(TREE, &[], |tree| {
        let script = "echo from $$; echo wrong >&2; exec sleep 1234";
        let path = tree.run(&["exec", "-d", "@/in", "sh", "-c", script]);
        let path = path.trim();
        assert_eq!(path, format!("{}/in/exec.1", tree.nest.root));
        until_runs(tree, "sleep 1234");
        // Its client is gone; the process is not.
        let rows = tree.document(&["ps", path, "--format", "json"]);
        assert_eq!(
            (
                &rows["processes"][0]["state"],
                &rows["processes"][0]["enter"]
            ),
            (&"running".into(), &"exec".into())
        );
        tree.until("its output is kept", |tree| {
            let log = tree.run(&["logs", path]);
            (log.contains("from ") && log.contains("wrong")).then_some(())
        });
        assert_eq!(
            tree.nestns(&["exec", "-d", "@/in", "no-such-program"]).code,
            127
        );
        // Its exit is known to clients that wait for it, and to later ones.
        let brief = tree.run(&["exec", "-d", "@/in", "sh", "-c", "sleep 0.2; exit 5"]);
        for _ in 0..2 {
            let outcome = tree.nestns(&["wait", brief.trim(), "--exit-code"]);
            assert_eq!(
                (outcome.code, outcome.stdout),
                (5, format!("{}: 5\n", brief.trim())),
                "{}",
                outcome.stderr
            );
        }
        assert_eq!(tree.nestns(&["wait", "@/in/exec.999"]).code, 1);
        let on_a_terminal = tree.run(&[
            "exec",
            "-d",
            "-t",
            "@/in",
            "sh",
            "-c",
            "test -t 0 && exec sleep 1235",
        ]);
        until_runs(tree, "sleep 1235");
        tree.run(&["kill", "-s", "KILL", on_a_terminal.trim()]);
        until_none_runs(tree, "sleep 1235");
        tree.run(&["kill", path]);
        until_none_runs(tree, "sleep 1234");
    });
}

#[test]
fn a_terminal_has_job_control_and_a_size_and_is_restored() {
    Terminal::for_each_identity_beside(TREE, |terminal| {
        let root = terminal.nest.root.clone();
        terminal.send(format!(
            "PS1='out> ' $N exec -it -e PS1='in> ' {root}/in -- bash --norc --noediting\r"
        ));
        terminal.until_raw();
        terminal.expect("\nin> ");
        terminal.send("stty size; tty\r");
        terminal.expect("24 80");
        terminal.expect("/dev/pts/");
        terminal.resize(50, 132);
        terminal.send("\r\rstty size\r");
        terminal.expect("50 132");
        terminal.send("sleep 1000\r");
        terminal.until("the job has the foreground", |terminal| {
            processes_of(&terminal.nest)
                .iter()
                .any(|(_, line)| line.starts_with("sleep 1000"))
                .then_some(())
        });
        terminal.send("\x1a");
        terminal.expect("Stopped");
        terminal.expect("in> ");
        // bash does not leave as long as it knows of a job that is stopped.
        terminal.send(
            "kill -KILL %1; while kill -0 %1 2>/dev/null; do sleep 0.01; done; wait; echo over\r",
        );
        terminal.expect("\nover");
        terminal.send("exit 6\r");
        terminal.expect("$ ");
        terminal.send("echo status $?; stty -a | grep -c ' icanon'\r");
        terminal.expect("\r\nstatus 6");
        terminal.expect("1");
        terminal.expect("$ ");
        terminal.send("$N down --now\r");
        terminal.expect("stopped in");
    });
}
