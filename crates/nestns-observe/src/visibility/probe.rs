//! Body of a process in an observer's place: it asks the kernel, and reports the answers.
//!
//! The probe does not know which processes should be visible. It is about to end, so that it may leak, and it reports
//! numbers alone: their meaning is up to the caller.

use std::io;
use std::path::Path;

use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::identity;
use crate::mountinfo;
use nestns_sys::access;
use nestns_sys::errno::number_of;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::proc_status::Fields;

/// Question.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question<'a> {
    /// List of /proc.
    Proc(Tasks),
    /// Permission to signal these.
    Kill(&'a [i32]),
    /// Permission to open a pidfd of these.
    Pidfd(&'a [i32]),
    /// Permission to attach to these.
    Ptrace(&'a [i32]),
    /// Senders delivered on this socket, until it is closed.
    Credentials,
}

/// Inclusion of the threads of the listed processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tasks {
    Processes,
    Threads,
}

/// Answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ProbeAnswer {
    /// The errno for each number, 0 for success, and the identity if there is one.
    Numbers(Vec<(i32, u64)>),
    /// Properties of /proc, and its list.
    Proc {
        /// Number of numbers that the prober has there; 0 if it is not in it.
        levels: usize,
        numbers: Vec<i32>,
        hidden: Option<String>,
    },
    /// Messages, each with the number of its sender.
    Credentials(Vec<(u32, i32)>),
    /// Failure: no process could be put there.
    Failed { stage: String, errno: i32 },
}

impl Question<'_> {
    /// Determines the answer.
    pub(super) fn answer(&self, socket: Option<&std::os::fd::OwnedFd>) -> ProbeAnswer {
        let each = |numbers: &[i32], ask: fn(Pid) -> (i32, u64)| {
            ProbeAnswer::Numbers(
                numbers
                    .iter()
                    .map(|&number| ask(Pid::from_raw(number)))
                    .collect(),
            )
        };
        match self {
            Self::Proc(tasks) => list(*tasks),
            Self::Kill(numbers) => each(numbers, |pid| (errno(access::may_signal(pid)), 0)),
            Self::Ptrace(numbers) => each(numbers, |pid| (errno(access::may_trace(pid)), 0)),
            Self::Pidfd(numbers) => each(numbers, |pid| match Pidfd::open_any(pid) {
                Ok(pidfd) => (0, identity::of(&pidfd).unwrap_or(0)),
                Err(errno) => (errno as i32, 0),
            }),
            Self::Credentials => {
                ProbeAnswer::Credentials(socket.map(super::senders::receive).unwrap_or_default())
            }
        }
    }
}

fn errno(result: nix::Result<()>) -> i32 {
    result.map_or_else(|errno| errno as i32, |()| 0)
}

fn list(tasks: Tasks) -> ProbeAnswer {
    // Where it is not in the namespace that this /proc belongs to, there is no `self`.
    let levels = Fields::own()
        .chain("NSpid")
        .map_or(0, |numbers| numbers.len());
    let numbers = |directory: &str| -> io::Result<Vec<i32>> {
        let entries = std::fs::read_dir(directory)?;
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect())
    };
    let mut listed = match numbers("/proc") {
        Ok(listed) => listed,
        Err(error) => return failed("list /proc", &error),
    };
    if tasks == Tasks::Threads {
        // They are nowhere else: /proc/TID is there, and not listed (R70).
        let threads = listed
            .iter()
            .filter_map(|pid| numbers(&format!("/proc/{pid}/task")).ok());
        listed = threads.flatten().collect();
    }
    ProbeAnswer::Proc {
        levels,
        numbers: listed,
        hidden: hidden(),
    }
}

/// `hidepid=…` of what is mounted on /proc last.
fn hidden() -> Option<String> {
    let table = mountinfo::own();
    let mount = mountinfo::mounts(&table).rfind(|mount| mount.point() == Path::new("/proc"))?;
    let hidden = mount
        .options()
        .find(|option| option.starts_with(b"hidepid="))?;
    Some(String::from_utf8_lossy(hidden).into_owned())
}

pub(super) fn failed(stage: &str, error: &io::Error) -> ProbeAnswer {
    ProbeAnswer::Failed {
        stage: stage.to_owned(),
        errno: number_of(error) as i32,
    }
}
