//! The beginning of a PID 1, as agreed between its parent and the code that runs in it.

use std::os::fd::OwnedFd;

use super::plan::{NamespaceIndex, Plan};

/// The process that has forked a new PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkedBy {
    /// The parent, which knows its number.
    Children,
    /// A helper that is about to end; the parent gets the number from the kernel.
    Helper,
}

/// The whole life of a PID 1 from the fork on, [`run_pid_one`](super::pid_one::run_pid_one). A
/// parameter, because a PID 1 itself creates namespaces in the same way.
pub type RunPidOne = fn(Plan, NamespaceIndex, Option<OwnedFd>, ForkedBy) -> !;
