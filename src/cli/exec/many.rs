//! The same program in many namespaces at the same time: lines behind their paths, and the worst status.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::process::{ExecProcess, Outcome, UNTIED, own_failure};
use crate::cli::color::When;
use crate::cli::command_error::{CommandError, Context as _};
use crate::cli::console_reporter::charset;
use crate::cli::selection::Selected;
use crate::cli::status::Status;
use crate::cli::target::Connection;
use crate::cli::terminal::{Signals, Watch};
use crate::present::line::Lines;
use nestns_client::journal::Stream;
use nestns_client::protocol::client::Client;
use nestns_client::protocol::message::ExecRequest;
use nestns_sys::pidfd::Pidfd;

/// Number of those that run at the same time: each is a connection and a process.
const AT_A_TIME: usize = 32;
/// A longer line is shown in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// One of them.
struct Running {
    path: String,
    process: ExecProcess,
    outcome: Option<Outcome>,
    outputs: Vec<Output>,
}

/// Output stream of one of them.
struct Output {
    stream: Stream,
    pipe: Option<std::fs::File>,
    partial: Vec<u8>,
}

/// Runs it in each of them.
pub(super) fn run(
    connection: &Connection,
    executions: Vec<ExecRequest>,
    lines: Lines,
    tied_to: Option<&Pidfd>,
) -> Result<Status, CommandError> {
    let signals = Signals::open(tied_to).context("cannot block the signals to forward")?;
    let null = std::fs::OpenOptions::new()
        .read(true)
        .open("/dev/null")
        .context("cannot open /dev/null")?;
    let mut waiting: VecDeque<ExecRequest> = executions.into();
    let mut running: Vec<Running> = Vec::new();
    let mut worst = 0;
    let mut errors = Vec::new();
    while !waiting.is_empty() || !running.is_empty() {
        while running.len() < AT_A_TIME
            && let Some(execution) = waiting.pop_front()
        {
            match begin(connection, execution, &null) {
                Ok(one) => running.push(one),
                Err(error) => errors.push(error),
            }
        }
        wait(&mut running, &signals, lines)?;
        if signals.is_untied() {
            // The controller ends those whose clients are gone.
            return Ok(Status::Other(UNTIED));
        }
        let (over, going): (Vec<Running>, Vec<Running>) =
            running.into_iter().partition(Running::is_over);
        running = going;
        for one in over {
            match one
                .outcome
                .map(|outcome| outcome.into_status(one.process.connection()))
            {
                Some(Ok(status)) => worst = worst.max(status.code()),
                Some(Err(error)) => errors.push(error),
                None => {}
            }
        }
    }
    match CommandError::of_several(errors) {
        Err(error) if error.status() < worst => Err(error.with_status(Status::Other(worst))),
        result => result.map(|()| Status::Other(worst)),
    }
}

fn begin(
    connection: &Connection,
    execution: ExecRequest,
    null: &std::fs::File,
) -> Result<Running, CommandError> {
    let path = path(&execution).to_owned();
    let client = Client::connect(&connection.directory)
        .map_err(|error| own_failure(connection.fail(&error)))?;
    let own = Connection {
        name: connection.name.clone(),
        directory: connection.directory.clone(),
        client,
    };
    let pipes = || pipe2(OFlag::O_CLOEXEC).context("cannot make a pipe (pipe2)");
    let ((stdout, theirs_stdout), (stderr, theirs_stderr)) = (pipes()?, pipes()?);
    let output = |stream, pipe: OwnedFd| Output {
        stream,
        pipe: Some(pipe.into()),
        partial: Vec::new(),
    };
    let outputs = vec![
        output(Stream::Stdout, stdout),
        output(Stream::Stderr, stderr),
    ];
    let descriptors = [null.as_fd(), theirs_stdout.as_fd(), theirs_stderr.as_fd()];
    let process = ExecProcess::begin(own, execution, &descriptors)?;
    Ok(Running {
        path,
        process,
        outcome: None,
        outputs,
    })
}

impl Running {
    /// True if it has ended and its pipes are closed on the other side.
    fn is_over(&self) -> bool {
        self.outcome.is_some() && self.outputs.iter().all(|output| output.pipe.is_none())
    }
}

/// Waits until something happens, and takes note of it.
fn wait(running: &mut [Running], signals: &Signals, lines: Lines) -> Result<(), CommandError> {
    let mut watch = Watch::default();
    watch.readable(Some(signals.as_fd()));
    let mut places = Vec::new();
    for one in running.iter() {
        let said = watch.readable(one.outcome.is_none().then_some(one.process.as_fd()));
        let written: Vec<_> = one
            .outputs
            .iter()
            .map(|output| watch.readable(output.pipe.as_ref().map(AsFd::as_fd)))
            .collect();
        places.push((said, written));
    }
    watch
        .wait(None)
        .context("cannot wait for the program (poll)")?;
    let is_ready: Vec<(bool, Vec<bool>)> = places
        .into_iter()
        .map(|(said, written)| {
            (
                watch.is_ready(said),
                written
                    .into_iter()
                    .map(|place| watch.is_ready(place))
                    .collect(),
            )
        })
        .collect();
    while let Some(arrived) = signals.next() {
        for one in running.iter_mut() {
            one.process.pass_on(arrived.number());
        }
    }
    for (one, (said, written)) in running.iter_mut().zip(is_ready) {
        for (output, is_ready) in one.outputs.iter_mut().zip(written) {
            if is_ready {
                output.read(&one.path, lines)?;
            }
        }
        if said {
            one.outcome = one.process.receive();
        }
    }
    Ok(())
}

impl Output {
    fn read(&mut self, path: &str, lines: Lines) -> std::io::Result<()> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        let mut buffer = [0_u8; 16 * 1024];
        let count = pipe.read(&mut buffer)?;
        let mut shown = Vec::new();
        self.partial.extend_from_slice(&buffer[..count]);
        if count == 0 {
            self.pipe = None;
        }
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            shown.extend(lines.render(path, self.stream, &self.partial[..end]));
            self.partial.drain(..=end);
        }
        if self.partial.len() > LONGEST_LINE || (count == 0 && !self.partial.is_empty()) {
            shown.extend(lines.render(path, self.stream, &self.partial));
            self.partial.clear();
        }
        std::io::stdout().lock().write_all(&shown)
    }
}

/// In which of the things that are addressed: the namespaces, or beside the processes where there is none among them.
pub(super) fn where_to<'a>(selections: &[Selected<'a>]) -> Vec<Selected<'a>> {
    let namespaces: Vec<_> = selections
        .iter()
        .copied()
        .filter(|selected| matches!(selected, Selected::Namespace(_)))
        .collect();
    if namespaces.is_empty() {
        selections.to_vec()
    } else {
        namespaces
    }
}

/// Form of the lines.
pub(super) fn lines(when: When, executions: &[ExecRequest]) -> Lines {
    Lines::new(
        when.colour(&std::io::stdout()),
        charset(),
        executions.iter().map(path),
    )
}

/// Prefix of the lines of a program.
fn path(execution: &ExecRequest) -> &str {
    execution
        .beside
        .as_ref()
        .map_or(&execution.namespace, |beside| &beside.path)
}
