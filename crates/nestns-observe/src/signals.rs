//! Fate of a signal: the disposition of a process, as far as that can be seen from outside.
//!
//! The kernel drops a signal when it is sent, if the process's first thread neither blocks nor awaits it and its action is to
//! ignore it, which for a PID 1 includes the default action (R5, R44). What its other threads block is of no account there.

use std::io;
use std::time::Duration;

use nix::libc;
use nix::unistd::Pid;

use super::awaited::{self, Known};
use super::small_file;
use nestns_sys::proc_status::Fields;

/// Answer to "would the kernel drop this signal?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The kernel would drop it.
    Dropped,
    /// The signal has an effect: a handler, a thread that awaits it, a signalfd that reads it, or the default action.
    Taken,
    /// Not visible from outside: the signal is blocked, so that the kernel keeps it, and nothing that would take it
    /// shows; or the caller may not see which signals are awaited.
    Unknown,
}

/// The role of a process in its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// PID 1, for which the default action of every signal is none.
    First,
    /// Any other process.
    Member,
}

/// The fates of several signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fates {
    /// Signals that the kernel would drop.
    pub dropped: u64,
    /// Signals with an unknown fate.
    pub unknown: u64,
}

/// Signals that no process can refuse from outside: KILL and STOP, and CONT, which continues even a process that
/// handles it.
const FORCED: u64 = bit(libc::SIGKILL) | bit(libc::SIGSTOP) | bit(libc::SIGCONT);
/// Signals whose default action is to be ignored.
const IGNORED_BY_DEFAULT: u64 = bit(libc::SIGCHLD) | bit(libc::SIGURG) | bit(libc::SIGWINCH);

const fn bit(signal: i32) -> u64 {
    if signal < 1 || signal > 64 {
        0
    } else {
        1 << (signal - 1)
    }
}

/// Signal masks of the first thread and of the process, from `/proc/PID/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Masks {
    caught: u64,
    ignored: u64,
    /// Blocked by the first thread, without the signals that it awaits.
    blocked: u64,
    /// Number of times that the first thread has gone to sleep.
    sleeps: u64,
}

impl Masks {
    fn read(pid: Pid) -> io::Result<Self> {
        let mut buffer = [0; 4096];
        let status = Fields::of(small_file::read_bytes(
            &format!("/proc/{pid}/status"),
            &mut buffer,
        )?);
        let field = |name: &str, radix| {
            // Of a process with very many groups the file is longer than a page.
            status
                .get(name)
                .and_then(|text| u64::from_str_radix(text, radix).ok())
                .ok_or_else(|| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("/proc/{pid}/status lacks {name}"),
                    )
                })
        };
        Ok(Self {
            caught: field("SigCgt", 16)?,
            ignored: field("SigIgn", 16)?,
            blocked: field("SigBlk", 16)?,
            sleeps: field("voluntary_ctxt_switches", 10)?,
        })
    }

    /// Signals that would be dropped if the first thread awaits none of them.
    fn refused(self, role: Role) -> u64 {
        let by_default = match role {
            Role::First => u64::MAX,
            Role::Member => IGNORED_BY_DEFAULT,
        };
        (self.ignored | by_default) & !self.caught & !self.blocked & !FORCED
    }
}

/// Number of looks at a first thread that is between two sleeps.
const ATTEMPTS: usize = 10;
/// Pause between two looks, for it to go to sleep.
const BETWEEN: Duration = Duration::from_micros(500);

/// Fates of the signals in `asked`. More than the masks is read only where they leave the fate open.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is no such process, `InvalidData` when a field is missing.
pub fn fates(pid: Pid, role: Role, asked: u64) -> io::Result<Fates> {
    let mut masks = Masks::read(pid)?;
    let mut fates = Fates {
        dropped: 0,
        unknown: 0,
    };
    for _ in 0..ATTEMPTS {
        let refused = masks.refused(role) & asked;
        fates = Fates {
            dropped: 0,
            unknown: refused,
        };
        if refused == 0 {
            break;
        }
        let awaited = awaited::by_thread(pid, pid.as_raw());
        let again = Masks::read(pid)?;
        // The files were read one after the other: their contents belong together only if the thread has not gone to
        // sleep in between, be it asleep or awake all the time.
        let is_one_moment = again == masks;
        masks = again;
        match awaited {
            Known::No => break,
            Known::Signals(set) if is_one_moment => {
                fates = Fates {
                    dropped: refused & !set,
                    unknown: 0,
                };
                break;
            }
            // A thread that was woken and waits for a processor is still inside the call, with the mask of the call.
            Known::Signals(_) | Known::Runs => std::thread::sleep(BETWEEN),
        }
    }
    let kept = masks.blocked & !masks.caught & !FORCED & asked;
    if kept != 0 {
        let mut read = awaited::by_descriptor(pid);
        if kept & !read != 0 {
            read |= awaited::by_any_thread(pid);
        }
        fates.unknown |= kept & !read;
    }
    Ok(fates)
}

/// Fate of one signal from outside.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is no such process.
pub fn fate(pid: Pid, role: Role, signal: i32) -> io::Result<Fate> {
    let Fates { dropped, unknown } = fates(pid, role, bit(signal))?;
    Ok(match (dropped, unknown) {
        (0, 0) => Fate::Taken,
        (0, _) => Fate::Unknown,
        _ => Fate::Dropped,
    })
}

/// True if a process has a handler for a signal.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is no such process.
pub fn is_caught(pid: Pid, signal: i32) -> io::Result<bool> {
    Masks::read(pid).map(|masks| masks.caught & bit(signal) != 0)
}
