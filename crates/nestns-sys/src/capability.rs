//! Dropping capabilities: capset(2).

use nix::errno::Errno;
use nix::libc;

use super::proc_status::Fields;

/// `CAP_SYS_ADMIN` of capabilities(7).
pub const SYS_ADMIN: u32 = 21;
/// `CAP_SYS_RESOURCE`.
pub const SYS_RESOURCE: u32 = 24;

/// True if the caller has a capability in its user namespace.
pub fn is_effective(capability: u32) -> bool {
    Fields::own()
        .mask("CapEff")
        .is_some_and(|mask| mask >> capability & 1 == 1)
}

/// `struct __user_cap_header_struct`
#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

/// `struct __user_cap_data_struct`, of which version 3 takes two.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`
const VERSION: u32 = 0x2008_0522;

/// Keeps these capabilities and no other; bit `n` is capability `n`.
///
/// # Errors
///
/// `EPERM` when the process lacks one of them.
pub fn keep_only(mask: u64) -> nix::Result<()> {
    let header = Header {
        version: VERSION,
        pid: 0,
    };
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the mask")]
    let half = |bits: u64| Data {
        effective: bits as u32,
        permitted: bits as u32,
        inheritable: 0,
    };
    let data = [half(mask), half(mask >> 32)];
    // SAFETY: the structures have the layout of version 3 and outlive the call, which only reads them.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    Errno::result(result).map(drop)
}
