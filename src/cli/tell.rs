//! Standard error, written without ever waiting long for its reader.
//!
//! The controller tells its story from its own loop: a terminal that is held, or a pipe that nobody reads, must not keep it
//! from seeing a Ctrl-C. The descriptor is shared with the caller's shell and cannot be made non-blocking; a pipe that polls
//! writable takes `PIPE_BUF` bytes without blocking (pipe(7)), so that it is asked before each piece.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::present::escape;
use crate::sys::descriptor;

/// How long a reader may take the first time; after that he is not waited for any more.
const PATIENCE_MS: u16 = 500;
/// `PIPE_BUF` of Linux.
const PIECE: usize = 4096;

/// Whether the reader has kept us waiting once.
static IS_DEAF: AtomicBool = AtomicBool::new(false);

/// Writes text to standard error, as far as it is taken. Nobody to tell ends nothing.
pub(super) fn tell(text: &str) {
    let stderr = descriptor::inherited(libc::STDERR_FILENO);
    // Names, arguments and files in it are anybody's.
    let text = escape::message(text);
    let mut bytes = text.as_bytes();
    while !bytes.is_empty() {
        let patience = if IS_DEAF.load(Ordering::Relaxed) { PollTimeout::ZERO } else { PATIENCE_MS.into() };
        let mut ready = [PollFd::new(stderr, PollFlags::POLLOUT)];
        match poll(&mut ready, patience) {
            Ok(0) => {
                IS_DEAF.store(true, Ordering::Relaxed);
                return;
            }
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => IS_DEAF.store(false, Ordering::Relaxed),
            // Where poll(2) is refused, what there is to say may still be that.
            Err(_) => {}
        }
        match nix::unistd::write(stderr, &bytes[..bytes.len().min(PIECE)]) {
            Ok(count) => bytes = &bytes[count..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
