//! Identity of the running kernel: boot and release.

/// The id of this boot, `/proc/sys/kernel/random/boot_id`; empty where it cannot be read.
pub fn id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The kernel's release, `6.18.0`.
pub fn kernel() -> String {
    nix::sys::utsname::uname().map_or_else(
        |_| String::new(),
        |name| name.release().to_string_lossy().into_owned(),
    )
}
