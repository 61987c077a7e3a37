//! Signals that ask this process to end: they are blocked since the controller was forked, so that the tree is taken down
//! first.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that have arrived so far.
#[derive(Debug)]
pub(super) struct Interruption {
    signals: SignalFd,
    first: Cell<Option<i32>>,
}

/// Those that ask for the end.
fn asking() -> SigSet {
    [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ]
    .into_iter()
    .collect()
}

impl Interruption {
    /// From now on they arrive here.
    pub(super) fn open() -> nix::Result<Self> {
        asking().thread_block()?;
        let signals =
            SignalFd::with_flags(&asking(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self {
            signals,
            first: Cell::new(None),
        })
    }

    /// The first that has arrived.
    pub(super) fn arrived(&self) -> Option<i32> {
        while self.next().is_some() {}
        self.first.get()
    }

    /// The next one, and whether the kernel has sent it, as it does for a terminal, to the whole group.
    pub(super) fn next(&self) -> Option<(i32, bool)> {
        // SI_KERNEL of sigaction(2).
        const BY_KERNEL: i32 = 0x80;
        let info = self.signals.read_signal().ok().flatten()?;
        let signal = info.ssi_signo.cast_signed();
        if self.first.get().is_none() {
            self.first.set(Some(signal));
        }
        Some((signal, info.ssi_code == BY_KERNEL))
    }

    /// Waits for one, for at most this time.
    pub(super) fn wait(&self, time: Duration) -> nix::Result<()> {
        self.wait_with(None, Some(Instant::now() + time)).map(drop)
    }

    /// Waits for one, for another descriptor, or until a moment. Whether it was the other descriptor.
    pub(super) fn wait_with(
        &self,
        other: Option<BorrowedFd<'_>>,
        end: Option<Instant>,
    ) -> nix::Result<bool> {
        let mut ready = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        ready.extend(other.map(|other| PollFd::new(other, PollFlags::POLLIN)));
        let left =
            end.map(|end| end.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut ready, timeout) {
            Ok(_) => Ok(ready
                .get(1)
                .is_some_and(|ready| ready.any().unwrap_or(true))),
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Does something with these signals let through, as a program that is started then has them.
    pub(super) fn let_through<T>(start: impl FnOnce() -> T) -> nix::Result<T> {
        // One that arrives now ends this process, and the tree with it, which is tied to it.
        asking().thread_unblock()?;
        let started = start();
        asking().thread_block()?;
        Ok(started)
    }
}
