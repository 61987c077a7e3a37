//! Descriptors by number: closing all but a few, borrowing one that was inherited at an agreed number.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::libc;

/// `int close_range(first, ~0U, 0)`, since Linux 5.9
///
/// Closes every descriptor from `first` on. Only for a process that will never drop an owner of one of them: a forked
/// child on its way to something else.
///
/// # Errors
///
/// `ENOSYS` on an older kernel.
pub fn close_from(first: RawFd) -> nix::Result<()> {
    close_between(first, RawFd::MAX)
}

/// `int close_range(first, last, 0)`; see [`close_from`].
///
/// # Errors
///
/// `ENOSYS` on an older kernel.
pub fn close_between(first: RawFd, last: RawFd) -> nix::Result<()> {
    // SAFETY: the call takes three integers. Owners of the closed descriptors are never dropped: the callers are forked
    // children that do not return, and the command line before it has opened anything.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(result).map(drop)
}

/// Closes every descriptor from `first` on but these; see [`close_from`].
///
/// # Errors
///
/// `ENOSYS` on an older kernel.
pub fn close_from_but(first: RawFd, spared: &[Option<BorrowedFd<'_>>]) -> nix::Result<()> {
    let mut spared: Vec<RawFd> = spared.iter().flatten().map(AsRawFd::as_raw_fd).collect();
    spared.sort_unstable();
    let mut first = first;
    for number in spared {
        if first < number {
            close_between(first, number - 1)?;
        }
        first = first.max(number + 1);
    }
    close_from(first)
}

/// `dup3(fd, number, O_CLOEXEC)`: puts a copy of a descriptor at an agreed number, where it stays for good.
///
/// # Errors
///
/// `EBADF` when the number is beyond the limit on descriptors.
pub fn place_at(fd: impl AsFd, number: RawFd) -> nix::Result<()> {
    let source = fd.as_fd().as_raw_fd();
    if source == number {
        // dup3 refuses equal numbers.
        return Ok(());
    }
    // SAFETY: both are integers; whatever was open at `number` belonged to the agreed layout and to no `OwnedFd`.
    Errno::result(unsafe { libc::dup3(source, number, libc::O_CLOEXEC) }).map(drop)
}

/// `fcntl(fd, F_DUPFD_CLOEXEC, lowest)`: moves a descriptor to the lowest free number from `lowest` on.
///
/// # Errors
///
/// `EMFILE` when there is none.
pub fn above(fd: impl AsFd, lowest: RawFd) -> nix::Result<OwnedFd> {
    let number = nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
    Ok(received(number))
}

/// `dup2(fd, number)` for one of the standard descriptors: the copy survives exec.
///
/// # Errors
///
/// `EBADF` when `fd` is not open.
pub fn make_standard(fd: impl AsFd, number: RawFd) -> nix::Result<()> {
    let source = fd.as_fd().as_raw_fd();
    if source == number {
        // dup2 onto itself would leave close-on-exec as it is.
        // SAFETY: fcntl with two integers on an open descriptor.
        return Errno::result(unsafe { libc::fcntl(source, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: both are integers; the standard descriptors belong to the process, not to an `OwnedFd`.
    Errno::result(unsafe { libc::dup2(source, number) }).map(drop)
}

/// `fstat(fd)`: true for a pipe.
pub fn is_pipe(fd: &OwnedFd) -> bool {
    let kind = nix::sys::stat::fstat(fd).map(|found| found.st_mode & libc::S_IFMT);
    kind == Ok(libc::S_IFIFO)
}

/// `fstat(fd)`: true for a socket.
pub fn is_socket(fd: &OwnedFd) -> bool {
    let kind = nix::sys::stat::fstat(fd).map(|found| found.st_mode & libc::S_IFMT);
    kind == Ok(libc::S_IFSOCK)
}

/// Reads pending data, without waiting, whatever other processes that share the pipe have made of `O_NONBLOCK`:
/// `preadv2(fd, { buffer }, -1, RWF_NOWAIT)`, which pipes take since Linux 6.5; before, `read(2)`.
///
/// # Errors
///
/// `EAGAIN` when there is nothing, else those of `read(2)`.
pub fn read_now(fd: impl AsFd, buffer: &mut [u8]) -> nix::Result<usize> {
    let fd = fd.as_fd();
    let slice = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: the kernel writes into the buffer within its length. The offset of -1, in two halves, is the file's own.
    let result = unsafe {
        libc::syscall(
            libc::SYS_preadv2,
            fd.as_raw_fd(),
            &raw const slice,
            1_usize,
            -1_isize,
            -1_isize,
            libc::RWF_NOWAIT,
        )
    };
    match Errno::result(result) {
        // Where a filter refuses it as well.
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EPERM) => nix::unistd::read(fd, buffer),
        result => result.map(|count| usize::try_from(count).unwrap_or_default()),
    }
}

/// A descriptor that stays open at an agreed number for as long as the process lives.
pub fn inherited(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the numbers of the agreed layout are opened before the first fork and never closed while in use.
    unsafe { BorrowedFd::borrow_raw(number) }
}

/// An open descriptor's owner from a number that the kernel has just handed out (`SCM_RIGHTS`, `F_DUPFD`).
pub fn received(number: RawFd) -> OwnedFd {
    // SAFETY: the kernel has installed a new descriptor, which has no other owner; each is taken over once.
    unsafe { OwnedFd::from_raw_fd(number) }
}
