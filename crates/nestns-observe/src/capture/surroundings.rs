//! Namespaces of other kinds around a process, compared with those of the PID 1 outside.

use std::fmt::Display;
use std::io;

use nix::unistd::geteuid;
use toml::{Table, Value};

use super::mounts::{self, Proc};
use crate::hostname;
use crate::namespace_link::followed;

/// Kinds that the language can unshare, and the kernel's names of them.
const KINDS: [(&str, &str); 5] = [
    ("mount", "mnt"),
    ("uts", "uts"),
    ("ipc", "ipc"),
    ("net", "net"),
    ("cgroup", "cgroup"),
];

/// Kinds that it cannot unshare.
const UNSAYABLE: [&str; 2] = ["user", "time"];

/// Namespaces and mounts that differ.
#[derive(Debug)]
pub(super) struct Surroundings {
    unshared: Vec<&'static str>,
    hostname: Option<String>,
    domainname: Option<String>,
    unsayable: bool,
    /// Inodes of the namespaces that are unshared.
    own: Vec<(&'static str, u64)>,
    proc: Proc,
    /// Deviations of the mounts from those that nestns makes, as indices into [`mounts::KINDS`].
    mounts: Vec<usize>,
}

impl Surroundings {
    /// Reads the differences; `outside` is the PID 1 around, `None` for the reader itself.
    pub(super) fn read(pid: i32, outside: Option<i32>) -> io::Result<Self> {
        let outside = outside.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let mut unshared = Vec::new();
        let mut own = Vec::new();
        let (mut hostname, mut domainname) = (None, None);
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
            own.push((kind, inode(pid, file)?));
            if kind == "uts" {
                let (name, domain) = hostname::names(pid)?;
                hostname = Some(name);
                let names = nix::sys::utsname::uname()?;
                let usual = names.domainname().to_string_lossy().into_owned();
                domainname = Some(domain)
                    .filter(|domain| *domain != usual && !domain.is_empty() && domain != "(none)");
            }
        }
        let has_mounts = unshared.contains(&"mount");
        let mounts = if has_mounts {
            mounts::compare(pid, &outside)
        } else {
            Vec::new()
        };
        Ok(Self {
            unshared,
            hostname,
            domainname,
            unsayable,
            own,
            proc: mounts::proc_of(pid),
            mounts,
        })
    }

    /// True if there is a difference that the language cannot express.
    pub(super) fn has_unsayable(&self) -> bool {
        self.unsayable
    }

    /// Namespaces that are not those around, by kind and inode.
    pub(super) fn own(&self) -> &[(&'static str, u64)] {
        &self.own
    }

    /// Deviations of the mounts from those that nestns makes, as indices into [`mounts::KINDS`].
    pub(super) fn mounts(&self) -> &[usize] {
        &self.mounts
    }

    /// Writes the differences as keys of a namespace, without defaults of the language.
    pub(super) fn write(self, table: &mut Table) {
        if let Some(hostname) = self
            .hostname
            .filter(|name| !name.is_empty() && !name.contains("{{"))
        {
            table.insert("hostname".to_owned(), hostname.into());
        }
        if let Some(domain) = self.domainname.filter(|name| !name.contains("{{")) {
            table.insert("domainname".to_owned(), domain.into());
        }
        let has_mounts = self.unshared.contains(&"mount");
        let implied = table.contains_key("hostname") || table.contains_key("domainname");
        let kinds: Vec<&str> = self
            .unshared
            .into_iter()
            .filter(|kind| !(implied && *kind == "uts"))
            .collect();
        if kinds != ["mount"] {
            table.insert(
                "unshare".to_owned(),
                kinds
                    .into_iter()
                    .map(Value::from)
                    .collect::<Vec<_>>()
                    .into(),
            );
        }
        // The namespace has a /proc of its own by default exactly if it has mounts of its own.
        if has_mounts && self.proc == Proc::Other {
            table.insert("mount_proc".to_owned(), false.into());
        }
    }
}

fn inode(process: impl Display, kind: &str) -> io::Result<u64> {
    followed(format!("/proc/{process}/ns/{kind}"))
}
