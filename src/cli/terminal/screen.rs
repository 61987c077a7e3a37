//! Standard output or error, written without ever waiting for its reader: signals and the program's end are to be seen
//! meanwhile.

use std::os::fd::{BorrowedFd, RawFd};

use nix::errno::Errno;
use nix::unistd::write;

use nestns_sys::descriptor;

/// `PIPE_BUF` of Linux: what a pipe that polls writable takes without blocking (pipe(7)).
const PIECE: usize = 4096;
/// Bytes that may wait for the reader before nothing more is taken from the program.
const ENOUGH: usize = 64 * 1024;

/// Output that is still to be shown.
#[derive(Debug)]
pub(in crate::cli) struct Screen {
    number: RawFd,
    pending: Vec<u8>,
    closed: bool,
}

impl Screen {
    /// Nothing yet, on standard output or error.
    pub(in crate::cli) fn on(number: RawFd) -> Self {
        Self {
            number,
            pending: Vec::new(),
            closed: false,
        }
    }

    /// Adds something.
    pub(in crate::cli) fn show(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Returns whether there is room for more.
    pub(in crate::cli) fn has_room(&self) -> bool {
        self.pending.len() < ENOUGH
    }

    /// True once the stream is no longer read.
    pub(in crate::cli) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Descriptor of the stream, while output waits for it.
    pub(in crate::cli) fn writable(&self) -> Option<BorrowedFd<'static>> {
        (!self.pending.is_empty()).then(|| descriptor::inherited(self.number))
    }

    /// Writes a piece, after it was found writable.
    pub(in crate::cli) fn flush(&mut self) {
        let piece = self.pending.len().min(PIECE);
        match write(descriptor::inherited(self.number), &self.pending[..piece]) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => {
                self.pending.clear();
                self.closed = true;
            }
        }
    }
}
