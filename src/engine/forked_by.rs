//! The beginning of a PID 1, as its keeper and what runs in it agree on it.

use std::os::fd::OwnedFd;

use super::plan::{NamespaceIndex, Plan};

/// The process that has forked a new PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkedBy {
    /// Its keeper, which knows its number.
    Keeper,
    /// A helper that is about to end; the keeper learns the number from the kernel.
    Helper,
}

/// The whole life of a PID 1 from the fork on, [`run_pid_one`](super::pid_one::run_pid_one). A keeper is given it, because what
/// it forks has a keeper of its own.
pub type RunPidOne = fn(Plan, NamespaceIndex, Option<OwnedFd>, ForkedBy) -> !;
