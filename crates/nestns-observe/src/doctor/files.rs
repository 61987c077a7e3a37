//! Limits in files of /proc/sys, and the one on open files: each with its value, and a means to raise it.

use nestns_sys::call::Call;
use nix::errno::Errno;
use nix::sys::resource::{Resource, getrlimit};

use super::ceiling::number;

/// A limit of /proc/sys that is reached, by the name that sysctl(8) knows it under.
pub fn setting_reached(name: &str) -> String {
    let file = format!("/proc/sys/{}", name.replace('.', "/"));
    let value = number(file).map_or_else(String::new, |value| format!(" ({value})"));
    format!("the limit {name}{value} is reached; raise it with `sysctl {name}=…`")
}

/// Reason why a process can open nothing more (`EMFILE`).
pub fn open_files() -> String {
    format!(
        "the limit on open files of the process, {}, is reached; raise it with `ulimit -n`",
        limit()
    )
}

/// Reason why a descriptor cannot have the number that it needs (`EINVAL` of fcntl(2), `EBADF` of dup2(2)).
pub fn number_not_allowed() -> String {
    format!(
        "the limit on open files of the process, {}, is not above the number this descriptor needs; raise it with \
         `ulimit -n`",
        limit()
    )
}

/// `RLIMIT_NOFILE (1024)`.
fn limit() -> String {
    let value = getrlimit(Resource::RLIMIT_NOFILE)
        .map_or_else(|_| String::new(), |(soft, _)| format!(" ({soft})"));
    format!("RLIMIT_NOFILE{value}")
}

/// Meaning of `ENOMEM` and `ENOBUFS`, whatever the call.
pub const NO_MEMORY: &str =
    "the machine or the cgroup has no memory left; end something, or provide more";
/// Meaning of `ENOSPC` and `EDQUOT` of a call that writes.
pub const FILE_SYSTEM_FULL: &str = "the file system is full, or a quota is used up";

/// Meaning of a shortage that a call on a file has met; `None` for an errno that is none.
pub fn shortage(call: Call, errno: Errno) -> Option<String> {
    match (call, errno) {
        (_, Errno::EMFILE) => Some(open_files()),
        (Call::Fcntl | Call::Dup2 | Call::Dup3, Errno::EINVAL) => Some(number_not_allowed()),
        (_, Errno::ENFILE) => Some(setting_reached("fs.file-max")),
        (_, Errno::ENOMEM | Errno::ENOBUFS) => Some(NO_MEMORY.to_owned()),
        (Call::Mkdir | Call::Open | Call::Write | Call::Rename, Errno::ENOSPC | Errno::EDQUOT) => {
            Some(FILE_SYSTEM_FULL.to_owned())
        }
        _ => None,
    }
}
