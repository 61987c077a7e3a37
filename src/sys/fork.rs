//! fork(2) through the C library, from a process with one thread.

use nix::unistd::ForkResult;

/// `pid_t fork(void)`
///
/// The C library's own wrapper, never a raw `clone3` whose child goes on running: the library then knows of the child (its
/// cached thread id, its locks). See fork(2).
///
/// # Errors
///
/// `EAGAIN` when a limit on processes is reached (`pids.max` of a cgroup, `RLIMIT_NPROC`, `kernel.pid_max`), `ENOMEM` when
/// memory is short or when the PID 1 of the namespace for children is dead.
pub fn fork() -> nix::Result<ForkResult> {
    debug_assert!(is_single_threaded(), "a forked copy of a threaded process hangs on locks that nobody holds");
    // SAFETY: the process has one thread (asserted above, and kept by the rule that no crate which starts one runs before
    // the last fork), so the child inherits no lock in a held state and may go on running arbitrary code.
    unsafe { nix::unistd::fork() }
}

/// Whether this process has one thread; true as well where the /proc at hand cannot tell.
///
/// `/proc/self` does not resolve where the visible /proc belongs to another PID namespace, as between the birth of a
/// namespace and its own mount.
pub fn is_single_threaded() -> bool {
    use std::os::unix::fs::MetadataExt;
    // A directory's link count is 2 and one for each sub-directory: one a thread.
    std::fs::metadata("/proc/self/task").map_or(true, |task| task.nlink() <= 3)
}

/// `void _exit(int status)`: ends the process without exit handlers and without flushing what a forked copy has inherited.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: the call takes an integer and does not return.
    unsafe { nix::libc::_exit(status) }
}
