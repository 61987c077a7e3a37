//! What would happen to a signal: the masks of a process.

use std::io;

use nix::unistd::Pid;

use super::small_file;

/// What a process has decided about one signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// A handler, or blocked, as whoever reads a signalfd has it: it may be acted upon.
    Handled,
    /// Thrown away.
    Ignored,
    /// Blocked and ignored: thrown away when it is let in, unless it is read before; a shell looks so for a moment around
    /// every command that it starts.
    Unknown,
    /// The default action; which a PID 1 does not get: the kernel drops the signal (R5).
    Default,
}

/// Reads `SigBlk`, `SigIgn` and `SigCgt` of `/proc/PID/status`.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is no such process.
pub fn reception(pid: Pid, signal: i32) -> io::Result<Reception> {
    let mut buffer = [0; 4096];
    let status = small_file::read(&format!("/proc/{pid}/status"), &mut buffer)?;
    let bit = 1_u64.checked_shl(u32::try_from(signal - 1).unwrap_or(u32::MAX)).unwrap_or(0);
    let has = |name: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & bit != 0)
    };
    let (caught, blocked, ignored) = (has("SigCgt:"), has("SigBlk:"), has("SigIgn:"));
    Ok(if caught || (blocked && !ignored) {
        Reception::Handled
    } else if blocked {
        Reception::Unknown
    } else if ignored {
        Reception::Ignored
    } else {
        Reception::Default
    })
}
