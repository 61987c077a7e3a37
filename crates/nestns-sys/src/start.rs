//! Start of the process before its first line, in place of Rust's own.
//!
//! Rust's start reads `/proc/self/maps` to find the guard page below the stack, and sets up a second stack to report an
//! overflow from: a fifteenth of the time of `nestns exec`. This one does the part on which everything that follows
//! relies. What is missing is a sentence on standard error when the stack overflows; the signal is the same. The bench row
//! is `exec one -- true` of `life`.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;

use super::{caller, descriptor};

/// Opens those of descriptors 0, 1 and 2 that the caller has closed, on /dev/null: the next file that is opened would
/// else become standard output. Ignores SIGPIPE, so that a closed reader is an error of write(2) and not the end.
///
/// To be called once, first of all.
pub fn begin() {
    caller::take_note();
    caller::set(libc::SIGPIPE, libc::SIG_IGN);
    let standard =
        [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO].map(descriptor::inherited);
    let mut looked_at = standard.map(|descriptor| PollFd::new(descriptor, PollFlags::empty()));
    while poll(&mut looked_at, PollTimeout::ZERO) == Err(Errno::EINTR) {}
    for one in looked_at {
        if one
            .revents()
            .is_some_and(|found| found.contains(PollFlags::POLLNVAL))
        {
            // The lowest number that is free is this one: those before it are open by now.
            if let Ok(null) = open("/dev/null", OFlag::O_RDWR, Mode::empty()) {
                std::mem::forget(null);
            }
        }
    }
}
