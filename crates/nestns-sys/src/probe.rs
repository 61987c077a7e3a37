//! Attempts of system calls, to find out if the kernel has them.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

use super::pidfd::Pidfd;

/// `_IOWR(0xff, 11, struct pidfd_info)` in its first published size, since Linux 6.13.
const PIDFD_GET_INFO: libc::c_ulong = 0xc040_ff0b;

/// `ioctl(pidfd, PIDFD_GET_INFO, &info)`, whose answer is thrown away.
///
/// # Errors
///
/// `ENOTTY` or `EINVAL` on an older kernel.
pub fn pidfd_info(pidfd: &Pidfd) -> nix::Result<()> {
    // `mask` and seven more words: 64 bytes.
    let mut info = [0_u64; 8];
    // SAFETY: the size in the request is that of the array, which outlives the call.
    let result =
        unsafe { libc::ioctl(pidfd.as_fd().as_raw_fd(), PIDFD_GET_INFO, info.as_mut_ptr()) };
    Errno::result(result).map(drop)
}

/// `fsopen("proc", FSOPEN_CLOEXEC)`, whose descriptor is closed again.
///
/// # Errors
///
/// `ENOSYS` on an older kernel, `EPERM` where the caller may mount nothing.
pub fn mount_api() -> nix::Result<()> {
    // SAFETY: the name is a C string that outlives the call; a result that is not an error is a new descriptor, which is
    // owned, and closed, here.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_fsopen, c"proc".as_ptr(), 1))?;
        #[expect(clippy::cast_possible_truncation, reason = "a descriptor is an int")]
        drop(OwnedFd::from_raw_fd(fd as libc::c_int));
    }
    Ok(())
}
