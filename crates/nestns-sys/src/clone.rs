//! The raw clones that fork(2) cannot express: clone3(2). Their children go on running, which is sound in a process with one
//! thread and in no other (rust-lang/rust#89522): the C library is not told of them, so its cached thread id is the parent's.

use std::ops::Range;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Pid};

/// `struct clone_args` in its second published size, the first with `set_tid`.
#[repr(C)]
#[derive(Default)]
struct Raw {
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

/// The place of a new process among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// A child of the caller in the namespace for children, as of fork(2).
    Child,
    /// The PID 1 of a new PID namespace below the caller's, and a child of the caller's parent: `CLONE_PARENT | CLONE_NEWPID`.
    /// Refused to a PID 1 (R9).
    SiblingInNewNamespace,
}

/// The arguments of [`clone3`].
#[derive(Debug, Clone, Copy)]
pub struct Arguments<'a> {
    /// Placement of the child.
    pub placement: Placement,
    /// Number of the child in its PID namespace, and the following ones in those around it
    /// (`set_tid`, since Linux 5.5); the kernel chooses those that are not given.
    pub numbers: &'a [libc::pid_t],
}

/// `clone3({ .flags, .exit_signal, .set_tid })`
///
/// Forks a child with the given number in the namespace for children, and the following ones in those around it. The
/// counters do not move (measured: the next ordinary fork gets the number that it would have got anyway), so that a
/// helper uses up none.
///
/// # Errors
///
/// `EEXIST` when a number is taken, `EINVAL` when one is not below `pid_max` or there are more than levels, `EPERM` without
/// `CAP_CHECKPOINT_RESTORE` over each namespace named, `ENOSYS` where a seccomp filter refuses clone3; `ENOSPC` beyond 32
/// levels or `user.max_pid_namespaces`.
///
/// Forks a child in a new PID namespace below the caller's, whose parent is the caller's parent. Refused to a PID 1
/// (R9). `exit_signal` must be 0: with `CLONE_PARENT` the child takes over the caller's.
///
/// In debug builds, when the process has more than one thread.
pub fn clone3(arguments: Arguments<'_>) -> nix::Result<ForkResult> {
    super::fork::assert_alone();
    // With CLONE_PARENT the child takes over the caller's exit signal, and none may be given.
    let (flags, exit_signal) = match arguments.placement {
        Placement::Child => (0, libc::SIGCHLD),
        Placement::SiblingInNewNamespace => (libc::CLONE_PARENT | libc::CLONE_NEWPID, 0),
    };
    let raw = Raw {
        flags: flags.cast_unsigned().into(),
        exit_signal: exit_signal.cast_unsigned().into(),
        set_tid: if arguments.numbers.is_empty() {
            0
        } else {
            arguments.numbers.as_ptr() as u64
        },
        set_tid_size: arguments.numbers.len() as u64,
        ..Raw::default()
    };
    // SAFETY: the structure and the array behind `set_tid` outlive the call and have the sizes given. Without CLONE_VM the
    // child runs on a copy of this stack, so that returning from here is sound in both; no lock is held, there being one
    // thread.
    let result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw const raw, std::mem::size_of::<Raw>()) };
    #[expect(clippy::cast_possible_truncation, reason = "a PID is an int")]
    match Errno::result(result)? {
        0 => Ok(ForkResult::Child),
        child => Ok(ForkResult::Parent {
            child: Pid::from_raw(child as libc::pid_t),
        }),
    }
}

/// Numbers for a helper, tried in this order: near the top, where the kernel has not counted to
/// yet; then, where `pid_max` is small, below 300, which the kernel does not give out again after a
/// wrap-around.
const UNUSED: [Range<libc::pid_t>; 2] = [32_500..32_700, 200..300];

/// A fork whose child uses up none of the numbers that count in the innermost `levels` PID namespaces.
///
/// # Errors
///
/// Those of [`clone3`].
pub fn fork_without_number(levels: usize) -> nix::Result<ForkResult> {
    let mut result = Err(Errno::EAGAIN);
    for number in UNUSED.into_iter().flatten() {
        result = clone3(Arguments {
            placement: Placement::Child,
            numbers: &vec![number; levels],
        });
        if !matches!(result, Err(Errno::EEXIST | Errno::EINVAL)) {
            break;
        }
    }
    result
}
