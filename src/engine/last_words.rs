//! What a process of the tree says if nestns itself fails in it.
//!
//! A panic in a PID 1 is the end of its namespace, and with `panic = "abort"` the kernel reports it as SIGSEGV (R19), which
//! misleads whoever reads it. The hook reports first, and ends the process with a status of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use super::failure::{Failure, Stage};
use super::plan::Subject;
use super::program;
use super::report::{self, Report};
use nix::errno::Errno;

/// The status of a copy of nestns that has failed.
const FAILED: u8 = 125;
/// No process of the tree: the controller, or a helper.
const NOBODY: u64 = u64::MAX;

/// Who this process is: the namespace in the upper half, the slot in the lower.
static WHO: AtomicU64 = AtomicU64::new(NOBODY);

/// Says who this process is from here on.
pub fn belong_to(subject: Subject) {
    WHO.store(u64::from(subject.namespace) << 32 | u64::from(subject.slot), Ordering::Relaxed);
}

/// Has every copy that is forked from here on report a panic; elsewhere it is told as always.
pub fn prepare() {
    let told_as_always = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let who = WHO.load(Ordering::Relaxed);
        if who == NOBODY {
            return told_as_always(panic);
        }
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let subject = Subject { namespace: (who >> 32) as u32, slot: who as u32 };
        let failure = Failure::with(subject, Stage::Panic, Errno::UnknownErrno, panic.to_string());
        // Without waiting: a PID 1 waits for nobody, not even now.
        let _ = report::try_send(&[Report::Failed(failure)], &[]);
        program::leave(FAILED)
    }));
}
