//! `nestns kill`: the processes that are signalled, those that are not, and the messages.

use std::fs;
use std::process::{Command, Stdio};

use nestns_client::protocol::client::Client;
use nestns_client::protocol::message::{Reply, Request, Target};
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, Running, processes_of, program};
use crate::harness::requirement::{namespaced, nesting, require, root};

const TREE: &str = r#"
on_exit = "ignore"
[ns.@]
proc.idle = { actor = "idle" }
proc.job = { actor = "idle" }
[ns."@/w"]
count = 3
proc.job = { actor = "idle", labels = { tier = "web" } }
[ns."@/deep"]
proc.job = { actor = "idle" }
[ns."@/deep/in"]
proc.job = { actor = "idle" }
"#;

/// A PID 1 that handles nothing, and one that hears USR1.
const DEAF: &str = r#"
on_exit = "ignore"
[ns.@]
proc.idle = { actor = "idle" }
proc.hears = { sh = "trap 'touch DIRECTORY/heard' USR1; touch DIRECTORY/up; while :; do sleep 0.02; done" }
[ns."@/deaf"]
init = ["sleep", "100000"]
[ns."@/ignores"]
init = { actor = "ignore-term" }
"#;

/// Waits until a process has ended, and says how.
fn exit_of(detached: &Detached, path: &str) -> String {
    detached.run(&["wait", path, "--timeout", "50s"])
}

#[test]
fn a_process_is_signalled_by_path_and_by_pid() {
    Detached::for_each_identity(TREE, &[], |detached| {
        let root = &detached.nest.root;
        assert_eq!(detached.run(&["kill", "@/idle"]), format!("{root}/idle\n"));
        assert_eq!(exit_of(detached, "@/idle"), format!("{root}/idle: 0\n"));

        let pids = detached.truth().pids(&format!("{root}/deep/job"));
        let inside = format!("@/deep#{}", pids[2]);
        assert_eq!(
            detached.run(&["kill", "-s", "sigkill", &inside]),
            format!("{root}/deep/job\n")
        );
        assert_eq!(
            exit_of(detached, "@/deep/job"),
            format!("{root}/deep/job: KILL\n")
        );
        // A PID that is not in use, and a namespace with other PIDs.
        let again = detached.nestns(&["kill", &inside]);
        assert_eq!(again.code, 1);
        assert!(again.stderr.contains("which has ended"), "{}", again.stderr);

        let host = detached.truth().host_pid(&format!("{root}/w.1/job"));
        assert_eq!(detached.run(&["kill", "-q", &format!("host#{host}")]), "");
        assert_eq!(
            exit_of(detached, "@/w.1/job"),
            format!("{root}/w.1/job: 0\n")
        );
    });
}

#[test]
fn a_namespace_is_its_pid_1() {
    Detached::for_each_identity(TREE, &[], |detached| {
        let root = &detached.nest.root;
        assert_eq!(
            detached.run(&["kill", "-s", "KILL", "@/deep"]),
            format!("{root}/deep/init\n")
        );
        detached.run(&[
            "wait",
            "@/deep",
            "@/deep/in/job",
            "--for",
            "gone",
            "--timeout",
            "50s",
        ]);
        let left = processes_of(&detached.nest);
        assert!(
            !left
                .iter()
                .any(|(_, title)| title.contains(&format!("{root}/deep"))),
            "{left:?}"
        );
        assert!(
            left.iter()
                .any(|(_, title)| title.contains(&format!("{root}/w.2/job"))),
            "{left:?}"
        );
    });
}

#[test]
fn an_address_of_several_processes_requires_all() {
    Detached::for_each_identity(TREE, &[], |detached| {
        let root = &detached.nest.root;
        for words in [
            &["kill", "@/w"][..],
            &["kill", "."],
            &["kill"],
            &["kill", "@/w#2"],
        ] {
            let outcome = detached.nestns(words);
            assert_eq!(
                (outcome.code, outcome.stdout.as_str()),
                (1, ""),
                "{words:?}"
            );
            assert!(
                outcome.stderr.contains("nothing was sent") && outcome.stderr.contains("--all"),
                "{outcome:?}"
            );
        }
        let three = [0, 1, 2]
            .map(|index| format!("{root}/w.{index}/job\n"))
            .concat();
        // CONT ends no process, so that they can be signalled again.
        for words in [
            &["kill", "-s", "CONT", "@/w.*/job"][..],
            &["kill", "-s", "CONT", "**/w.0..2/{job,nothing}"],
            &["kill", "-s", "CONT", "@/w/job", "--all"],
            &["kill", "-s", "CONT", "--label", "tier=web"],
            &[
                "kill",
                "-s",
                "CONT",
                "-l",
                "tier",
                "--state",
                "running,ready",
            ],
            &[
                "kill",
                "-s",
                "CONT",
                "@/w.2/job",
                "@/w.0/job",
                "@/w.1/job",
                "@/w.0/job",
            ],
        ] {
            assert_eq!(detached.run(words), three, "{words:?}");
        }
        let all = detached.run(&["kill", "-s", "CONT", "--all"]);
        assert_eq!(all.lines().count(), 13, "{all}");
        let inside = detached.run(&["kill", "-s", "CONT", "-r", "@/deep"]);
        let expected = ["deep/init", "deep/job", "deep/in/init", "deep/in/job"];
        assert_eq!(
            inside,
            expected.map(|path| format!("{root}/{path}\n")).concat()
        );
    });
}

