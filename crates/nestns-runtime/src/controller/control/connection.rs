//! One client as the controller sees it: requests that are not looked at yet, and answers that are
//! still to be sent.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::standing::Standing;
use nestns_client::journal::event::Caller;
use nestns_client::protocol::lines::{Line, Lines};

/// Number of requests of one client that may be under way; the rest waits in its socket.
const UNDER_WAY: usize = 256;

/// A connected client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: OwnedFd,
    /// The caller, as the kernel reports it.
    pub(super) caller: Caller,
    /// Origin of the connection, as the kernel reports it.
    pub(super) standing: Standing,
    /// Bytes of requests that have been read and are not looked at yet.
    pub(super) unread: Lines,
    pub(super) descriptors: Vec<OwnedFd>,
    pub(super) outbox: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    /// Number of bytes of the first entry that have been sent.
    pub(super) sent: usize,
    /// Time of its last request, in a count of its own.
    pub(super) heard: u64,
    /// Requests that have no final reply yet.
    pub(super) open: usize,
    /// True if a request is not taken up yet. The next one is looked at after that: its answer may
    /// be a large one.
    pub(super) queued: bool,
}

impl Client {
    /// True if the client is listened to: it takes its answers, and has not asked too much at a
    /// time.
    pub(super) fn is_attended_to(&self) -> bool {
        self.outbox.is_empty() && !self.queued && self.open < UNDER_WAY
    }

    /// The next line; descriptors that came with one that was too long are closed.
    pub(super) fn take_line(&mut self) -> Option<Line> {
        loop {
            match self.unread.take()? {
                Line::Skipped => self.descriptors.clear(),
                Line::TooLong => {
                    self.descriptors.clear();
                    return Some(Line::TooLong);
                }
                whole @ Line::Whole(_) => return Some(whole),
            }
        }
    }

    /// Forgets the line under way, and what will still come of it.
    pub(super) fn skip(&mut self) {
        self.unread.skip();
        self.descriptors.clear();
    }
}
