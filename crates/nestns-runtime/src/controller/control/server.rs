//! The controller's side of the control socket: connected clients, their requests, and the answers
//! still owed to them.
//!
//! Nothing here waits, and nothing grows without a bound: a client that does not take its answers,
//! or has enough under way, is not listened to; one line has a longest length, all that is half
//! read together another one, and where there are too many clients the one that has been silent
//! longest has to go.

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, accept4, bind, getsockopt, listen, recv,
    socket, sockopt,
};
use nix::unistd::geteuid;

use super::connection::Client;
use super::standing::Standing;
use crate::controller::event_loop::{EventLoop, Token};
use nestns_client::journal::event::Caller;
use nestns_client::protocol::lines::{self, Line, Lines};
use nestns_client::protocol::message::{Envelope, Reply, Request, RequestError, VERSION};
use nestns_client::protocol::wire::{self, LONGEST};
use nestns_client::state_directory::{CONTROL, Directory};
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::channel::{Channel, Wait};
use nestns_sys::descriptor;
use nestns_sys::descriptor_layout::FIRST_FREE;

/// Maximum number of clients.
const CLIENTS: usize = 128;
/// All lines that have not come to their end.
const HALF_READ: usize = 4 * LONGEST;
/// Number of bytes read of one client before others have their turn.
const TURN: usize = 64 * 1024;
/// Time until a connection is tried again for which there was no descriptor.
const PULSE: Duration = Duration::from_millis(10);
/// Number of connections taken in one turn.
const ACCEPTED: usize = 32;

/// A client, for as long as it is connected; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::controller) struct ClientId(u32);

#[cfg(test)]
impl ClientId {
    /// A client of this number, which a test makes up.
    pub(in crate::controller) fn numbered(number: u32) -> Self {
        Self(number)
    }
}

/// Something that was asked.
#[derive(Debug)]
pub(in crate::controller) struct Asked {
    pub(in crate::controller) client: ClientId,
    pub(in crate::controller) by: Caller,
    pub(in crate::controller) standing: Standing,
    pub(in crate::controller) id: u64,
    pub(in crate::controller) request: Request,
    pub(in crate::controller) descriptors: Vec<OwnedFd>,
}

/// Events on the socket.
#[derive(Debug)]
pub(in crate::controller) enum Heard {
    Asked(Asked),
    Closed(ClientId),
}

/// The socket and its clients.
#[derive(Debug)]
pub(in crate::controller) struct Server {
    listener: OwnedFd,
    /// True if no client is accepted for want of descriptors.
    is_shut: bool,
    clients: BTreeMap<ClientId, Client>,
    next: u32,
    clock: u64,
    heard: Vec<Heard>,
    /// Buffer for reads, from the first read on: a new one would have to be cleared each time, and
    /// after a fork be copied.
    buffer: Vec<u8>,
}

impl Server {
    /// Opens the socket in a state directory. It appears there when it is ready to be connected to.
    ///
    /// # Errors
    ///
    /// Those of socket(2), bind(2), listen(2) and rename(2).
    pub(in crate::controller) fn open(
        directory: &Directory,
        events: &EventLoop,
    ) -> Result<Self, CallError> {
        let listener = listen_in(directory)?;
        events
            .add(&listener, Token::Control, EpollFlags::EPOLLIN)
            .by(Call::EpollCtl)?;
        let (clients, heard, buffer) = (BTreeMap::new(), Vec::new(), Vec::new());
        Ok(Self {
            listener,
            is_shut: false,
            clients,
            next: 0,
            clock: 0,
            heard,
            buffer,
        })
    }

    /// Opens the socket again, in another directory. Connected clients stay connected.
    ///
    /// # Errors
    ///
    /// Those of [`Server::open`]; the first socket stays then.
    pub(in crate::controller) fn move_to(
        &mut self,
        directory: &Directory,
        events: &EventLoop,
    ) -> nix::Result<()> {
        let listener = listen_in(directory)?;
        events.add(&listener, Token::Control, EpollFlags::EPOLLIN)?;
        events.remove(&self.listener, Token::Control);
        self.listener = listener;
        self.is_shut = false;
        Ok(())
    }

