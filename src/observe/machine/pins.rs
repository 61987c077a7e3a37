//! What keeps a namespace alive that nobody is in: a mount of its file in nsfs, or an open descriptor of it.
//!
//! Mounts are read once for each mount namespace, descriptors of every process. Both are recognised by their text, `nsfs` and
//! `pid:[4026531836]`, and only those that no process has led to are opened.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::readlinkat;

use super::{Evidence, Spaces, inode_of, linked};
use crate::sys::directory;

/// Whether a process let the caller see what it has open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Granted,
    Denied,
}

/// What was found, by inode.
#[derive(Debug, Default)]
pub(super) struct Pins {
    mount_namespaces: HashSet<u64>,
    found: Vec<(u64, Evidence)>,
    text: Vec<u8>,
}

impl Pins {
    /// Looks at the mounts and the descriptors of a process.
    pub(super) fn collect(&mut self, pid: i32) -> Access {
        if let Ok(inode) = linked(&format!("/proc/{pid}/ns/mnt"), "mnt")
            && self.mount_namespaces.insert(inode)
        {
            self.mounts(pid);
        }
        self.descriptors(pid)
    }

    fn mounts(&mut self, pid: i32) {
        // A large buffer: every read of a file of /proc makes a part of it anew.
        self.text.clear();
        self.text.resize(64 * 1024, 0);
        let Ok(mut file) = File::open(format!("/proc/{pid}/mountinfo")) else { return };
        let mut length = 0;
        loop {
            match file.read(&mut self.text[length..]) {
                Ok(0) | Err(_) => break,
                Ok(count) => length += count,
            }
            if self.text.len() - length < 4096 {
                self.text.resize(self.text.len() * 2, 0);
            }
        }
        // Mount points need not be text; what is looked for is.
        let text = String::from_utf8_lossy(&self.text[..length]);
        for line in text.lines().filter(|line| line.contains(" - nsfs ")) {
            // 36 35 98:0 /root /mount/point options - type source options
            let mut fields = line.split(' ').skip(3);
            let (Some(root), Some(point)) = (fields.next(), fields.next()) else { continue };
            if let Some(inode) = inode_of(root.trim_start_matches('/'), "pid") {
                self.found.push((inode, Evidence::Mount { seen_by: pid, path: unescape(point) }));
            }
        }
    }

    fn descriptors(&mut self, pid: i32) -> Access {
        let directory = match File::open(format!("/proc/{pid}/fd")) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Access::Denied,
            Err(_) => return Access::Granted,
        };
        for number in directory::numbers(&directory).unwrap_or_default() {
            match readlinkat(&directory, number.to_string().as_str()) {
                Ok(link) => {
                    if let Some(inode) = link.to_str().and_then(|link| inode_of(link, "pid")) {
                        self.found.push((inode, Evidence::Descriptor { holder: pid, number }));
                    }
                }
                Err(Errno::EACCES | Errno::EPERM) => return Access::Denied,
                Err(_) => {}
            }
        }
        Access::Granted
    }

    /// Opens those that are not known yet.
    pub(super) fn open(self, spaces: &mut Spaces) {
        for (inode, evidence) in self.found {
            if spaces.get(inode).is_some() {
                continue;
            }
            let path = match &evidence {
                Evidence::Mount { seen_by, path } => {
                    PathBuf::from(format!("/proc/{seen_by}/root")).join(path.strip_prefix("/").unwrap_or(path))
                }
                Evidence::Descriptor { holder, number } => PathBuf::from(format!("/proc/{holder}/fd/{number}")),
                Evidence::Member | Evidence::Child => continue,
            };
            // It may be covered by another mount, closed meanwhile, or not for the caller to open: then it is not found.
            let Ok(descriptor) = File::open(path).map(OwnedFd::from) else { continue };
            let is_it = nix::sys::stat::fstat(&descriptor).is_ok_and(|found| found.st_ino == inode);
            if is_it && spaces.add(descriptor, evidence).is_err() {
                return;
            }
        }
    }
}

/// mountinfo writes spaces, tabs, line feeds and backslashes as three octal digits.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::unescape;

    #[test]
    fn mount_points_are_read_as_they_are() {
        assert_eq!(unescape("/run/a\\040b\\134c"), Path::new("/run/a b\\c"));
        assert_eq!(unescape("/run/plain\\"), Path::new("/run/plain\\"));
    }
}
