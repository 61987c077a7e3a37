//! Every example does what its comments promise, for root and for an ordinary user.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::Nestns;
use crate::harness::example;
use crate::harness::identity::{Identity, for_each_identity};
use crate::harness::nest::{Ended, Nest, Running, Truth, assert_nothing_left};
use crate::harness::requirement::{nesting, own_pid_max, require};
use crate::harness::terminal::Terminal;

/// The example as a nest of its own, under a name of its own.
fn nest(name: &str, identity: Identity) -> Nest {
    let nest = Nest::new(&example::text(name)).identity(identity);
    let unique = nest.root.clone();
    nest.arguments(&["--name", &unique])
}

/// Stops it by Ctrl-C and makes sure that every process of its truth is gone.
fn stop(running: Running, truth: &Truth) -> Ended {
    let ended = running.stop();
    assert_eq!(ended.code, 130, "{}", ended.stderr);
    gone(truth);
    ended
}

fn gone(truth: &Truth) {
    for path in truth.paths() {
        let (pid, began) = (truth.host_pid(&path), &truth.process(&path)["start_time"]);
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        // The PID may have been reused.
        let now = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .nth(19)
            .unwrap()
            .to_owned();
        assert_ne!(began.to_string(), now, "{path} is left");
    }
}

fn status_line(pid: i32, key: &str) -> Vec<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .expect("the kernel says so");
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_example_is_valid() {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    for path in entries.map(|entry| entry.unwrap().path()) {
        // The schema lies beside them, for the editor.
        let is_topology = path.extension().is_some_and(|end| end == "toml");
        if !is_topology {
            continue;
        }
        let outcome = Nestns::new(&["check", "--strict", path.to_str().unwrap()]).run();
        assert_eq!(
            (outcome.code, outcome.stdout.as_str()),
            (0, ""),
            "{}: {}",
            path.display(),
            outcome.stderr
        );
        assert!(
            !outcome.stderr.contains("warning") && !outcome.stderr.contains("error"),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn the_expectations_of_the_examples_about_pids_hold() {
    require!(nesting(), own_pid_max());
    for_each_identity(|identity| {
        for name in ["chosen-pids.toml", "pid-reuse.toml"] {
            let nest = nest(name, identity);
            let words = ["test", nest.file_name(), "--name", &nest.root];
            let output = nest.command(&words).output().expect("it was built");
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{name} {identity:?}: {told}");
            assert!(told.contains("passed, 0 failed"), "{name}: {told}");
        }
    });
}

#[test]
fn every_example_names_its_schema_first() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for path in fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if path.extension().is_some_and(|end| end == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.starts_with("#:schema ./topology.schema.json\n# "),
                "{}",
                path.display()
            );
        }
    }
    let schema = fs::read(directory.join("topology.schema.json")).unwrap();
    assert_eq!(
        schema,
        fs::read(directory.join("../schemas/topology.schema.json")).unwrap()
    );
}

#[test]
fn dind_has_the_expected_pids_and_stops_without_a_kill() {
    for_each_identity(|identity| {
        let mut running = nest("dind.toml", identity).up();
        let truth = running.until_running();
        assert_eq!(
            truth.pids("vm/ci/runner")[1..],
            [7, 4],
            "4 in `vm/ci` and 7 in `vm`"
        );
        assert_eq!(
            status_line(truth.host_pid("vm/ci/runner"), "NSpid:")[1..],
            ["7", "4"]
        );
        running.until_stdout_has("runner: PID 4 on ci-runner");
        running.until_stdout_has("runner: step 3");
        let ended = stop(running, &truth);
        assert!(
            ended
                .stdout
                .lines()
                .any(|line| line.starts_with("vm/ci/runner ")
                    && line.ends_with("│ runner: asked to stop"))
        );
        assert!(!ended.stderr.contains("killed"), "{}", ended.stderr);
    });
}

#[test]
fn dind_with_a_shorter_grace_outside_is_warned_about() {
    let changed = example::text("dind.toml").replace("grace = \"12s\"", "grace = \"1s\"");
    let outcome = Nestns::new(&["check", "-"]).input(changed).run();
    assert!(
        format!("{}{}", outcome.stdout, outcome.stderr).contains("NS301"),
        "{outcome:?}"
    );
}

