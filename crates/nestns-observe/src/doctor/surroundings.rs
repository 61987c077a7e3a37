//! Environment of the caller: kernel, container, filters.

use super::Check;
use crate::{boot, namespaces};
use nestns_sys::errno::of_io;
use nestns_sys::proc_status::Fields;

pub(super) fn kernel() -> Check {
    Check::yes(
        "kernel",
        format!("Linux {} on {}", boot::kernel(), std::env::consts::ARCH),
    )
}

pub(super) fn container() -> Check {
    const ID: &str = "container";
    match namespaces::own() {
        Ok(namespaces::INITIAL) => Check::yes(ID, "this is the initial PID namespace"),
        Ok(inode) => Check::yes(
            ID,
            format!("this is a nested PID namespace (pid:[{inode}])"),
        ),
        Err(error) => Check::no(
            ID,
            format!("cannot read /proc/self/ns/pid: {}", of_io(&error)),
            "mount /proc",
        ),
    }
}

/// The caller's mode of seccomp(2), as /proc has it.
fn seccomp_mode() -> Option<String> {
    Fields::own().get("Seccomp").map(str::to_owned)
}

/// True if a filter of system calls is in force.
pub(super) fn is_filtered() -> bool {
    seccomp_mode().is_some_and(|mode| mode != "0")
}

pub(super) fn seccomp() -> Check {
    const ID: &str = "seccomp";
    match seccomp_mode().as_deref() {
        Some("0") => Check::yes(ID, "no filter is active"),
        // The other checks show which calls it refuses.
        Some(_) => Check::yes(
            ID,
            "a filter is active; the other checks show what it forbids",
        ),
        None => Check::yes(ID, "this kernel does not support filters"),
    }
}

pub(super) fn yama() -> Check {
    const ID: &str = "ptrace-scope";
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    match scope.as_deref().map(str::trim) {
        Err(_) => Check::yes(ID, "not restricted (no Yama)"),
        Ok("0") => Check::yes(ID, "0: not restricted"),
        Ok("1") => Check::yes(
            ID,
            "1: a process may trace only its descendants; nestns itself does not trace",
        ),
        Ok(scope) => Check::warn(
            ID,
            format!("{scope}: only root may trace, or no process at all"),
            "`sysctl kernel.yama.ptrace_scope=1` if programs of a topology are to be traced",
        ),
    }
}
