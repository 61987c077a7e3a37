//! Output of programs, and the outcome of their exec: the pipes that each process sends when it is
//! released.

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::EpollFlags;

use super::event_loop::{EventLoop, Token};
use crate::engine::exec_error::ExecError;
use crate::engine::message;
use crate::engine::plan::{NamespaceIndex, ProcessKey};
use nestns_client::journal::Stream as Kind;
use nestns_sys::descriptor;

/// The longest line that is kept whole; a longer one is shown in pieces.
const LONGEST_LINE: usize = 64 * 1024;
/// The most bytes of a refusal.
const LONGEST_REFUSAL: usize = 16 * 1024;
/// Size of a read: all that a pipe holds.
const TURN: usize = 64 * 1024;

/// One pipe.
#[derive(Debug)]
enum Pipe {
    /// Written by a failing exec, closed by a successful one.
    Outcome {
        subject: ProcessKey,
        fd: OwnedFd,
        said: Vec<u8>,
    },
    /// Lines.
    Output {
        subject: ProcessKey,
        path: String,
        kind: Kind,
        fd: OwnedFd,
        partial: Vec<u8>,
    },
}

impl Pipe {
    fn fd(&self) -> &OwnedFd {
        match self {
            Self::Outcome { fd, .. } | Self::Output { fd, .. } => fd,
        }
    }
}

/// Tells if more can come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    GoesOn,
    Ended,
}

/// Something that came out of a pipe.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The program runs.
    Started(ProcessKey),
    /// The program does not run.
    Refused(ProcessKey, ExecError),
    /// Whole lines; what comes after the last line feed is a partial one.
    Output {
        subject: ProcessKey,
        path: String,
        kind: Kind,
        output: Vec<u8>,
    },
    /// Nothing yet.
    Nothing,
}

/// All pipes that are open.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pipes: Vec<Option<Pipe>>,
    free: Vec<u32>,
    open: usize,
    /// Places of the pipes that tell how exec went.
    outcomes: BTreeMap<ProcessKey, u32>,
    /// Buffer for output, from the first read on: nothing of it is there while the tree is built.
    buffer: Vec<u8>,
}

impl Streams {
    /// Number of open pipes.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// The number of processes whose exec has neither succeeded nor failed yet.
    pub(super) fn outcomes(&self) -> usize {
        self.outcomes.len()
    }

    /// The pipe that tells how a process's exec went, as long as that is not known.
    pub(super) fn outcome_of(&self, subject: ProcessKey) -> Option<u32> {
        self.outcomes.get(&subject).copied()
    }

    /// The processes of some namespaces of which it is not known yet how their exec went.
    pub(super) fn awaited_in(&self, namespaces: Range<NamespaceIndex>) -> Vec<ProcessKey> {
        let bounds = ProcessKey::init(namespaces.start)..ProcessKey::init(namespaces.end);
        self.outcomes
            .range(bounds)
            .map(|(&subject, _)| subject)
            .collect()
    }

    /// Watches for how exec goes.
    pub(super) fn add_outcome(&mut self, subject: ProcessKey, fd: OwnedFd, events: &EventLoop) {
        let place = self.add(
            Pipe::Outcome {
                subject,
                fd,
                said: Vec::new(),
            },
            events,
        );
        self.outcomes.insert(subject, place);
    }

    /// Stops waiting for the outcome of a process's exec: the process is about to come again.
    pub(super) fn forget_outcome(&mut self, subject: ProcessKey, events: &EventLoop) {
        if let Some(place) = self.outcomes.get(&subject).copied() {
            self.close(place, events);
        }
    }

    fn close(&mut self, place: u32, events: &EventLoop) {
        let Some(pipe) = self.pipes[place as usize].take() else {
            return;
        };
        events.remove(pipe.fd().as_fd(), Token::Stream(place));
        if let Pipe::Outcome { subject, .. } = pipe
            && self.outcomes.get(&subject) == Some(&place)
        {
            self.outcomes.remove(&subject);
        }
        self.free.push(place);
        self.open -= 1;
    }

    /// Watches for lines.
    pub(super) fn add_output(
        &mut self,
        subject: ProcessKey,
        path: String,
        kind: Kind,
        fd: OwnedFd,
        events: &EventLoop,
    ) {
        self.add(
            Pipe::Output {
                subject,
                path,
                kind,
                fd,
                partial: Vec::new(),
            },
            events,
        );
    }

