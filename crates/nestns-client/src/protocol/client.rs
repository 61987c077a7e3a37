//! The asking side of the control socket: one connection, one request at a time, with a bound on
//! every wait.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, connect, getsockopt, socket, sockopt};
use nix::unistd::geteuid;

use super::client_error::ClientError;
use super::lines::{self, Line, Lines};
use super::message::{Envelope, Reply, Request, RequestError, VERSION};
use super::wire::{self, LONGEST};
use crate::state_directory::{CONTROL, Directory, has_control_socket};
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::moment::Moment;
use nestns_sys::pidfd::Pidfd;

/// Time that a controller has for what it answers at once.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that are read at once. A client with one question does not pay for clearing a large
/// buffer, which took longer than the answer.
const SMALLEST_PART: usize = 2 * 1024;
const LARGEST_PART: usize = 64 * 1024;

/// Answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// Number of the request that it answers; 0 for a message to every client.
    pub id: u64,
    /// The reply.
    pub reply: Reply,
    /// Descriptors that came with it.
    pub descriptors: Vec<OwnedFd>,
}

/// A connection to a controller.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    lines: Lines,
    /// Buffer for the next piece: small as most answers are, and larger when it has been filled.
    part: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    id: u64,
    controller: i32,
}

impl Client {
    /// Connects to the controller whose state directory this is.
    ///
    /// # Errors
    ///
    /// [`ClientError::Absent`] when there is none.
    pub fn connect(directory: &Path) -> Result<Self, ClientError> {
        let path = || directory.join(CONTROL).display().to_string();
        // What is short here says nothing about whether a controller is there.
        let absent = |errno| match errno {
            Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ENOBUFS | Errno::EIO => {
                ClientError::Unknown {
                    path: path(),
                    errno,
                }
            }
            errno => ClientError::Absent {
                path: path(),
                errno,
            },
        };
        let opened = Directory::open(directory).map_err(|error| absent(error.errno()))?;
        if !has_control_socket(&opened) {
            // Nothing there, or something that would lead elsewhere.
            return Err(absent(Errno::ENOENT));
        }
        let socket = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let address = wire::address(&opened, CONTROL).map_err(absent)?;
        // A full queue of a controller that does not come to it would make this wait.
        let time = nix::sys::time::TimeVal::new(TIMEOUT.as_secs().cast_signed(), 0);
        nix::sys::socket::setsockopt(&socket, sockopt::SendTimeout, &time)?;
        match connect(socket.as_raw_fd(), &address) {
            Ok(()) => {}
            Err(Errno::EAGAIN) => return Err(ClientError::Silent),
            Err(errno) => return Err(absent(errno)),
        }
        // A process that has made a socket in our place gets none of our descriptors.
        let peer = getsockopt(&socket, sockopt::PeerCredentials)?;
        if peer.uid() != geteuid().as_raw() && peer.uid() != 0 && !geteuid().is_root() {
            return Err(ClientError::Foreign {
                path: path(),
                owner: peer.uid(),
            });
        }
        Ok(Self {
            socket,
            // A snapshot has no longest length.
            lines: Lines::new(usize::MAX),
            part: vec![0; SMALLEST_PART],
            descriptors: Vec::new(),
            id: 0,
            controller: peer.pid(),
        })
    }

    /// The controller's PID, as the kernel reports it for the listener.
    pub fn controller(&self) -> i32 {
        self.controller
    }

    /// The controller's process: the one that listens, as the kernel tells it, and no other one
    /// that may have its number later.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT` before Linux 6.5.
    pub fn process(&self) -> nix::Result<Pidfd> {
        Pidfd::of_peer(&self.socket)
    }

