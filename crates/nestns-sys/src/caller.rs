//! Signal dispositions of the caller, kept for the programs: they start as if nestns had not been there.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow};

/// True if SIGPIPE was ignored when the process began.
static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Records the dispositions that nestns changes for itself from its first line on.
pub(super) fn take_note() {
    PIPE_WAS_IGNORED.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
}

/// The caller's signal mask and the signals it ignored, as far as nestns changes them for itself.
#[derive(Debug, Clone)]
pub struct Dispositions {
    mask: SigSet,
    child_ignored: bool,
    pipe_ignored: bool,
}

impl Default for Dispositions {
    /// Dispositions of a caller that has changed none.
    fn default() -> Self {
        Self {
            mask: SigSet::empty(),
            child_ignored: false,
            pipe_ignored: false,
        }
    }
}

impl Dispositions {
    /// Records the caller's dispositions, blocks every signal, and undoes those that would disturb: a caller that
    /// ignores SIGCHLD would have the kernel reap the children of nestns.
    ///
    /// # Errors
    ///
    /// None in practice: the calls fail only for invalid numbers.
    pub fn take_over() -> nix::Result<Self> {
        let mut mask = SigSet::empty();
        nix::sys::signal::sigprocmask(
            SigmaskHow::SIG_SETMASK,
            Some(&SigSet::all()),
            Some(&mut mask),
        )?;
        let child_ignored = is_ignored(libc::SIGCHLD);
        set(libc::SIGCHLD, libc::SIG_DFL);
        Ok(Self {
            mask,
            child_ignored,
            pipe_ignored: PIPE_WAS_IGNORED.load(Ordering::Relaxed),
        })
    }

    /// Gives a process that is about to become a program the caller's dispositions and mask.
    pub fn restore(&self) {
        set(
            libc::SIGPIPE,
            if self.pipe_ignored {
                libc::SIG_IGN
            } else {
                libc::SIG_DFL
            },
        );
        set(
            libc::SIGCHLD,
            if self.child_ignored {
                libc::SIG_IGN
            } else {
                libc::SIG_DFL
            },
        );
        // Setting a mask that came from the kernel cannot fail.
        let _ = nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None);
    }
}

/// True if a signal is ignored at this moment, as HUP is under `nohup`.
pub fn is_ignored(signal: libc::c_int) -> bool {
    // SAFETY: an all-zero sigaction is a valid value, and the kernel writes one of that size.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

/// Sets a signal to be ignored or to its default action.
pub fn set(signal: libc::c_int, handler: libc::sighandler_t) {
    // SAFETY: an all-zero sigaction with SIG_IGN or SIG_DFL installs no function.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        libc::sigaction(signal, &raw const action, std::ptr::null_mut());
    }
}
