//! What the controller waits for: epoll(7), with a name for each descriptor.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Who is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Signals,
    Reports,
    Nursery(u32),
    StandardOutput,
    StandardInput,
    Terminal,
    Stream(u32),
}

impl Token {
    fn encode(self) -> u64 {
        let (kind, number) = match self {
            Self::Signals => (0, 0),
            Self::Reports => (1, 0),
            Self::Nursery(number) => (2, number),
            Self::StandardOutput => (3, 0),
            Self::StandardInput => (4, 0),
            Self::Terminal => (5, 0),
            Self::Stream(number) => (6, number),
        };
        kind << 32 | u64::from(number)
    }

    fn decode(data: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let number = data as u32;
        match data >> 32 {
            0 => Self::Signals,
            1 => Self::Reports,
            2 => Self::Nursery(number),
            3 => Self::StandardOutput,
            4 => Self::StandardInput,
            5 => Self::Terminal,
            _ => Self::Stream(number),
        }
    }
}

/// What a descriptor is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    /// Which.
    pub(super) token: Token,
    /// For what: as in `epoll_ctl(2)`.
    pub(super) flags: EpollFlags,
}

/// The set of descriptors.
#[derive(Debug)]
pub(super) struct EventLoop(Epoll);

impl EventLoop {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// Those of `epoll_create1(2)`.
    pub(super) fn new() -> nix::Result<Self> {
        Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map(Self)
    }

    /// Adds a descriptor.
    ///
    /// # Errors
    ///
    /// `EPERM` for a regular file, which is always ready.
    pub(super) fn add(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        self.0.add(fd, EpollEvent::new(flags, token.encode()))
    }

    /// Changes what a descriptor is waited for.
    ///
    /// # Errors
    ///
    /// `ENOENT` when it was not added.
    pub(super) fn change(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        self.0.modify(fd, &mut EpollEvent::new(flags, token.encode()))
    }

    /// Removes a descriptor.
    pub(super) fn remove(&self, fd: impl AsFd) {
        // One that was not added is not there either way.
        let _ = self.0.delete(fd);
    }

    /// Waits until something is ready or the time is over; `None` waits for ever.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Vec<Ready> {
        let mut events = [EpollEvent::empty(); 64];
        let timeout = match timeout {
            None => EpollTimeout::NONE,
            // Rounded up, so that a deadline has passed when it wakes.
            Some(Duration::ZERO) => EpollTimeout::ZERO,
            Some(time) => EpollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(EpollTimeout::MAX),
        };
        match self.0.wait(&mut events, timeout) {
            Ok(count) => events[..count]
                .iter()
                .map(|event| Ready { token: Token::decode(event.data()), flags: event.events() })
                .collect(),
            // Interrupted: the caller comes back. Other errors are for invalid arguments only.
            Err(_) => Vec::new(),
        }
    }
}
