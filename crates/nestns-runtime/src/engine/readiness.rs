//! Means by which a process reports its readiness: a pipe at a number of its choice, or the socket
//! of `sd_notify(3)`.
//!
//! Both are made by the process itself, on its way to its program, and their reading ends go up to
//! the controller. That is what makes the socket work everywhere: an abstract one (unix(7)) belongs
//! to the network namespace in which it was made, which is that of the program, and needs no path
//! that the program's mount namespace would have to show.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, getsockname, socket};
use nix::unistd::pipe2;

use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::channel::Channel;
use nestns_sys::descriptor;
use nestns_topology::Probe;

/// The variable that `sd_notify(3)` reads.
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Means that a process has been given.
#[derive(Debug)]
pub struct Means {
    /// Controller's end.
    listener: OwnedFd,
    voice: Voice,
}

/// The process's end.
#[derive(Debug)]
enum Voice {
    Pipe { writer: OwnedFd, number: RawFd },
    Socket { address: String },
}

impl Means {
    /// Makes the means that a probe needs in the process; most need none.
    ///
    /// # Errors
    ///
    /// Those of pipe2(2), socket(2) and bind(2).
    pub fn of(probe: Option<&Probe>) -> Result<Option<Self>, CallError> {
        match probe {
            Some(Probe::Descriptor(number)) => {
                let (listener, writer) = pipe2(OFlag::O_CLOEXEC).by(Call::Pipe)?;
                Ok(Some(Self {
                    listener,
                    voice: Voice::Pipe {
                        writer,
                        number: *number,
                    },
                }))
            }
            Some(Probe::Notify(_)) => {
                let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
                let listener = socket(AddressFamily::Unix, SockType::Datagram, flags, None)
                    .by(Call::Socket)?;
                // Before any process can send: the kernel adds the sender to a message when it is
                // sent.
                Channel::from(&listener).pass_credentials()?;
                // Without a name the kernel gives it a free one.
                bind(listener.as_raw_fd(), &UnixAddr::new_unnamed()).by(Call::Bind)?;
                let name: UnixAddr = getsockname(listener.as_raw_fd()).by(Call::Getsockname)?;
                let name = name
                    .as_abstract()
                    .and_then(|name| std::str::from_utf8(name).ok())
                    .ok_or(Errno::EINVAL)?;
                let address = format!("@{name}");
                Ok(Some(Self {
                    listener,
                    voice: Voice::Socket { address },
                }))
            }
            Some(Probe::Log(_) | Probe::File(_) | Probe::Exec { .. } | Probe::Tcp { .. })
            | None => Ok(None),
        }
    }

    /// Descriptor to send to the controller.
    pub fn listener(&self) -> BorrowedFd<'_> {
        std::os::fd::AsFd::as_fd(&self.listener)
    }

    /// Value of [`NOTIFY_SOCKET`], if the means is a socket.
    pub fn address(&self) -> Option<&str> {
        match &self.voice {
            Voice::Socket { address } => Some(address),
            Voice::Pipe { .. } => None,
        }
    }

    /// Puts the process's end at the number that its program expects. Anything open at that number
    /// is lost, so nothing that is still needed may be there ([`Means::clear`]).
    ///
    /// # Errors
    ///
    /// `EBADF` when the number is beyond the limit on descriptors.
    pub fn hand_over(self) -> nix::Result<()> {
        if let Voice::Pipe { writer, number } = self.voice {
            descriptor::make_standard(&writer, number)?;
            if writer.as_raw_fd() == number {
                // It stays where it is, for the program.
                std::mem::forget(writer);
            }
        }
        Ok(())
    }

    /// Moves a descriptor out of the way.
    ///
    /// # Errors
    ///
    /// `EMFILE` when there is no other number.
    pub fn clear(&self, fd: OwnedFd) -> nix::Result<OwnedFd> {
        match &self.voice {
            Voice::Pipe { number, .. } => descriptor::above(fd, number + 1),
            Voice::Socket { .. } => Ok(fd),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};
    use nix::unistd::getpid;

    use super::{Channel, Means};
    use nestns_sys::channel::Wait;
    use nestns_topology::{Notifier, Probe};

    #[test]
    fn most_need_nothing() {
        for probe in [
            None,
            Some(Probe::Log("x".to_owned())),
            Some(Probe::File("/x".into())),
        ] {
            assert!(Means::of(probe.as_ref()).unwrap().is_none());
        }
    }

    #[test]
    fn a_socket_has_an_address_that_can_be_sent_to() {
        let means = Means::of(Some(&Probe::Notify(Notifier::Itself)))
            .unwrap()
            .expect("it needs a socket");
        let name = means
            .address()
            .and_then(|address| address.strip_prefix('@'))
            .expect("it is an abstract one");
        let address = UnixAddr::new_abstract(name.as_bytes()).unwrap();
        let sender = socket(
            AddressFamily::Unix,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        sendto(sender.as_raw_fd(), b"READY=1", &address, MsgFlags::empty()).unwrap();
        let mut buffer = [0; 16];
        let received = Channel::from(means.listener())
            .receive(&mut buffer, Wait::Never)
            .unwrap();
        assert_eq!(&buffer[..received.bytes], b"READY=1");
        assert_eq!(received.sender, Some(getpid()));
    }

    #[test]
    fn what_is_still_needed_is_moved_away_from_the_number_of_a_pipe() {
        let means = Means::of(Some(&Probe::Descriptor(700)))
            .unwrap()
            .expect("it needs a pipe");
        assert_eq!(means.address(), None);
        let moved = means
            .clear(std::fs::File::open("/dev/null").unwrap().into())
            .unwrap();
        assert!(moved.as_raw_fd() > 700);
    }
}
