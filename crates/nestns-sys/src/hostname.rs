//! The NIS domain name; `nix` has the host name only.

use nix::errno::Errno;
use nix::libc;

/// `int setdomainname(const char *name, size_t len)`: setdomainname(2).
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN` over the UTS namespace, `EINVAL` beyond 64 bytes.
pub fn set_domainname(name: &str) -> nix::Result<()> {
    // SAFETY: the kernel reads `len` bytes from a live string.
    Errno::result(unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) }).map(drop)
}
