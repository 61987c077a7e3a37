//! Listener for the events that the controller reports. It decides nothing about words, colours or
//! terminals.

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;

use nestns_client::journal::Stream;

use super::roster::Roster;
use crate::controller::state_directory::Cleared;
use crate::engine::exec_error::ExecError;
use crate::engine::failure::Failure;
use crate::engine::plan::ProcessKey;
use crate::engine::report::Ending;
use nestns_client::documents::Timeline;
use nestns_client::state_directory::StateError;
use nestns_sys::call::{Call, CallError};
use nestns_topology::Position;

/// Reason why a tree is stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The controller got this signal.
    Signal(i32),
    /// `--timeout` is over.
    Timeout,
    /// A client has asked on the control socket.
    Asked,
    /// The process to which the topology was tied has ended.
    Untied,
    /// Standard output has no reader any more.
    OutputClosed,
    /// A process has ended, and by the rules of the topology the tree ends with it.
    Ended {
        /// Path of the process.
        path: String,
    },
    /// A process has not become ready, and the tree was to become ready.
    Unready {
        /// Path of the process.
        path: String,
    },
}

impl Cause {
    /// The exit status of a second request, which kills.
    pub const KILLED: u8 = 128 + 9;

    /// The exit status of a tree that is stopped for this, where no process decides it.
    pub fn status(&self) -> u8 {
        let of_signal = |signal: i32| u8::try_from(128 + signal).unwrap_or(u8::MAX);
        match self {
            Self::Signal(signal) => of_signal(*signal),
            Self::Timeout => 124,
            Self::Asked | Self::Untied => of_signal(libc::SIGTERM),
            Self::OutputClosed | Self::Ended { .. } | Self::Unready { .. } => {
                of_signal(libc::SIGHUP)
            }
        }
    }
}

/// Manner in which a guardian was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Killed.
    Killed,
    /// No answer, as of one that was stopped; killed since.
    Silent,
    /// Communication with the guardian failed.
    Unreachable(CallError),
}

impl Loss {
    /// Classifies an error of talking to the guardian.
    pub(super) fn of(cause: CallError) -> Self {
        match cause.errno {
            Errno::EPIPE | Errno::ECONNRESET => Self::Killed,
            Errno::EAGAIN if cause.call == Call::Recvmsg => Self::Silent,
            _ => Self::Unreachable(cause),
        }
    }
}

/// A line that a process has written.
#[derive(Debug)]
pub struct Line<'a> {
    /// The process.
    pub subject: ProcessKey,
    /// Path of the process.
    pub path: &'a str,
    /// Stream of the line.
    pub stream: Stream,
    /// The bytes, without the line feed.
    pub text: &'a [u8],
}

