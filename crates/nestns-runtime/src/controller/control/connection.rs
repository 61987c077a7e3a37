//! One client as the controller has him: what he has said and is not looked at yet, what he is still to be told.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::standing::Standing;
use nestns_client::journal::event::Caller;
use nestns_client::protocol::lines::{Line, Lines};

/// How many requests of one client may be under way; the rest waits in his socket.
const UNDER_WAY: usize = 256;

/// One of those who are connected.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: OwnedFd,
    /// Who connected, as the kernel says.
    pub(super) caller: Caller,
    /// From where, as the kernel says.
    pub(super) standing: Standing,
    /// What has been read of requests that are not looked at yet.
    pub(super) unread: Lines,
    pub(super) descriptors: Vec<OwnedFd>,
    pub(super) outbox: VecDeque<(Vec<u8>, Vec<OwnedFd>)>,
    /// How much of the first entry has been sent.
    pub(super) sent: usize,
    /// When it said something last, in a count of its own.
    pub(super) heard: u64,
    /// Requests that have no final reply yet.
    pub(super) open: usize,
    /// Whether one of them is not taken up yet. The next one is looked at after that: its answer may be a large one.
    pub(super) queued: bool,
}

impl Client {
    /// Whether he is listened to: he takes his answers, and has not asked too much at a time.
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
