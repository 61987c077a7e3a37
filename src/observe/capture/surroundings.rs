//! The namespaces of other kinds around a process, compared with those of the PID 1 outside.

use std::fmt::Display;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::unistd::geteuid;
use toml::{Table, Value};

use crate::observe::hostname;

/// The kinds that the language can unshare, and the kernel's names of them.
const KINDS: [(&str, &str); 5] =
    [("mount", "mnt"), ("uts", "uts"), ("ipc", "ipc"), ("net", "net"), ("cgroup", "cgroup")];

/// And those that it cannot.
const UNSAYABLE: [&str; 2] = ["user", "time"];

/// What differs.
#[derive(Debug)]
pub(super) struct Surroundings {
    unshared: Vec<&'static str>,
    hostname: Option<String>,
    unsayable: bool,
}

impl Surroundings {
    /// Reads it; `outside` is the PID 1 around, or nobody for the reader himself.
    pub(super) fn read(pid: i32, outside: Option<i32>) -> io::Result<Self> {
        let outside = outside.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let mut unshared = Vec::new();
        let mut hostname = None;
        // An ordinary user's tree is in a user namespace of its own in any case, which nestns makes unasked.
        let is_usual = outside == "self" && !geteuid().is_root();
        let mut unsayable = false;
        for kind in UNSAYABLE {
            // Older kernels have no time namespaces.
            let is_other = matches!((inode(pid, kind), inode(&outside, kind)), (Ok(own), Ok(theirs)) if own != theirs);
            unsayable |= is_other && !(is_usual && kind == "user");
        }
        for (kind, file) in KINDS {
            if inode(pid, file)? == inode(&outside, file)? {
                continue;
            }
            unshared.push(kind);
            if kind == "uts" {
                hostname = Some(hostname::of(pid)?);
            }
        }
        Ok(Self { unshared, hostname, unsayable })
    }

    /// Whether there is a difference that the language has no word for.
    pub(super) fn has_unsayable(&self) -> bool {
        self.unsayable
    }

    /// Writes it as keys of a namespace, without what the language has by default.
    pub(super) fn write(self, table: &mut Table) {
        if let Some(hostname) = self.hostname.filter(|name| !name.is_empty() && !name.contains("{{")) {
            table.insert("hostname".to_owned(), hostname.into());
        }
        let implied = table.contains_key("hostname");
        let kinds: Vec<&str> = self.unshared.into_iter().filter(|kind| !(implied && *kind == "uts")).collect();
        if kinds != ["mount"] {
            table.insert("unshare".to_owned(), kinds.into_iter().map(Value::from).collect::<Vec<_>>().into());
        }
    }
}

fn inode(process: impl Display, kind: &str) -> io::Result<u64> {
    Ok(std::fs::metadata(format!("/proc/{process}/ns/{kind}"))?.ino())
}
