//! The namespaces of other kinds around a process, compared with those of the PID 1 outside.

use std::io;
use std::os::unix::fs::MetadataExt;

use toml::{Table, Value};

use super::hostname;

/// The kinds that the language can unshare, and the kernel's names of them.
const KINDS: [(&str, &str); 5] =
    [("mount", "mnt"), ("uts", "uts"), ("ipc", "ipc"), ("net", "net"), ("cgroup", "cgroup")];

/// What differs.
#[derive(Debug)]
pub(super) struct Surroundings {
    unshared: Vec<&'static str>,
    hostname: Option<String>,
}

impl Surroundings {
    /// Reads it; `outside` is the PID 1 around, or nobody for the reader himself.
    pub(super) fn read(pid: i32, outside: Option<i32>) -> io::Result<Self> {
        let outside = outside.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let mut unshared = Vec::new();
        let mut hostname = None;
        for (kind, file) in KINDS {
            let own = std::fs::metadata(format!("/proc/{pid}/ns/{file}"))?.ino();
            if own == std::fs::metadata(format!("/proc/{outside}/ns/{file}"))?.ino() {
                continue;
            }
            unshared.push(kind);
            if kind == "uts" {
                hostname = Some(hostname::of(pid)?);
            }
        }
        Ok(Self { unshared, hostname })
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