    /// Asks, and waits for the first reply. A refusal is an error.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn ask(&mut self, request: Request) -> Result<Reply, ClientError> {
        self.send(request, &[])?;
        self.answer()
    }

    /// Waits for the first reply to what was sent last. A refusal is an error.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn answer(&mut self) -> Result<Reply, ClientError> {
        match self.wait(Some(TIMEOUT))?.ok_or(ClientError::Silent)?.reply {
            // It has left before it came to the question.
            Reply::Gone => Err(ClientError::HungUp),
            reply => Ok(reply),
        }
    }

    /// Asks without waiting for anything; descriptors go along. Returns the number of the request.
    ///
    /// # Errors
    ///
    /// [`ClientError::HungUp`] when the controller is gone.
    pub fn send(
        &mut self,
        request: Request,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<u64, ClientError> {
        self.id += 1;
        let envelope = Envelope {
            nestns: VERSION,
            id: self.id,
            ask: Some(request),
            say: None,
        };
        let mut line = serde_json::to_vec(&envelope)
            .map_err(|error| ClientError::Unreadable(error.to_string()))?;
        if line.len() >= LONGEST {
            return Err(RequestError::TooLong.into());
        }
        line.push(b'\n');
        let mut rest = line.as_slice();
        let mut descriptors = descriptors;
        while !rest.is_empty() {
            match Channel::from(&self.socket).send(rest, descriptors, Wait::Allowed) {
                Ok(count) => {
                    rest = &rest[count..];
                    descriptors = &[];
                }
                Err(Errno::EPIPE | Errno::ECONNRESET) => return Err(ClientError::HungUp),
                Err(Errno::EAGAIN) => return Err(ClientError::Silent),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(self.id)
    }

    /// Waits for the next reply to the last request, for at most this time; `None` when it is over.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] for a problem, [`ClientError::HungUp`] at the end.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<Option<Answer>, ClientError> {
        let end = timeout.map(|timeout| Moment::now().plus(timeout));
        loop {
            if let Some(answer) = self.take()? {
                return Ok(Some(answer));
            }
            let timeout = match end.map(|end| end.since(Moment::now())) {
                None => PollTimeout::NONE,
                Some(Duration::ZERO) => return Ok(None),
                Some(left) => PollTimeout::try_from(left + Duration::from_millis(1))
                    .unwrap_or(PollTimeout::MAX),
            };
            let mut ready = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            match poll(&mut ready, timeout) {
                Ok(0) => {}
                Ok(_) => self.receive()?,
                // A signal that the caller wants to see.
                Err(Errno::EINTR) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Reads what is there, after the socket was found readable.
    ///
    /// # Errors
    ///
    /// [`ClientError::HungUp`] at the end.
    pub fn receive(&mut self) -> Result<(), ClientError> {
        match Channel::from(&self.socket).receive(&mut self.part, Wait::Allowed) {
            Ok(received) if received.bytes == 0 => Err(ClientError::HungUp),
            Ok(received) => {
                self.lines.push(&self.part[..received.bytes]);
                if received.bytes == self.part.len() && self.part.len() < LARGEST_PART {
                    self.part.resize(2 * self.part.len(), 0);
                }
                self.descriptors.extend(received.descriptors);
                Ok(())
            }
            Err(Errno::ECONNRESET) => Err(ClientError::HungUp),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The next reply to the last request that has been received completely.
    ///
    /// # Errors
    ///
    /// [`ClientError::Refused`] for a problem.
    pub fn take(&mut self) -> Result<Option<Answer>, ClientError> {
        while let Some(answer) = self.take_any()? {
            match answer.reply {
                Reply::RequestError(problem) => return Err(problem.into()),
                // A last message goes to every client; others are answers to what was asked before.
                _ if answer.id == self.id || matches!(answer.reply, Reply::Gone) => {
                    return Ok(Some(answer));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The next reply to any request that has been received completely; a problem is one as well.
    ///
    /// # Errors
    ///
    /// [`ClientError::Unreadable`].
    pub fn take_any(&mut self) -> Result<Option<Answer>, ClientError> {
        while let Some(line) = self.lines.take() {
            let Line::Whole(line) = line else { continue };
            if let Some((id, reply)) = lines::reply(&line)? {
                let descriptors = std::mem::take(&mut self.descriptors);
                return Ok(Some(Answer {
                    id,
                    reply,
                    descriptors,
                }));
            }
        }
        Ok(None)
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
