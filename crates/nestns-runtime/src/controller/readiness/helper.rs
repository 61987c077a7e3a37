//! A helper that finds out for the controller what may take long: a child of it without a program
//! and without a place in the tree, whose exit status is its answer.

use nix::unistd::{ForkResult, Pid, getpid};

use crate::engine::plan::Plan;
use crate::engine::program;
use nestns_sys::fork::{end_with_parent, exit_now, fork};
use nestns_sys::{descriptor, title};

/// Status of a helper that has the answer yes.
pub(super) const YES: i32 = 0;
/// Status of one that has the answer no.
pub(super) const NO: i32 = 1;

/// Sends a helper out, a child of the controller. It prepares itself while it has the controller's
/// descriptors, and then works with those that it has made of them; it ends with the controller.
///
/// # Errors
///
/// Those of fork(2).
pub(super) fn send<T>(
    plan: &Plan,
    about: &str,
    prepare: impl FnOnce() -> Option<T>,
    work: impl FnOnce(T) -> bool,
) -> nix::Result<Pid> {
    let controller = getpid();
    match fork()? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            end_with_parent(controller);
            program::drop_standard_descriptors();
            let prepared = prepare();
            let _ = descriptor::close_from(3);
            title::set_name("nestns-ready");
            if let Some(area) = plan.common().title {
                let _ = area.write(&format!("nestns: {about}"));
            }
            let is_so = prepared.is_some_and(work);
            exit_now(if is_so { YES } else { NO })
        }
    }
}
