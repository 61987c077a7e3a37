//! The guard of the library: a topology for the time of a test, what it tells of it, and that nothing is left.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nestns_client::documents::Kind;
use nestns_client::{GuardError, Topology};

use crate::harness::nest::program;
use crate::harness::requirement::{nesting, require};
use crate::harness::{STATE_ROOT, kernel, said, wait};

/// Choices under which the library finds the program under test, with a state root that is the test's own.
fn options(directory: &Path) -> nestns_client::Options {
    Topology::options()
        .program(program())
        .environment(STATE_ROOT, directory)
}

#[test]
fn the_guard_starts_a_topology_and_takes_it_down() {
    require!(nesting());
    let state = tempfile::tempdir().expect("the temporary directory is writable");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dind.toml");
    let tree = options(state.path()).up(file).expect("it can be built");
    let runner = tree.process("vm/ci/runner").expect("it is declared");
    let numbers =
        ["host", "vm", "vm/ci"].map(|place| runner.pid_in(place).expect("it has a number there"));
    assert_eq!(runner.document().pids, numbers.map(Some));
    assert_eq!(runner.pid_in("vm/ci/job"), None);
    assert_eq!(runner.pid_in("v"), None);
    let seen = tree
        .exec(
            "vm/ci",
            [
                "sh",
                "-c",
                &format!("kill -0 {} && echo $PPID; exit 7", numbers[2]),
            ],
        )
        .expect("it runs");
    assert_eq!(
        (seen.status.code(), seen.stderr.as_slice()),
        (Some(7), &b""[..])
    );
    assert_eq!(tree.truth().expect("it stands").topology, tree.name());
    match tree.process("vm/nothing") {
        Err(GuardError::NoProcess { known, .. }) => {
            assert!(known.contains(&"vm/ci/runner".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    let entry = state.path().join(tree.name());
    assert!(entry.exists());
    drop(tree);
    assert!(!entry.exists());
    let another = options(state.path())
        .name("chosen")
        .up(file)
        .expect("it can be built");
    assert_eq!(another.name(), "chosen");
    let stop = another.down().expect("it ends");
    assert_eq!(
        (stop.topology.as_str(), stop.steps.is_empty()),
        ("chosen", false)
    );
    assert!(!state.path().join("chosen").exists());
}

/// A process that executes one with threads as soon as there is a file.
const LATER_THREADS: &str = r#"
[ns.a]
proc.idle = { actor = "idle" }
proc.later = { sh = "until test -e DIRECTORY/go; do sleep 0.02; done; exec PROGRAM actor threads --count 2" }
"#;

/// Starts the topology with those threads; the directory is that of its file and of its state.
fn with_later_threads(directory: &Path) -> Topology {
    let file = directory.join("later.toml");
    let topology = LATER_THREADS
        .replace("DIRECTORY", &directory.display().to_string())
        .replace("PROGRAM", &program().display().to_string());
    fs::write(&file, topology).expect("the directory is writable");
    options(&directory.join("state"))
        .up(&file)
        .expect("it can be built")
}

/// Runs a verb about it from another process.
fn beside(directory: &Path, words: &[&str]) {
    let mut command = Command::new(program());
    command.args(words).env(STATE_ROOT, directory.join("state"));
    let output = command.output().expect("the program was built");
    assert!(output.status.success(), "{words:?}: {}", said(&output));
}

#[test]
fn the_truth_of_the_guard_has_what_exec_has_started() {
    require!(nesting());
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let tree = with_later_threads(directory.path());
    for number in 1..=10 {
        let path = format!("a/exec.{number}");
        assert!(matches!(
            tree.process(&path),
            Err(GuardError::NoProcess { .. })
        ));
        let words = [
            "exec",
            "-d",
            "--name",
            tree.name(),
            "a",
            "--",
            "sleep",
            "1000",
        ];
        beside(directory.path(), &words);
        let process = tree.process(&path).expect("it runs");
        let pid = process.pid_in("host").expect("it has one");
        let found = kernel::process(pid).expect("it runs").numbers;
        let found: Vec<Option<i32>> = found.into_iter().map(Some).collect();
        assert_eq!(process.document().pids, found);
    }
}

#[test]
fn the_truth_of_the_guard_has_the_threads_of_this_moment() {
    require!(nesting());
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let tree = with_later_threads(directory.path());
    let later = || tree.process("a/later").expect("it is declared");
    assert!(later().document().threads.is_empty());
    fs::write(directory.path().join("go"), "").expect("the directory is writable");
    let pid = later().pid_in("host").expect("it runs");
    wait::until("the threads have begun", || {
        fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|tasks| tasks.count() == 3)
    });
    assert_eq!(later().document().threads.len(), 2);
}

#[test]
fn the_truth_of_a_topology_that_has_ended_is_an_error() {
    require!(nesting());
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let tree = with_later_threads(directory.path());
    let name = tree.name().to_owned();
    beside(directory.path(), &["down", &name]);
    match tree.truth() {
        Err(GuardError::Controller { topology, .. }) => assert_eq!(topology, name),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_guard_tells_why_a_topology_cannot_be_built() {
    let state = tempfile::tempdir().expect("the temporary directory is writable");
    match options(state.path()).up("/nothing/of/that/name.toml") {
        Err(GuardError::Failed { stderr, .. }) => {
            assert!(stderr.contains("/nothing/of/that/name.toml"), "{stderr}");
        }
        other => panic!("{other:?}"),
    }
    match options(state.path())
        .program("/nothing/of/that/name")
        .up("x.toml")
    {
        Err(GuardError::Program { program, .. }) => assert_eq!(program, "/nothing/of/that/name"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(state.path()).expect("it is there").count(), 0);
}

#[test]
fn the_guard_of_a_process_that_is_killed_leaves_nothing_that_runs() {
    require!(nesting());
    let state = tempfile::tempdir().expect("the temporary directory is writable");
    // What starts a topology as the guard does, and is killed before it could drop anything.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hello.toml");
    let mut starter = Command::new("sh")
        .args(["-c", "\"$0\" up -d --tie-to-parent --name killed \"$1\" >/dev/null && echo up && exec sleep 1000"])
        .arg(program())
        .arg(file)
        .env(STATE_ROOT, state.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh runs");
    let mut line = String::new();
    let mut stdout = BufReader::new(starter.stdout.take().expect("a pipe"));
    stdout.read_line(&mut line).expect("it can be read");
    assert_eq!(line, "up\n");
    starter.kill().expect("it runs");
    starter.wait().expect("it was killed");
    wait::until("the topology ends with the process that started it", || {
        state.path().join("killed/ended.json").exists()
            && !state.path().join("killed/lock").exists()
    });
    let ended = fs::read_to_string(state.path().join("killed/ended.json")).expect("it has ended");
    Kind::Ended.check(&ended).expect("a record of the end");
}
