//! What programs write, and how their exec went: the pipes that each process sends when it is released.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::unistd::read;

use super::audience::Stream as Kind;
use super::event_loop::{EventLoop, Token};
use crate::engine::plan::Subject;
use crate::engine::program::Refusal;

/// The longest line that is kept whole; a longer one is shown in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// One pipe.
#[derive(Debug)]
enum Pipe {
    /// Written by a failing exec, closed by a successful one.
    Outcome { subject: Subject, fd: OwnedFd, said: Vec<u8> },
    /// Lines.
    Output { subject: Subject, path: String, kind: Kind, fd: OwnedFd, partial: Vec<u8> },
}

impl Pipe {
    fn fd(&self) -> &OwnedFd {
        match self {
            Self::Outcome { fd, .. } | Self::Output { fd, .. } => fd,
        }
    }
}

/// What came out of a pipe.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The program runs.
    Started(Subject),
    /// It does not.
    Refused(Subject, Refusal),
    /// Lines, without their line feeds.
    Lines { subject: Subject, path: String, kind: Kind, lines: Vec<Vec<u8>> },
    /// Nothing yet.
    Nothing,
}

/// All pipes that are open.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pipes: Vec<Option<Pipe>>,
    free: Vec<u32>,
    open: usize,
}

impl Streams {
    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Whether it is not known yet how somebody's exec went.
    pub(super) fn awaits_outcome(&self, subject: Subject) -> bool {
        self.pipes.iter().flatten().any(|pipe| matches!(pipe, Pipe::Outcome { subject: of, .. } if *of == subject))
    }

    /// Watches for how exec goes.
    pub(super) fn add_outcome(&mut self, subject: Subject, fd: OwnedFd, events: &EventLoop) {
        self.add(Pipe::Outcome { subject, fd, said: Vec::new() }, events);
    }

    /// Does not wait any more for how somebody's exec went: he is about to come again.
    pub(super) fn forget_outcome(&mut self, subject: Subject, events: &EventLoop) {
        for place in 0..self.pipes.len() {
            let is_his = |pipe: &Pipe| matches!(pipe, Pipe::Outcome { subject: of, .. } if *of == subject);
            if let Some(pipe) = self.pipes[place].take_if(|pipe| is_his(pipe)) {
                let number = u32::try_from(place).unwrap_or(u32::MAX);
                events.remove(pipe.fd().as_fd(), Token::Stream(number));
                self.free.push(number);
                self.open -= 1;
            }
        }
    }

    /// Watches for lines.
    pub(super) fn add_output(&mut self, subject: Subject, path: String, kind: Kind, fd: OwnedFd, events: &EventLoop) {
        self.add(Pipe::Output { subject, path, kind, fd, partial: Vec::new() }, events);
    }

    fn add(&mut self, pipe: Pipe, events: &EventLoop) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.pipes.push(None);
            u32::try_from(self.pipes.len() - 1).unwrap_or(u32::MAX)
        });
        // A pipe can always be watched; for want of memory its program would go unheard, not the tree down.
        let _ = events.add(pipe.fd(), Token::Stream(place), EpollFlags::EPOLLIN);
        self.pipes[place as usize] = Some(pipe);
        self.open += 1;
    }

    /// Reads one pipe that is ready, and closes it at its end.
    pub(super) fn take(&mut self, place: u32, events: &EventLoop) -> Arrival {
        let Some(Some(pipe)) = self.pipes.get_mut(place as usize) else { return Arrival::Nothing };
        let mut buffer = [0_u8; 16 * 1024];
        let count = match read(pipe.fd(), &mut buffer) {
            Ok(count) => count,
            Err(Errno::EINTR | Errno::EAGAIN) => return Arrival::Nothing,
            Err(_) => 0,
        };
        let ended = count == 0;
        let arrival = match pipe {
            Pipe::Outcome { subject, said, .. } => {
                said.extend_from_slice(&buffer[..count]);
                match (ended, said.is_empty()) {
                    (true, true) => Arrival::Started(*subject),
                    (true, false) => postcard::from_bytes(said)
                        .map_or(Arrival::Nothing, |refusal| Arrival::Refused(*subject, refusal)),
                    (false, _) => Arrival::Nothing,
                }
            }
            Pipe::Output { subject, path, kind, partial, .. } => {
                partial.extend_from_slice(&buffer[..count]);
                let lines = split(partial, ended);
                Arrival::Lines { subject: *subject, path: path.clone(), kind: *kind, lines }
            }
        };
        if ended {
            events.remove(pipe.fd().as_fd(), Token::Stream(place));
            self.pipes[place as usize] = None;
            self.free.push(place);
            self.open -= 1;
        }
        arrival
    }
}

/// Takes the whole lines out of what has been read; at the end also the last one, which may lack its line feed.
fn split(partial: &mut Vec<u8>, ended: bool) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut start = 0;
    while let Some(length) = partial[start..].iter().position(|&byte| byte == b'\n') {
        lines.push(partial[start..start + length].to_vec());
        start += length + 1;
    }
    partial.drain(..start);
    if !partial.is_empty() && (ended || partial.len() >= LONGEST_LINE) {
        lines.push(std::mem::take(partial));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_LINE, split};

    #[test]
    fn lines_are_whole_but_at_the_end_and_when_endless() {
        let mut partial = b"one\ntwo\nthr".to_vec();
        assert_eq!(split(&mut partial, false), [b"one".to_vec(), b"two".to_vec()]);
        assert_eq!(partial, b"thr");
        partial.extend_from_slice(b"ee");
        assert_eq!(split(&mut partial, true), [b"three".to_vec()]);
        assert_eq!(split(&mut partial, true), Vec::<Vec<u8>>::new());
        let mut endless = vec![b'x'; LONGEST_LINE];
        assert_eq!(split(&mut endless, false).len(), 1);
        assert!(endless.is_empty());
    }
}
