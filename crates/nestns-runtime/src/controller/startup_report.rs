//! Report to the caller that has asked for a topology in the background: it waits until the
//! topology is ready, and is told so here.
//!
//! Until then the report goes to the caller's standard error, so that a start that fails reads as in
//! the foreground. From then on the controller's own words go into a file of the state directory,
//! and the caller's terminal may be closed.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::socket::{MsgFlags, send};
use nix::unistd::read;
use serde::{Deserialize, Serialize};

use nestns_client::documents::ExitDocument;
use nestns_client::state_directory::{CONTROLLER_LOG, Directory};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::{FIRST_FREE, NULL};

/// Report to the caller of a topology that is ready.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct StartupReport {
    pub state: String,
    pub name: String,
    pub truth: String,
    pub namespaces: u32,
    pub processes: u32,
    pub depth: u32,
    pub create_ms: f64,
    pub release_ms: Option<f64>,
    pub ready_ms: Option<f64>,
    /// Paths of what has failed without ending the topology.
    pub failed: Vec<String>,
}

/// Report to the caller if there is nothing to wait for any more.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct NotReady {
    pub failed: Vec<FailedProcess>,
    /// Paths of what was not ready, and had not failed.
    pub waited_for: Vec<String>,
}

/// The way in which a process has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failing {
    /// It has ended.
    Ended,
    /// It has not become ready, and goes on.
    Unready,
}

/// A process that has failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are their names")]
pub struct FailedProcess {
    pub path: String,
    pub failure: Failing,
    pub exit: Option<ExitDocument>,
    /// Last lines of its output.
    pub lines: Vec<String>,
}

/// Result of waiting.
#[derive(Debug)]
pub enum Heard {
    /// The topology stands.
    StartupReport(Box<StartupReport>),
    /// The topology does not stand, and will not.
    NotReady(NotReady),
    /// The controller has ended without a word.
    Nothing,
}

/// Message to the caller.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    StartupReport(Box<StartupReport>),
    NotReady(NotReady),
}

/// The way to the caller.
#[derive(Debug)]
pub struct ReportChannel {
    channel: OwnedFd,
    wait_until: WaitUntil,
}

/// State that the caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitUntil {
    /// Waits until everything is ready.
    UntilReady,
    /// Waits until the gates are open.
    UntilReleased,
}

impl ReportChannel {
    /// Takes one end of a socket pair; the process that forked the controller has the other one.
    pub fn new(channel: OwnedFd, wait_until: WaitUntil) -> Self {
        Self {
            channel,
            wait_until,
        }
    }

    /// State that the caller waits for.
    pub fn wait_until(&self) -> WaitUntil {
        self.wait_until
    }

    /// Moves the channel out of the way of the agreed numbers.
    ///
    /// # Errors
    ///
    /// `EMFILE` when there is no other.
    pub(super) fn place(self) -> nix::Result<Self> {
        Ok(Self {
            channel: descriptor::above(self.channel, FIRST_FREE)?,
            ..self
        })
    }

    /// Tells the caller, and lets go of its terminal: what the controller says from now on goes
    /// into this file.
    pub(super) fn announce(self, news: &StartupReport, directory: &Directory) {
        log_into(directory);
        self.write(&Message::StartupReport(Box::new(news.clone())));
    }

    /// Tells the caller that there is nothing to wait for.
    pub(super) fn give_up(self, why: &NotReady) {
        self.write(&Message::NotReady(why.clone()));
    }

    fn write(&self, message: &Message) {
        let line = serde_json::to_vec(message).unwrap_or_default();
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            // A caller that has been killed meanwhile misses nothing.
            match send(self.channel.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => rest = &rest[count..],
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }
}

/// Redirects what the controller says from now on into a file of this directory.
pub(super) fn log_into(directory: &Directory) {
    let log = match directory.file(
        CONTROLLER_LOG,
        OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND,
    ) {
        Ok(log) => log,
        // Without a place for it what it says is lost, which is better than a terminal that is
        // kept.
        Err(_) => match descriptor::above(nestns_sys::descriptor_layout::fd(NULL), FIRST_FREE) {
            Ok(null) => File::from(null),
            Err(_) => return,
        },
    };
    let _ = descriptor::make_standard(&log, libc::STDERR_FILENO);
}

impl AsFd for ReportChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Reads what the caller is told.
///
/// # Errors
///
/// Those of read(2).
pub fn listen(channel: &OwnedFd) -> nix::Result<Heard> {
    let mut line = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        match read(channel, &mut buffer) {
            Ok(0) => {
                return Ok(match serde_json::from_slice(&line) {
                    Ok(Message::StartupReport(news)) => Heard::StartupReport(news),
                    Ok(Message::NotReady(why)) => Heard::NotReady(why),
                    Err(_) => Heard::Nothing,
                });
            }
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}
