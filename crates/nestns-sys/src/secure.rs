//! Secure execution: a program that has been given more than its caller has.

use nix::libc;

/// `getauxval(AT_SECURE)`: true if the kernel has started this program with rights that its caller lacks, by a
/// set-user-ID or set-group-ID bit, by file capabilities, or because a security module says so. See `getauxval(3)` and
/// "secure-execution mode" in `ld.so(8)`.
pub fn is_secure_execution() -> bool {
    // SAFETY: the call reads what the kernel has written beside the environment, and takes no pointer.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}
