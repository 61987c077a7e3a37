//! Basic facts of one process: its numbers on every level, its parent, its start time.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

use super::groups::Groups;
use super::small_file;
use super::stat;
use super::status::Status;
use nestns_sys::proc_status::Fields;

/// A process as /proc shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// `NSpid`: numbers from the reader's namespace down to the process's own.
    pub numbers: Vec<i32>,
    /// Process group and session.
    pub groups: Groups,
    /// Parent in the reader's numbering, 0 if that is outside.
    pub parent: i32,
    /// Start time, in clock ticks since boot: field 22 of `proc_pid_stat(5)`. With the PID it is an identity.
    pub start_time: u64,
}

impl Process {
    /// Reads `/proc/PID/status` and `/proc/PID/stat`, both readable by every user.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `ESRCH` when there is no such process, `InvalidData` when a field is missing.
    pub fn read(pid: Pid) -> io::Result<Self> {
        let mut buffer = [0; 4096];
        let status = small_file::read_bytes(&format!("/proc/{pid}/status"), &mut buffer)?;
        let (numbers, groups, parent) = lineage(status)
            .ok_or_else(|| small_file::lacking(status, &format!("/proc/{pid}/status")))?;
        Ok(Self {
            numbers,
            groups,
            parent,
            start_time: start_time(pid)?,
        })
    }
}

/// `NSpid`, process group, session and `PPid` of the bytes of a `status`.
fn lineage(status: &[u8]) -> Option<(Vec<i32>, Groups, i32)> {
    let fields = Fields::of(status);
    Some((
        fields.chain("NSpid")?,
        Groups::of(&fields)?,
        fields.number("PPid")?,
    ))
}

/// Start time of a process; see [`Process::start_time`].
///
/// # Errors
///
/// Those of [`Process::read`].
pub fn start_time(pid: Pid) -> io::Result<u64> {
    stat::read(pid, |stat| stat.number(22))
}

/// True if a process was stopped by a signal, as by Ctrl-Z, and does nothing until it continues. One that a tracer holds is not:
/// strace(1) holds every process for a moment at each call.
///
/// # Errors
///
/// Those of [`Process::read`].
pub fn is_stopped(pid: Pid) -> io::Result<bool> {
    stat::read(pid, |stat| stat.number(3)).map(|state: char| state == 'T')
}

/// Command line of a process; empty for a kernel thread, an ended process, and one that has overwritten it.
pub fn command_line(pid: Pid) -> Vec<String> {
    words(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default())
}

/// The words of a `cmdline` or `environ`, each ended by a zero byte; bytes that are no text are shown as such.
pub fn words(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes
        .split(|&byte| byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// True if a process is exiting: killed, or with every thread past the point of no return. A PID 1 is so before the
/// kernel kills the processes in its namespace, and stays so until all of them have been reaped (R45).
///
/// # Errors
///
/// Those of [`Process::read`].
pub fn is_ending(pid: Pid) -> io::Result<bool> {
    /// `PF_EXITING` of the kernel's `sched.h`, in the ninth field of `proc_pid_stat(5)`.
    const EXITING: u64 = 4;
    const KILL: u64 = 1 << (libc::SIGKILL - 1);
    if Status::read(pid)?.pending & KILL != 0 {
        return Ok(true);
    }
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let thread = thread?.path();
        let flags: io::Result<u64> =
            stat::read_in(&thread.display().to_string(), |stat| stat.number(9));
        // A thread that is gone does not come back either.
        if flags.is_ok_and(|flags| flags & EXITING == 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Result of `read` on a process by its number, if that was the process which began at `start_time`.
///
/// A number is not given out again while it is in use: a process that still has its start time afterwards had the
/// number all the while.
///
/// # Errors
///
/// `ESRCH` when the process is gone, else those of `read`.
pub fn verified<T>(pid: Pid, start: u64, read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let read = read();
    match start_time(pid) {
        Ok(found) if found == start => read,
        _ => Err(Errno::ESRCH.into()),
    }
}

/// A moment on the clock of start times.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    now: Duration,
    ticks: u64,
}

impl Clock {
    /// Present moment.
    pub fn now() -> Self {
        let ticks = sysconf(SysconfVar::CLK_TCK)
            .ok()
            .flatten()
            .and_then(|ticks| u64::try_from(ticks).ok());
        Self {
            now: clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from),
            ticks: ticks.filter(|&ticks| ticks > 0).unwrap_or(100),
        }
    }

    /// Age of a process by its start time; see [`Process::start_time`].
    pub fn age(&self, start_time: u64) -> Duration {
        self.now.saturating_sub(Duration::from_millis(
            start_time.saturating_mul(1_000) / self.ticks,
        ))
    }
}
