//! Standard error, written without ever waiting long for its reader.
//!
//! The controller reports from its own loop: a terminal that is held, or a pipe that is not read,
//! must not keep it from seeing a Ctrl-C. The descriptor is shared with the caller's shell and
//! cannot be made non-blocking; a pipe that polls writable takes `PIPE_BUF` bytes without blocking
//! (pipe(7)), so that it is asked before each piece.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::present::escape;
use nestns_sys::descriptor;

/// Time that a reader may take at first; after that it is not waited for any more.
const TIMEOUT_MS: u16 = 500;
/// `PIPE_BUF` of Linux.
const PIECE: usize = 4096;

/// True once the reader has been slow.
static IS_SLOW: AtomicBool = AtomicBool::new(false);

/// Writes text to standard error, as far as it is taken. A closed standard error ends nothing.
pub(super) fn write(text: &str) {
    let stderr = descriptor::inherited(libc::STDERR_FILENO);
    // Names, arguments and files in it come from others.
    let text = escape::message(text);
    let mut bytes = text.as_bytes();
    while !bytes.is_empty() {
        let timeout = if IS_SLOW.load(Ordering::Relaxed) {
            PollTimeout::ZERO
        } else {
            TIMEOUT_MS.into()
        };
        let mut ready = [PollFd::new(stderr, PollFlags::POLLOUT)];
        match poll(&mut ready, timeout) {
            Ok(0) => {
                IS_SLOW.store(true, Ordering::Relaxed);
                return;
            }
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(_) => IS_SLOW.store(false, Ordering::Relaxed),
            // Where poll(2) is refused, that may be the very error to be written.
            Err(_) => {}
        }
        match nix::unistd::write(stderr, &bytes[..bytes.len().min(PIECE)]) {
            Ok(count) => bytes = &bytes[count..],
            Err(nix::errno::Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
