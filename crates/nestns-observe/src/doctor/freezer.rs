//! Check for pausing namespaces: a cgroup of version 2 that the caller may create.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, getpid};

use super::Check;
use crate::cgroup::Tree;
use nestns_sys::errno::{number_of, of_io};

/// Name of the check.
pub const ID: &str = "cgroup-freezer";

/// Makes a cgroup beside the caller's and removes it.
pub fn check() -> Check {
    let Some(tree) = Tree::find() else {
        let found = "no cgroup v2 is mounted, so namespaces cannot be paused";
        return Check::warn(
            ID,
            found,
            "mount one, with or without controllers: `mount -t cgroup2 none DIRECTORY`",
        );
    };
    let own = match tree.group_of(getpid()) {
        Ok(Some(own)) => own,
        Ok(None) => {
            let found = format!(
                "this process is in a cgroup outside of {}, so namespaces cannot be paused",
                tree.mount.display()
            );
            return Check::warn(
                ID,
                found,
                "start the container with a cgroup namespace of its own",
            );
        }
        Err(error) => {
            return Check::warn(
                ID,
                format!("cannot read /proc/self/cgroup: {}", of_io(&error)),
                "mount /proc",
            );
        }
    };
    match try_out(&own) {
        Ok(true) => Check::yes(
            ID,
            format!(
                "namespaces can be paused, with cgroups in {}",
                own.display()
            ),
        ),
        Ok(false) => Check::warn(
            ID,
            format!(
                "the cgroups in {} have no cgroup.freeze, so namespaces cannot be paused",
                own.display()
            ),
            "use Linux 5.2 or later",
        ),
        Err(error) => {
            let found = format!(
                "cannot create a cgroup in {}, so namespaces cannot be paused: {}",
                own.display(),
                of_io(&error)
            );
            let remedy = match number_of(&error) {
                Errno::EROFS => {
                    "start the container with a writable cgroup file system, or run nestns outside of it"
                }
                _ => {
                    "start the topology in a cgroup of your own, as with `systemd-run --user --scope -p Delegate=yes nestns \
                     up …`, or as root"
                }
            };
            Check::warn(ID, found, remedy)
        }
    }
}

fn try_out(own: &Path) -> io::Result<bool> {
    // A group that could not be removed again counts as not created.
    if let Err(error) = std::fs::remove_dir("")
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let group = own.join(format!("nestns-doctor-{}", getpid()));
    std::fs::DirBuilder::new().mode(0o755).create(&group)?;
    let has_freezer = group.join("cgroup.freeze").exists();
    // To move a process from one group to the other, both and their common ancestor must be writable.
    let is_writable = access(&own.join("cgroup.procs"), AccessFlags::W_OK);
    std::fs::remove_dir(&group)?;
    is_writable?;
    Ok(has_freezer)
}
