//! A helper that tries once to connect to a port of the loopback device, where a process has its
//! network.
//!
//! A process of its own, because it enters the network namespace, which one that has gone through a
//! user namespace does not come back from, and because a connection has no bound.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, getpeername, getsockname,
    getsockopt, socket, sockopt,
};
use nix::unistd::Pid;

use super::helper;
use crate::engine::plan::Plan;
use nestns_observe::process;
use nestns_sys::passage::Passage;
use nestns_sys::pidfd::Pidfd;

/// A port that is tried, and its process.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Attempt<'a> {
    pub(in crate::controller) path: &'a str,
    pub(in crate::controller) pid: Pid,
    pub(in crate::controller) start_time: u64,
    /// The user namespace to go through.
    pub(in crate::controller) gateway: Option<BorrowedFd<'a>>,
    /// The network namespace, if the process has another one than the controller.
    pub(in crate::controller) network: CloneFlags,
    pub(in crate::controller) port: u16,
    /// The time that it may take.
    pub(in crate::controller) timeout: Duration,
}

/// Sends a helper out, a child of the controller. It ends with 0 when a connection has succeeded,
/// and else with 1.
///
/// # Errors
///
/// Those of fork(2).
pub(in crate::controller) fn send(plan: &Plan, attempt: &Attempt<'_>) -> nix::Result<Pid> {
    let about = format!("{} (connects to port {})", attempt.path, attempt.port);
    helper::send(
        plan,
        &about,
        || enter(attempt),
        |()| is_accepted(attempt.port, attempt.timeout),
    )
}

/// Enters the network namespace of the process.
fn enter(attempt: &Attempt<'_>) -> Option<()> {
    let target = Pidfd::open(attempt.pid).ok()?;
    if process::start_time(attempt.pid).ok()? != attempt.start_time {
        return None;
    }
    if attempt.network.is_empty() {
        return Some(());
    }
    let passage = Passage {
        gateway: attempt.gateway,
        target: target.as_fd(),
        others: attempt.network,
    };
    if let Some(gateway) = passage.gateway {
        setns(gateway, CloneFlags::CLONE_NEWUSER).ok()?;
    }
    passage.enter_others().ok()
}

/// True if a connection to the port succeeds in time, by the one protocol or the other. It is
/// closed at once.
fn is_accepted(port: u16, timeout: Duration) -> bool {
    let until = Instant::now() + timeout;
    let addresses: [SocketAddr; 2] = [
        (Ipv4Addr::LOCALHOST, port).into(),
        (Ipv6Addr::LOCALHOST, port).into(),
    ];
    let mut pending = Vec::with_capacity(addresses.len());
    for address in addresses {
        match begin(address) {
            Ok(Attempted::Connected(socket)) if !is_its_own_peer(&socket) => return true,
            Ok(Attempted::Pending(socket)) => pending.push(socket),
            // A protocol that the kernel does not have, and a port without a listener.
            Ok(Attempted::Connected(_)) | Err(_) => {}
        }
    }
    while !pending.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        let mut polled: Vec<PollFd<'_>> = pending
            .iter()
            .map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLOUT))
            .collect();
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let is_over: Vec<bool> = match poll(&mut polled, left) {
            Ok(0) => return false,
            Ok(_) => polled.iter().map(|one| one.any() == Some(true)).collect(),
            Err(Errno::EINTR) => continue,
            Err(_) => return false,
        };
        let (mut over, mut rest) = (Vec::new(), Vec::new());
        for (socket, is_over) in pending.into_iter().zip(is_over) {
            if is_over { &mut over } else { &mut rest }.push(socket);
        }
        let is_good = |socket: &OwnedFd| {
            getsockopt(socket, sockopt::SocketError) == Ok(0) && !is_its_own_peer(socket)
        };
        if over.iter().any(is_good) {
            return true;
        }
        pending = rest;
    }
    false
}

/// A connection that has begun.
enum Attempted {
    Connected(OwnedFd),
    Pending(OwnedFd),
}

fn begin(address: SocketAddr) -> nix::Result<Attempted> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Stream, flags, None)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) => Ok(Attempted::Connected(socket)),
        Err(Errno::EINPROGRESS | Errno::EINTR) => Ok(Attempted::Pending(socket)),
        Err(errno) => Err(errno),
    }
}

/// True if a socket is connected to itself: the kernel may give a connection to a port without a
/// listener that very port as its own, and TCP lets both ends of it meet (R72).
fn is_its_own_peer(socket: &OwnedFd) -> bool {
    let own: nix::Result<SockaddrStorage> = getsockname(socket.as_raw_fd());
    let peer: nix::Result<SockaddrStorage> = getpeername(socket.as_raw_fd());
    match (own, peer) {
        (Ok(own), Ok(peer)) => own == peer,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    use nix::sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, getsockname, socket,
    };

    use super::{is_accepted, is_its_own_peer};

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A socket with a free port, which does not listen.
    fn bound() -> OwnedFd {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).unwrap();
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
        socket
    }

    #[test]
    fn a_listener_is_found_by_either_protocol() {
        let mut listeners = vec![TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()];
        // A machine without IPv6 has no second one.
        listeners.extend(TcpListener::bind((Ipv6Addr::LOCALHOST, 0)));
        for listener in listeners {
            let port = listener.local_addr().unwrap().port();
            assert!(is_accepted(port, TIMEOUT), "{listener:?}");
        }
    }

    #[test]
    fn a_connection_with_itself_is_none() {
        let own = bound();
        let address: SockaddrIn = getsockname(own.as_raw_fd()).unwrap();
        connect(own.as_raw_fd(), &address).unwrap();
        assert!(is_its_own_peer(&own));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!is_its_own_peer(&other.into()));
    }

    #[test]
    fn a_socket_that_does_not_listen_is_not_found() {
        // It keeps the port, so that no other listens on it meanwhile.
        let bound = bound();
        let address: SockaddrIn = getsockname(bound.as_raw_fd()).unwrap();
        assert!(!is_accepted(address.port(), TIMEOUT));
    }
}