#[test]
fn a_signal_that_the_kernel_would_drop_is_not_sent_and_does_not_affect_others() {
    Detached::for_each_identity(DEAF, &[], |detached| {
        detached.until("it listens", |detached| {
            detached
                .nest
                .directory
                .path()
                .join("up")
                .exists()
                .then_some(())
        });
        let root = &detached.nest.root;
        let outcome = detached.nestns(&["kill", "-s", "USR1", "@/deaf"]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
        let said = format!("`{root}/deaf/init` is a PID 1 that does not handle USR1");
        assert!(outcome.stderr.contains(&said), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("nothing was sent"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("`-s KILL`"), "{}", outcome.stderr);
        let outcome = detached.nestns(&["kill", "@/ignores"]);
        assert!(
            outcome.code == 1 && outcome.stderr.contains("not handle TERM"),
            "{outcome:?}"
        );
        assert!(!detached.nest.directory.path().join("heard").exists());

        let outcome = detached.nestns(&["kill", "-s", "USR1", "@/deaf", "@/hears"]);
        assert_eq!(
            (outcome.code, outcome.stdout),
            (1, format!("{root}/hears\n"))
        );
        assert!(
            outcome
                .stderr
                .contains(&format!("{said}, so the kernel would drop it")),
            "{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("nothing was sent to it"),
            "{}",
            outcome.stderr
        );
        detached.until("it has heard", |detached| {
            detached
                .nest
                .directory
                .path()
                .join("heard")
                .exists()
                .then_some(())
        });
        detached.run(&["kill", "-s", "KILL", "@/deaf", "@/ignores"]);
        detached.run(&[
            "wait",
            "@/deaf",
            "@/ignores",
            "--for",
            "gone",
            "--timeout",
            "50s",
        ]);
    });
}

#[test]
fn exited_processes_are_reported_when_they_were_named() {
    Detached::for_each_identity(TREE, &[], |detached| {
        let root = &detached.nest.root;
        detached.run(&["kill", "@/w.1/job"]);
        exit_of(detached, "@/w.1/job");
        let outcome = detached.nestns(&["kill", "-s", "CONT", "@/w.1/job", "@/w.0/job"]);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (1, format!("{root}/w.0/job\n").as_str())
        );
        assert!(
            outcome
                .stderr
                .contains(&format!("`{root}/w.1/job` has already ended")),
            "{}",
            outcome.stderr
        );
        // It is not among the matching processes that still exist.
        assert_eq!(
            detached
                .run(&["kill", "-s", "CONT", "@/w.*/job"])
                .lines()
                .count(),
            2
        );
    });
}

/// PID 1 of a namespace with few numbers: the tree is inside, and so are the strangers.
const FEW_NUMBERS: &str =
    "echo 400 > /proc/sys/kernel/pid_max && echo 320 > /proc/sys/kernel/ns_last_pid && \"$@\"";

/// Starts programs in a namespace until one of them has this number there, and leaves that one running.
const STRANGER: &str = r#"
tries=0
while [ $tries -lt 5000 ]; do
    sleep 100000 > /dev/null 2>&1 & if [ $! = "$1" ]; then echo $!; exit 0; fi
    kill -KILL $!; wait $! 2>/dev/null; tries=$((tries + 1))
done
exit 1
"#;

/// The controller's host namespace, by a process in it.
fn in_namespace_of(running: &Running, words: &[&str]) -> std::process::Output {
    let pid = running.first_child().to_string();
    let mut command = Command::new("nsenter");
    command
        .args(["--target", &pid, "--pid", "--mount"])
        .args(words)
        .stdin(Stdio::null());
    command.output().expect("there is nsenter(1)")
}

/// Signals a stranger by its PID through the control socket, with each start time that a client could have recorded.
fn signal_stranger(running: &Running, path: &str, process: &Value, number: i32) {
    let lives = || {
        in_namespace_of(running, &["kill", "-0", &number.to_string()])
            .status
            .success()
    };
    // The recorded PID, with the start time that was recorded with it.
    let mut client = Client::connect(&running.nest.state().join(&running.nest.root)).unwrap();
    let start_time = process["start_time"].as_u64().unwrap();
    for start_time in [start_time, start_time + 1] {
        let targets = vec![Target {
            path: path.to_owned(),
            pid: number,
            start_time,
        }];
        match client.ask(Request::Signal { targets, signal: 9 }) {
            Ok(Reply::Signalled { reached, ended, .. }) => {
                assert!(reached.is_empty());
                assert_eq!(ended, [path]);
            }
            other => panic!("{other:?}"),
        }
        assert!(lives());
    }
    // Not even with its own start time: it is no process of the topology.
    let stat = in_namespace_of(running, &["cat", &format!("/proc/{number}/stat")]).stdout;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    let start_time = stat[stat.rfind(')').unwrap()..]
        .split(' ')
        .nth(20)
        .unwrap()
        .parse()
        .unwrap();
    let targets = vec![Target {
        path: "stranger".to_owned(),
        pid: number,
        start_time,
    }];
    assert!(matches!(
        client.ask(Request::Signal { targets, signal: 9 }),
        Ok(Reply::Signalled { reached, .. }) if reached.is_empty()
    ));
    assert!(lives());
}

#[test]
fn a_reused_pid_is_never_signalled() {
    require!(nesting(), root(), namespaced("/proc/sys/kernel/pid_max"));
    let topology = "on_exit = \"ignore\"\n[ns.@]\nproc.idle = { actor = \"idle\" }\n\
                    proc.short = { actor = \"idle\", essential = false }\n";
    let wrapper = [
        "unshare",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child",
        "sh",
        "-c",
        FEW_NUMBERS,
        "sh",
    ];
    let mut running = Nest::new(topology).wrapped(&wrapper).up();
    let truth = running.until_running();
    let root = running.nest.root.clone();
    let path = format!("{root}/short");
    let process = truth.process(&path).clone();
    let number = truth.host_pid(&path);
    assert!((300..400).contains(&number), "{number}");
    let nestns = |words: &[&str]| {
        running
            .nest
            .outside(program(), words)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stderr).into_owned();

    // It ends, and the numbers go round until a stranger has its own.
    let killed = nestns(&["kill", &path]);
    assert!(killed.status.success(), "{}", said(&killed));
    let ended = nestns(&["wait", &path, "--timeout", "50s"]);
    assert!(ended.status.success(), "{}", said(&ended));
    let output = in_namespace_of(&running, &["sh", "-c", STRANGER, "sh", &number.to_string()]);
    assert!(output.status.success(), "no stranger: {}", said(&output));
    let lives = || {
        in_namespace_of(&running, &["kill", "-0", &number.to_string()])
            .status
            .success()
    };
    assert!(lives());

    for words in [
        &["kill", "-s", "KILL", &path][..],
        &[
            "kill",
            "-s",
            "KILL",
            &format!("{root}#{}", truth.pids(&path)[1]),
        ],
        &["kill", "-s", "KILL", &format!("host#{number}")],
        &["exec", &path, "--", "true"],
    ] {
        let output = nestns(words);
        assert!(!output.status.success(), "{words:?}");
        assert!(lives(), "{words:?}");
    }
    // Whatever these come to: it is not the stranger's affair.
    for words in [
        &["attach", &path][..],
        &["pause", &path],
        &["pause", &root],
        &["resume", &root],
        &["wait", &path],
        &["inspect", &path],
        &["see", &path],
    ] {
        nestns(words);
        assert!(lives(), "{words:?}");
        let state = in_namespace_of(
            &running,
            &[
                "sh",
                "-c",
                &format!("read -r stat < /proc/{number}/stat; echo $stat"),
            ],
        );
        let state = String::from_utf8_lossy(&state.stdout).into_owned();
        assert!(state.contains(") S "), "{words:?}: {state}");
    }
    signal_stranger(&running, &path, &process, number);
    // Last, because it has another number from here on.
    let restarted = nestns(&["restart", &path]);
    assert!(restarted.status.success(), "{}", said(&restarted));
    assert!(lives());
    let down = nestns(&["down", &root]);
    // The shell that is PID 1 there ends after its command, and takes the stranger along: it was alive until then.
    assert!(down.status.success(), "{}", said(&down));
    assert!(fs::read_dir(running.nest.state()).is_ok_and(|mut left| left.next().is_none()));
    running.wait();
}

/// A process that waits for another one is released by that alone, whatever is sent to it meanwhile.
#[test]
fn a_signal_does_not_start_a_process_that_waits() {
    let topology = r#"
on_exit = "ignore"
[ns.@]
proc.gate = { sh = "touch DIRECTORY/up; sleep 100000", ready = { file = "DIRECTORY/open" } }
proc.waits = { sh = "touch DIRECTORY/started; sleep 100000", after = { gate = "ready" } }
"#;
    for_each_identity(|identity| {
        let detached = Detached::up(
            Nest::new(topology)
                .identity(identity)
                .arguments(&["--no-wait"]),
        );
        let directory = detached.nest.directory.path().to_owned();
        let outcome = detached.nestns(&["kill", "-s", "USR1", "@/waits"]);
        assert_eq!(outcome.code, 1, "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("it has not started yet"),
            "{}",
            outcome.stderr
        );
        let state = |wanted: &str| {
            detached
                .run(&["ps", "-o", "state", "--no-header", "@/waits"])
                .trim()
                == wanted
        };
        assert!(state("created") && !directory.join("started").exists());
        fs::write(directory.join("open"), "").expect("the directory is writable");
        detached.run(&["wait", "@/waits", "--for", "started", "--timeout", "50s"]);
    });
}
