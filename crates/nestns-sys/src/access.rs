//! Permission checks of ptrace(2) and kill(2), without doing either.

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// `process_vm_readv(pid, { 1 byte }, { 1 byte at 0 })`: the check of `PTRACE_ATTACH` (`PTRACE_MODE_ATTACH_REALCREDS` of
/// ptrace(2)) and nothing else, because nothing is mapped at 0.
///
/// # Errors
///
/// `ESRCH` when the caller's PID namespace has no such process, `EPERM` when it may not be attached to, a thread of the kernel
/// and a process that has ended included.
pub fn may_trace(pid: Pid) -> nix::Result<()> {
    let mut byte = 0_u8;
    let local = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    let remote = libc::iovec {
        iov_base: std::ptr::null_mut(),
        iov_len: 1,
    };
    // SAFETY: the kernel writes at most one byte, to a live local; the remote address belongs to the other process.
    let result = unsafe {
        libc::process_vm_readv(pid.as_raw(), &raw const local, 1, &raw const remote, 1, 0)
    };
    match Errno::result(result) {
        // Permitted, with nothing mapped there.
        Ok(_) | Err(Errno::EFAULT) => Ok(()),
        // A process without memory has the same answer as one that does not exist.
        Err(Errno::ESRCH) if exists(pid) => Err(Errno::EPERM),
        Err(errno) => Err(errno),
    }
}

/// `kill(pid, 0)`: the permission to send a signal.
///
/// # Errors
///
/// `ESRCH` when the caller's PID namespace has no such process, `EPERM` when the caller may not signal it.
pub fn may_signal(pid: Pid) -> nix::Result<()> {
    nix::sys::signal::kill(pid, None)
}

fn exists(pid: Pid) -> bool {
    !matches!(may_signal(pid), Err(Errno::ESRCH))
}
