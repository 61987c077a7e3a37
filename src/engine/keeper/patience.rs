//! How a keeper waits for a namespace in creation: an init has nothing else to do, the controller has.

use std::os::fd::BorrowedFd;

use nix::unistd::Pid;

use crate::engine::failure::Failure;
use crate::engine::plan::Subject;

/// Why a creation did not come to its end.
#[derive(Debug)]
pub enum Setback {
    /// Something failed.
    Failed(Failure),
    /// The keeper has been told to give up; the reason is known to whoever told it.
    Interrupted,
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// How a keeper spends the time in which it waits for a namespace in creation.
pub trait Patience {
    /// Returns when one of the channels is readable, with its place.
    ///
    /// # Errors
    ///
    /// [`Setback`] when there is a reason not to wait any longer.
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, Setback>;

    /// Called for each PID 1 directly below the host, when it is a child of the caller and before it goes on.
    ///
    /// # Errors
    ///
    /// [`Setback`] when it could not be put under the guardian.
    fn guard(&mut self, root: Pid, subject: Subject) -> Result<(), Setback>;
}

/// The patience of an init: it has nothing else to do yet, and signals wait.
#[derive(Debug)]
pub struct Undisturbed;

impl Patience for Undisturbed {
    fn until_readable(&mut self, channels: &[BorrowedFd<'_>]) -> Result<usize, Setback> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        if channels.len() == 1 {
            // The read that follows waits.
            return Ok(0);
        }
        loop {
            let mut ready: Vec<_> = channels.iter().map(|&channel| PollFd::new(channel, PollFlags::POLLIN)).collect();
            // Every signal is blocked; the call fails only for want of memory, and then again.
            if poll(&mut ready, PollTimeout::NONE).is_ok()
                && let Some(place) = ready.iter().position(|fd| fd.any().unwrap_or(true))
            {
                return Ok(place);
            }
        }
    }

    fn guard(&mut self, _root: Pid, _subject: Subject) -> Result<(), Setback> {
        Ok(())
    }
}