    fn add(&mut self, pipe: Pipe, events: &EventLoop) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.pipes.push(None);
            u32::try_from(self.pipes.len() - 1).unwrap_or(u32::MAX)
        });
        // A pipe can always be watched; for want of memory its program would go unheard, not the
        // tree down.
        let _ = events.add(pipe.fd(), Token::Stream(place), EpollFlags::EPOLLIN);
        self.pipes[place as usize] = Some(pipe);
        self.open += 1;
        place
    }

    /// True if a read of a pipe would not wait.
    pub(super) fn is_readable(&self, place: u32) -> bool {
        let Some(Some(pipe)) = self.pipes.get(place as usize) else {
            return false;
        };
        let mut ready = [PollFd::new(pipe.fd().as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }

    /// Reads one pipe that is ready, and closes it at its end.
    pub(super) fn take(&mut self, place: u32, events: &EventLoop) -> Arrival {
        let Some(Some(pipe)) = self.pipes.get_mut(place as usize) else {
            return Arrival::Nothing;
        };
        let buffer = &mut self.buffer;
        buffer.resize(TURN, 0);
        let count = match descriptor::read_now(pipe.fd(), buffer) {
            Ok(count) => count,
            Err(Errno::EINTR | Errno::EAGAIN) => return Arrival::Nothing,
            Err(_) => 0,
        };
        let ended = count == 0;
        let arrival = match pipe {
            Pipe::Outcome { subject, said, .. } => {
                // A refusal is shorter; what is longer is none.
                said.extend_from_slice(
                    &buffer[..count.min(LONGEST_REFUSAL.saturating_sub(said.len()))],
                );
                match (ended, said.is_empty()) {
                    (true, true) => Arrival::Started(*subject),
                    (true, false) => message::read(said).map_or(Arrival::Nothing, |refusal| {
                        Arrival::Refused(*subject, refusal)
                    }),
                    (false, _) => Arrival::Nothing,
                }
            }
            Pipe::Output {
                subject,
                path,
                kind,
                partial,
                ..
            } => {
                let reading = if ended {
                    Reading::Ended
                } else {
                    Reading::GoesOn
                };
                let output = take_lines(partial, &buffer[..count], reading);
                Arrival::Output {
                    subject: *subject,
                    path: path.clone(),
                    kind: *kind,
                    output,
                }
            }
        };
        if ended {
            self.close(place, events);
        }
        arrival
    }
}

/// Adds what was read to what has not come to the end of its line, and takes the whole lines out;
/// at the end also the last one, which may lack its line feed, and one that is too long.
pub(super) fn take_lines(partial: &mut Vec<u8>, read: &[u8], reading: Reading) -> Vec<u8> {
    let end = read
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1);
    let (lines, rest) = read.split_at(end);
    let mut output = Vec::new();
    if end > 0 || reading == Reading::Ended {
        output = std::mem::take(partial);
        output.extend_from_slice(lines);
    }
    partial.extend_from_slice(rest);
    if output.is_empty() && partial.len() >= LONGEST_LINE {
        return std::mem::take(partial);
    }
    output
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LONGEST_LINE, Reading, take_lines};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_byte_is_lost_and_no_line_torn(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>().prop_map(|byte| byte % 30), 0..40), 0..8),
        ) {
            let (mut partial, mut all) = (Vec::new(), Vec::new());
            for piece in &pieces {
                let output = take_lines(&mut partial, piece, Reading::GoesOn);
                prop_assert!(output.is_empty() || output.ends_with(b"\n"));
                all.extend(output);
            }
            all.extend(take_lines(&mut partial, b"", Reading::Ended));
            prop_assert_eq!(all, pieces.concat());
        }
    }

    #[test]
    fn lines_are_whole_but_at_the_end_and_when_endless() {
        let mut partial = Vec::new();
        assert_eq!(
            take_lines(&mut partial, b"one\ntwo\nthr", Reading::GoesOn),
            b"one\ntwo\n"
        );
        assert_eq!(partial, b"thr");
        assert_eq!(take_lines(&mut partial, b"e", Reading::GoesOn), b"");
        assert_eq!(
            take_lines(&mut partial, b"e\nfour", Reading::GoesOn),
            b"three\n"
        );
        assert_eq!(take_lines(&mut partial, b"", Reading::Ended), b"four");
        assert_eq!(take_lines(&mut partial, b"", Reading::Ended), b"");
        let endless = take_lines(&mut partial, &vec![b'x'; LONGEST_LINE], Reading::GoesOn);
        assert_eq!(endless.len(), LONGEST_LINE);
        assert!(partial.is_empty());
    }
}
