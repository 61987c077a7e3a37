//! Environment of a PID 1 besides its number: mounts, /proc, host name, loopback.
//!
//! A process can only mount a /proc of the PID namespace that it is a member of, so the new PID 1
//! does it, and not its creator.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::utsname::uname;
use nix::unistd::write;

use super::failure::{Failure, Stage};
use super::plan::{NamespacePlan, ProcessKey};
use nestns_sys::call::{Call, CallError, Named as _};
use nestns_sys::{hostname, loopback};
use nestns_topology::Isolation;

/// The flags of unshare(2) and setns(2) for a set of namespaces.
pub fn flags(isolation: Isolation) -> CloneFlags {
    let pairs = [
        (isolation.mount, CloneFlags::CLONE_NEWNS),
        (isolation.uts, CloneFlags::CLONE_NEWUTS),
        (isolation.ipc, CloneFlags::CLONE_NEWIPC),
        (isolation.net, CloneFlags::CLONE_NEWNET),
        (isolation.cgroup, CloneFlags::CLONE_NEWCGROUP),
    ];
    pairs
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .fold(CloneFlags::empty(), |flags, (_, flag)| flags | flag)
}

/// Sets up the namespaces of the calling PID 1.
///
/// # Errors
///
/// The stage and errno of the first call that fails.
pub fn establish(subject: ProcessKey, namespace: &NamespacePlan) -> Result<(), Failure> {
    let failed = |stage| move |errno| Failure::new(subject, stage, errno);
    let flags = flags(namespace.isolation);
    if !flags.is_empty() {
        unshare(flags).map_err(failed(Stage::Isolate))?;
    }
    if namespace.isolation.mount {
        // If / is shared (systemd makes it so), the new /proc would appear outside as well.
        mount(
            Some("none"),
            "/",
            None::<&str>,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            None::<&str>,
        )
        .map_err(failed(Stage::PrivateMounts))?;
    }
    if namespace.mount_proc {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
            .map_err(failed(Stage::MountProc))?;
    }
    if let Some(limit) = namespace.pid_max {
        if !has_own_pid_max() {
            return Err(Failure::of_no_call(subject, Stage::PidMax, Errno::ENOSYS));
        }
        set("/proc/sys/kernel/pid_max", limit)
            .map_err(|cause| Failure::new(subject, Stage::PidMax, cause))?;
    }
    if let Some(last) = namespace.last {
        set("/proc/sys/kernel/ns_last_pid", last)
            .map_err(|cause| Failure::new(subject, Stage::LastPid, cause))?;
    }
    if let Some(name) = &namespace.hostname {
        nix::unistd::sethostname(name).map_err(failed(Stage::HostName))?;
    }
    if let Some(name) = &namespace.domainname {
        hostname::set_domainname(name).map_err(failed(Stage::DomainName))?;
    }
    if namespace.isolation.net {
        loopback::raise().map_err(failed(Stage::Loopback))?;
    }
    Ok(())
}

/// Writes a number into a file of /proc/sys that belongs to the caller's PID namespace, whichever the mounted /proc is of.
fn set(file: &str, number: i32) -> Result<(), CallError> {
    let file = open(file, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()).by(Call::Open)?;
    write(&file, number.to_string().as_bytes()).by(Call::Write)?;
    Ok(())
}

/// True if each PID namespace has a `pid_max` of its own, since Linux 6.14. Before, there is one for the whole machine.
fn has_own_pid_max() -> bool {
    uname().is_ok_and(|names| is_at_least(&names.release().to_string_lossy(), (6, 14)))
}

/// True if a release of the kernel, `6.14.2-amd64`, is not older than a version.
fn is_at_least(release: &str, version: (u32, u32)) -> bool {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    matches!((number(), number()), (Some(major), Some(minor)) if (major, minor) >= version)
}

#[cfg(test)]
mod tests {
    use nix::sched::CloneFlags;

    use super::{flags, is_at_least};
    use nestns_topology::Isolation;

    #[test]
    fn releases_are_compared_by_number() {
        for release in ["6.14.0", "6.18.44", "7.0-rc1", "6.14"] {
            assert!(is_at_least(release, (6, 14)), "{release}");
        }
        for release in ["6.9.1", "5.15.0-100-generic", "6", ""] {
            assert!(!is_at_least(release, (6, 14)), "{release}");
        }
    }

    #[test]
    fn each_kind_has_its_flag() {
        assert_eq!(flags(Isolation::default()), CloneFlags::empty());
        let some = Isolation {
            uts: true,
            net: true,
            ..Isolation::default()
        };
        assert_eq!(
            flags(some),
            CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWNET
        );
        let all = Isolation {
            mount: true,
            uts: true,
            ipc: true,
            net: true,
            cgroup: true,
        };
        assert_eq!(flags(all).bits().count_ones(), 5);
    }
}
