//! Forking a process that goes on running without exec, and the way out of such a process.
//!
//! Relies on one rule of fork(2): the child has only the calling thread, with every lock as it was. A lock that another
//! thread held is held for ever in the child, so the caller must be the only thread. The check costs one system call
//! and is made in debug builds; no release build of this crate starts a thread before its last fork.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;
use nix::sys::signal::Signal;
use nix::sys::stat::lstat;
pub use nix::unistd::ForkResult;
use nix::unistd::Pid;

/// Makes a copy of the calling process by the C library's [fork(2)], which knows about its own locks and caches; a raw
/// `clone3` would leave it uninformed.
///
/// # Errors
///
/// `EAGAIN` at a limit of processes (`RLIMIT_NPROC`, `pids.max`, `pid_max`); `ENOMEM` also where the namespace for
/// children has lost its PID 1.
///
/// # Panics
///
/// In debug builds, when the process has more than one thread.
///
/// [fork(2)]: https://man7.org/linux/man-pages/man2/fork.2.html
pub fn fork() -> nix::Result<ForkResult> {
    assert_alone();
    // SAFETY: a child of a threaded process may only do what is async-signal-safe. The process has one thread (asserted
    // above), so no lock is held by a thread that the child lacks, and the child may run ordinary code.
    unsafe { nix::unistd::fork() }
}

/// Ends the process at once by [_exit(2)]: a forked copy runs no exit handlers and flushes no buffer of its parent's.
///
/// [_exit(2)]: https://man7.org/linux/man-pages/man2/_exit.2.html
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit asks for nothing; it is unsafe only for being foreign.
    unsafe { libc::_exit(code) }
}

/// Has the kernel kill the calling process when the thread that has forked it ends (`PR_SET_PDEATHSIG`), whatever it
/// executes meanwhile; and ends it, if that has happened already. `parent` is the process that has forked it.
pub fn end_with_parent(parent: Pid) {
    // Refused for invalid signals only.
    let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    if nix::unistd::getppid() != parent {
        exit_now(128 + libc::SIGKILL);
    }
}

/// Has the kernel kill a command, which the calling process is going to start, when that process ends.
pub fn start_to_end_with_parent(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let before = move || {
        end_with_parent(parent);
        Ok(())
    };
    // SAFETY: what runs between fork and exec is three system calls, all of them async-signal-safe.
    unsafe {
        command.pre_exec(before);
    }
}

/// Fails in a debug build when the process has more than one thread.
pub(super) fn assert_alone() {
    debug_assert_ne!(
        is_alone(),
        Some(false),
        "fork in a process with several threads"
    );
}

/// True if the process has one thread: the links of `/proc/self/task` are two and one for each thread.
///
/// `None` if unknown, as with a /proc that belongs to a PID namespace which this process is not in.
fn is_alone() -> Option<bool> {
    lstat("/proc/self/task").ok().map(|task| task.st_nlink == 3)
}

#[cfg(test)]
mod tests {
    use super::is_alone;

    #[test]
    fn a_second_thread_is_noticed() {
        // The test itself runs in a thread beside the one of `main`, or gets company here.
        let (release, released) = std::sync::mpsc::channel::<()>();
        let company = std::thread::spawn(move || released.recv());
        assert_eq!(is_alone(), Some(false));
        drop(release);
        assert!(company.join().is_ok());
    }
}
