//! nestns as a service: it tells its manager that everything is ready, or that it stops, as
//! `sd_notify(3)` does.
//!
//! Not by the crate of that name, which waits for a manager that does not read, and finds no
//! abstract socket, which is what nestns itself gives a process with `ready = { notify = true }`. A
//! message is one datagram, and is lost sooner than waited for.

use std::ffi::OsStr;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};

/// Address at which the manager listens; `None` if there is no manager.
#[derive(Debug, Default)]
pub(in crate::controller) struct Manager(Option<UnixAddr>);

impl Manager {
    /// The one that a value of `NOTIFY_SOCKET` names: an absolute path, or the name of an abstract
    /// socket behind `@`.
    pub(in crate::controller) fn at(address: Option<&OsStr>) -> Self {
        Self(address.and_then(|address| match address.as_bytes() {
            [b'@', name @ ..] => UnixAddr::new_abstract(name).ok(),
            [b'/', ..] => UnixAddr::new(address).ok(),
            _ => None,
        }))
    }

    /// Everything is ready, and this process answers for it.
    pub(in crate::controller) fn say_ready(&self) {
        self.say(&format!("READY=1\nMAINPID={}\n", nix::unistd::getpid()));
    }

    /// The stop has begun.
    pub(in crate::controller) fn say_stopping(&self) {
        self.say("STOPPING=1\n");
    }

    fn say(&self, message: &str) {
        let Some(address) = &self.0 else { return };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        if let Ok(socket) = socket(AddressFamily::Unix, SockType::Datagram, flags, None) {
            // A manager that is gone, or does not read, hears nothing.
            let _ = sendto(
                socket.as_raw_fd(),
                message.as_bytes(),
                address,
                MsgFlags::MSG_NOSIGNAL,
            );
        }
    }
}
