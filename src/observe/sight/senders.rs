//! The senders of messages on a socket, as the kernel numbers them for the receiver (`SCM_CREDENTIALS`, unix(7)).

use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg};

/// The messages up to the end of file, a number of four bytes each, with the sender of each.
pub(super) fn receive(socket: &OwnedFd) -> Vec<(u32, i32)> {
    let mut delivered = Vec::new();
    loop {
        let mut row = [0; 4];
        let mut slices = [IoSliceMut::new(&mut row)];
        let mut space = cmsg_space!(UnixCredentials);
        let number = match recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::empty()) {
            Ok(message) if message.bytes == 0 => return delivered,
            Ok(message) => message.cmsgs().ok().and_then(|mut messages| {
                messages.find_map(|message| match message {
                    ControlMessageOwned::ScmCredentials(credentials) => Some(credentials.pid()),
                    _ => None,
                })
            }),
            Err(Errno::EINTR) => continue,
            Err(_) => return delivered,
        };
        delivered.extend(number.map(|number| (u32::from_ne_bytes(row), number)));
    }
}
