//! Panic hook of the processes of a tree.
//!
//! A panic in a PID 1 is the end of its namespace, and with `panic = "abort"` the kernel reports it
//! as SIGSEGV (R19), which is misleading. The hook reports first, and ends the process with a
//! status of its own.

use std::cell::Cell;

use super::failure::{Failure, Stage};
use super::plan::ProcessKey;
use super::program;
use super::report::{self, Report};
use nix::errno::Errno;

/// Exit status of a copy of nestns that has panicked.
const FAILED: u8 = 125;

thread_local! {
    /// Identity of this process in the tree; `None` in the controller and its helpers.
    static SUBJECT: Cell<Option<ProcessKey>> = const { Cell::new(None) };
}

/// Sets the identity of this process.
pub fn belong_to(subject: ProcessKey) {
    SUBJECT.set(Some(subject));
}

/// Installs the hook: every copy that is forked afterwards reports a panic; elsewhere it is printed
/// as usual.
pub fn prepare() {
    let told_as_always = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let Some(subject) = SUBJECT.get() else {
            return told_as_always(panic);
        };
        let failure = Failure::with(
            subject,
            Stage::Panic,
            Errno::UnknownErrno,
            panic.to_string(),
        );
        // Without waiting: a PID 1 waits for no process, not even now.
        let _ = report::try_send(&[Report::Failed(failure)], &[]);
        program::leave(FAILED)
    }));
}
