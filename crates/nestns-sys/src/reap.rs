//! Reaping of any child that has ended.
//!
//! Not `nix::sys::wait`, because that cannot express an end by a real-time signal: it answers `EINVAL`, with the child
//! already reaped and its number lost. Relies on wait(2): only a child that was waited for gives its number back.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// Result of one look for an ended child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// A child that has ended and is gone.
    Child {
        /// PID, free for reuse from now on.
        pid: Pid,
        /// The status as wait(2) encodes it.
        status: i32,
    },
    /// Children, none of which has ended.
    NoneEnded,
    /// No child.
    NoChild,
}

/// True if a process is an unreaped child of the calling one: its number is not reused.
pub fn is_child(pid: Pid) -> bool {
    let Ok(number) = libc::id_t::try_from(pid.as_raw()) else {
        return false;
    };
    loop {
        // SAFETY: an all-zero siginfo is a valid value, and the kernel writes one of that size. WNOWAIT leaves the child as it is.
        let result = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(
                libc::P_PID,
                number,
                &raw mut info,
                libc::WEXITED | libc::WNOHANG | libc::WNOWAIT,
            )
        };
        if result == 0 || Errno::last() != Errno::EINTR {
            return result == 0;
        }
    }
}

/// Waits until a child has ended, by [waitpid(2)] with `__WALL`, and reaps it; its status as wait(2) encodes it. A call that a
/// signal has interrupted is made again.
///
/// # Errors
///
/// `ECHILD` when it is no child of the caller, or has been reaped.
///
/// [waitpid(2)]: https://man7.org/linux/man-pages/man2/waitpid.2.html
pub fn await_child(pid: Pid) -> nix::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live local of the type that waitpid writes.
        let answer = unsafe { libc::waitpid(pid.as_raw(), &raw mut status, libc::__WALL) };
        match Errno::result(answer) {
            Err(Errno::EINTR) => {}
            result => return result.map(|_| status),
        }
    }
}

/// Reaps one ended child without waiting, by [waitpid(2)] with `WNOHANG`.
///
/// [waitpid(2)]: https://man7.org/linux/man-pages/man2/waitpid.2.html
pub fn reap_one() -> Reaped {
    let mut status = 0;
    loop {
        // SAFETY: the pointer is to a live local of the type that waitpid writes.
        let answer = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        match answer {
            0 => return Reaped::NoneEnded,
            -1 if Errno::last() == Errno::EINTR => {}
            // ECHILD; EINVAL is for unknown options only.
            -1 => return Reaped::NoChild,
            pid => {
                return Reaped::Child {
                    pid: Pid::from_raw(pid),
                    status,
                };
            }
        }
    }
}
