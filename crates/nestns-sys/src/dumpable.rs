//! Protection of a process from others of the same user while it holds descriptors of others.
//!
//! A forked copy has all descriptors of its parent until it has closed them. Forked into a PID namespace in which programs run
//! it is visible to them from its first moment, and one of the same user could take its descriptors (`pidfd_getfd(2)`). A
//! process that is not dumpable can be looked into by holders of `CAP_SYS_PTRACE` only (`ptrace(2)`); the attribute is
//! inherited by fork(2).

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::prctl;

/// True if [`hide`] has changed anything that [`show`] is to change back; inherited by forked copies.
static IS_HIDDEN: AtomicBool = AtomicBool::new(false);

/// `prctl(PR_SET_DUMPABLE, 0)`, in a process that is dumpable: it, and what it forks, until each calls [`show`].
pub fn hide() {
    // Neither call is ever refused.
    if prctl::get_dumpable() == Ok(true) && prctl::set_dumpable(false).is_ok() {
        IS_HIDDEN.store(true, Ordering::Relaxed);
    }
}

/// Undoes [`hide`], and nothing else.
pub fn show() {
    if IS_HIDDEN.swap(false, Ordering::Relaxed) {
        let _ = prctl::set_dumpable(true);
    }
}
