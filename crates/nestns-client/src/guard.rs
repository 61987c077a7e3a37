//! A topology for the time of a test: [`Topology::up`] starts it, and dropping the value takes it
//! down.
//!
//! Nothing is forked here but the program: the caller may have threads, and what builds namespaces
//! must not (see `docs/kernel-rules.md`). The program is `NESTNS_BIN`, or else `nestns` on PATH.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, io};

use serde::de::DeserializeOwned;

use crate::documents::{ProcessDocument, Timeline, TruthDocument, UpDocument};
use crate::protocol::Request;
use crate::protocol::client::Client;
use crate::protocol::client_error::ClientError;

/// The variable that names the program.
pub const PROGRAM: &str = "NESTNS_BIN";

/// Topologies that this process has started: a part of their names.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// Reason why a topology is not there, or could not be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The program could not be run.
    #[error(
        "cannot run {program}: {error}; {PROGRAM} names the program, else it is looked for in PATH"
    )]
    Program {
        /// The program.
        program: String,
        /// The error.
        error: io::Error,
    },
    /// The program ended with a status other than 0.
    #[error("`{command}` failed ({status}):\n{stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// Exit status.
        status: std::process::ExitStatus,
        /// Standard error of the program.
        stderr: String,
    },
    /// The output of the program is not the expected document: it is of another version.
    #[error("`{command}` did not write a document that this library knows: {error}")]
    Document {
        /// The command line, or the file.
        command: String,
        /// The error.
        error: serde_json::Error,
    },
    /// The controller could not be asked: the topology has ended, or does not answer.
    #[error("cannot ask the controller of {topology}: {error}")]
    Controller {
        /// The name of the topology.
        topology: String,
        /// The error.
        error: ClientError,
    },
    /// The file with what stands could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// No process has that path.
    #[error("there is no process `{path}` in {topology}; it has {}", known.join(", "))]
    NoProcess {
        /// The path.
        path: String,
        /// The name of the topology.
        topology: String,
        /// The paths that there are.
        known: Vec<String>,
    },
}

/// Choices for a topology that is about to be started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    program: Option<PathBuf>,
    name: Option<String>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl Options {
    /// The program, instead of [`PROGRAM`] and PATH.
    #[must_use]
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// The name of the topology. Without one it is made of the file's name, the caller's PID and a
    /// counter, so that tests run side by side.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A variable of the file, as `--set NAME=VALUE`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.arguments.push("--set".into());
        self.arguments.push(format!("{name}={value}").into());
        self
    }

    /// Another option of `nestns up`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of the environment of the program.
    #[must_use]
    pub fn environment(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the topology of a file, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// An error if the program cannot be run, or if the topology cannot be built or does not become
    /// ready; nothing is left then.
    pub fn up(self, file: impl AsRef<Path>) -> Result<Topology, GuardError> {
        let file = file.as_ref();
        let name = self.name.clone().unwrap_or_else(|| unique_name(file));
        let from_environment =
            || env::var_os(PROGRAM).map_or_else(|| PathBuf::from("nestns"), PathBuf::from);
        let program = Program {
            path: self.program.unwrap_or_else(from_environment),
            environment: self.environment,
        };
        let fixed = [
            "up",
            "--detach",
            "--tie-to-parent",
            "--format",
            "json",
            "--progress",
            "quiet",
            "--name",
            &name,
        ];
        let arguments = fixed
            .iter()
            .map(OsString::from)
            .chain(self.arguments)
            .chain([file.into()]);
        let document = program.document(arguments)?;
        Ok(Topology {
            program,
            document,
            is_up: true,
        })
    }
}

/// A name that no other topology of this machine has: a file's, the caller's PID and a counter.
fn unique_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || character == '-';
    let stem: String = stem
        .chars()
        .map(|character| {
            if is_allowed(character) {
                character
            } else {
                '-'
            }
        })
        .collect();
    let stem = stem.trim_matches('-');
    let stem = if stem.is_empty() { "topology" } else { stem };
    let counter = STARTED.fetch_add(1, Ordering::Relaxed);
    format!(
        "{}-{}-{counter}",
        &stem[..stem.len().min(32)],
        std::process::id()
    )
}

/// The program, and the environment that it gets.
#[derive(Debug, Clone)]
struct Program {
    path: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Program {
    fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<(String, Output), GuardError> {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let line = format!("{} {}", self.path.display(), words.join(" "));
        let output = command.output();
        let output = output.map_err(|error| GuardError::Program {
            program: self.path.display().to_string(),
            error,
        })?;
        Ok((line, output))
    }

    /// Runs the program and reads the document that it writes.
    fn document<A: AsRef<OsStr>, D: DeserializeOwned>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<D, GuardError> {
        let (command, output) = self.run(arguments)?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned();
            return Err(GuardError::Failed {
                command,
                status: output.status,
                stderr,
            });
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|error| GuardError::Document { command, error })
    }
}

