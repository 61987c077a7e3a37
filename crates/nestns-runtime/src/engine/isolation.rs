//! Environment of a PID 1 besides its number: mounts, /proc, host name, loopback.
//!
//! A process can only mount a /proc of the PID namespace that it is a member of, so the new PID 1
//! does it, and not its creator.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::failure::{Failure, Stage};
use super::plan::{NamespacePlan, ProcessKey};
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

#[cfg(test)]
mod tests {
    use nix::sched::CloneFlags;

    use super::flags;
    use nestns_topology::Isolation;

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
