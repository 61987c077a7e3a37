//! The program under test: a command on the host, or in a namespace of the tree by `nestns exec`.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::interruption::Interruption;
use crate::cli::command_error::CommandError;
use crate::expect::{Case, Status};
use nestns_client::state_directory::TRUTH_VARIABLE;
use nestns_sys::errno::of_io;
use nestns_sys::fork::start_to_end_with_parent;
use nestns_sys::pidfd::Pidfd;

/// The command, and where it is to run.
#[derive(Debug)]
pub(super) struct Agent<'a> {
    pub(super) command: &'a [String],
    pub(super) topology: &'a str,
    /// `None` is the host.
    pub(super) namespace: Option<&'a str>,
    pub(super) truth: &'a Path,
    /// True if its standard output is kept apart from the report.
    pub(super) apart: bool,
}

/// Case for the command.
pub(super) fn case(command: &[String], status: Status, found: String) -> Case {
    Case {
        name: format!("command {}", command.join(" ")),
        status,
        expected: "status 0".to_owned(),
        found,
        place: None,
        rows: Vec::new(),
    }
}

impl Agent<'_> {
    fn case(&self, status: Status, found: String) -> Case {
        case(self.command, status, found)
    }

    /// Runs it, and waits until it has ended or the time is over. Its status, as a shell has it.
    pub(super) fn run(
        &self,
        interruption: &Interruption,
        end: Option<Instant>,
    ) -> Result<(Case, u8), CommandError> {
        let mut command = self.command_line()?;
        if self.apart {
            command.stdout(
                io::stderr()
                    .as_fd()
                    .try_clone_to_owned()
                    .map_or_else(|_| Stdio::null(), Stdio::from),
            );
        }
        let mut child = match Interruption::let_through(|| command.spawn())? {
            Ok(child) => child,
            Err(error) => {
                let code = if error.kind() == io::ErrorKind::NotFound {
                    127
                } else {
                    126
                };
                return Ok((
                    self.case(
                        Status::Failed,
                        format!("it cannot be executed: {}", of_io(&error)),
                    ),
                    code,
                ));
            }
        };
        let ended = wait(&mut child, interruption, end)?;
        let Some(status) = ended else {
            return Ok((
                self.case(
                    Status::Failed,
                    "it was killed: the timeout has expired".to_owned(),
                ),
                124,
            ));
        };
        let (found, code) = match (status.code(), status.signal()) {
            (Some(code), _) => (format!("status {code}"), code),
            (None, Some(signal)) => (format!("signal {signal}"), 128 + signal),
            (None, None) => ("no status".to_owned(), 125),
        };
        let passed = if code == 0 {
            Status::Passed
        } else {
            Status::Failed
        };
        Ok((
            self.case(passed, found),
            u8::try_from(code).unwrap_or(u8::MAX),
        ))
    }

    fn command_line(&self) -> io::Result<Command> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = match self.namespace {
            None => {
                let mut command = Command::new(program);
                command.args(arguments).env(TRUTH_VARIABLE, self.truth);
                command
            }
            Some(namespace) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg0("nestns").args([
                    "exec",
                    "--name",
                    self.topology,
                    &format!("{namespace}/"),
                    program,
                ]);
                command.args(arguments);
                command
            }
        };
        // Settings of this command are none of that one's.
        for setting in [
            "NESTNS_IN",
            "NESTNS_NAME",
            "NESTNS_FORMAT",
            "NESTNS_TIMEOUT",
        ] {
            command.env_remove(setting);
        }
        // A process that is killed cannot take it down.
        start_to_end_with_parent(&mut command);
        Ok(command)
    }
}

/// `None` when the time was over, and it was killed.
fn wait(
    child: &mut Child,
    interruption: &Interruption,
    end: Option<Instant>,
) -> Result<Option<ExitStatus>, CommandError> {
    // An unreaped child: its number is its own.
    let pidfd = Pidfd::open(Pid::from_raw(child.id().cast_signed()))?;
    loop {
        let has_ended = interruption.wait_with(Some(pidfd.as_fd()), end)?;
        while let Some((signal, by_kernel)) = interruption.next() {
            // What a terminal sends, it has sent to the command as well.
            if !by_kernel {
                let _ = pidfd.signal(signal);
            }
        }
        if has_ended {
            return Ok(Some(child.wait()?));
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            let _ = pidfd.signal(Signal::SIGKILL as i32);
            child.wait()?;
            return Ok(None);
        }
    }
}