#[test]
fn the_containers_of_a_pod_join_or_are_alone() {
    for_each_identity(|identity| {
        let mut running = nest("pod.toml", identity).up();
        let truth = running.until_running();
        for name in ["app", "envoy", "logtail"] {
            let process = truth.process(&format!("node/web/{name}"));
            let ppids = process["ppids"].as_array().unwrap();
            assert_eq!(ppids.last().unwrap(), 0, "{process}");
            assert_eq!(process["enter"], "join");
        }
        assert_eq!(truth.pids("node/batch-main/init").last(), Some(&1));
        assert_eq!(truth.pids("node/batch-sidecar/init").last(), Some(&1));
        let namespace =
            |path: &str| fs::read_link(format!("/proc/{}/ns/pid", truth.host_pid(path)));
        if let (Ok(main), Ok(sidecar)) = (
            namespace("node/batch-main/init"),
            namespace("node/batch-sidecar/init"),
        ) {
            assert_ne!(main, sidecar);
        }
        running.until_stdout_has("node/web/app ");
        running.until_stdout_has("node/web/logtail ");
        stop(running, &truth);
    });
}

#[test]
fn the_innermost_process_of_the_chain_has_four_numbers() {
    for_each_identity(|identity| {
        let mut running = nest("chain.toml", identity).up();
        let truth = running.until_running();
        assert_eq!(truth.pids("a/b/c/probe").len(), 4);
        running.until_stdout_has("NSpid:");
        let numbers = status_line(truth.host_pid("a/b/c/probe"), "NSpid:");
        assert_eq!(numbers.len(), 4, "{numbers:?}");
        let ended = stop(running, &truth);
        let line = ended
            .stdout
            .lines()
            .find(|line| line.contains("NSpid:"))
            .unwrap();
        let (path, seen) = line.split_once("│ NSpid:").unwrap();
        // The grep is a child of `probe`: its number is another, and one alone.
        assert!(path.starts_with("a/b/c/probe"), "{line}");
        assert_eq!(seen.split_whitespace().count(), 1, "{line}");
    });
}

#[test]
fn with_the_outer_proc_the_probe_of_the_chain_has_two_numbers() {
    for_each_identity(|identity| {
        let changed = example::text("chain.toml")
            .replace("[ns.\"a/b/c\"]\n", "[ns.\"a/b/c\"]\nmount_proc = false\n");
        let nest = Nest::new(&changed).identity(identity);
        let unique = nest.root.clone();
        let mut running = nest.arguments(&["--name", &unique]).up();
        let truth = running.until_running();
        running.until_stdout_has("NSpid:");
        let ended = stop(running, &truth);
        let line = ended
            .stdout
            .lines()
            .find_map(|line| line.split_once("NSpid:"))
            .unwrap()
            .1;
        assert_eq!(line.split_whitespace().count(), 2, "{line}");
    });
}

#[test]
fn a_kind_cluster_has_its_pods_inside_its_nodes() {
    for_each_identity(|identity| {
        let mut running = nest("kind.toml", identity).up();
        let truth = running.until_running();
        let nodes = ["control-plane", "worker.0", "worker.1"];
        for node in nodes {
            // Moved into the node from outside: a number in it, a parent outside, and no further.
            let agent = truth.process(&format!("{node}/agent"));
            assert_eq!(agent["enter"], "join");
            assert_eq!(
                agent["ppids"].as_array().unwrap().last().unwrap(),
                0,
                "{agent}"
            );
            assert_eq!(truth.pids(&format!("{node}/agent")).len(), 2);
        }
        for pod in [
            "control-plane/etcd",
            "control-plane/apiserver",
            "worker.0/web",
            "worker.1/web",
        ] {
            assert_eq!(truth.pids(&format!("{pod}/app")).len(), 3, "{pod}");
            assert_eq!(
                truth.process(&format!("{pod}/app"))["ppids"]
                    .as_array()
                    .unwrap()
                    .last()
                    .unwrap(),
                0,
                "{pod}"
            );
        }
        assert_eq!(truth.pids("worker.1/batch/init").last(), Some(&1));
        running.until_stdout_has("worker.1/web/app ");
        let ended = stop(running, &truth);
        assert!(!ended.stderr.contains("killed"), "{}", ended.stderr);
    });
}

