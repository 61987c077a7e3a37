//! Disposition of a signal: the kernel's default, ignored, or a flag that it arrived.
//!
//! A caught signal only sets a flag here; the caller's signal mask determines where it interrupts (ppoll(2) lets it in
//! for the time of one wait, without a race). Relies on two rules of signal(7): a handler is copied by fork, and a PID
//! 1 receives, besides KILL and STOP from an ancestor, only signals that it handles or blocks.

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// A flag for each signal number up to the last that nix names; index 0 is for the others and never read.
static CAUGHT: [AtomicBool; 32] = [const { AtomicBool::new(false) }; 32];

extern "C" fn note(signal: i32) {
    note_of(signal).store(true, Ordering::Relaxed);
}

fn note_of(signal: i32) -> &'static AtomicBool {
    usize::try_from(signal)
        .ok()
        .and_then(|number| CAUGHT.get(number))
        .unwrap_or(&CAUGHT[0])
}

/// Has the signal set a flag, for [`take`]; a flag from before is cleared.
///
/// A child inherits the handler and the flags; it calls this again, with the signal blocked, to clear them.
pub fn catch(signal: Signal) -> nix::Result<()> {
    note_of(signal as i32).store(false, Ordering::Relaxed);
    set(signal, SigHandler::Handler(note))
}

/// True if the signal has arrived since the last call.
pub fn take(signal: Signal) -> bool {
    note_of(signal as i32).swap(false, Ordering::Relaxed)
}

/// Has the signal dropped, in a PID 1 and elsewhere.
pub fn ignore(signal: Signal) -> nix::Result<()> {
    set(signal, SigHandler::SigIgn)
}

/// Restores the kernel's default, whatever the caller left (an inherited `SIG_IGN` on CHLD would have children reaped
/// by the kernel).
pub fn default(signal: Signal) -> nix::Result<()> {
    set(signal, SigHandler::SigDfl)
}

fn set(signal: Signal, handler: SigHandler) -> nix::Result<()> {
    // No SA_RESTART: a wait that the signal interrupts must return.
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: a handler may only do what is async-signal-safe; the one handler of this file stores into an atomic. The
    // handlers that it replaces belong to no library of this crate: nothing here relies on a handler of its own.
    unsafe { sigaction(signal, &action) }.map(drop)
}
