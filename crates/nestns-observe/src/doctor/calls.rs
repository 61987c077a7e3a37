//! System calls and requests that nestns uses, and does without if it must.

use std::fs::File;

use nix::errno::Errno;
use nix::unistd::{ForkResult, getpid};

use super::Check;
use super::namespaces::Way;
use super::trial::try_call;
use nestns_sys::clone::{Arguments, Placement, clone3};
use nestns_sys::errno::spelled;
use nestns_sys::fork::exit_now;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;
use nestns_sys::{namespace, probe};

/// Number that no process in a fresh namespace has.
const NUMBER: i32 = 77;

pub(super) fn pidfd() -> Check {
    const ID: &str = "pidfd";
    match Pidfd::open(getpid()).and_then(|own| own.signal(0)) {
        Ok(()) => Check::yes(
            ID,
            "pidfds are supported: processes are held and signalled by descriptor",
        ),
        Err(errno) => Check::no(
            ID,
            format!("refused: {}", spelled(errno)),
            "use Linux 5.3 or later, and allow pidfd_open and pidfd_send_signal in the container's seccomp filter",
        ),
    }
}

pub(super) fn namespace_ids() -> Check {
    const ID: &str = "namespace-ids";
    match File::open("/proc/self/ns/pid").ok().and_then(namespace::id) {
        Some(id) => Check::yes(
            ID,
            format!("namespaces have IDs that are never reused (this one has {id})"),
        ),
        None => Check::warn(
            ID,
            "namespaces are identified by inodes, which are reused",
            "none needed: descriptors are held instead; Linux 6.18 and later have IDs",
        ),
    }
}

pub(super) fn pid_translation() -> Check {
    const ID: &str = "pid-translation";
    let own = File::open("/proc/self/ns/pid");
    match own.map(|own| namespace::pid_in(own, getpid())) {
        Ok(Ok(_)) => Check::yes(ID, "the kernel translates PIDs between namespaces"),
        _ => Check::warn(
            ID,
            "PIDs are read from /proc",
            "none needed, this is only slower; Linux 6.11 and later translate PIDs",
        ),
    }
}

pub(super) fn pidfd_info() -> Check {
    const ID: &str = "pidfd-info";
    match Pidfd::open(getpid()).and_then(|own| probe::pidfd_info(&own)) {
        Ok(()) => Check::yes(
            ID,
            "pidfds report on their process, including its exit status",
        ),
        Err(_) => Check::warn(
            ID,
            "pidfds do not report on their process",
            "none needed: /proc is read instead; pidfds of Linux 6.13 and later do",
        ),
    }
}

/// True if a process of a new namespace can be given a chosen number.
pub(super) fn can_number(way: Way) -> bool {
    let number = || {
        way.go_inside()?;
        match clone3(Arguments {
            placement: Placement::Child,
            numbers: &[NUMBER],
        })? {
            ForkResult::Child => exit_now(0),
            ForkResult::Parent { child } if child.as_raw() == NUMBER => {
                await_child(child).map(drop)
            }
            ForkResult::Parent { .. } => Err(Errno::EINVAL),
        }
    };
    try_call(number).is_ok()
}

pub(super) fn set_tid(can_number: bool) -> Check {
    const ID: &str = "set-tid";
    if can_number {
        return Check::yes(
            ID,
            "processes can be created with chosen PIDs in new namespaces",
        );
    }
    Check::warn(
        ID,
        "processes cannot be created with chosen PIDs",
        "allow clone3 in the container's seccomp filter; namespaces below a PID 1 that is a program need it",
    )
}

pub(super) fn mount_api() -> Check {
    const ID: &str = "mount-api";
    match probe::mount_api() {
        // The call exists, even if this caller may not use it.
        Ok(()) | Err(Errno::EPERM) => Check::yes(
            ID,
            "file systems can be opened before they are mounted (fsopen)",
        ),
        Err(errno) => Check::warn(
            ID,
            format!("fsopen is not permitted: {}", spelled(errno)),
            "none needed: mount(2) is used instead; Linux 5.2 and later have fsopen",
        ),
    }
}