#[test]
fn fan_has_the_requested_number_of_workers() {
    for_each_identity(|identity| {
        let mut running = nest("fan.toml", identity)
            .arguments(&["--set", "workers=3"])
            .up();
        let truth = running.until_running();
        let workers: Vec<_> = truth
            .paths()
            .into_iter()
            .filter(|path| path.ends_with("/job"))
            .collect();
        assert_eq!(workers, ["fan/w.0/job", "fan/w.1/job", "fan/w.2/job"]);
        assert_eq!(truth.pids("fan/w.2/job").len(), 3);
        assert_eq!(truth.pids("fan/hub").len(), 2);
        stop(running, &truth);
    });
}

#[test]
fn the_probes_of_the_matrix_have_a_pid_per_level() {
    for_each_identity(|identity| {
        let mut running = nest("matrix.toml", identity).up();
        let truth = running.until_running();
        let paths = truth.paths();
        assert_eq!(
            paths.iter().filter(|path| path.ends_with("/probe")).count(),
            7,
            "{paths:?}"
        );
        assert_eq!(
            paths
                .iter()
                .filter(|path| path.ends_with("/joined"))
                .count(),
            4,
            "{paths:?}"
        );
        for (path, numbers) in [
            ("t.0.0/probe", 2),
            ("t.0.0/t.1.1/probe", 3),
            ("t.0.0/t.1.0/t.2.1/probe", 4),
            ("t.0.0/t.1.1/t.2.3/joined", 4),
        ] {
            assert_eq!(
                status_line(truth.host_pid(path), "NSpid:").len(),
                numbers,
                "{path}"
            );
        }
        let extra = truth.process("t.0.0/t.1.1/t.2.2/joined");
        assert_eq!(
            extra["ppids"].as_array().unwrap().last().unwrap(),
            0,
            "{extra}"
        );
        stop(running, &truth);
    });
}

#[test]
fn scale_is_a_chain_of_eight_beside_the_requested_number() {
    for_each_identity(|identity| {
        let mut running = nest("scale.toml", identity)
            .arguments(&["--set", "workers=10"])
            .up();
        let truth = running.until_running();
        let innermost = "deep.0/deep.1/deep.2/deep.3/deep.4/deep.5/deep.6/deep.7";
        assert_eq!(truth.pids(&format!("{innermost}/leaf")).len(), 9);
        let paths = truth.paths();
        assert_eq!(
            paths.iter().filter(|path| path.ends_with("/probe")).count(),
            8,
            "{paths:?}"
        );
        assert_eq!(
            paths.iter().filter(|path| path.ends_with("/leaf")).count(),
            1,
            "{paths:?}"
        );
        assert_eq!(
            paths
                .iter()
                .filter(|path| path.starts_with("wide/w."))
                .count(),
            10,
            "{paths:?}"
        );
        stop(running, &truth);
    });
}

#[test]
fn limits_in_the_comments_of_generated_examples_are_exact() {
    for (name, setting) in [
        ("fan.toml", "workers=100000"),
        ("scale.toml", "levels=33"),
        ("scale.toml", "workers=5000"),
    ] {
        let outcome = Nestns::new(&["check", "-", "--set", setting])
            .input(example::text(name))
            .run();
        assert_eq!(outcome.code, 3, "{name} {setting}: {outcome:?}");
    }
}