    /// Takes in the clients that want to connect.
    pub(in crate::controller) fn accept(&mut self, events: &EventLoop) {
        for _ in 0..ACCEPTED {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = match accept4(self.listener.as_raw_fd(), flags) {
                Ok(number) => descriptor::received(number),
                Err(Errno::EMFILE | Errno::ENFILE) if self.dismiss_idlest(events) => continue,
                Err(Errno::EMFILE | Errno::ENFILE) if self.clients.is_empty() => {
                    // There is no client whose leaving would open it again: it is tried anew after
                    // a moment.
                    std::thread::sleep(PULSE);
                    return;
                }
                Err(Errno::EMFILE | Errno::ENFILE) => {
                    // Until a client leaves; the socket stays readable, and would be asked again
                    // and again.
                    self.is_shut = events
                        .change(&self.listener, Token::Control, EpollFlags::empty())
                        .is_ok();
                    return;
                }
                // No client, or one that left before it was accepted.
                Err(_) => return,
            };
            let Some((caller, standing)) = welcome(&socket) else {
                continue;
            };
            if self.clients.len() >= CLIENTS && !self.dismiss_idlest(events) {
                continue;
            }
            let id = ClientId(self.next);
            self.next = self.next.wrapping_add(1);
            if events
                .add(&socket, Token::Client(id.0), EpollFlags::EPOLLIN)
                .is_err()
            {
                continue;
            }
            self.clock += 1;
            let client = Client {
                socket,
                caller,
                standing,
                unread: Lines::new(LONGEST),
                descriptors: Vec::new(),
                outbox: VecDeque::new(),
                sent: 0,
                heard: self.clock,
                open: 0,
                queued: false,
            };
            self.clients.insert(id, client);
        }
    }

