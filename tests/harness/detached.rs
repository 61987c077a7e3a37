//! A topology that was started with `up -d`, and commands about it.
//!
//! It has a runtime directory of its own, so that it is the only one that runs there. It is taken down when it is
//! dropped, and nothing may be left of it then.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};

use nix::unistd::Pid;
use serde_json::Value;

use super::Outcome;
use super::document::objects;
use super::identity::for_each_identity;
use super::nest::{Nest, Truth, assert_nothing_left};
use super::wait::until_some;

/// A nest that runs by itself.
#[derive(Debug)]
pub(crate) struct Detached {
    pub(crate) nest: Nest,
    /// Output of `up -d`.
    pub(crate) up: Outcome,
}

impl Detached {
    /// Starts it, and fails when it does not become ready.
    pub(crate) fn up(nest: Nest) -> Self {
        let detached = Self::try_up(nest);
        assert_eq!(detached.up.code, 0, "{}", detached.up.stderr);
        detached
    }

    /// Starts a topology with these options of `up`, as each of the identities.
    pub(crate) fn for_each_identity(topology: &str, arguments: &[&str], test: impl Fn(&Self)) {
        for_each_identity(|identity| {
            test(&Self::up(
                Nest::new(topology).arguments(arguments).identity(identity),
            ));
        });
    }

    /// Starts it, whatever comes of it.
    pub(crate) fn try_up(nest: Nest) -> Self {
        let mut words = nest.words_for_up();
        words.push("-d".to_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // Files, because a process that waits for its word holds what the caller had as standard error.
        let path = |name: &str| nest.directory.path().join(name);
        let open = |name: &str| fs::File::create(path(name)).expect("the directory is writable");
        let mut command = nest.command(&words);
        command
            .stdin(Stdio::null())
            .stdout(open("up.stdout"))
            .stderr(open("up.stderr"));
        let status = command.status().expect("the program was built");
        let text = |name: &str| fs::read(path(name)).expect("it was made before");
        let up = read(Output {
            status,
            stdout: text("up.stdout"),
            stderr: text("up.stderr"),
        });
        Self { nest, up }
    }

    /// `nestns ARGUMENTS` about it, in which `@` stands for the root's name, which is the topology's as well.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| argument.replace('@', &self.nest.root))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.nest.command(&arguments)
    }

    /// Runs that to its end, without any input.
    pub(crate) fn nestns(&self, arguments: &[&str]) -> Outcome {
        outcome(self.command(arguments))
    }

    /// Runs that, fails when it does not exit with 0, and returns standard output.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let outcome = self.nestns(arguments);
        assert_eq!(
            outcome.code, 0,
            "{arguments:?}: {}{}",
            outcome.stdout, outcome.stderr
        );
        outcome.stdout
    }

    /// Runs that, and reads the document that it writes.
    pub(crate) fn document(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments)).expect("it is one document")
    }

    /// Starts it, with pipes for its output.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the program was built")
    }

    /// The truth that the controller has written before it opened the gates.
    pub(crate) fn truth(&self) -> Truth {
        let text = fs::read(self.nest.state().join(&self.nest.root).join("truth.json"))
            .expect("it stands");
        Truth(serde_json::from_slice(&text).expect("it is a document"))
    }

    /// The events that the controller has recorded.
    pub(crate) fn events(&self) -> Vec<Value> {
        let file = self.nest.state().join(&self.nest.root).join("events.jsonl");
        objects(&fs::read_to_string(file).expect("it runs"))
    }

    /// The controller.
    pub(crate) fn controller(&self) -> Pid {
        let pid = self.truth().0["controller"]
            .as_i64()
            .expect("the document tells it");
        Pid::from_raw(i32::try_from(pid).expect("a PID"))
    }

    /// Lets the controller come to rest: it has only one thread, and answers after what it was told before.
    pub(crate) fn sync(&self) {
        for _ in 0..5 {
            self.run(&["ps", "-n", "@"]);
        }
    }

    /// Looks until something is found.
    pub(crate) fn until<T>(&self, what: &str, mut condition: impl FnMut(&Self) -> Option<T>) -> T {
        until_some(what, || condition(self))
    }

    /// True until it has ended.
    pub(crate) fn is_running(&self) -> bool {
        self.nest
            .state()
            .join(&self.nest.root)
            .join("lock")
            .exists()
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        // Tests of a dead controller leave something that is not running, and check themselves that it goes.
        if self.is_running() {
            outcome(self.nest.command(&["down", &self.nest.root, "--now"]));
        }
        if !std::thread::panicking() {
            assert_nothing_left(&self.nest);
        }
    }
}

pub(crate) fn outcome(mut command: Command) -> Outcome {
    read(
        command
            .stdin(Stdio::null())
            .output()
            .expect("the program was built"),
    )
}

/// Waits for a command that was started, and returns its outcome.
pub(crate) fn ended(child: Child) -> Outcome {
    read(child.wait_with_output().expect("it is our child"))
}

fn read(output: Output) -> Outcome {
    let code = output
        .status
        .code()
        .unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
    let text = |bytes| String::from_utf8(bytes).expect("it writes text");
    Outcome {
        code,
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
