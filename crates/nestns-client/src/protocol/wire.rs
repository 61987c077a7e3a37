//! The address of the control socket, and what may be sent over it.
//!
//! A name in the file system longer than 107 bytes does not fit into a socket address (unix(7)),
//! and means what others may change; through `/proc/self/fd` of the directory every one fits, and
//! is meant in this very directory.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;

use nix::sys::socket::UnixAddr;

use crate::state_directory::Directory;

/// The longest line. The arguments and the environment of a program are at most two megabytes on
/// Linux, and JSON makes some bytes longer.
pub const LONGEST: usize = 8 << 20;
/// The most descriptors with one line.
pub const DESCRIPTORS: usize = 4;

/// The address of a socket in a directory, which must stay open while it is used.
///
/// # Errors
///
/// `ENAMETOOLONG` where it has no room.
pub fn address(directory: &Directory, name: &str) -> nix::Result<UnixAddr> {
    let through = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
    // Without /proc only the path is left.
    let is_there = std::fs::metadata(&through).is_ok();
    UnixAddr::new(&if is_there {
        PathBuf::from(through).join(name)
    } else {
        directory.path().join(name)
    })
}
