//! Namespace descriptors and what the kernel says about them: `ioctl_nsfs(2)`.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// `_IO(0xb7, 0x2)`: a descriptor of the parent of a PID or user namespace, since Linux 4.9.
const NS_GET_PARENT: libc::c_ulong = 0xb702;
/// `_IO(0xb7, 0x1)`: a descriptor of the user namespace that owns this one, since Linux 4.9.
const NS_GET_USERNS: libc::c_ulong = 0xb701;
/// `_IOR(0xb7, 0x7, int)`: a process's number here, from its number in a PID namespace, since Linux 6.11.
const NS_GET_TGID_FROM_PIDNS: libc::c_ulong = 0x8004_b707;
/// `_IOR(0xb7, 0x9, int)`: a process's number in a PID namespace, from its number here, since Linux 6.11.
const NS_GET_TGID_IN_PIDNS: libc::c_ulong = 0x8004_b709;
/// `_IOR(0xb7, 13, __u64)`: the id of a namespace that is never used again, since Linux 6.18.
const NS_GET_ID: libc::c_ulong = 0x8008_b70d;
/// `_IOR(0xb7, 0x8, int)`: the number that a process of the caller's has in a PID namespace, since Linux 6.11.
const NS_GET_PID_IN_PIDNS: libc::c_ulong = 0x8004_b708;

/// `ioctl(namespace, NS_GET_PID_IN_PIDNS, pid)`: which number a process has in that PID namespace.
///
/// # Errors
///
/// `ESRCH` when it has none, being neither a member nor in a namespace inside, or when there is no such process; `ENOTTY` on
/// an older kernel.
pub fn pid_in(namespace: impl AsFd, pid: Pid) -> nix::Result<Pid> {
    // SAFETY: the request takes an integer and answers with one.
    let number = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_PID_IN_PIDNS, pid.as_raw()) };
    Errno::result(number).map(Pid::from_raw)
}

/// `ioctl(namespace, NS_GET_PARENT)`
///
/// # Errors
///
/// `EPERM` when the parent is outside what the caller's own namespace contains, `EINVAL` for a namespace of a kind that has
/// no parents.
pub fn parent(namespace: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the request takes no argument; a result that is not an error is a new descriptor owned by nobody else.
    unsafe {
        let fd = Errno::result(libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_PARENT))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// `ioctl(namespace, NS_GET_USERNS)`
///
/// # Errors
///
/// `EPERM` when the owner is outside the caller's own user namespace.
pub fn owner(namespace: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the request takes no argument; a result that is not an error is a new descriptor owned by nobody else.
    unsafe {
        let fd = Errno::result(libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_USERNS))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// `ioctl(namespace, NS_GET_TGID_IN_PIDNS, pid)`: the number that a process, which has `pid` in the caller's PID namespace,
/// has in `namespace`.
///
/// # Errors
///
/// `ESRCH` when there is no such process, or none that is visible there; `ENOTTY` before Linux 6.11.
pub fn number_in(namespace: impl AsFd, pid: Pid) -> nix::Result<Pid> {
    translate(namespace, NS_GET_TGID_IN_PIDNS, pid)
}

/// `ioctl(namespace, NS_GET_TGID_FROM_PIDNS, pid)`: the number that a process, which has `pid` in `namespace`, has in the
/// caller's PID namespace.
///
/// # Errors
///
/// Those of [`number_in`].
pub fn number_from(namespace: impl AsFd, pid: Pid) -> nix::Result<Pid> {
    translate(namespace, NS_GET_TGID_FROM_PIDNS, pid)
}

fn translate(namespace: impl AsFd, request: libc::c_ulong, pid: Pid) -> nix::Result<Pid> {
    // SAFETY: the requests take the number by value and answer with one; they touch no memory.
    let result = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), request, pid.as_raw()) };
    Errno::result(result).map(Pid::from_raw)
}

/// `ioctl(namespace, NS_GET_ID, &id)`; `None` where the kernel does not know the request.
pub fn id(namespace: impl AsFd) -> Option<u64> {
    let mut id = 0_u64;
    // SAFETY: the request writes eight bytes to the address, which is that of a live u64.
    let result = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_ID, &raw mut id) };
    (result == 0).then_some(id)
}
