//! What a process needs before its first line, in place of Rust's own start.
//!
//! That one reads `/proc/self/maps` to find the guard page below the stack, and sets up a second stack to tell of an overflow
//! from: a fifteenth of what `nestns exec` takes. Here is the part that matters to everything that follows. What is missed is
//! a sentence on standard error when the stack overflows; the signal is the same.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;

use super::{caller, descriptor};

/// Opens what of descriptors 0, 1 and 2 the caller has closed, on /dev/null: the next file that is opened would else become
/// standard output. Ignores SIGPIPE, so that a reader who leaves is an error of write(2) and not the end.
///
/// To be called once, first of all.
pub fn begin() {
    caller::take_note();
    caller::set(libc::SIGPIPE, libc::SIG_IGN);
    let standard = [libc::STDIN_FILENO, libc::STDOUT_FILENO, libc::STDERR_FILENO].map(descriptor::inherited);
    let mut looked_at = standard.map(|descriptor| PollFd::new(descriptor, PollFlags::empty()));
    while poll(&mut looked_at, PollTimeout::ZERO) == Err(Errno::EINTR) {}
    for one in looked_at {
        if one.revents().is_some_and(|found| found.contains(PollFlags::POLLNVAL)) {
            // The lowest number that is free is this one: those before it are open by now.
            if let Ok(null) = open("/dev/null", OFlag::O_RDWR, Mode::empty()) {
                std::mem::forget(null);
            }
        }
    }
}