/// A running topology. Dropping it takes it down.
///
/// If the process that has started it is killed, so that nothing is dropped, the topology takes
/// itself down (`--tie-to-parent`), and leaves its logs, which `nestns prune` removes.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use nestns_client::Topology;
///
/// let tree = Topology::up("examples/dind.toml")?;
/// let runner = tree.process("vm/ci/runner")?;
/// assert_ne!(runner.pid_in("vm"), runner.pid_in("vm/ci"));
/// let listed = tree.exec("vm/ci", ["ps", "-e"])?;
/// assert!(listed.status.success());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Topology {
    program: Program,
    document: UpDocument,
    is_up: bool,
}

impl Topology {
    /// Starts the topology of a file, and waits until it is ready. See [`Options::up`].
    ///
    /// # Errors
    ///
    /// As those of [`Options::up`].
    pub fn up(file: impl AsRef<Path>) -> Result<Self, GuardError> {
        Options::default().up(file)
    }

    /// Choices: a name, variables, the environment.
    pub fn options() -> Options {
        Options::default()
    }

    /// The name, as `nestns ls` shows it.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// The document that `nestns up` printed.
    pub fn document(&self) -> &UpDocument {
        &self.document
    }

    /// The running tree at this moment, with what `nestns exec` has started and with the threads
    /// that there are by now: the controller writes the document anew before it is read.
    ///
    /// # Errors
    ///
    /// An error if the topology has ended, or does not answer.
    pub fn truth(&self) -> Result<TruthDocument, GuardError> {
        let path = PathBuf::from(&self.document.truth);
        let directory = path.parent().unwrap_or(&path);
        // The connection ends here: a controller that stops waits for its clients.
        Client::connect(directory)
            .and_then(|mut client| client.ask(Request::RefreshTruth))
            .map_err(|error| GuardError::Controller {
                topology: self.name().to_owned(),
                error,
            })?;
        let text = fs::read(&path).map_err(|error| GuardError::Truth {
            path: path.clone(),
            error,
        })?;
        let document = serde_json::from_slice(&text);
        document.map_err(|error| GuardError::Document {
            command: path.display().to_string(),
            error,
        })
    }

    /// A declared process by its path, or one that `nestns exec` has started.
    ///
    /// # Errors
    ///
    /// [`GuardError::NoProcess`] where there is none; those of [`Self::truth`].
    pub fn process(&self, path: &str) -> Result<Process, GuardError> {
        let truth = self.truth()?;
        let known = || {
            truth
                .processes
                .iter()
                .map(|process| process.path.clone())
                .collect()
        };
        let missing = || GuardError::NoProcess {
            path: path.to_owned(),
            topology: truth.topology.clone(),
            known: known(),
        };
        let document = truth
            .processes
            .iter()
            .find(|process| process.path == path)
            .cloned()
            .ok_or_else(missing)?;
        Ok(Process { document })
    }

    /// Runs a program in a namespace or beside a process, as `nestns exec`, and waits for its end.
    /// A status other than 0 is no error here: it is in the output.
    ///
    /// # Errors
    ///
    /// An error if nestns cannot be run.
    pub fn exec<A: AsRef<OsStr>>(
        &self,
        target: &str,
        command: impl IntoIterator<Item = A>,
    ) -> Result<Output, GuardError> {
        let fixed = ["exec", "--name", self.name(), target, "--"].map(OsString::from);
        let command = command.into_iter().map(|word| word.as_ref().to_owned());
        self.program
            .run(fixed.into_iter().chain(command))
            .map(|(_, output)| output)
    }

    /// Takes the topology down, and tells how.
    ///
    /// # Errors
    ///
    /// An error if nestns cannot be run, or if something is left.
    pub fn down(mut self) -> Result<Timeline, GuardError> {
        self.is_up = false;
        self.take_down()
    }

    fn take_down(&self) -> Result<Timeline, GuardError> {
        let timeline = self
            .program
            .document(["down", self.name(), "--format", "json"])?;
        // Its name is that of one test, so that no other would ever replace what is left of it.
        // That nothing was left is no failure.
        self.program.run(["prune", self.name()])?;
        Ok(timeline)
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        if self.is_up
            && let Err(error) = self.take_down()
        {
            // A panic while a test unwinds would abort it, and hide why it failed.
            eprintln!("warning: {} may still be running: {error}", self.name());
        }
    }
}

/// A process of a topology, as it was when it was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    document: ProcessDocument,
}

impl Process {
    /// PID of the process in a namespace: `host`, or the path of a namespace around it or of its
    /// own. `None` if it has no PID there.
    pub fn pid_in(&self, namespace: &str) -> Option<i32> {
        let level = match namespace {
            "host" => 0,
            path if self.document.ns == path => path.split('/').count(),
            path => {
                let rest = self.document.ns.strip_prefix(path)?;
                rest.starts_with('/').then(|| path.split('/').count())?
            }
        };
        self.document.pids.get(level).copied().flatten()
    }

    /// Everything that is known of it.
    pub fn document(&self) -> &ProcessDocument {
        &self.document
    }
}
