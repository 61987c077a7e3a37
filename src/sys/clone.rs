//! The two raw clones that fork(2) cannot express. Their children go on running, which is sound in a process with one thread
//! and in no other (rust-lang/rust#89522): the C library is not told of them, so its cached thread id is the parent's.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid};

/// The argument of clone3(2) in its second published size, the first with `set_tid`.
#[repr(C)]
#[derive(Default)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
}

/// `clone3({ .exit_signal = SIGCHLD, .set_tid = numbers })`, since Linux 5.5
///
/// A fork whose child has the given number in the namespace for children, and the following ones in those around it. It
/// leaves the counters alone (measured: the next ordinary fork gets the number that it would have got anyway), so that a
/// helper burns none.
///
/// # Errors
///
/// `EEXIST` when a number is taken, `EINVAL` when one is not below `pid_max` or there are more than levels, `EPERM` without
/// `CAP_CHECKPOINT_RESTORE` over each namespace named, `ENOSYS` where a seccomp filter refuses clone3.
pub fn fork_numbered(numbers: &[libc::pid_t]) -> nix::Result<ForkResult> {
    let arguments = CloneArguments {
        exit_signal: libc::SIGCHLD as u64,
        set_tid: numbers.as_ptr() as u64,
        set_tid_size: numbers.len() as u64,
        ..CloneArguments::default()
    };
    clone3(&arguments)
}

/// `clone3({ .flags = CLONE_PARENT | CLONE_NEWPID })`
///
/// A child in a new PID namespace below the caller's, whose parent is the caller's parent. Refused to a PID 1 (R9).
/// `exit_signal` must be 0: with `CLONE_PARENT` the child takes over the caller's.
///
/// # Errors
///
/// Those of [`fork_numbered`], and `ENOSPC` beyond 32 levels or `user.max_pid_namespaces`.
pub fn fork_sibling_in_new_pid_namespace() -> nix::Result<ForkResult> {
    let flags = (libc::CLONE_PARENT | libc::CLONE_NEWPID) as u64;
    clone3(&CloneArguments { flags, ..CloneArguments::default() })
}

fn clone3(arguments: &CloneArguments) -> nix::Result<ForkResult> {
    super::fork::assert_alone();
    // SAFETY: the structure and the array behind `set_tid` outlive the call and have the sizes given. Without CLONE_VM the
    // child runs on a copy of this stack, so that returning from here is sound in both; no lock is held, there being one
    // thread.
    let result = unsafe {
        libc::syscall(libc::SYS_clone3, std::ptr::from_ref(arguments), std::mem::size_of::<CloneArguments>())
    };
    #[expect(clippy::cast_possible_truncation, reason = "a PID is an int")]
    match Errno::result(result)? {
        0 => Ok(ForkResult::Child),
        child => Ok(ForkResult::Parent { child: Pid::from_raw(child as libc::pid_t) }),
    }
}
