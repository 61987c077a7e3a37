//! Waiting for what may happen to an actor: being asked to end, a child's end, room for output, a
//! moment.
//!
//! TERM, INT and CHLD are blocked from the first line on and let in by ppoll(2) alone, for the time
//! of one wait: none is lost between a look and a wait, and none interrupts anything else.
//! Everything else has the kernel's default, so that an actor which is no PID 1 ends on QUIT or
//! USR1 as any program does.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::time::TimeSpec;

use nestns_sys::disposition;
use nestns_sys::reap::{Reaped, reap_one};

/// Reason why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// TERM or INT came.
    Asked,
    /// A child may have ended: a hint, several ends may make one signal.
    Child,
    /// The descriptor takes output, or will take none any more.
    Writable,
    /// The moment has come.
    Deadline,
}

/// The signal handling of one actor, set up.
#[derive(Debug)]
pub(super) struct Waiter {
    /// The mask while it waits.
    open: SigSet,
}

impl Waiter {
    /// Takes over the signals of the process, whatever it inherited.
    pub(super) fn new() -> nix::Result<Self> {
        // All blocked while the dispositions change: a TERM that comes now stays pending and is
        // found by the first wait.
        SigSet::all().thread_set_mask()?;
        // The standard library ignores PIPE, and a PID 1 would not be killed by it: the same answer
        // (EPIPE) everywhere.
        disposition::ignore(Signal::SIGPIPE)?;
        for signal in [
            Signal::SIGHUP,
            Signal::SIGQUIT,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
            Signal::SIGALRM,
        ] {
            disposition::default(signal)?;
        }
        let mut awaited = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD] {
            disposition::catch(signal)?;
            awaited.add(signal);
        }
        awaited.thread_set_mask()?;
        Ok(Self {
            open: SigSet::empty(),
        })
    }

    /// Waits until asked, a child's end, or the deadline; without one, for as long as it takes.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> nix::Result<Woken> {
        self.poll(&mut [], deadline)
    }

    /// Waits like [`Waiter::wait`], and until the descriptor takes output.
    pub(super) fn wait_writable(
        &self,
        output: BorrowedFd<'_>,
        deadline: Option<Instant>,
    ) -> nix::Result<Woken> {
        self.poll(&mut [PollFd::new(output, PollFlags::POLLOUT)], deadline)
    }

    fn poll(
        &self,
        descriptors: &mut [PollFd<'_>],
        deadline: Option<Instant>,
    ) -> nix::Result<Woken> {
        loop {
            if disposition::take(Signal::SIGTERM) || disposition::take(Signal::SIGINT) {
                return Ok(Woken::Asked);
            }
            if disposition::take(Signal::SIGCHLD) {
                return Ok(Woken::Child);
            }
            let left = deadline
                .map(|moment| TimeSpec::from(moment.saturating_duration_since(Instant::now())));
            match ppoll(descriptors, left, Some(self.open)) {
                // With a timeout of zero ppoll lets pending signals in as well and reports them as
                // EINTR.
                Ok(0) => return Ok(Woken::Deadline),
                Ok(_) => return Ok(Woken::Writable),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Waits until asked or the deadline, reaping every child that ends meanwhile.
pub(super) fn reap_until_asked(waiter: &Waiter, deadline: Option<Instant>) -> nix::Result<Woken> {
    loop {
        // First, because a child may have ended before this process caught CHLD.
        while let Reaped::Child { .. } = reap_one() {}
        match waiter.wait(deadline)? {
            Woken::Child => {}
            woken => return Ok(woken),
        }
    }
}
