//! `nestns explain FILE [PATH]`: the script as text, and what the kernel has when it is run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use proptest::prelude::*;
use snapbox::{assert_data_eq, file, str};

use crate::harness::Nestns;
use crate::harness::blueprint::Blueprint;
use crate::harness::example;
use crate::harness::identity::{Identity, for_each_identity, identities};
use crate::harness::kernel;
use crate::harness::nest::{Nest, Running, program};
use crate::harness::random;
use crate::harness::requirement::{nesting, require};
use crate::harness::terminal::Terminal;
use crate::harness::unmanaged::{Declared, ProcessInfo, members_below, shape, words};
use crate::random_trees::blueprints;

/// The shells for which the script is written.
const SHELLS: [&str; 2] = ["dash", "bash"];

fn explain(arguments: &[&str]) -> String {
    let arguments: Vec<&str> = std::iter::once("explain")
        .chain(arguments.iter().copied())
        .collect();
    let outcome = Nestns::new(&arguments)
        .directory(Path::new(env!("CARGO_MANIFEST_DIR")))
        .run();
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (0, ""),
        "{}",
        outcome.stdout
    );
    outcome.stdout
}

#[test]
fn hello_is_the_usual_unshare_command() {
    assert_data_eq!(
        explain(&["examples/hello.toml"]),
        file!["explain_layout/hello.sh"].raw()
    );
}

#[test]
fn a_chain_is_a_block_a_level() {
    assert_data_eq!(
        explain(&["examples/chain.toml"]),
        file!["explain_layout/chain.sh"].raw()
    );
}

#[test]
fn docker_in_docker_has_names_and_a_script_of_its_own() {
    assert_data_eq!(
        explain(&["examples/dind.toml"]),
        file!["explain_layout/dind.sh"].raw()
    );
}

#[test]
fn a_pod_is_entered() {
    assert_data_eq!(
        explain(&["examples/pod.toml"]),
        file!["explain_layout/pod.sh"].raw()
    );
}

#[test]
fn every_value_of_a_file_is_quoted_once() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain_layout");
    let outcome = Nestns::new(&["explain", "odd.toml"])
        .directory(&directory)
        .run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_data_eq!(outcome.stdout, file!["explain_layout/odd.sh"].raw());
}

