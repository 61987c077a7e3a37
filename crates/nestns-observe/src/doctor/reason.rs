//! Cause of an errno on this machine, and its remedy: the limit, the setting, or the mount.

use nix::errno::Errno;

use super::ceiling;
use crate::{mountinfo, namespaces};
use nestns_sys::capability::{SYS_ADMIN, is_effective};

fn read_number(path: &str) -> Option<i64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// True in the initial PID namespace, by its inode.
fn is_outermost() -> bool {
    namespaces::own().is_ok_and(|own| own == namespaces::INITIAL)
}

/// Reason why no further PID namespace can be made at this level (`ENOSPC`).
pub fn no_space(level: usize) -> String {
    const DEEP: &str = "32 PID namespaces nest below the initial one";
    let limit = read_number("/proc/sys/user/max_pid_namespaces");
    let count = limit.map_or_else(|| "unknown here".to_owned(), |limit| limit.to_string());
    let by_count = format!(
        "the limit user.max_pid_namespaces ({count}) is reached, which applies to each user{}; raise it with `sysctl \
         user.max_pid_namespaces=…`, or wait a moment if many namespaces have just ended",
        if is_outermost() {
            ""
        } else {
            ", here or outside this container"
        }
    );
    match limit {
        Some(0) => "the limit user.max_pid_namespaces (0) forbids them all; raise it with `sysctl \
                    user.max_pid_namespaces=…`"
            .to_owned(),
        _ if level > 32 => format!(
            "the nesting limit is reached at level {level}: {DEEP}; make the tree shallower"
        ),
        // No namespace is around that could have used some of them.
        _ if is_outermost() => by_count,
        Some(..=1000) => by_count,
        _ => format!(
            "the nesting limit is reached at level {level}: {DEEP}, and a container in which nestns runs has used some \
             of them; make the tree shallower or run it further out. If it is not that, {by_count}"
        ),
    }
}

/// The limit on namespaces other than PID namespaces that is reached (`ENOSPC`): the lowest is at fault, as the kernel
/// does not say.
pub fn limits_reached(kinds: &[&str]) -> String {
    let limits = kinds.iter().map(|kind| {
        (
            read_number(&format!("/proc/sys/user/max_{kind}_namespaces")),
            kind,
        )
    });
    match limits
        .filter_map(|(limit, kind)| Some((limit?, kind)))
        .min()
    {
        Some((0, kind)) => format!(
            "the limit user.max_{kind}_namespaces (0) forbids them all; raise it with `sysctl \
             user.max_{kind}_namespaces=…`, or run as root of the host"
        ),
        // User namespaces nest 32 deep as well, with the same error.
        Some((limit, kind)) => format!(
            "the limit user.max_{kind}_namespaces ({limit}) is reached, here or outside this container; it applies to \
             each user; raise it with `sysctl user.max_{kind}_namespaces=…`, or wait a moment if many namespaces have \
             just ended"
        ),
        None => "a limit on namespaces (user.max_*_namespaces) is reached".to_owned(),
    }
}

/// Reason why no further process can be made (`EAGAIN`).
pub fn no_processes() -> String {
    ceiling::reached(&[])
}

/// Reason why namespaces are refused (`EPERM`, `EACCES`, `ENOSYS`): for an ordinary user mostly a setting, for root
/// always a filter.
pub fn no_permission() -> String {
    const FILTER: &str = "a seccomp filter or security module, as used by containers (docker and podman: \
        `--security-opt \
                          seccomp=unconfined`)";
    if is_effective(SYS_ADMIN) {
        return format!(
            "namespaces are forbidden even for root: {FILTER}; allow unshare, clone and setns"
        );
    }
    let mut text = String::from("this machine forbids user namespaces for ordinary users");
    let refused = |path, value| read_number(path) == Some(value);
    if refused("/proc/sys/user/max_user_namespaces", 0) {
        text.push_str(
            ": user.max_user_namespaces is 0; `sysctl user.max_user_namespaces=10000` enables them",
        );
    } else if refused("/proc/sys/kernel/unprivileged_userns_clone", 0) {
        text.push_str(": `sysctl kernel.unprivileged_userns_clone=1` enables them");
    } else if refused("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) {
        text.push_str(
            ": AppArmor; `sysctl kernel.apparmor_restrict_unprivileged_userns=0` enables them",
        );
    } else {
        text.push_str(": ");
        text.push_str(FILTER);
        text.push_str("; or the caller's root directory was changed by chroot");
    }
    text.push_str("; or run as root");
    text
}

/// Reason why namespaces of a kind cannot be made, by the errno.
pub fn no_namespace(kind: &str, errno: Errno) -> String {
    match errno {
        Errno::ENOSPC if kind == "pid" => no_space(1),
        Errno::ENOSPC => limits_reached(&[kind]),
        Errno::EAGAIN => no_processes(),
        Errno::ENOMEM => "there is not enough memory for it: end something, or provide more memory to the machine or \
                          cgroup"
            .to_owned(),
        Errno::EMFILE | Errno::ENFILE => "there are too many open files: raise `ulimit -n`, or fs.file-max".to_owned(),
        Errno::EINVAL => format!("this kernel has no {kind} namespaces: use a kernel built with them"),
        _ => no_permission(),
    }
}

/// Mounts that cover parts of the visible /proc.
pub fn proc_masks() -> Vec<String> {
    let table = mountinfo::own();
    let points = mountinfo::mounts(&table).map(|mount| mount.point().display().to_string());
    points.filter(|point| point.starts_with("/proc/")).collect()
}

/// Reason why the kernel mounts no new proc (`EPERM`): in a user namespace it does so only if a fully visible one is at
/// hand (R15); else something refuses the call.
pub fn masked_proc() -> String {
    let masks = proc_masks();
    if masks.is_empty() {
        return "a seccomp filter or security module forbids mount, or a part of the visible /proc is masked (the \
                kernel then forbids a new one in a user namespace); lift that (docker and podman: `--security-opt \
                unmask=ALL` and `--security-opt seccomp=unconfined`), or set `mount_proc = false`"
            .to_owned();
    }
    format!(
        "the visible /proc is masked ({}), and the kernel then forbids a new one in a user namespace; start the \
         container with an unmasked /proc (docker and podman: `--security-opt unmask=ALL`, Kubernetes: `procMount: \
         Unmasked`), or set `mount_proc = false`",
        masks.join(", ")
    )
}
