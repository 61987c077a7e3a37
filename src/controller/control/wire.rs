//! Bytes and descriptors over a stream socket.
//!
//! A name in the file system longer than 107 bytes does not fit into a socket address (unix(7)); through `/proc/self/fd` of
//! the directory every one does.

use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

/// The longest line. The arguments and the environment of a program are at most two megabytes on Linux, and JSON makes some
/// bytes longer.
pub const LONGEST: usize = 8 << 20;
/// The most descriptors with one line.
pub const DESCRIPTORS: usize = 4;

/// The address of a socket in a directory, and what must stay open while it is used.
///
/// # Errors
///
/// Those of open(2) on the directory.
pub fn address(directory: &Path, name: &str) -> std::io::Result<(UnixAddr, File)> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = File::options().read(true).custom_flags(flags.bits()).open(directory)?;
    let path = directory.join(name);
    let address = UnixAddr::new(&path).or_else(|_| {
        let through: PathBuf = format!("/proc/self/fd/{}/{name}", opened.as_raw_fd()).into();
        UnixAddr::new(&through)
    })?;
    Ok((address, opened))
}

/// Sends what the socket takes of some bytes, descriptors with the first of them.
///
/// # Errors
///
/// `EAGAIN` when it takes nothing now, `EPIPE` when the other side is gone.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> nix::Result<usize> {
    let numbers: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if numbers.is_empty() { &rights[..0] } else { &rights[..] };
    loop {
        match sendmsg::<UnixAddr>(socket.as_raw_fd(), &[IoSlice::new(bytes)], rights, MsgFlags::MSG_NOSIGNAL, None) {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}
