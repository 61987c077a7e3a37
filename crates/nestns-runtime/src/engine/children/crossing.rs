//! Ways to create children in another namespace.

use std::os::fd::OwnedFd;

use nix::unistd::getpid;

use nestns_sys::pidfd::Pidfd;

/// Way to create children in another namespace.
#[derive(Debug)]
pub enum Crossing {
    /// The process changes its namespace for children and sets it back.
    Direct(Pidfd),
    /// A short-lived helper goes, first into this user namespace, if there is one.
    Helped(Option<OwnedFd>),
}

impl Crossing {
    /// The way of an init, which may always set its namespace for children back.
    ///
    /// # Errors
    ///
    /// Those of `pidfd_open(2)`.
    pub fn of_init() -> nix::Result<Self> {
        Pidfd::open(getpid()).map(Self::Direct)
    }
}
