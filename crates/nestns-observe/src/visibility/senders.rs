//! The senders of messages on a socket, as the kernel numbers them for the receiver (`SCM_CREDENTIALS`, unix(7)).

use std::os::fd::OwnedFd;

use nestns_sys::channel::{Channel, Wait};

/// The messages up to the end of file, a number of four bytes each, with the sender of each.
pub(super) fn receive(socket: &OwnedFd) -> Vec<(u32, i32)> {
    let channel = Channel::from(socket);
    let mut delivered = Vec::new();
    let mut row = [0; 4];
    while let Ok(received) = channel.receive_without_descriptors(&mut row, Wait::Allowed)
        && received.bytes > 0
    {
        delivered.extend(
            received
                .sender
                .map(|sender| (u32::from_ne_bytes(row), sender.as_raw())),
        );
    }
    delivered
}
