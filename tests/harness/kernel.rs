//! Processes and PID namespaces as the kernel has them, read without any of the program's code.
#![allow(unsafe_code)]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use nix::libc;
use nix::unistd::Pid;

/// `_IO(0xb7, 2)` of `ioctl_nsfs(2)`: a descriptor of the namespace around this one.
const NS_GET_PARENT: libc::Ioctl = 0xb702;

/// A process as `/proc/PID/status` has it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// PID of the process here.
    pub(crate) pid: i32,
    /// PID of its parent here.
    pub(crate) parent: i32,
    /// `R`, `S`, `Z`, …
    pub(crate) state: char,
    /// `NSpid`: its number here first, its number in its own namespace last.
    pub(crate) numbers: Vec<i32>,
}

/// A process, unless it is gone.
pub(crate) fn process(pid: i32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    Some(Process {
        pid,
        parent: field("PPid:")?.parse().ok()?,
        state: field("State:")?.chars().next()?,
        numbers: field("NSpid:")?
            .split_whitespace()
            .map(|number| number.parse().expect("a number"))
            .collect(),
    })
}

/// True for a process that handles TERM, or has it blocked and will take it.
pub(crate) fn handles_term(pid: i32) -> bool {
    (signals(pid, "SigBlk:") | signals(pid, "SigCgt:")) & 1 << (libc::SIGTERM - 1) != 0
}

/// A set of signals in `/proc/PID/status`, by the name of its line; empty for a process that has ended.
pub(crate) fn signals(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let text = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_default();
    u64::from_str_radix(text.trim(), 16).unwrap_or_default()
}

/// Every process of this machine.
pub(crate) fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries
        .filter_map(|entry| process(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// The descendants of a process, zombies included, itself not.
pub(crate) fn descendants(ancestor: i32) -> Vec<Process> {
    let all = processes();
    let parents: HashMap<i32, i32> = all
        .iter()
        .map(|process| (process.pid, process.parent))
        .collect();
    let descends = |process: &Process| {
        let mut above = process.parent;
        while above != 0 && above != ancestor {
            above = parents.get(&above).copied().unwrap_or(0);
        }
        above == ancestor
    };
    all.iter()
        .filter(|process| descends(process))
        .cloned()
        .collect()
}

/// The guardian of a controller: its child of that name.
pub(crate) fn guardian(controller: Pid) -> Option<Pid> {
    let children =
        fs::read_to_string(format!("/proc/{controller}/task/{controller}/children")).ok()?;
    let is_guardian = |pid: &i32| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == "nestns-guardian")
    };
    children
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .find(is_guardian)
        .map(Pid::from_raw)
}

/// The inode of a namespace of a process; `kind` is a name in `/proc/PID/ns`.
pub(crate) fn namespace(pid: i32, kind: &str) -> Option<u64> {
    Some(fs::metadata(format!("/proc/{pid}/ns/{kind}")).ok()?.ino())
}

/// The PID namespace of the tests themselves.
pub(crate) fn own_pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid")
        .expect("/proc is mounted")
        .ino()
}

/// The namespace around the PID namespace of a process.
pub(crate) fn parent_namespace(pid: i32) -> u64 {
    try_parent_namespace(pid).expect("it lives, and we may look")
}

/// The namespace around the PID namespace of a process that may have ended.
pub(crate) fn try_parent_namespace(pid: i32) -> Option<u64> {
    let namespace = File::open(format!("/proc/{pid}/ns/pid")).ok()?;
    // SAFETY: the request takes no argument; it touches no memory of ours.
    let descriptor = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_PARENT) };
    assert!(
        descriptor >= 0,
        "NS_GET_PARENT of {pid}: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: the kernel has just made this descriptor for us; it has no other owner.
    let parent = unsafe { OwnedFd::from_raw_fd(descriptor) };
    Some(File::from(parent).metadata().expect("it is open").ino())
}

/// The numbers here of all members of these PID namespaces.
pub(crate) fn members(namespaces: &HashSet<u64>) -> BTreeSet<i32> {
    let all = processes().into_iter().map(|process| process.pid);
    all.filter(|&pid| namespace(pid, "pid").is_some_and(|inode| namespaces.contains(&inode)))
        .collect()
}

/// Number of descriptors that a process has open.
pub(crate) fn descriptors(pid: i32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// Cgroups of version 2 whose names begin like this, anywhere.
pub(crate) fn cgroups_named(prefix: &str) -> Vec<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts = text.lines().filter(|line| line.contains(" - cgroup2 "));
    let mut rest: Vec<PathBuf> = mounts
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .collect();
    let mut found = Vec::new();
    while let Some(directory) = rest.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                found.push(entry.path());
            }
            rest.push(entry.path());
        }
    }
    found
}