/// Something to say while the tree lives.
#[derive(Debug)]
#[expect(missing_docs, reason = "the variants' text names the fields")]
pub enum Note<'a> {
    /// Something that had not ended in order was found under the name, and removed.
    LeftOver { cleared: &'a Cleared },
    /// The guardian of an earlier one, whose controller had died, was still at work, and was waited
    /// for.
    Awaited,
    /// The guardian was lost; another one has been started.
    GuardianLost { loss: Loss },
    /// A process could not become its program.
    Refused {
        path: &'a str,
        position: Position,
        refusal: &'a ExecError,
    },
    /// A process has failed; the last lines that it has written, if they have not been shown yet.
    Failed {
        path: &'a str,
        position: Position,
        ending: Ending,
        lines: &'a [String],
    },
    /// A process has ended well before it was ready, and the tree was to become ready.
    Unready {
        path: &'a str,
        position: Position,
        lines: &'a [String],
    },
    /// A process has failed while the command of `run` ran, and by the rules of the topology that
    /// is a failure of the whole.
    FailedMeanwhile { path: &'a str, status: u8 },
    /// Something has ended and is started again: after this while, so many times in a row, of so
    /// many at most.
    Restarting {
        path: &'a str,
        ending: Ending,
        delay: Duration,
        count: u32,
        most: Option<u32>,
    },
    /// A restart was not possible.
    NotRestarted { path: &'a str, trouble: &'a str },
    /// A process waits for something that cannot happen any more.
    Unreachable { path: &'a str, dependency: &'a str },
    /// A PID 1 of nestns itself was killed from outside.
    InitLost { path: &'a str, ending: Ending },
    /// A process inside has asked a PID 1 to stop.
    StopInside { path: &'a str, sender: i32 },
    /// A pause init leaves at once, because of a signal that nestns has not sent: from outside
    /// (sender 0), or from a process inside, under its number there.
    PauseLeaves {
        path: &'a str,
        sender: i32,
        signal: i32,
    },
    /// The tree is being stopped.
    Stopping { cause: &'a Cause },
    /// The roots have been killed, because they were asked a second time.
    Killing,
    /// Something does not end although it was killed.
    Stuck { paths: &'a [String] },
    /// The state directory was removed, or something in it, and was put back.
    HomeRestored { before: &'a Path, now: &'a Path },
    /// The state directory could not be put back yet.
    HomeLost { error: &'a StateError },
    /// Something of the state could not be removed at the end.
    LeftBehind { error: &'a StateError },
    /// The end could not be recorded, so that nothing is left to be looked at.
    Unrecorded { error: &'a StateError },
    /// Something failed after the release: the start of `run`'s command, or nestns itself in a
    /// process of the tree.
    LateFailure { path: &'a str, failure: &'a Failure },
    /// Output or events could not be written into the state directory, and are not kept.
    JournalLost { errno: Errno },
    /// The truth could not be written into the state directory, and is out of date.
    TruthLost { errno: Errno },
    /// The command that asks whether a process is ready cannot be executed.
    ProbeRefused {
        path: &'a str,
        position: Position,
        refusal: &'a ExecError,
    },
    /// So many tries in a row have failed that a process will never be ready; it goes on running.
    NeverReady {
        path: &'a str,
        position: Position,
        tries: u32,
    },
    /// Finding out if a process is ready is impossible.
    ProbeLost { path: &'a str, cause: CallError },
    /// The command that is run before a process is asked to stop has not ended well.
    StopExec {
        path: &'a str,
        position: Position,
        outcome: &'a StopExecOutcome,
    },
    /// Another process has said that this one is ready, which does not count.
    NotifyRefused { path: &'a str, sender: i32 },
    /// A process in this namespace has sent a report that was not its to send; it and those that
    /// follow are dropped.
    ReportRefused { path: &'a str, sender: i32 },
    /// A descriptor could not be taken over, for want of free ones.
    OutputLost { path: &'a str },
}

/// End of a command that is run before a process is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopExecOutcome {
    /// It has ended by itself, or a signal has ended it.
    Ended(Ending),
    /// It was killed when no more time was left for it.
    Overdue,
    /// It could not be executed.
    Refused(ExecError),
    /// It could not be started beside the process.
    NotStarted,
}

/// A process for which a stop waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Path of the process.
    pub path: String,
    /// Time waited so far, and at most; `None` if the process has not been asked yet.
    pub time: Option<(Duration, Duration)>,
}

/// The listener.
pub trait EventSink {
    /// Reports that so many of all PID 1s and processes exist.
    fn progress(&mut self, done: usize, total: usize);
    /// Everything exists and has been verified; the gates are about to open.
    fn standing(&mut self, roster: &Roster, create: Duration);
    /// Form in which a line is shown, line feed included.
    fn line(&mut self, line: &Line<'_>) -> Vec<u8>;
    /// Something to say.
    fn note(&mut self, note: &Note<'_>);
    /// Reports the processes for which the stop waits; called at once and then every second.
    fn waiting(&mut self, waiting: &[Waiting]);
    /// The stop is over.
    fn stopped(&mut self, timeline: &Timeline);
}

#[cfg(test)]
mod tests {
    use super::Cause;
    use nix::libc;

    #[test]
    fn each_cause_has_its_status() {
        let ended = Cause::Ended {
            path: "a/one".to_owned(),
        };
        for (cause, status) in [
            (Cause::Signal(libc::SIGINT), 130),
            (Cause::Signal(libc::SIGTERM), 143),
            (Cause::Signal(1000), 255),
            (Cause::Timeout, 124),
            (Cause::Asked, 143),
            (Cause::Untied, 143),
            (Cause::OutputClosed, 129),
            (ended, 129),
        ] {
            assert_eq!(cause.status(), status, "{cause:?}");
        }
    }
}