    /// Hears a client that is ready, or goes on sending to it.
    pub(in crate::controller) fn serve(
        &mut self,
        number: u32,
        flags: EpollFlags,
        events: &EventLoop,
    ) {
        let id = ClientId(number);
        if flags.contains(EpollFlags::EPOLLOUT) {
            self.flush(id, events);
            self.look(id, events);
        }
        if flags.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR) {
            self.hear(id, events);
        }
    }

    /// Takes the events since the last time.
    pub(in crate::controller) fn take_heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.heard)
    }

    /// Tells a client something, which may have left meanwhile.
    pub(in crate::controller) fn say(
        &mut self,
        client: ClientId,
        id: u64,
        reply: Reply,
        descriptors: Vec<OwnedFd>,
        events: &EventLoop,
    ) {
        if reply.is_final()
            && let Some(known) = self.clients.get_mut(&client)
        {
            known.open = known.open.saturating_sub(1);
        }
        self.push(client, id, reply, descriptors, events);
    }

    /// Marks a request of a client as taken up: the client may go on.
    pub(in crate::controller) fn take_up(&mut self, client: ClientId, events: &EventLoop) {
        if let Some(known) = self.clients.get_mut(&client) {
            known.queued = false;
        }
        self.look(client, events);
    }

    fn push(
        &mut self,
        client: ClientId,
        id: u64,
        reply: Reply,
        descriptors: Vec<OwnedFd>,
        events: &EventLoop,
    ) {
        let Some(known) = self.clients.get_mut(&client) else {
            return;
        };
        let envelope = Envelope {
            nestns: VERSION,
            id,
            ask: None,
            say: Some(reply),
        };
        // A reply has no maps but with text as keys, so that it can always be written.
        let Ok(mut line) = serde_json::to_vec(&envelope) else {
            return;
        };
        line.push(b'\n');
        known.outbox.push_back((line, descriptors));
        self.flush(client, events);
    }

    /// Tells every client that this is the end.
    pub(in crate::controller) fn announce_end(&mut self, events: &EventLoop) {
        let everybody: Vec<ClientId> = self.clients.keys().copied().collect();
        for client in everybody {
            self.say(client, 0, Reply::Gone, Vec::new(), events);
        }
    }

    /// True if a client has not hung up: its request may have waited for long, while the controller
    /// was stopped.
    pub(in crate::controller) fn is_there(&self, client: ClientId) -> bool {
        let Some(known) = self.clients.get(&client) else {
            return false;
        };
        let mut byte = [0];
        recv(known.socket.as_raw_fd(), &mut byte, MsgFlags::MSG_PEEK) != Ok(0)
    }

    /// True if any client is connected.
    pub(in crate::controller) fn is_visited(&self) -> bool {
        !self.clients.is_empty()
    }

    fn hear(&mut self, id: ClientId, events: &EventLoop) {
        let half_read: usize = self
            .clients
            .values()
            .map(|client| client.unread.kept())
            .sum();
        self.clock += 1;
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        self.buffer.resize(TURN, 0);
        let received = match Channel::from(&client.socket).receive(&mut self.buffer, Wait::Allowed)
        {
            Ok(received) if received.bytes > 0 => received,
            Err(Errno::EAGAIN) => return,
            _ => {
                self.remove(id, events);
                return;
            }
        };
        client.heard = self.clock;
        client.descriptors.extend(received.descriptors);
        client.unread.push(&self.buffer[..received.bytes]);
        let mut problem = None;
        if received.lacks_descriptors || client.descriptors.len() > wire::DESCRIPTORS {
            client.descriptors.clear();
            problem = Some(RequestError::TooManyDescriptors);
        }
        if half_read + received.bytes > HALF_READ && !client.unread.has_end() {
            client.skip();
            problem = Some(RequestError::TooManyLongLines);
        }
        if let Some(problem) = problem {
            self.push(id, 0, Reply::RequestError(problem), Vec::new(), events);
        }
        self.look(id, events);
    }

    /// Looks at the requests of a client, as long as few enough answers are owed to it.
    fn look(&mut self, id: ClientId, events: &EventLoop) {
        while let Some(client) = self.clients.get_mut(&id)
            && client.is_attended_to()
            && let Some(line) = client.take_line()
        {
            match line {
                Line::Whole(line) => match lines::request(&line) {
                    Ok((number, request)) => {
                        client.open += 1;
                        client.queued = true;
                        let descriptors = std::mem::take(&mut client.descriptors);
                        let (by, standing) = (client.caller, client.standing.clone());
                        let asked = Asked {
                            client: id,
                            by,
                            standing,
                            id: number,
                            request,
                            descriptors,
                        };
                        self.heard.push(Heard::Asked(asked));
                    }
                    Err((number, problem)) => {
                        client.descriptors.clear();
                        self.push(id, number, Reply::RequestError(problem), Vec::new(), events);
                    }
                },
                Line::TooLong => {
                    let problem = RequestError::LineTooLong { most: LONGEST };
                    self.push(id, 0, Reply::RequestError(problem), Vec::new(), events);
                }
                // Descriptors are all that is left of it.
                Line::Skipped => {}
            }
        }
        self.attend(id, events);
    }

    /// Waits for what a client may do next: send more, or take what is owed to it.
    fn attend(&self, id: ClientId, events: &EventLoop) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, client.is_attended_to());
        flags.set(EpollFlags::EPOLLOUT, !client.outbox.is_empty());
        let _ = events.change(&client.socket, Token::Client(id.0), flags);
    }

    fn flush(&mut self, id: ClientId, events: &EventLoop) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        while let Some((line, descriptors)) = client.outbox.front_mut() {
            let along: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            match Channel::from(&client.socket).send(&line[client.sent..], &along, Wait::Allowed) {
                Ok(count) => {
                    // They went with the first byte.
                    descriptors.clear();
                    client.sent += count;
                    if client.sent == line.len() {
                        client.outbox.pop_front();
                        client.sent = 0;
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(_) => {
                    self.remove(id, events);
                    return;
                }
            }
        }
        self.attend(id, events);
    }

    /// Hangs up on the client that has nothing under way and has been silent longest.
    fn dismiss_idlest(&mut self, events: &EventLoop) -> bool {
        let idle = self.clients.iter().filter(|(_, client)| client.open == 0);
        let Some((&id, _)) = idle.min_by_key(|(_, client)| client.heard) else {
            return false;
        };
        self.remove(id, events);
        true
    }

    fn remove(&mut self, id: ClientId, events: &EventLoop) {
        if let Some(client) = self.clients.remove(&id) {
            events.remove(&client.socket, Token::Client(id.0));
            if std::mem::take(&mut self.is_shut) {
                let _ = events.change(&self.listener, Token::Control, EpollFlags::EPOLLIN);
            }
            self.heard.push(Heard::Closed(id));
        }
    }
}

/// A socket in a state directory that can be connected to from the moment on in which it appears
/// there.
fn listen_in(directory: &Directory) -> Result<OwnedFd, CallError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let listener = socket(AddressFamily::Unix, SockType::Stream, flags, None).by(Call::Socket)?;
    let listener = descriptor::above(listener, FIRST_FREE).by(Call::Fcntl)?;
    let part = format!("{CONTROL}.part");
    bind(
        listener.as_raw_fd(),
        &wire::address(directory, &part).by(Call::Open)?,
    )
    .by(Call::Bind)?;
    listen(&listener, Backlog::new(511)?).by(Call::Listen)?;
    directory.rename(&part, CONTROL).by(Call::Rename)?;
    Ok(listener)
}

/// The identity and standing of a client, if it is the controller's own user's, or root's.
fn welcome(socket: &OwnedFd) -> Option<(Caller, Standing)> {
    let peer = getsockopt(socket, sockopt::PeerCredentials).ok()?;
    let is_welcome = peer.uid() == geteuid().as_raw() || peer.uid() == 0;
    is_welcome.then(|| {
        (
            Caller {
                pid: peer.pid(),
                uid: peer.uid(),
            },
            Standing::of(socket, &peer),
        )
    })
}
