//! Runs the program that was built, and looks at what it says.

pub(crate) mod blueprint;
pub(crate) mod chain;
pub(crate) mod detached;
pub(crate) mod document;
pub(crate) mod example;
pub(crate) mod identity;
pub(crate) mod kernel;
pub(crate) mod lines;
pub(crate) mod nest;
pub(crate) mod random;
pub(crate) mod requirement;
pub(crate) mod script;
pub(crate) mod seccomp;
pub(crate) mod socket;
pub(crate) mod terminal;
pub(crate) mod unmanaged;
pub(crate) mod visibility;
pub(crate) mod wait;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The variable that keeps the topologies of a test apart from all others of the same user.
pub(crate) const STATE_ROOT: &str = "NESTNS_STATE_ROOT";

/// The output of a command on both of its streams.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Outcome of a run of the program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A command line of the program.
pub(crate) struct Nestns {
    command: Command,
    input: String,
}

impl Nestns {
    /// `nestns ARGUMENTS`, in an environment that says nothing about it.
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nestns"));
        command.args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("NESTNS_") {
                command.env_remove(&name);
            }
        }
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        // Where nothing runs, whatever this user has running elsewhere.
        command.env(
            STATE_ROOT,
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-state"),
        );
        Self {
            command,
            input: String::new(),
        }
    }

    /// Sets its standard input.
    pub(crate) fn input(mut self, text: impl Into<String>) -> Self {
        self.input = text.into();
        self
    }

    /// Sets its working directory.
    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// A variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(mut self) -> Outcome {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program was built");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = self.input;
        let writer = std::thread::spawn(move || {
            // A program that does not read its input is no failure of the test.
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("writing does not panic");
        Outcome {
            code: output.status.code().expect("it is not killed"),
            stdout: String::from_utf8(output.stdout).expect("it writes text"),
            stderr: String::from_utf8(output.stderr).expect("it writes text"),
        }
    }
}
