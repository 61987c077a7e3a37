//! What stands behind an errno of this machine, and the way out: which limit, which switch, which mount.

fn read_number(path: &str) -> Option<i64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Why no further PID namespace can be made at this level.
pub fn no_space(level: usize) -> String {
    let limit = read_number("/proc/sys/user/max_pid_namespaces");
    if level >= 32 || limit.is_none_or(|limit| limit > 1000) {
        return format!(
            "the nesting limit is reached at level {level}: 32 PID namespaces nest below the initial one, and a container \
             that nestns runs in has used some of them; make the tree shallower or run it further outside"
        );
    }
    format!(
        "the limit user.max_pid_namespaces ({}) is reached; raise it with `sysctl user.max_pid_namespaces=…`, or wait a \
         moment where many namespaces have just ended",
        limit.unwrap_or_default()
    )
}

/// Which of the limits on namespaces that are no PID namespaces is reached: the lowest is at fault, the kernel does not say.
pub fn limits_reached(kinds: &[&str]) -> String {
    let limits = kinds.iter().map(|kind| (read_number(&format!("/proc/sys/user/max_{kind}_namespaces")), kind));
    match limits.filter_map(|(limit, kind)| Some((limit?, kind))).min() {
        // 32 user namespaces nest as well, and say the same.
        Some((limit, kind)) => format!(
            "the limit user.max_{kind}_namespaces ({limit}) is reached, here or around this container; raise it with `sysctl \
             user.max_{kind}_namespaces=…`, or wait a moment where many namespaces have just ended"
        ),
        None => "a limit on namespaces (user.max_*_namespaces) is reached".to_owned(),
    }
}

/// Why no further process can be made.
pub fn no_processes() -> String {
    let processes = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NPROC)
        .map_or_else(|_| "unknown".to_owned(), |(soft, _)| soft.to_string());
    let pid_max = read_number("/proc/sys/kernel/pid_max").map_or_else(|| "unknown".to_owned(), |max| max.to_string());
    format!(
        "no further process may be made: one of `pids.max` of the cgroup, RLIMIT_NPROC ({processes}, counted per user over \
         all namespaces) and kernel.pid_max ({pid_max}) is reached"
    )
}

/// Which switch refuses user namespaces.
pub fn no_permission() -> String {
    let mut text = String::from("this machine refuses user namespaces to an ordinary user");
    let refused = |path, value| read_number(path) == Some(value);
    if refused("/proc/sys/user/max_user_namespaces", 0) {
        text.push_str(": user.max_user_namespaces is 0; `sysctl user.max_user_namespaces=10000` lifts it");
    } else if refused("/proc/sys/kernel/unprivileged_userns_clone", 0) {
        text.push_str(": `sysctl kernel.unprivileged_userns_clone=1` lifts it");
    } else if refused("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) {
        text.push_str(": AppArmor; `sysctl kernel.apparmor_restrict_unprivileged_userns=0` lifts it");
    } else {
        text.push_str(
            ": a seccomp filter or security module, as containers have them (docker: `--security-opt seccomp=unconfined`); \
             or the caller's root directory was changed by chroot",
        );
    }
    text.push_str(", or run as root");
    text
}

/// The kernel mounts a new proc in a user namespace only where a fully visible one is at hand (R15).
pub fn masked_proc() -> String {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let masks: Vec<&str> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|target| target.starts_with("/proc/"))
        .collect();
    let which = if masks.is_empty() { "something covers a part of it".to_owned() } else { masks.join(", ") };
    format!(
        "the visible /proc is masked ({which}), and the kernel then refuses a new one in a user namespace; start the \
         container with an unmasked /proc (docker and podman: `--security-opt unmask=ALL`, Kubernetes: `procMount: \
         Unmasked`), or set `mount_proc = false`"
    )
}
