//! Cgroups of pauses of which no state directory tells any more: found by their names, anywhere in
//! the tree.
//!
//! A name is `nestns-NAME-PLACE-PID.NUMBER`, with the controller's PID and a mark of the place of
//! its state, so that what is of another state root is left to its users. One whose controller
//! lives is its to remove; another without a process in it has no owner. The kernel removes none
//! that has a member (`cgroups(7)`), so that a mistake costs nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Pid, geteuid};

use super::group::{Group, PREFIX};
use nestns_observe::cgroup::{self, Tree};
use nestns_sys::directory;
use nestns_sys::pidfd::Pidfd;

/// Depth of the search: cgroups are rarely nested deeper than ten levels.
const DEEPEST: u32 = 64;

/// A cgroup without a controller.
#[derive(Debug)]
pub struct Orphan {
    /// The name of the topology that it was made for.
    pub name: String,
    /// Directory of the group.
    pub directory: PathBuf,
    /// Number of processes in it.
    pub members: usize,
}

impl Orphan {
    /// Removes it.
    ///
    /// # Errors
    ///
    /// `EBUSY` when there is a process in it.
    pub fn remove(&self) -> io::Result<()> {
        Group::left(self.directory.clone()).dissolve()
    }
}

/// The name of a group, without what all begin with.
pub(super) fn name(topology: &str, place: &Path, controller: Pid, number: u32) -> String {
    format!("{topology}-{}-{controller}.{number}", mark(place))
}

/// All orphans whose state is, or was, in the caller's state root.
pub fn orphans() -> Vec<Orphan> {
    let mut orphans = Vec::new();
    if let Some(tree) = Tree::find() {
        let marks: Vec<String> = nestns_client::state_directory::candidates()
            .iter()
            .map(|place| mark(place))
            .collect();
        look(&tree.mount, &marks, 0, &mut orphans);
    }
    orphans
}

fn look(directory: &Path, marks: &[String], depth: u32, orphans: &mut Vec<Orphan>) {
    // A directory that may not be looked into is another user's.
    let names = File::open(directory).map(directory::names);
    for name in names.ok().and_then(Result::ok).unwrap_or_default() {
        let path = directory.join(&name);
        let Ok(found) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        if !found.is_dir() {
            continue;
        }
        if found.uid() == geteuid().as_raw()
            && let Some((name, place, controller)) = parse(&name.to_string_lossy())
            && marks.iter().any(|mark| mark == place)
            && !is_controller(controller)
        {
            let members = cgroup::members(&path)
                .map(|members| members.len())
                .unwrap_or_default();
            orphans.push(Orphan {
                name: name.to_owned(),
                directory: path.clone(),
                members,
            });
        }
        if depth < DEEPEST {
            look(&path, marks, depth + 1, orphans);
        }
    }
}

/// The topology, the mark of the place, and the controller of a name.
fn parse(name: &str) -> Option<(&str, &str, i32)> {
    let (name, rest) = name.strip_prefix(PREFIX)?.rsplit_once('-')?;
    let (name, place) = name.rsplit_once('-')?;
    let (controller, number) = rest.split_once('.')?;
    number.parse::<u32>().ok()?;
    Some((name, place, controller.parse().ok()?))
}

/// A short word for a path: FNV-1a, which is enough to tell the few places of one user apart.
fn mark(place: &Path) -> String {
    let bytes = place.as_os_str().as_encoded_bytes();
    let hash = bytes.iter().fold(0x811c_9dc5_u32, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

fn is_controller(pid: i32) -> bool {
    // One that has ended and was not reaped has its name still.
    let is_alive = Pidfd::open(Pid::from_raw(pid)).is_ok_and(|process| !process.has_ended());
    is_alive
        && std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.starts_with("nestns"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nix::unistd::Pid;

    use super::{mark, name, parse};

    #[test]
    fn the_names_of_groups() {
        let place = Path::new("/run/nestns");
        let made = format!("nestns-{}", name("a-b", place, Pid::from_raw(120), 3));
        assert_eq!(parse(&made), Some(("a-b", &*mark(place), 120)));
        assert_ne!(mark(place), mark(Path::new("/run/user/0/nestns")));
        for other in [
            "nestns-dind",
            "nestns-dind-1.0",
            "nestns-dind-0-x.1",
            "nestns.slice",
            "user-0-1.0",
            "nestns-d-0-1.x",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
