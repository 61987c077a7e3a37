//! The loopback interface of a new network namespace, which the kernel creates down.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;

/// Sets `lo` up: `ioctl(socket, SIOCSIFFLAGS, { "lo", IFF_UP })`; see netdevice(7).
///
/// # Errors
///
/// `EPERM` without `CAP_NET_ADMIN` over the network namespace.
pub fn raise() -> nix::Result<()> {
    // SAFETY: socket(2) takes integers; a result that is not an error is a new descriptor. The ifreq is zeroed, its name is
    // shorter than the field and thus terminated, and both requests read and write that structure only.
    unsafe {
        let socket = Errno::result(libc::socket(
            libc::AF_INET,
            libc::SOCK_DGRAM | libc::SOCK_CLOEXEC,
            0,
        ))?;
        let socket = OwnedFd::from_raw_fd(socket);
        let mut request: libc::ifreq = std::mem::zeroed();
        for (slot, byte) in request.ifr_name.iter_mut().zip(b"lo") {
            *slot = byte.cast_signed();
        }
        Errno::result(libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCGIFFLAGS,
            &raw mut request,
        ))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "interface flags are a short"
        )]
        {
            request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        }
        Errno::result(libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS,
            &raw mut request,
        ))
        .map(drop)
    }
}
