//! The links of `/proc/PID/ns`, read by their text, `pid:[4026531836]`: to follow one, as stat(2) does, has the kernel make the
//! inode first, at twice the price.

use std::io;
use std::os::fd::AsFd;

use nix::fcntl::readlinkat;

/// The inode that stands in the text of a link.
pub(super) fn inode_of(link: &str, kind: &str) -> Option<u64> {
    link.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
}

/// The inode of the namespace of a kind that a link leads to; no namespace is opened for it.
///
/// # Errors
///
/// Those of readlink(2), and `InvalidData` for a link to anything else.
pub(super) fn linked(directory: impl AsFd, path: &str, kind: &str) -> io::Result<u64> {
    let link = readlinkat(directory, path)?;
    inode_of(&link.to_string_lossy(), kind).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
