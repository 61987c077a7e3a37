//! The links of `/proc/PID/ns`, read by their text, `pid:[4026531836]`: to follow one, as stat(2) does, has the kernel make the
//! inode first, at twice the price.
//!
//! Of a process that may not be looked into both are refused with `EACCES`, but for Linux 5.10.262, where readlink(2) answers
//! with no bytes at all and stat(2) with the directory that the link is in (R43). Here both are the refusal that is meant.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, readlinkat};
use nix::libc;
use nix::sys::stat::fstatat;

/// Inode in the text of a link.
pub(super) fn inode_of(link: &str, kind: &str) -> Option<u64> {
    link.strip_prefix(kind)?
        .strip_prefix(":[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// The inode of the namespace of a kind that a link leads to; no namespace is opened for it.
///
/// # Errors
///
/// Those of readlink(2), `EACCES` for an empty link, and `InvalidData` for a link to anything else.
pub(super) fn linked(directory: impl AsFd, path: &str, kind: &str) -> io::Result<u64> {
    let link = readlinkat(&directory, path)?;
    if link.is_empty() {
        let found = fstatat(directory, path, AtFlags::empty())?;
        let is_namespace = found.st_mode & libc::S_IFMT == libc::S_IFREG;
        return if is_namespace {
            Ok(found.st_ino)
        } else {
            Err(Errno::EACCES.into())
        };
    }
    let link = link.to_string_lossy();
    inode_of(&link, kind).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it points to `{link}`, which is not a {kind} namespace"),
        )
    })
}

/// The inode of the namespace that a link leads to, by following it.
///
/// # Errors
///
/// Those of stat(2), and `EACCES` for the directory that the link is in.
pub(super) fn followed(path: impl AsRef<Path>) -> io::Result<u64> {
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        Err(Errno::EACCES.into())
    } else {
        Ok(found.ino())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io;
    use std::os::unix::fs::symlink;

    use super::{followed, linked};

    #[test]
    fn a_link_to_something_else_says_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        symlink("mnt:[4026531841]", directory.path().join("pid")).unwrap();
        let error = linked(File::open(directory.path()).unwrap(), "pid", "pid").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(
            error.to_string(),
            "it points to `mnt:[4026531841]`, which is not a pid namespace"
        );
    }

    #[test]
    fn a_directory_in_its_place_is_a_refusal() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("ns")).unwrap();
        let error = followed(directory.path().join("ns")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let own = linked(nix::fcntl::AT_FDCWD, "/proc/self/ns/pid", "pid").unwrap();
        assert_eq!(followed("/proc/self/ns/pid").unwrap(), own);
    }
}
