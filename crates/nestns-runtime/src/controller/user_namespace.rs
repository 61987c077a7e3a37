//! User namespace around the tree, for a caller that may not make PID namespaces without one.
//!
//! Behaviour is probed, not the user id: root of a container may lack the rights, and root of a
//! user namespace has them inside while its PID namespace belongs to another user.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{ForkResult, Pid, getegid, geteuid, getpid, pipe2, read, write};

use crate::engine::children::Crossing;
use crate::engine::failure::{Failure, Stage};
use crate::engine::plan::ProcessKey;
use crate::engine::program;
use nestns_sys::call::{Call, CallError, Named};
use nestns_sys::capability;
use nestns_sys::fork::fork;
use nestns_sys::pidfd::Pidfd;
use nestns_sys::reap::await_child;

/// Finds the way into new namespaces, and makes the user namespace that it needs.
///
/// # Errors
///
/// The kernel's refusal, in the name of the first root.
pub(super) fn cross() -> Result<Crossing, Failure> {
    let root = ProcessKey::init(0);
    let myself =
        Pidfd::open(getpid()).map_err(|errno| Failure::new(root, Stage::OpenSelf, errno))?;
    // Going where one is already changes nothing, and is refused exactly to callers that could not
    // come back (R16).
    if setns(&myself, CloneFlags::CLONE_NEWPID).is_ok() {
        return Ok(Crossing::Direct(myself));
    }
    // The roots that a helper makes shall become children of the controller.
    nix::sys::prctl::set_child_subreaper(true)
        .by(Call::Prctl)
        .map_err(|cause| Failure::new(root, Stage::Adopt, cause))?;
    if capability::is_effective(capability::SYS_ADMIN) {
        return Ok(Crossing::Helped(None));
    }
    make_user_namespace(root).map(Some).map(Crossing::Helped)
}

/// True if the tree gets a user namespace with the caller as its only user.
pub(super) fn is_single_user(crossing: &Crossing) -> bool {
    matches!(crossing, Crossing::Helped(Some(_)))
}

/// A user namespace in which the caller is user and group 0, held by a descriptor alone.
fn make_user_namespace(subject: ProcessKey) -> Result<OwnedFd, Failure> {
    let failed = |stage| move |cause: CallError| Failure::new(subject, stage, cause);
    let (ready, tell) = pipe2(OFlag::O_CLOEXEC)
        .by(Call::Pipe)
        .map_err(failed(Stage::UnshareUser))?;
    let (held, release) = pipe2(OFlag::O_CLOEXEC)
        .by(Call::Pipe)
        .map_err(failed(Stage::UnshareUser))?;
    let helper = match fork().by(Call::Fork).map_err(failed(Stage::Fork))? {
        ForkResult::Child => {
            drop(release);
            let errno = unshare(CloneFlags::CLONE_NEWUSER)
                .err()
                .map_or(0, |errno| errno as i32);
            let _ = write(&tell, &errno.to_ne_bytes());
            // Stays until the descriptor of the namespace has been opened: end of file.
            let _ = read(&held, &mut [0_u8]);
            program::leave(0)
        }
        ForkResult::Parent { child } => child,
    };
    drop((tell, held));
    let mut answer = [0_u8; 4];
    let result = match read(&ready, &mut answer) {
        Ok(4) => match i32::from_ne_bytes(answer) {
            0 => write_maps(subject, helper),
            errno => Err(failed(Stage::UnshareUser)(Errno::from_raw(errno).into())),
        },
        Ok(_) => Err(Failure::of_no_call(
            subject,
            Stage::UnshareUser,
            Errno::UnknownErrno,
        )),
        Err(errno) => Err(failed(Stage::UnshareUser)(CallError {
            call: Call::Read,
            errno,
        })),
    };
    drop(release);
    let _ = await_child(helper);
    result
}

/// The maps are written from outside: the decision on setgroups first, then groups, then users
/// (`user_namespaces(7)`).
fn write_maps(subject: ProcessKey, helper: Pid) -> Result<OwnedFd, Failure> {
    let put = |file: &str, content: String| {
        let path = format!("/proc/{helper}/{file}");
        let opened = OpenOptions::new().write(true).open(&path).by(Call::Open);
        let written =
            opened.and_then(|mut file| file.write_all(content.as_bytes()).by(Call::Write));
        written.map_err(|cause| Failure::with(subject, Stage::WriteMaps, cause, path))
    };
    put("setgroups", "deny".to_owned())?;
    put("gid_map", format!("0 {} 1", getegid()))?;
    put("uid_map", format!("0 {} 1", geteuid()))?;
    let path = format!("/proc/{helper}/ns/user");
    File::open(&path)
        .by(Call::Open)
        .map(OwnedFd::from)
        .map_err(|cause| Failure::with(subject, Stage::EnterUser, cause, path))
}
