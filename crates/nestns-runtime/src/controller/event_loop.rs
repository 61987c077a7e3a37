//! Events that the controller waits for: epoll(7), with a name for each descriptor.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use nestns_sys::call::{Call, CallError, Named};

/// Name of a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Signals,
    Reports,
    /// A channel for reports of a namespace or of a process.
    Channel(u32),
    SyncChannel(u32),
    StandardOutput,
    StandardInput,
    Terminal,
    Stream(u32),
    /// One or more of those that programs write into.
    Programs,
    /// The control socket.
    Control,
    Client(u32),
    /// Something of the state directory was removed.
    Home,
    /// A process that the topology does not outlive.
    TiedTo,
    /// The line to the PID 1 of a namespace.
    Line(u32),
    /// A process says that it is ready.
    Voice(u32),
    /// The terminal of a program of `exec` that was left alone.
    ExecTerminal(u32),
}

impl Token {
    fn encode(self) -> u64 {
        let (kind, number) = match self {
            Self::Signals => (0, 0),
            Self::Reports => (1, 0),
            Self::SyncChannel(number) => (2, number),
            Self::StandardOutput => (3, 0),
            Self::StandardInput => (4, 0),
            Self::Terminal => (5, 0),
            Self::Stream(number) => (6, number),
            Self::Programs => (7, 0),
            Self::Control => (8, 0),
            Self::Client(number) => (9, number),
            Self::TiedTo => (10, 0),
            Self::Home => (13, 0),
            Self::Line(namespace) => (12, namespace),
            Self::Voice(number) => (20, number),
            Self::Channel(number) => (21, number),
            Self::ExecTerminal(number) => (11, number),
        };
        kind << 32 | u64::from(number)
    }

    fn decode(data: u64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the low half")]
        let number = data as u32;
        match data >> 32 {
            0 => Self::Signals,
            1 => Self::Reports,
            2 => Self::SyncChannel(number),
            3 => Self::StandardOutput,
            4 => Self::StandardInput,
            5 => Self::Terminal,
            6 => Self::Stream(number),
            8 => Self::Control,
            9 => Self::Client(number),
            10 => Self::TiedTo,
            13 => Self::Home,
            12 => Self::Line(number),
            20 => Self::Voice(number),
            21 => Self::Channel(number),
            11 => Self::ExecTerminal(number),
            _ => Self::Programs,
        }
    }
}

/// A descriptor that is ready, and its readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ready {
    /// Name of the descriptor.
    pub(super) token: Token,
    /// Readiness, as in `epoll_ctl(2)`.
    pub(super) flags: EpollFlags,
}

/// State of waiting for the output of programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hearing {
    Open,
    /// No reader takes what has been read already: programs wait in their turn, and cost no time
    /// meanwhile.
    Muted,
}

/// The set of descriptors. Those that programs write into are a set of their own inside it, so that
/// one call mutes them.
#[derive(Debug)]
pub(super) struct EventLoop {
    all: Epoll,
    programs: Epoll,
}

impl EventLoop {
    /// An empty set.
    ///
    /// # Errors
    ///
    /// Those of `epoll_create1(2)` and `epoll_ctl(2)`.
    pub(super) fn new() -> Result<Self, CallError> {
        let set = || Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).by(Call::EpollCreate);
        let (all, programs) = (set()?, set()?);
        all.add(
            &programs.0,
            EpollEvent::new(EpollFlags::EPOLLIN, Token::Programs.encode()),
        )
        .by(Call::EpollCtl)?;
        Ok(Self { all, programs })
    }

    fn set(&self, token: Token) -> &Epoll {
        match token {
            Token::Terminal | Token::Stream(_) => &self.programs,
            _ => &self.all,
        }
    }

    /// Adds a descriptor.
    ///
    /// # Errors
    ///
    /// `EPERM` for a regular file, which is always ready.
    pub(super) fn add(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        self.set(token)
            .add(fd, EpollEvent::new(flags, token.encode()))
    }

    /// Changes what a descriptor is waited for.
    ///
    /// # Errors
    ///
    /// `ENOENT` when it was not added.
    pub(super) fn change(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        let (set, mut event) = (self.set(token), EpollEvent::new(flags, token.encode()));
        set.modify(&fd, &mut event).or_else(|_| {
            // What is not waited for any more would never be answered.
            let _ = set.delete(&fd);
            set.add(&fd, event)
        })
    }

    /// Removes a descriptor.
    pub(super) fn remove(&self, fd: impl AsFd, token: Token) {
        // One that was not added is not there either way.
        let _ = self.set(token).delete(fd);
    }

    /// Chooses whether programs are heard.
    pub(super) fn hear(&self, hearing: Hearing) {
        let flags = if hearing == Hearing::Open {
            EpollFlags::EPOLLIN
        } else {
            EpollFlags::empty()
        };
        // The inner set was added when this one was made.
        let _ = self.all.modify(
            &self.programs.0,
            &mut EpollEvent::new(flags, Token::Programs.encode()),
        );
    }

    /// Programs that have written something, at this moment and regardless of muting.
    pub(super) fn programs(&self) -> Vec<Ready> {
        take(&self.programs, EpollTimeout::ZERO)
    }

    /// Waits until something is ready or the time is over; `None` waits for ever.
    pub(super) fn wait(&self, timeout: Option<Duration>) -> Vec<Ready> {
        let timeout = match timeout {
            None => EpollTimeout::NONE,
            Some(Duration::ZERO) => EpollTimeout::ZERO,
            // Rounded up, so that a deadline has passed when it wakes.
            Some(time) => {
                EpollTimeout::try_from(time + Duration::from_millis(1)).unwrap_or(EpollTimeout::MAX)
            }
        };
        let mut ready = take(&self.all, timeout);
        if let Some(place) = ready
            .iter()
            .position(|ready| ready.token == Token::Programs)
        {
            ready.swap_remove(place);
            ready.extend(take(&self.programs, EpollTimeout::ZERO));
        }
        ready
    }
}

fn take(set: &Epoll, timeout: EpollTimeout) -> Vec<Ready> {
    let mut events = [EpollEvent::empty(); 64];
    // Interrupted: the caller comes back. Other errors are for invalid arguments only.
    let count = set.wait(&mut events, timeout).unwrap_or(0);
    events[..count]
        .iter()
        .map(|event| Ready {
            token: Token::decode(event.data()),
            flags: event.events(),
        })
        .collect()
}
