//! Namespace descriptors and the requests of `ioctl_nsfs(2)` about them.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// `_IO(0xb7, 0x2)`: a descriptor of the parent of a PID or user namespace, since Linux 4.9.
const NS_GET_PARENT: libc::c_ulong = 0xb702;
/// `_IO(0xb7, 0x1)`: a descriptor of the user namespace that owns this one, since Linux 4.9.
const NS_GET_USERNS: libc::c_ulong = 0xb701;
/// `_IOR(0xb7, 0x6, int)`: the number that a process or thread has for the caller, from that in a PID namespace, since Linux
/// 6.11. `NS_GET_TGID_FROM_PIDNS` answers with the process where a thread is asked about (R70).
const NS_GET_PID_FROM_PIDNS: libc::c_ulong = 0x8004_b706;
/// `_IOR(0xb7, 13, __u64)`: the id of a namespace that is never used again, since Linux 6.18.
const NS_GET_ID: libc::c_ulong = 0x8008_b70d;
/// `_IOR(0xb7, 0x8, int)`: the number that a process of the caller's has in a PID namespace, since Linux 6.11.
const NS_GET_PID_IN_PIDNS: libc::c_ulong = 0x8004_b708;

/// `ioctl(namespace, NS_GET_PID_IN_PIDNS, pid)`: the number that a process or thread has in that PID namespace.
///
/// # Errors
///
/// `ESRCH` when it has none, being neither a member nor in a namespace inside, or when there is no such process; `ENOTTY` on
/// an older kernel.
pub fn pid_in(namespace: impl AsFd, pid: Pid) -> nix::Result<Pid> {
    // SAFETY: the request takes an integer and answers with one.
    let number = unsafe {
        libc::ioctl(
            namespace.as_fd().as_raw_fd(),
            NS_GET_PID_IN_PIDNS,
            pid.as_raw(),
        )
    };
    Errno::result(number).map(Pid::from_raw)
}

/// `ioctl(namespace, NS_GET_PARENT)`
///
/// # Errors
///
/// `EPERM` when the parent is outside what the caller's own namespace contains, `EINVAL` for a namespace of a kind that has
/// no parents.
pub fn parent(namespace: impl AsFd) -> nix::Result<OwnedFd> {
    // SAFETY: the request takes no argument; a result that is not an error is a new descriptor without another owner.
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
    // SAFETY: the request takes no argument; a result that is not an error is a new descriptor without another owner.
    unsafe {
        let fd = Errno::result(libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_USERNS))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// `ioctl(namespace, NS_GET_PID_FROM_PIDNS, pid)`: the number that a process or thread, which has `pid` in `namespace`, has in
/// the caller's PID namespace.
///
/// # Errors
///
/// `ESRCH` when the number is not in use; `ENOTTY` before Linux 6.11.
pub fn pid_from(namespace: impl AsFd, pid: Pid) -> nix::Result<Pid> {
    // SAFETY: the request takes an integer and answers with one.
    let number = unsafe {
        libc::ioctl(
            namespace.as_fd().as_raw_fd(),
            NS_GET_PID_FROM_PIDNS,
            pid.as_raw(),
        )
    };
    Errno::result(number).map(Pid::from_raw)
}

/// `ioctl(namespace, NS_GET_ID, &id)`; `None` where the kernel does not know the request.
pub fn id(namespace: impl AsFd) -> Option<u64> {
    let mut id = 0_u64;
    // SAFETY: the request writes eight bytes to the address, which is that of a live u64.
    let result = unsafe { libc::ioctl(namespace.as_fd().as_raw_fd(), NS_GET_ID, &raw mut id) };
    (result == 0).then_some(id)
}
