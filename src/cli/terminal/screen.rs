//! Standard output, written without ever waiting for its reader: signals and the program's end are to be seen meanwhile.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::write;

use crate::sys::descriptor;

/// `PIPE_BUF` of Linux: what a pipe that polls writable takes without blocking (pipe(7)).
const PIECE: usize = 4096;
/// How much may wait for the reader before nothing more is taken from the program.
const ENOUGH: usize = 64 * 1024;

/// What is still to be shown.
#[derive(Debug, Default)]
pub(in crate::cli) struct Screen {
    pending: Vec<u8>,
    closed: bool,
}

impl Screen {
    /// Adds something.
    pub(in crate::cli) fn show(&mut self, bytes: &[u8]) {
        if !self.closed {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// Whether there is room for more.
    pub(in crate::cli) fn has_room(&self) -> bool {
        self.pending.len() < ENOUGH
    }

    /// Whether nobody reads any more.
    pub(in crate::cli) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Standard output, while something waits for it.
    pub(in crate::cli) fn writable(&self) -> Option<BorrowedFd<'static>> {
        (!self.pending.is_empty()).then(|| descriptor::inherited(libc::STDOUT_FILENO))
    }

    /// Writes a piece, after standard output was found writable.
    pub(in crate::cli) fn flush(&mut self) {
        let piece = self.pending.len().min(PIECE);
        match write(descriptor::inherited(libc::STDOUT_FILENO), &self.pending[..piece]) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => {
                self.pending.clear();
                self.closed = true;
            }
        }
    }
}
