//! Comparison of the open files of two processes: kcmp(2).

use std::os::fd::RawFd;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::Pid;

/// `KCMP_FILE` of `linux/kcmp.h`.
const KCMP_FILE: libc::c_long = 0;

/// `kcmp(one, other, KCMP_FILE, number, number)`: true if this number stands for one and the same open file in both,
/// which one of them has inherited from the other, or both from a third.
///
/// # Errors
///
/// `ENOSYS` of a kernel without it, `EPERM` where the caller may not look into both, `EBADF` when one has nothing open there,
/// `ESRCH` when one is gone.
pub fn is_same_file(one: Pid, other: Pid, number: RawFd) -> nix::Result<bool> {
    // SAFETY: all arguments are numbers; nothing is written.
    let result = unsafe {
        libc::syscall(
            libc::SYS_kcmp,
            one.as_raw(),
            other.as_raw(),
            KCMP_FILE,
            number,
            number,
        )
    };
    // Files that are not the same have an order.
    Errno::result(result).map(|order| order == 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::process::{Command, Stdio};

    use nix::errno::Errno;
    use nix::unistd::{Pid, getpid};

    use super::is_same_file;

    #[test]
    fn what_a_child_has_inherited_is_the_same_file() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        let found = [0, 2].map(|number| is_same_file(pid, getpid(), number));
        let unknown = File::open("/proc/self/stat").unwrap();
        let absent = is_same_file(getpid(), getpid(), unknown.as_raw_fd() + 100_000);
        drop(child.stdin.take());
        child.wait().unwrap();
        if found[0] == Err(Errno::ENOSYS) {
            return;
        }
        assert_eq!((found, absent), ([Ok(false), Ok(true)], Err(Errno::EBADF)));
    }
}
