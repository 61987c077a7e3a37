//! Terminals: taking one as the controlling terminal, its size.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

/// Rows and columns of a terminal.
pub type Size = libc::winsize;

/// `ioctl(terminal, TIOCSCTTY, 0)`: makes the terminal the controlling one of the calling session leader; `ioctl_tty(2)`.
///
/// # Errors
///
/// `EPERM` when the caller leads no session, has a terminal already, or the terminal controls another session.
pub fn take_as_controlling(terminal: impl AsFd) -> nix::Result<()> {
    // SAFETY: the request takes an integer.
    Errno::result(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) })
        .map(drop)
}

/// `ioctl(terminal, TIOCGWINSZ, &size)`
///
/// # Errors
///
/// `ENOTTY` when it is no terminal.
pub fn size(terminal: impl AsFd) -> nix::Result<Size> {
    let mut size = Size {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the request writes one winsize to a live one.
    Errno::result(unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCGWINSZ,
            &raw mut size,
        )
    })?;
    Ok(size)
}

/// `ioctl(terminal, TIOCSWINSZ, &size)`: the kernel sends SIGWINCH to the foreground group when it changes.
///
/// # Errors
///
/// `ENOTTY` when it is no terminal.
pub fn set_size(terminal: impl AsFd, size: &Size) -> nix::Result<()> {
    // SAFETY: the request reads one winsize.
    let result = unsafe {
        libc::ioctl(
            terminal.as_fd().as_raw_fd(),
            libc::TIOCSWINSZ,
            std::ptr::from_ref(size),
        )
    };
    Errno::result(result).map(drop)
}
