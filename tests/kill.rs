//! `nestns kill`: the processes that are signalled, those that are not, and the messages.

use std::fs;
use std::process::{Command, Output, Stdio};

use nestns_client::protocol::client::Client;
use nestns_client::protocol::message::{Reply, Request, Target};
use serde_json::Value;

use crate::harness::detached::Detached;
use crate::harness::identity::for_each_identity;
use crate::harness::nest::{Nest, Running, processes_of, program};
use crate::harness::requirement::{namespaced, nesting, require, root};
use crate::harness::said;

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

/// The command that runs its arguments in a namespace with few numbers.
const WITH_FEW_NUMBERS: [&str; 9] = [
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

/// A topology one of whose processes has ended, and a stranger that has its PID now.
struct Reused {
    running: Running,
    /// The path of the process that has ended.
    path: String,
    /// The document of the process, as it was.
    process: Value,
    /// Its PIDs.
    pids: Vec<i32>,
}

impl Reused {
    fn up() -> Self {
        let topology = "on_exit = \"ignore\"\n[ns.@]\nproc.idle = { actor = \"idle\" }\n\
                        proc.short = { actor = \"idle\", essential = false }\n";
        let mut running = Nest::new(topology).wrapped(&WITH_FEW_NUMBERS).up();
        let truth = running.until_running();
        let path = format!("{}/short", running.nest.root);
        let reused = Self {
            process: truth.process(&path).clone(),
            pids: truth.pids(&path),
            running,
            path,
        };
        let number = reused.number();
        assert!((300..400).contains(&number), "{number}");
        // It ends, and the numbers go round until a stranger has its own.
        reused.succeeds(&["kill", &reused.path]);
        reused.succeeds(&["wait", &reused.path, "--timeout", "50s"]);
        let output = reused.inside(&["sh", "-c", STRANGER, "sh", &number.to_string()]);
        assert!(output.status.success(), "no stranger: {}", said(&output));
        assert!(reused.stranger_lives());
        reused
    }

    /// The PID that the process had in the controller's namespace.
    fn number(&self) -> i32 {
        self.pids[0]
    }

    /// `nestns ARGUMENTS` about the topology.
    fn nestns(&self, words: &[&str]) -> Output {
        let mut command = self.running.nest.outside(program(), words);
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn succeeds(&self, words: &[&str]) {
        let output = self.nestns(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }

    /// Another program in the controller's namespace.
    fn inside(&self, words: &[&str]) -> Output {
        let pid = self.running.first_child().to_string();
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &pid, "--pid", "--mount"])
            .args(words)
            .stdin(Stdio::null());
        command.output().expect("there is nsenter(1)")
    }

    fn stranger_lives(&self) -> bool {
        let number = self.number().to_string();
        self.inside(&["kill", "-0", &number]).status.success()
    }

    /// `/proc/PID/stat` of the stranger.
    fn stat(&self) -> String {
        let output = self.inside(&["cat", &format!("/proc/{}/stat", self.number())]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Asks the controller to kill the stranger, as the process of a path that was started at this time.
    fn ask_to_kill(&self, path: &str, start_time: u64) -> Reply {
        let directory = self.running.nest.state().join(&self.running.nest.root);
        let targets = vec![Target {
            path: path.to_owned(),
            pid: self.number(),
            start_time,
        }];
        let mut client = Client::connect(&directory).unwrap();
        client.ask(Request::Signal { targets, signal: 9 }).unwrap()
    }
}

#[test]
fn a_reused_pid_is_never_signalled() {
    require!(nesting(), root(), namespaced("/proc/sys/kernel/pid_max"));
    let reused = Reused::up();
    let (path, root) = (&reused.path, &reused.running.nest.root);
    let inside = format!("{root}#{}", reused.pids[1]);
    let outside = format!("host#{}", reused.number());
    for words in [
        &["kill", "-s", "KILL", path][..],
        &["kill", "-s", "KILL", &inside],
        &["kill", "-s", "KILL", &outside],
        &["exec", path, "--", "true"],
    ] {
        let output = reused.nestns(words);
        assert!(!output.status.success(), "{words:?}");
        assert!(reused.stranger_lives(), "{words:?}");
    }
    // Whatever these come to: it is not the stranger's affair.
    for words in [
        &["attach", path][..],
        &["pause", path],
        &["pause", root],
        &["resume", root],
        &["wait", path],
        &["inspect", path],
        &["see", path],
    ] {
        reused.nestns(words);
        assert!(reused.stranger_lives(), "{words:?}");
        let stat = reused.stat();
        assert!(stat.contains(") S "), "{words:?}: {stat}");
    }
    // Last, because the process has another number from here on.
    reused.succeeds(&["restart", path]);
    assert!(reused.stranger_lives());
    // The shell that is PID 1 there ends after its command, and takes the stranger along: it was alive until then.
    reused.succeeds(&["down", root]);
    let state = reused.running.nest.state();
    assert!(fs::read_dir(state).is_ok_and(|mut left| left.next().is_none()));
    reused.running.wait();
}

#[test]
fn a_reused_pid_is_not_signalled_through_the_control_socket() {
    require!(nesting(), root(), namespaced("/proc/sys/kernel/pid_max"));
    let reused = Reused::up();
    // The recorded PID, with each start time that a client could have recorded with it.
    let recorded = reused.process["start_time"].as_u64().unwrap();
    for start_time in [recorded, recorded + 1] {
        match reused.ask_to_kill(&reused.path, start_time) {
            Reply::Signalled { reached, ended, .. } => {
                assert!(reached.is_empty());
                assert_eq!(ended, [reused.path.as_str()]);
            }
            other => panic!("{other:?}"),
        }
        assert!(reused.stranger_lives());
    }
    // Not even with its own start time: it is no process of the topology.
    let stat = reused.stat();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let start_time = fields.split(' ').nth(20).unwrap().parse().unwrap();
    assert!(matches!(
        reused.ask_to_kill("stranger", start_time),
        Reply::Signalled { reached, .. } if reached.is_empty()
    ));
    assert!(reused.stranger_lives());
    reused.succeeds(&["down", &reused.running.nest.root]);
    reused.running.wait();
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
