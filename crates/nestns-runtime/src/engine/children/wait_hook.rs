//! Wait hook: the way in which a parent waits for a namespace in creation. An init has nothing else
//! to do, the controller has.

use std::os::fd::BorrowedFd;

use nix::unistd::Pid;

use crate::engine::failure::Failure;
use crate::engine::plan::ProcessKey;

/// Reason why a creation was not completed.
#[derive(Debug)]
pub enum BuildError {
    /// Failure of a step.
    Failed(Failure),
    /// The wait hook has given up, for a reason that its owner knows.
    Interrupted,
}

impl From<Failure> for BuildError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Wait hook for namespaces in creation.
pub trait WaitHook {
    /// Returns the index of the first channel that is readable.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if there is a reason not to wait any longer.
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, BuildError>;

    /// Called for each PID 1 directly below the host, once it is a child of the caller and before
    /// it goes on.
    ///
    /// # Errors
    ///
    /// [`BuildError`] if it could not be put under the guardian.
    fn guard(&mut self, root: Pid, subject: ProcessKey) -> Result<(), BuildError>;
}

/// Wait hook of an init that has nothing else to do yet; signals stay pending.
#[derive(Debug)]
pub struct NoHook;

impl WaitHook for NoHook {
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, BuildError> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        if channels.len() == 1 {
            // The read that follows waits.
            return Ok(0);
        }
        loop {
            let mut ready: Vec<_> = channels
                .iter()
                .map(|&channel| PollFd::new(channel, PollFlags::POLLIN))
                .collect();
            // Every signal is blocked; the call fails only for want of memory, and then again.
            if poll(&mut ready, PollTimeout::NONE).is_ok()
                && let Some(place) = ready.iter().position(|fd| fd.any().unwrap_or(true))
            {
                return Ok(place);
            }
        }
    }

    fn guard(&mut self, _root: Pid, _subject: ProcessKey) -> Result<(), BuildError> {
        Ok(())
    }
}
