//! The caller's standard output (or error), written without ever waiting for its reader.
//!
//! A pager that does not read must not keep the controller from seeing a Ctrl-C. The descriptor is
//! shared with the caller's shell, so that it cannot be made non-blocking; a pipe or terminal is
//! opened once more through `/proc/self/fd`, which gives a description of our own. A regular file
//! never blocks and is written as it is.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::EpollFlags;

use super::LinesTo;
use super::event_loop::{EventLoop, Token};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout;

/// Size of the buffer from which on programs are made to wait: their output is not read until it is
/// empty again.
const ENOUGH: usize = 1 << 20;
/// Time that the last lines may take, when the reader is slow.
const LAST_LINES_MS: u16 = 2000;

/// A buffered, patient descriptor.
#[derive(Debug)]
pub(super) struct StandardOutput {
    number: i32,
    own: Option<File>,
    buffer: Vec<u8>,
    closed: bool,
}

impl StandardOutput {
    /// Takes the descriptor 1 or 2, and begins to watch whether its reader leaves.
    pub(super) fn open(to: LinesTo, events: &EventLoop) -> Self {
        let number = match to {
            LinesTo::Stdout => libc::STDOUT_FILENO,
            LinesTo::Stderr => libc::STDERR_FILENO,
            LinesTo::Nowhere => {
                return Self {
                    number: descriptor_layout::NULL,
                    own: None,
                    buffer: Vec::new(),
                    closed: true,
                };
            }
        };
        let path = format!("/proc/self/fd/{number}");
        let streams = std::fs::metadata(&path).map(|found| found.file_type());
        let own = match streams {
            Ok(kind) if kind.is_fifo() || kind.is_char_device() => OpenOptions::new()
                .write(true)
                .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits())
                .open(&path)
                .ok(),
            _ => None,
        };
        let output = Self {
            number,
            own,
            buffer: Vec::new(),
            closed: false,
        };
        // A regular file is refused: it has no reader that leaves.
        let _ = events.add(output.fd(), Token::StandardOutput, EpollFlags::empty());
        output
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.own
            .as_ref()
            .map_or_else(|| descriptor::inherited(self.number), AsFd::as_fd)
    }

    /// True if the reader has left.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// True if there was a reader, and it has left.
    pub(super) fn is_lost(&self) -> bool {
        self.closed && self.number != descriptor_layout::NULL
    }

    /// True if more should wait until this much has been taken.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= ENOUGH
    }

    /// Adds text, and writes what the reader takes.
    pub(super) fn push(&mut self, text: &[u8], events: &EventLoop) {
        if !self.closed {
            self.buffer.extend_from_slice(text);
            self.flush(events);
        }
    }

    /// Writes what the reader takes; called again when the descriptor is writable.
    pub(super) fn flush(&mut self, events: &EventLoop) {
        let mut taken = 0;
        while taken < self.buffer.len() {
            if self.own.is_none() && !self.has_room() {
                break;
            }
            // Up to a page: a pipe that polls writable takes as much without blocking (pipe(7)).
            let end = self.buffer.len().min(taken + 4096);
            match nix::unistd::write(self.fd(), &self.buffer[taken..end]) {
                Ok(written) => taken += written,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(_) => {
                    self.close();
                    taken = 0;
                }
            }
        }
        self.buffer.drain(..taken);
        let flags = if self.buffer.is_empty() {
            EpollFlags::empty()
        } else {
            EpollFlags::EPOLLOUT
        };
        let _ = events.change(self.fd(), Token::StandardOutput, flags);
    }

    /// The reader has left: nothing more is written.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.buffer.clear();
    }

    /// Stops watching, after the reader has left.
    pub(super) fn forget(&self, events: &EventLoop) {
        events.remove(self.fd(), Token::StandardOutput);
    }

    /// Writes the rest, for a bounded time.
    pub(super) fn finish(mut self, events: &EventLoop) {
        self.flush(events);
        while !self.buffer.is_empty() && !self.closed {
            let mut ready = [PollFd::new(self.fd(), PollFlags::POLLOUT)];
            if poll(&mut ready, PollTimeout::from(LAST_LINES_MS)) != Ok(1) {
                return;
            }
            self.flush(events);
        }
    }

    fn has_room(&self) -> bool {
        let mut ready = [PollFd::new(self.fd(), PollFlags::POLLOUT)];
        poll(&mut ready, PollTimeout::ZERO) == Ok(1)
    }
}