#[test]
fn a_path_is_a_subtree_or_a_line() {
    let dind = "examples/dind.toml";
    let subtree = explain(&[dind, "vm/ci/"]);
    assert!(
        subtree.contains("# vm/ci of what `nestns up examples/dind.toml` builds"),
        "{subtree}"
    );
    assert!(
        subtree.contains("--kill-child sh -c \"$ns_vm_ci\" &") && !subtree.contains("containerd'"),
        "{subtree}"
    );
    assert!(!subtree.contains("ns_vm="), "{subtree}");
    assert_eq!(explain(&[dind, "."]), explain(&[dind]));
    assert_data_eq!(
        explain(&[dind, "vm/containerd"]),
        str![[r#"
# vm/containerd: 3 in vm, run by the shell that is vm/init
nestns actor idle &

"#]]
    );
    assert_data_eq!(
        explain(&[dind, "vm/ci/job/init"]),
        str![[r##"
# vm/ci/job/init: 1 in vm/ci/job, run by the shell that is vm/ci/init
unshare --fork --pid --mount-proc --uts --ipc sh -c "$ns_vm_ci_job"

"##]]
    );
    assert_data_eq!(
        explain(&["examples/pod.toml", "node/web/logtail"]),
        str![[r##"
# node/web/logtail: 4 in node/web, run by the shell that is node/init, which has found node/web/init
nsenter --target "$pid_node_web" --pid --mount --uts --ipc nestns actor log --rate 1 &

"##]]
    );
}

#[test]
fn an_unknown_path_is_reported_with_similar_ones() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dind.toml");
    for (path, help) in [
        ("vm/co", "\n  = help: similar: `vm/ci`\n"),
        ("runner", "\n  = help: similar: `vm/ci/runner`\n"),
        (
            "vm/containerd/",
            "\n  = help: similar: `vm/containerd`, `vm/ci/containerd`\n",
        ),
        ("etc/passwd", "\n"),
    ] {
        let outcome = Nestns::new(&["explain", file, path]).run();
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{path}");
        let expected = format!("error: nothing in this file is named `{path}`{help}");
        assert_eq!(outcome.stderr, expected, "{path}");
    }
}

/// A topology by hand.
struct ByHand {
    nest: Nest,
    declared: Declared,
    shell: &'static str,
}

impl ByHand {
    fn new(topology: &str, identity: Identity, shell: &'static str) -> Self {
        let nest = Nest::new(topology).identity(identity);
        let file = nest.file_name().to_owned();
        let say = |arguments: &[&str]| {
            let output = nest
                .command(arguments)
                .output()
                .expect("the program was built");
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.stdout
        };
        let declared = Declared(
            serde_json::from_slice(&say(&["tree", &file, "--format", "json"])).expect("JSON"),
        );
        fs::write(
            nest.directory.path().join("by-hand.sh"),
            say(&["explain", &file]),
        )
        .expect("it is our own");
        Self {
            nest,
            declared,
            shell,
        }
    }

    /// A command with a PATH in which `nestns` is the one under test and `sh` the shell under test.
    fn command(&self, words: &[&str]) -> Command {
        let directory = self.nest.directory.path().join("bin");
        if !directory.exists() {
            fs::create_dir(&directory).expect("it is our own");
            symlink(program(), directory.join("nestns")).expect("it is our own");
            symlink(which(self.shell), directory.join("sh")).expect("it is our own");
        }
        let mut command = self.nest.other_command(&which(words[0]), &words[1..]);
        let path = std::env::var("PATH").expect("there is one");
        command.env("PATH", format!("{}:{path}", directory.display()));
        command
    }

    /// Runs the script and waits until the kernel has the namespaces of the file, with its programs in them.
    fn start(self) -> (Running, Declared, Vec<ProcessInfo>) {
        // With the death of this thread, as of a test that fails, the kernel ends the shell.
        let command = self.command(&["setpriv", "--pdeathsig", "KILL", self.shell, "by-hand.sh"]);
        let mut running = self.nest.start(command);
        let (pid, expected) = (running.pid().as_raw(), self.declared.shape());
        let mut last = String::new();
        let found = running.until("it stands", |_| {
            let found = members_below(pid);
            let shape = shape(&found, &self.declared)?;
            if shape == expected {
                return Some(found);
            }
            let seen = format!("found {shape:#?}, expected {expected:#?}");
            if std::env::var_os("NESTNS_SHOW").is_some() && seen != last {
                eprintln!("{seen}");
                last = seen;
            }
            None
        });
        (running, self.declared, found)
    }
}

/// The file of a program; an ordinary user's PATH may be another than that of the tests.
fn which(program: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").expect("there is one");
    let found = std::env::split_paths(&path)
        .chain(["/usr/bin".into(), "/bin".into()])
        .map(|path| path.join(program));
    found
        .into_iter()
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("{program} is not installed"))
}

/// Ends the script by what it cannot notice: nothing may be left all the same.
fn end(running: Running, signal: Signal) {
    running.signal(signal);
    let ended = running.wait();
    assert_eq!(ended.code, 128 + signal as i32, "{}", ended.stderr);
}

fn for_each_shell(test: impl Fn(Identity, &'static str)) {
    for_each_identity(|identity| SHELLS.iter().for_each(|shell| test(identity, shell)));
}

/// Compares the numbers of everything in a tree that has one namespace a level.
fn assert_numbers(declared: &Declared, found: &[ProcessInfo]) {
    for (level, words, numbers) in declared.numbers() {
        let here = found.iter().filter(|member| member.numbers.len() == level);
        let matching: Vec<_> = match &words {
            Some(words) => here
                .filter(|member| member.words == *words)
                .map(|one| &one.numbers)
                .collect(),
            None => here
                .filter(|member| member.numbers.last() == Some(&1))
                .map(|one| &one.numbers)
                .collect(),
        };
        assert!(
            matching.contains(&&numbers),
            "{words:?}: {matching:?}, expected {numbers:?}"
        );
    }
}

#[test]
fn a_chain_by_hand_has_the_numbers_that_nestns_gives() {
    // A program that executes another is no longer recognised.
    let chain =
        example::text("chain.toml").replace("exec sleep infinity", "while :; do sleep 1000; done");
    for_each_shell(|identity, shell| {
        let (running, declared, found) = ByHand::new(&chain, identity, shell).start();
        assert_numbers(&declared, &found);
        end(running, Signal::SIGTERM);
    });
}

#[test]
fn docker_in_docker_by_hand_has_the_shape_of_the_file() {
    for_each_shell(|identity, shell| {
        let (running, _, _) = ByHand::new(&example::text("dind.toml"), identity, shell).start();
        end(running, Signal::SIGINT);
        // A runner that forks takes numbers whenever it likes; one that does not leaves them as nestns gives them. An
        // ordinary user's host names take some.
        let dind = example::text("dind.toml");
        let script = dind.find("sh    = '''").expect("the runner's script");
        let rest = dind[script..].find("'''\n\n").expect("its end") + script + 4;
        let mut quiet = format!("{}cmd = \"sleep 1000\"\n{}", &dind[..script], &dind[rest..]);
        if identity == Identity::Ordinary || !nix::unistd::geteuid().is_root() {
            quiet = quiet
                .lines()
                .filter(|line| !line.starts_with("hostname"))
                .collect::<Vec<_>>()
                .join("\n");
        }
        let (running, declared, found) = ByHand::new(&quiet, identity, shell).start();
        assert_numbers(&declared, &found);
        end(running, Signal::SIGKILL);
    });
}

#[test]
fn a_pod_by_hand_has_processes_whose_parent_is_outside() {
    for_each_shell(|identity, shell| {
        let (running, declared, found) =
            ByHand::new(&example::text("pod.toml"), identity, shell).start();
        let processes = declared.0["processes"].as_array().expect("a list");
        let joined: Vec<Vec<String>> = processes
            .iter()
            .filter(|process| process["enter"] == "join")
            .map(words)
            .collect();
        assert_eq!(joined.len(), 3);
        let web = found
            .iter()
            .find(|one| one.words == ["nestns", "actor", "log", "--rate", "1"])
            .expect("it stands");
        // Not what PID 1 has forked for a moment, as a shell does for each command of its script.
        let members = found
            .iter()
            .filter(|one| one.namespace == web.namespace && joined.contains(&one.words));
        let mut count = 0;
        for member in members {
            let parent = kernel::process(member.pid).expect("it lives").parent;
            let outside = found.iter().find(|one| one.pid == parent).expect("nsenter");
            // Not as it was found: that may have been a moment before it became nsenter, and its child one after.
            let words = fs::read(format!("/proc/{parent}/cmdline")).expect("it lives");
            assert!(words.starts_with(b"nsenter\0"), "{}", words.escape_ascii());
            assert_eq!(outside.numbers.len(), member.numbers.len() - 1);
            if nix::unistd::geteuid().is_root() {
                // As its own /proc has it.
                let own = member.numbers.last().expect("it has one");
                let status =
                    fs::read_to_string(format!("/proc/{}/root/proc/{own}/status", member.pid))
                        .expect("root");
                assert!(status.contains("\nPPid:\t0\n"), "{status}");
                for kind in ["mnt", "uts", "ipc"] {
                    let init = found
                        .iter()
                        .find(|one| one.namespace == web.namespace && one.numbers.ends_with(&[1]));
                    let init = init.expect("it has a PID 1").pid;
                    assert_eq!(
                        kernel::namespace(member.pid, kind),
                        kernel::namespace(init, kind),
                        "{kind}"
                    );
                }
            }
            count += 1;
        }
        assert_eq!(count, joined.len());
        end(running, Signal::SIGKILL);
    });
}

#[test]
fn programs_are_found_below_programs_and_through_an_outer_proc() {
    // Several roots, one of them a program with something inside, and a level without a /proc of its own.
    let topology = r#"
[ns."@-a"]
mount_proc = false
proc.one = { sh = 'echo "it''s $$"; sleep 1001; :', env = { A = "b c" }, cwd = "/tmp" }
[ns."@-a/pause"]
init = "pause"
unshare = ["mount", "ipc", "uts"]
proc.two = { cmd = "sleep 1002", enter = "join" }
[ns."@-a/program"]
init = ["sleep", "1003"]
proc.three = { cmd = ["sleep", "1004"] }
[ns."@-a/program/inner"]
init = ["sleep", "1005"]
unshare = []
mount_proc = false
proc.four = { cmd = "sleep 1006" }
[ns."@-a/program/inner/most"]
proc.five = { cmd = "sleep 1007" }
[ns."@-b"]
init = ["sleep", "1008"]
proc.six = { cmd = "sleep 1009" }
[ns."@-b/inner"]
init = { actor = "idle" }
[ns."@-c"]
"#;
    let topology = &topology.replace("''s", "s");
    for_each_shell(|identity, shell| {
        let (running, _, _) = ByHand::new(topology, identity, shell).start();
        end(running, Signal::SIGKILL);
    });
}

#[test]
fn what_is_generated_is_built_by_loops() {
    let small = |name: &str| {
        example::text(name)
            .replace("workers = 1000", "workers = 20")
            .replace("levels  = 8", "levels  = 5")
    };
    for_each_shell(|identity, shell| {
        for name in ["fan.toml", "kind.toml", "matrix.toml", "scale.toml"] {
            let by_hand = ByHand::new(&small(name), identity, shell);
            let script = fs::read_to_string(by_hand.nest.directory.path().join("by-hand.sh"))
                .expect("it was written");
            assert!(
                script.contains("\ndone\n") && script.len() < 12_000,
                "{name}: {script}"
            );
            assert_parses(&by_hand);
            let (running, _, _) = by_hand.start();
            end(running, Signal::SIGKILL);
        }
    });
}

#[test]
fn a_fan_is_a_loop() {
    assert_data_eq!(
        explain(&["examples/fan.toml", "--set", "workers=1000"]),
        file!["explain_layout/fan.sh"].raw()
    );
}

#[test]
fn a_chain_of_thirty_one_has_names_that_can_be_read() {
    let outcome = Nestns::new(&["explain", "-"])
        .input("[ns.deep]\ndepth = 31\n")
        .run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("nestns explain - | sh\n"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("sh -c \"$ns_deep_29\""),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.lines().all(|line| line.len() < 300),
        "{}",
        outcome.stdout
    );
}

#[test]
fn hello_by_hand_is_a_shell_with_the_terminal() {
    for_each_shell(|identity, shell| {
        for piped in [false, true] {
            let by_hand = ByHand::new(&example::text("hello.toml"), identity, shell);
            let command = if piped {
                format!("{shell} < by-hand.sh")
            } else {
                format!("{shell} by-hand.sh")
            };
            let mut terminal = Terminal::foreground_of(by_hand.nest, &["sh", "-c", &command]);
            // The end of a prompt: dash leaves the caller's to bash, bash does not.
            terminal.expect(" ");
            terminal.send("PS1='in> '; echo \"pid=$$\" /proc/[0-9]*\r");
            terminal.expect("pid=1 /proc/1\r");
            terminal.send("kill -KILL 1; echo al''ive\r");
            terminal.expect("alive");
            terminal.send("exit 3\r");
            assert_eq!(terminal.status(), 3, "{}", terminal.screen());
            terminal.close();
        }
    });
}

/// Has every variable with lines of its own checked by the shells that will run them.
fn assert_parses(by_hand: &ByHand) {
    let path = by_hand.nest.directory.path().join("by-hand.sh");
    let text = fs::read_to_string(&path).expect("it was written");
    let (variables, _) = text
        .split_once("\n# Only root may do this.")
        .expect("the start stands at the end");
    for shell in SHELLS {
        let check = |arguments: &[&str]| {
            let output = Command::new(which(shell))
                .args(arguments)
                .stdin(Stdio::null())
                .output()
                .expect("it runs");
            let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success() && complaints.is_empty(),
                "{shell} {complaints}\n{text}"
            );
            output.stdout
        };
        check(&["-n", path.to_str().expect("our own path")]);
        let values = check(&["-c", &format!("{variables}\nexec env -0")]);
        let values = String::from_utf8(values).expect("we wrote text");
        for value in values.split('\0').filter(|value| value.starts_with("ns_")) {
            check(&["-n", "-c", value.split_once('=').expect("NAME=value").1]);
        }
    }
}

#[test]
fn any_tree_by_hand_is_the_tree_of_the_file() {
    require!(nesting());
    let mut runner = random::runner(48, 50);
    let mut case = 0;
    let case = std::cell::RefCell::new(&mut case);
    let strategy = (blueprints(), any::<u64>());
    let result = runner.run(&strategy, |(Blueprint(mut namespaces), seed)| {
        let number: usize = {
            let mut case = case.borrow_mut();
            **case += 1;
            **case
        };
        // One in four is run, as each identity and by each shell in turn.
        let is_run = number.is_multiple_of(4);
        if is_run {
            namespaces.truncate(24);
        }
        let blueprint = Blueprint(namespaces);
        // Some levels keep the /proc of those around them.
        let mut place = 0;
        let text: Vec<String> = blueprint
            .topology()
            .lines()
            .map(|line| {
                place += usize::from(line.starts_with("[ns."));
                let keeps =
                    line.starts_with("init") && (seed >> (place % 64)).trailing_zeros() >= 2;
                if keeps {
                    format!("{line}\nmount_proc = false")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        let identities = identities();
        let identity = identities[number / 4 % identities.len()];
        let by_hand = ByHand::new(&text.join("\n"), identity, SHELLS[number / 8 % 2]);
        assert_parses(&by_hand);
        if is_run {
            let (running, _, _) = by_hand.start();
            end(running, Signal::SIGKILL);
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
