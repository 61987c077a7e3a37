//! One client as the controller has him: what he has said and is not looked at yet, what he is still to be told.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use super::message::{Envelope, Problem, Request, VERSION};
use super::standing::Standing;
use super::wire::LONGEST;
use crate::controller::journal::event::Caller;

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
    pub(super) unread: Vec<u8>,
    /// How much of it is known to have no end of a line.
    pub(super) searched: usize,
    pub(super) descriptors: Vec<OwnedFd>,
    /// Too long a line is skipped up to its end.
    pub(super) skipping: bool,
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

/// What a client has said.
pub(super) enum Line {
    Whole(Vec<u8>),
    TooLong,
}

impl Client {
    /// Whether he is listened to: he takes his answers, and has not asked too much at a time.
    pub(super) fn is_attended_to(&self) -> bool {
        self.outbox.is_empty() && !self.queued && self.open < UNDER_WAY
    }

    /// The next line, without its end.
    pub(super) fn take_line(&mut self) -> Option<Line> {
        loop {
            let Some(end) = self.unread[self.searched..].iter().position(|&byte| byte == b'\n') else {
                if self.skipping {
                    self.unread = Vec::new();
                }
                self.searched = self.unread.len();
                if self.unread.len() <= LONGEST {
                    return None;
                }
                self.skip();
                return Some(Line::TooLong);
            };
            let mut line: Vec<u8> = self.unread.drain(..=self.searched + end).collect();
            line.pop();
            self.searched = 0;
            if std::mem::take(&mut self.skipping) {
                self.descriptors.clear();
                continue;
            }
            return Some(Line::Whole(line));
        }
    }

    /// Forgets the line under way, and what will still come of it.
    pub(super) fn skip(&mut self) {
        self.unread = Vec::new();
        self.searched = 0;
        self.descriptors.clear();
        self.skipping = true;
    }
}

/// What a line asks, with the number that the answer carries.
pub(super) fn read(line: &[u8]) -> Result<(u64, Request), (u64, Problem)> {
    /// What every version has.
    #[derive(serde::Deserialize)]
    struct Header {
        nestns: u32,
        #[serde(default)]
        id: u64,
    }
    let malformed = |error: serde_json::Error| Problem::no(format!("this is not a request: {error}")).status(2);
    let header: Header = serde_json::from_slice(line).map_err(|error| (0, malformed(error)))?;
    if header.nestns != VERSION {
        let message = format!("the controller speaks version {VERSION} of the messages, not {}", header.nestns);
        let problem = Problem::no(message).help("use the nestns that started the topology, or start it again");
        return Err((header.id, problem));
    }
    let envelope: Envelope = serde_json::from_slice(line).map_err(|error| (header.id, malformed(error)))?;
    match envelope.ask {
        Some(request) => Ok((header.id, request)),
        None => Err((header.id, Problem::no("this is not a request: there is no `ask`").status(2))),
    }
}
