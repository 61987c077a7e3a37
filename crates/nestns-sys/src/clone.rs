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
    /// The PID 1 of a new PID namespace below that for the caller's children, and a child of the caller: `CLONE_NEWPID`.
    ChildInNewNamespace,
    /// The PID 1 of a new PID namespace below the caller's, and a child of the caller's parent: `CLONE_PARENT | CLONE_NEWPID`.
    /// Refused to a PID 1 (R9).
    SiblingInNewNamespace,
    /// A child of the caller's parent in the namespace for children: `CLONE_PARENT`. Refused to a PID 1 (R9).
    Sibling,
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
        Placement::ChildInNewNamespace => (libc::CLONE_NEWPID, libc::SIGCHLD),
        Placement::Sibling => (libc::CLONE_PARENT, 0),
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

/// Numbers for helpers that lead a process group, which keeps its leader's number for as long as it has a member: at the
/// end of all numbers, and where `pid_max` is smaller, in front of those of other helpers.
const LEADERS: [Range<libc::pid_t>; 2] = [4_000_000..4_190_000, 20_000..32_500];
/// So many numbers are tried in each of these ranges, from one on that the caller chooses.
const TRIES: usize = 1000;

/// A fork whose child uses up none of the numbers that count in the innermost `levels` PID namespaces.
///
/// # Errors
///
/// Those of [`clone3`].
pub fn fork_without_number(levels: usize) -> nix::Result<ForkResult> {
    fork_with_one_of(levels, UNUSED)
}

/// A fork like [`fork_without_number`], of a child that is about to lead a process group and to end before it. Callers
/// that choose a `place` of their own find a free number at once.
///
/// # Errors
///
/// Those of [`clone3`].
pub fn fork_group_leader(levels: usize, place: usize) -> nix::Result<ForkResult> {
    let from_place = LEADERS.map(|range| {
        (place..place + TRIES).map(move |place| {
            let ahead = libc::pid_t::try_from(place % range.len()).unwrap_or(0);
            range.start + ahead
        })
    });
    match fork_with_one_of(levels, from_place) {
        Err(Errno::EEXIST | Errno::EINVAL) => fork_without_number(levels),
        result => result,
    }
}

/// A fork whose child has the first number that is free, of several rows of numbers.
fn fork_with_one_of(
    levels: usize,
    rows: impl IntoIterator<Item = impl Iterator<Item = libc::pid_t>>,
) -> nix::Result<ForkResult> {
    let mut result = Err(Errno::EAGAIN);
    for row in rows {
        for number in row {
            result = clone3(Arguments {
                placement: Placement::Child,
                numbers: &vec![number; levels],
            });
            match result {
                Err(Errno::EEXIST) => {}
                // Not below `pid_max`, as the others of the row.
                Err(Errno::EINVAL) => break,
                _ => return result,
            }
        }
    }
    result
}
