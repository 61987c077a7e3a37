//! A helper that waits until a file is there, as a process sees it.
//!
//! A process of its own, because a look at a file has no bound: a file system in user space or on
//! another machine answers when it likes. It takes no number in any namespace of the tree, ends
//! with the controller, and its status is its answer.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::helper;
use crate::engine::plan::Plan;
use nestns_observe::process;
use nestns_sys::pidfd::Pidfd;

/// Interval between looks at first.
const SHORT: Duration = Duration::from_millis(10);
/// Interval between looks after a while.
const LONG: Duration = Duration::from_millis(200);

/// A file that is waited for, and its process.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Watched<'a> {
    pub(in crate::controller) path: &'a str,
    pub(in crate::controller) pid: Pid,
    pub(in crate::controller) start_time: u64,
    pub(in crate::controller) file: PathBuf,
}

/// Sends a helper out, a child of the controller. It ends with 0 when the file is there, and
/// otherwise when the process has ended.
///
/// # Errors
///
/// Those of fork(2).
pub(in crate::controller) fn send(plan: &Plan, watched: &Watched<'_>) -> nix::Result<Pid> {
    let about = format!("{} (waits for {})", watched.path, watched.file.display());
    helper::send(plan, &about, || Some(()), |()| watch(watched))
}

/// Waits until the file is there; `false` when the process has ended.
fn watch(watched: &Watched<'_>) -> bool {
    let Ok(pidfd) = Pidfd::open(watched.pid) else {
        return false;
    };
    if !process::start_time(watched.pid).is_ok_and(|start| start == watched.start_time) {
        return false;
    }
    let mut pause = SHORT;
    loop {
        if is_there(watched.pid, &watched.file) && !pidfd.has_ended() {
            return true;
        }
        if pidfd.await_end(pause) {
            return false;
        }
        pause = (pause * 2).min(LONG);
    }
}

/// True if a file exists below the root directory of a process. Neither `..` nor a symbolic link
/// leads out of it, because the lookup treats it as `chroot(2)` would: `openat2(2)`,
/// `RESOLVE_IN_ROOT`.
fn is_there(pid: Pid, file: &Path) -> bool {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root: nix::Result<OwnedFd> = open(
        format!("/proc/{pid}/root").as_str(),
        flags | OFlag::O_DIRECTORY,
        Mode::empty(),
    );
    let Ok(root) = root else { return false };
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root, file, how).is_ok()
}

#[cfg(test)]
mod tests {
    use nix::unistd::getpid;

    use super::*;

    #[test]
    fn a_link_does_not_lead_out() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("there");
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, directory.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/proc/1/root/etc/passwd", directory.path().join("magic"))
            .unwrap();
        assert!(is_there(getpid(), &file));
        assert!(is_there(getpid(), &directory.path().join("link")));
        assert!(!is_there(getpid(), &directory.path().join("missing")));
        assert!(!is_there(getpid(), &directory.path().join("magic")));
    }
}
