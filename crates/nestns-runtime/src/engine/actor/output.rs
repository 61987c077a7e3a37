//! Output of actors: numbered lines, `ready`, and the reason of a failure.
//!
//! Written straight to the descriptors: a forked copy must neither flush nor fill a buffer of its
//! parent's. Output is waited for by ppoll(2) before each write, so that TERM ends an actor whose
//! reader has stopped reading; a pipe that polls writable takes at least `PIPE_BUF` bytes without
//! blocking (pipe(7)).

use std::io::{Stderr, Stdout, stderr, stdout};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::write;

use nestns_sys::errno::spelled;
use nestns_sys::reap::{Reaped, reap_one};
use nestns_topology::Actor;

use super::pace::{Beat, Pace};
use super::wait::{Waiter, Woken, reap_until_asked};

/// Result of writing a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// Written.
    Whole,
    /// TERM or INT came while there was no room for it.
    Asked,
}

/// Writes `line N` at the rate, until the duration is over or it is asked to end.
pub(super) fn log(waiter: &Waiter, rate: u32, duration: Option<Duration>) -> nix::Result<()> {
    let mut pace = Pace::new(rate, duration);
    let mut number = 0_u64;
    loop {
        let moment = match pace.beat() {
            Beat::At(moment) => moment,
            Beat::End(end) => return reap_until_asked(waiter, end).map(drop),
        };
        if reap_until_asked(waiter, Some(moment))? == Woken::Asked {
            return Ok(());
        }
        number = number.saturating_add(1);
        match write_line(waiter, format!("line {number}\n").as_bytes()) {
            Ok(Written::Whole) => pace.advance(),
            Ok(Written::Asked) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

/// Writes the line to standard output, as soon as there is room for it.
pub(super) fn write_line(waiter: &Waiter, line: &[u8]) -> nix::Result<Written> {
    let output: Stdout = stdout();
    let mut rest = line;
    while !rest.is_empty() {
        match waiter.wait_writable(output.as_fd(), None)? {
            Woken::Asked => return Ok(Written::Asked),
            Woken::Child => while let Reaped::Child { .. } = reap_one() {},
            Woken::Writable | Woken::Deadline => match write(&output, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                // EAGAIN: the pipe was made non-blocking by a process that shares it, and is full
                // again.
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            },
        }
    }
    Ok(Written::Whole)
}

/// Writes the reason why the actor gives up to standard error; in one write, whether or not it is
/// read.
pub(super) fn complain(actor: &Actor, errno: Errno) {
    let errors: Stderr = stderr();
    let text = format!("nestns: actor {}: {}\n", actor.name(), spelled(errno));
    let _ = write(&errors, text.as_bytes());
}
