//! One wait for several descriptors, each of which may not be of interest at the moment: poll(2).

use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use nestns_sys::moment::Moment;

/// Descriptors that are waited for.
#[derive(Debug, Default)]
pub(in crate::cli) struct Watch<'fd> {
    descriptors: Vec<PollFd<'fd>>,
}

/// Something that is waited for.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Place(Option<usize>);

impl<'fd> Watch<'fd> {
    /// Waits for a descriptor to become readable, if there is one.
    pub(in crate::cli) fn readable(&mut self, descriptor: Option<BorrowedFd<'fd>>) -> Place {
        self.add(descriptor, PollFlags::POLLIN)
    }

    /// Waits for a descriptor to become writable, if there is one.
    pub(in crate::cli) fn writable(&mut self, descriptor: Option<BorrowedFd<'fd>>) -> Place {
        self.add(descriptor, PollFlags::POLLOUT)
    }

    /// Waits for the other side of a descriptor to be closed.
    pub(in crate::cli) fn hung_up(&mut self, descriptor: BorrowedFd<'fd>) -> Place {
        self.add(Some(descriptor), PollFlags::empty())
    }

    fn add(&mut self, descriptor: Option<BorrowedFd<'fd>>, flags: PollFlags) -> Place {
        Place(descriptor.map(|descriptor| {
            self.descriptors.push(PollFd::new(descriptor, flags));
            self.descriptors.len() - 1
        }))
    }

    /// Waits until something is ready, a signal comes, or it is `until`.
    ///
    /// # Errors
    ///
    /// Those of poll(2).
    pub(in crate::cli) fn wait(&mut self, until: Option<Moment>) -> nix::Result<()> {
        let timeout = until.map_or(PollTimeout::NONE, |until| {
            // Rounded up, so that it is not woken just before.
            let left = until.since(Moment::now()) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut self.descriptors, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Returns whether it is ready, or hung up.
    pub(in crate::cli) fn is_ready(&self, place: Place) -> bool {
        place
            .0
            .is_some_and(|place| self.descriptors[place].any().unwrap_or(true))
    }
}
