//! Limits in files of /proc/sys, and the one on open files: each with its value, and a means to raise it.

use nix::sys::resource::{Resource, getrlimit};

use super::ceiling::number;

/// A limit of /proc/sys that is reached.
pub fn setting_reached(name: &str, file: &str) -> String {
    let value = number(file).map_or_else(String::new, |value| format!(" ({value})"));
    format!("the limit {name}{value} is reached; raise it with `sysctl {name}=…`")
}

/// Reason why a process can open nothing more (`EMFILE`).
pub fn open_files() -> String {
    format!("the limit on open files of the process, {}, is reached; raise it with `ulimit -n`", limit())
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
    let value = getrlimit(Resource::RLIMIT_NOFILE).map_or_else(|_| String::new(), |(soft, _)| format!(" ({soft})"));
    format!("RLIMIT_NOFILE{value}")
}
