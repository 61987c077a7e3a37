//! What a failure of the tree means on this machine, and which check of `nestns doctor` looks at the same.
//!
//! "No space left on device" from unshare(2) is true and useless: here it is a nesting limit.

use nix::errno::Errno;

use crate::engine::failure::{Failure, Stage};
use crate::observe::doctor::reason::{limits_reached, masked_proc, no_permission, no_processes, no_space};

/// What the errno means at its stage, as far as it differs from the system's own text; then what to do about it.
///
/// `level` is the depth of the namespace that was to be.
pub(super) fn meaning(failure: &Failure, level: usize) -> Option<String> {
    match (failure.stage, failure.errno()) {
        (Stage::UnsharePid | Stage::CloneSibling, Errno::ENOSPC) => Some(no_space(level)),
        (Stage::Isolate, Errno::ENOSPC) => Some(limits_reached(&["mnt", "uts", "ipc", "net", "cgroup"])),
        (Stage::UnshareUser, Errno::ENOSPC) => Some(limits_reached(&["user"])),
        (Stage::Fork | Stage::NumberHelper, Errno::ENOMEM) => {
            Some("PID 1 of the namespace has already exited; nothing can start in it any more".to_owned())
        }
        (Stage::Fork | Stage::NumberHelper | Stage::CloneSibling, Errno::EAGAIN) => Some(no_processes()),
        (Stage::UnshareUser | Stage::UnsharePid | Stage::Isolate | Stage::WriteMaps, Errno::EPERM | Errno::EACCES) => {
            Some(no_permission())
        }
        (Stage::MountProc, Errno::EPERM) => Some(masked_proc()),
        (Stage::Group | Stage::User | Stage::Groups, Errno::EINVAL | Errno::EPERM) => Some(
            "the id is not mapped in this user namespace: an ordinary user's tree has only the id 0, which is the user \
             himself; leave `user` out, or run as root"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The check of `nestns doctor` that looks at what was refused.
pub(super) fn check_of(failure: &Failure) -> Option<&'static str> {
    match (failure.stage, failure.errno()) {
        (Stage::UnshareUser | Stage::WriteMaps, _) => Some("user-namespaces"),
        (Stage::UnsharePid | Stage::CloneSibling, Errno::ENOSPC) => Some("nesting"),
        (Stage::UnsharePid | Stage::CloneSibling, _) => Some("pid-namespaces"),
        (Stage::Isolate, _) => Some("isolation"),
        (Stage::MountProc, _) => Some("proc-mount"),
        _ => None,
    }
}