#[test]
fn only_the_init_that_ignores_term_is_killed_at_its_deadline() {
    for_each_identity(|identity| {
        let mut running = nest("deaf-init.toml", identity).up();
        let truth = running.until_running();
        running.until_stdout_has("ready");
        let asked = std::time::Instant::now();
        let ended = stop(running, &truth);
        let took = asked.elapsed().as_secs_f64();
        assert!((2.0..6.0).contains(&took), "{took}");
        let line = |path: &str| {
            ended
                .stderr
                .lines()
                .rev()
                .find(|line| line.contains(path))
                .unwrap_or_else(|| panic!("{}", ended.stderr))
        };
        assert!(line("app/deaf").contains("killed"), "{}", ended.stderr);
        assert!(!line("app/worker").contains("killed"), "{}", ended.stderr);
        assert!(!line("app/good").contains("killed"), "{}", ended.stderr);

        let mut running = nest("deaf-init.toml", identity).up();
        let truth = running.until_running();
        running.signal(Signal::SIGINT);
        running.until_stderr_has("Ctrl-C again to kill");
        running.signal(Signal::SIGINT);
        assert_eq!(running.wait().code, 137);
        gone(&truth);
    });
}

#[test]
fn hello_is_a_shell_that_is_the_first_process() {
    for_each_identity(|identity| {
        let mut terminal = Terminal::up(nest("hello.toml", identity));
        terminal.until_raw();
        terminal.send("PS1='in> '; echo \"pid=$$\"\r");
        terminal.expect("pid=1\r");
        terminal.send("ps -e -o comm= | sort | tr '\\n' ' '; kill -KILL 1; echo al''ive\r");
        // bash and ps, and the two at the other ends of the pipe.
        terminal.expect("bash ps sort tr");
        terminal.expect("alive");
        terminal.send("ps -e -o comm= > seen; echo \"count=$(wc -l < seen)\"\r");
        terminal.expect("count=2");
        terminal.send("sleep 1000 &\r");
        terminal.expect("[1] ");
        let number: i32 = terminal.expect("\r").parse().expect("a job's number");
        assert!(number < 40, "{number}");
        terminal.send("exit 3\r");
        assert_eq!(terminal.status(), 3);
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn hello_stops_on_sighup() {
    for_each_identity(|identity| {
        let mut terminal = Terminal::up(nest("hello.toml", identity));
        terminal.until_raw();
        terminal.send("echo \"pid=$$\"\r");
        terminal.expect("pid=1\r");
        // Between two commands bash only notes a signal, and looks for it when it reads the next one: what comes in between
        // waits for a key.
        terminal.until("the prompt is back", |terminal| {
            terminal
                .screen()
                .rsplit_once("pid=1\r\n")?
                .1
                .contains(['$', '#'])
                .then_some(())
        });
        terminal.signal(Signal::SIGTERM);
        assert_eq!(terminal.status(), 143);
        assert!(
            !terminal.screen().contains("killed"),
            "{}",
            terminal.screen()
        );
        assert!(terminal.is_restored());
        terminal.close();
    });
}

#[test]
fn hello_without_a_terminal_reads_its_input_and_ends() {
    for_each_identity(|identity| {
        for round in 0..5 {
            let ended = nest("hello.toml", identity).up().wait();
            assert_eq!(ended.code, 0, "round {round}: {}", ended.stderr);

            let nest = nest("hello.toml", identity);
            let words = nest.words_for_up();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut command = nest.command(&words);
            let log = fs::File::create(nest.directory.path().join("stderr")).unwrap();
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(log);
            let mut child = command.spawn().unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(b"echo \"pid=$$\"\n")
                .unwrap();
            let pid = Pid::from_raw(child.id().cast_signed());
            let (tell, ended) = std::sync::mpsc::channel();
            let waiter = std::thread::spawn(move || {
                let output = child.wait_with_output().unwrap();
                let _ = tell.send(());
                output
            });
            if ended
                .recv_timeout(std::time::Duration::from_secs(20))
                .is_err()
            {
                kill(pid, Signal::SIGKILL).unwrap();
                let output = waiter.join().unwrap();
                panic!(
                    "round {round}: does not end: {:?}",
                    String::from_utf8_lossy(&output.stdout)
                );
            }
            let output = waiter.join().unwrap();
            let stdout = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{stdout}");
            assert!(stdout.contains("pid=1\r\n"), "{stdout}");
            assert_nothing_left(&nest);
        }
    });
}
