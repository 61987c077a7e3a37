//! Position of processes in the hierarchy of cgroup v2: the tree that can freeze (`cgroup.freeze`, since Linux 5.2).
//!
//! The tree is found by the type of its mount, never by a path: beside controllers of version 1 it is an otherwise
//! empty tree at a place of the distribution's choice. A path of /proc/PID/cgroup begins at the root of the reader's
//! cgroup namespace, and one of a mount may begin further down.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use nix::unistd::Pid;

use super::{mountinfo, small_file};

/// The mounted tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Mount point.
    pub mount: PathBuf,
    /// Path of the part that is mounted there, as seen from the reader's cgroup namespace.
    pub root: PathBuf,
}

impl Tree {
    /// The first mount of cgroup version 2 in `/proc/self/mountinfo`; `None` where there is none.
    pub fn find() -> Option<Self> {
        Self::of(&mountinfo::own())
    }

    /// The first mount of cgroup version 2 in the bytes of a table.
    fn of(table: &[u8]) -> Option<Self> {
        let mount = mountinfo::mounts(table).find(|mount| mount.kind == b"cgroup2")?;
        Some(Self {
            mount: mount.point(),
            root: mount.root(),
        })
    }

    /// The directory of the group in which a process is; `None` where it is outside of what is mounted.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `ESRCH` when there is no such process.
    pub fn group_of(&self, pid: Pid) -> io::Result<Option<PathBuf>> {
        let mut buffer = [0; 4096];
        let bytes = small_file::read_bytes(&format!("/proc/{pid}/cgroup"), &mut buffer)?;
        Ok(self.group_in(bytes))
    }

    /// Directory of a group from the bytes of a `/proc/PID/cgroup`. The name of a group is anything but a line feed.
    pub fn group_in(&self, bytes: &[u8]) -> Option<PathBuf> {
        let path = bytes
            .split(|&byte| byte == b'\n')
            .find_map(|line| line.strip_prefix(b"0::"));
        path.and_then(|path| self.directory(Path::new(OsStr::from_bytes(path))))
    }

    /// Directory of a group, by its path in /proc.
    fn directory(&self, path: &Path) -> Option<PathBuf> {
        let inside = path.strip_prefix(&self.root).ok()?;
        let is_inside = inside
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        is_inside.then(|| {
            if inside.as_os_str().is_empty() {
                self.mount.clone()
            } else {
                self.mount.join(inside)
            }
        })
    }
}

/// The last part of the name of a process's group, in the first hierarchy in which it is in another one than `beside`: with
/// container engines it is the container's id.
pub fn name_apart(pid: Pid, beside: Pid) -> Option<String> {
    let read = |pid| std::fs::read(format!("/proc/{pid}/cgroup")).ok();
    let (own, other) = (read(pid)?, read(beside)?);
    let (own, other) = (
        String::from_utf8_lossy(&own),
        String::from_utf8_lossy(&other),
    );
    let others: std::collections::HashSet<&str> = other.lines().collect();
    let paths = own
        .lines()
        .filter(|line| !others.contains(line))
        .filter_map(|line| line.splitn(3, ':').nth(2));
    paths
        .filter_map(|path| path.rsplit('/').next())
        .find(|name| !name.is_empty())
        .map(str::to_owned)
}

/// True if a whole group is frozen: `frozen 1` in its `cgroup.events`.
///
/// # Errors
///
/// `ENOENT` or `ENODEV` when there is no such group.
pub fn is_frozen(group: &Path) -> io::Result<bool> {
    let text = std::fs::read_to_string(group.join("cgroup.events"))?;
    Ok(text.lines().any(|line| line == "frozen 1"))
}

/// Processes of a group, in the reader's numbers; 0 stands for each that the reader cannot see.
///
/// # Errors
///
/// `ENOENT` or `ENODEV` when there is no such group.
pub fn members(group: &Path) -> io::Result<Vec<Pid>> {
    let text = std::fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(text
        .lines()
        .filter_map(|line| line.parse().ok())
        .map(Pid::from_raw)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(line: &str) -> Option<Tree> {
        Tree::of(line.as_bytes())
    }

    #[test]
    fn the_mount_is_known_by_its_type() {
        let hybrid =
            "41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw,relatime shared:9 - cgroup2 cgroup2 rw";
        let expected = Tree {
            mount: "/sys/fs/cgroup/uni fied".into(),
            root: "/".into(),
        };
        assert_eq!(tree(hybrid), Some(expected));
        assert_eq!(
            tree("37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer"),
            None
        );
        assert_eq!(tree("37 31 0:34 / /cgroup2 rw - tmpfs cgroup2 rw"), None);
        assert_eq!(tree(""), None);
    }

    #[test]
    fn a_group_outside_of_the_mount_has_no_directory() {
        let whole = Tree {
            mount: "/cg".into(),
            root: "/".into(),
        };
        assert_eq!(whole.directory(Path::new("/")), Some("/cg".into()));
        assert_eq!(whole.directory(Path::new("/a/b")), Some("/cg/a/b".into()));
        assert_eq!(whole.directory(Path::new("/../b")), None);
        let part = Tree {
            mount: "/cg".into(),
            root: "/a".into(),
        };
        assert_eq!(part.directory(Path::new("/a/b")), Some("/cg/b".into()));
        assert_eq!(part.directory(Path::new("/ab")), None);
    }
}
