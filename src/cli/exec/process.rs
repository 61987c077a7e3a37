//! One program that was asked for: what the controller says of it.

use std::os::fd::{AsFd, BorrowedFd};

use crate::cli::command_error::{CommandError, ErrorKind};
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::Watch;
use nestns_client::documents::ExitDocument;
use nestns_client::protocol::client_error::ClientError;
use nestns_client::protocol::message::{ExecRequest, Reply, Request, RequestError};

/// The status without the process to which the command was tied: as of a topology in that case.
pub(super) const UNTIED: u8 = 128 + 15;

/// Its outcome.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The program has ended.
    Ended(ExitDocument),
    /// The program could not be executed: the problem, and the status that a shell gives.
    Refused(String, u8),
    /// The attempt was not even made, or the controller is gone.
    Failed(ClientError),
    /// The place to run in is no namespace.
    NoNamespace,
    /// The output is no longer read.
    Unheard,
    /// The process to which this one is tied has ended.
    Untied,
}

impl Outcome {
    /// The status to end with, or why it did not come to run.
    pub(super) fn into_status(self, connection: &Connection) -> Result<Status, CommandError> {
        match self {
            Self::Ended(exit) => Ok(Status::Other(exit.status())),
            Self::Refused(message, status) => {
                let kind = match status {
                    127 => ErrorKind::ProgramMissing,
                    126 => ErrorKind::NotExecutable,
                    _ => ErrorKind::Failed,
                };
                Err(CommandError::new(kind, message).with_status(Status::Other(status)))
            }
            // What a shell gives for SIGPIPE.
            Self::Unheard => Ok(Status::Other(141)),
            Self::Untied => Ok(Status::Other(UNTIED)),
            Self::NoNamespace => Err(own_failure(CommandError::not_found(
                "there is no such namespace",
            ))),
            Self::Failed(error) => Err(own_failure(connection.fail(&error))),
        }
    }
}

/// Marks an error that kept a program from being asked for: a failure of nestns, not an answer of
/// the program.
pub(super) fn own_failure(error: CommandError) -> CommandError {
    // docker's convention, which leaves the statuses below to the program.
    if error.status() == Status::No.code() {
        error.with_status(Status::Other(125))
    } else {
        error
    }
}

/// A program under way.
#[derive(Debug)]
pub(super) struct ExecProcess {
    connection: Connection,
    request: u64,
    /// PID and path of the program, when it has begun.
    begun: Option<(u32, String)>,
    /// Signals that came before.
    early: Vec<i32>,
    /// The way in which it has ended, when it has.
    ended: Option<ExitDocument>,
}

impl ExecProcess {
    /// Asks for it; the descriptors are its streams.
    pub(super) fn begin(
        mut connection: Connection,
        execution: ExecRequest,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Self, CommandError> {
        let request = connection
            .client
            .send(Request::Execute(Box::new(execution)), descriptors);
        let request = request.map_err(|error| own_failure(connection.fail(&error)))?;
        Ok(Self {
            connection,
            request,
            begun: None,
            early: Vec::new(),
            ended: None,
        })
    }

    /// The connection that it runs on.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Path of the program, when it has begun.
    pub(super) fn path(&self) -> Option<&str> {
        self.begun.as_ref().map(|(_, path)| &**path)
    }

    /// The way in which it has ended, when it has.
    pub(super) fn ended(&self) -> Option<ExitDocument> {
        self.ended
    }

    /// Gives the connection back.
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// Waits until the controller says something, and takes it in.
    pub(super) fn wait(&mut self) -> nix::Result<Option<Outcome>> {
        let mut watch = Watch::default();
        watch.readable(Some(self.as_fd()));
        watch.wait(None)?;
        Ok(self.receive())
    }

    /// Takes in what the controller has said, after its socket was found readable.
    pub(super) fn receive(&mut self) -> Option<Outcome> {
        let received = self.connection.client.receive();
        loop {
            match self.connection.client.take_any() {
                Ok(Some(answer)) if answer.id == self.request => match answer.reply {
                    Reply::Began { session, path, .. } => {
                        self.begun = Some((session, path));
                        for signal in std::mem::take(&mut self.early) {
                            self.pass_on(signal);
                        }
                    }
                    Reply::Ended(exit) => {
                        self.ended = Some(exit);
                        return Some(Outcome::Ended(exit));
                    }
                    Reply::Refused { message, status } => {
                        return Some(Outcome::Refused(message, status));
                    }
                    Reply::NoNamespace => return Some(Outcome::NoNamespace),
                    Reply::RequestError(problem) => return Some(Outcome::Failed(problem.into())),
                    _ => {}
                },
                Ok(Some(answer)) if matches!(answer.reply, Reply::Gone) => {
                    return Some(Outcome::Failed(RequestError::TopologyEnded.into()));
                }
                // Of a signal that was passed on: it may have ended meanwhile.
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Some(Outcome::Failed(error)),
            }
        }
        received.err().map(Outcome::Failed)
    }

    /// Passes a signal on, as soon as there is a program to take it.
    pub(super) fn pass_on(&mut self, signal: i32) {
        match self.begun {
            Some((session, _)) => {
                // A controller that is gone is noticed when it is listened to.
                let _ = self
                    .connection
                    .client
                    .send(Request::Forward { session, signal }, &[]);
            }
            None => self.early.push(signal),
        }
    }

    /// Leaves it alone; the controller keeps the other side of its terminal.
    pub(super) fn leave(&mut self, terminal: BorrowedFd<'_>) -> Result<(), ClientError> {
        let Some((session, _)) = self.begun.as_ref().filter(|_| self.ended.is_none()) else {
            return Ok(());
        };
        let session = *session;
        let request = self
            .connection
            .client
            .send(Request::Leave { session }, &[terminal])?;
        loop {
            self.connection.client.receive()?;
            while let Some(answer) = self.connection.client.take_any()? {
                match answer.reply {
                    Reply::Ended(exit) if answer.id == self.request => self.ended = Some(exit),
                    // It has ended before it could be left.
                    Reply::RequestError(_) if answer.id == request && self.ended.is_some() => {
                        return Ok(());
                    }
                    Reply::RequestError(problem) if answer.id == request => {
                        return Err(problem.into());
                    }
                    Reply::Done if answer.id == request => return Ok(()),
                    Reply::Gone => return Err(ClientError::HungUp),
                    _ => {}
                }
            }
        }
    }
}

impl AsFd for ExecProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.client.as_fd()
    }
}
