//! One cgroup of nestns: made, frozen, filled, emptied, removed; and the list of them in the state directory, so that
//! whoever cleans up after a dead controller finds them.

use std::ffi::OsStr;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::Pid;

use crate::controller::state_directory::{Directory, StateError};
use crate::engine::moment::Moment;
use crate::observe::cgroup;
use crate::sys::fault;

/// What the names of all groups begin with.
pub(super) const PREFIX: &str = "nestns-";
/// The list in the state directory.
const GROUPS: &str = "cgroups";
/// What stands for the inode of a group that is about to be made.
const UNKNOWN: &str = "?";
/// How long the last of those who were killed may stay in a group.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked.
const NAP: Duration = Duration::from_millis(2);

/// A cgroup that was made by nestns.
#[derive(Debug)]
pub(in crate::controller) struct Group {
    directory: PathBuf,
    /// Never used again for another group, so that only this one is removed. Where it is not known, nobody has been moved
    /// into the group yet, and the kernel removes none that has a member.
    inode: Option<u64>,
}

impl Group {
    /// Makes a group below another one. It is noted in the state directory before it is made, and with its inode after:
    /// whatever happens in between, whoever cleans up finds it.
    ///
    /// # Errors
    ///
    /// `EEXIST` when there is one of that name, `EACCES` or `EROFS` where none can be made.
    pub(in crate::controller) fn make(above: &Path, name: &str, state: &Directory) -> io::Result<Self> {
        let directory = above.join(format!("{PREFIX}{name}"));
        // One that is there already is somebody else's, and is not to be noted.
        if std::fs::symlink_metadata(&directory).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        note(state, None, &directory)?;
        fault::point("cgroup-noted");
        DirBuilder::new().mode(0o755).create(&directory)?;
        fault::point("cgroup-made");
        let noted = std::fs::symlink_metadata(&directory).map(|found| found.ino()).and_then(|inode| {
            note(state, Some(inode), &directory)?;
            Ok(Self { directory: directory.clone(), inode: Some(inode) })
        });
        noted.inspect_err(|_| drop(std::fs::remove_dir(&directory)))
    }

    /// One of which nothing is known but its place.
    pub(super) fn left(directory: PathBuf) -> Self {
        Self { directory, inode: None }
    }

    /// Notes it again, in another state directory.
    ///
    /// # Errors
    ///
    /// Those of open(2) and write(2).
    pub(in crate::controller) fn note(&self, state: &Directory) -> io::Result<()> {
        note(state, self.inode, &self.directory)
    }

    /// Where it is.
    pub(in crate::controller) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Freezes or thaws whatever is in it, and whatever comes.
    ///
    /// # Errors
    ///
    /// `ENOENT` on a kernel without `cgroup.freeze`.
    pub(in crate::controller) fn freeze(&self, freeze: bool) -> io::Result<()> {
        // Not created where it is missing: the file system is the kernel's.
        OpenOptions::new().write(true).open(self.directory.join("cgroup.freeze"))?.write_all(if freeze {
            b"1"
        } else {
            b"0"
        })
    }

    /// Whether everything in it is frozen.
    ///
    /// # Errors
    ///
    /// `ENOENT` when it is gone.
    pub(in crate::controller) fn is_frozen(&self) -> io::Result<bool> {
        cgroup::is_frozen(&self.directory)
    }

    /// Who is in it.
    ///
    /// # Errors
    ///
    /// `ENOENT` when it is gone.
    pub(in crate::controller) fn members(&self) -> io::Result<Vec<Pid>> {
        cgroup::members(&self.directory)
    }

    /// Thaws it and removes it, when the last of its members has ended or left.
    ///
    /// # Errors
    ///
    /// `EBUSY` when somebody stays.
    pub(in crate::controller) fn dissolve(&self) -> io::Result<()> {
        match std::fs::symlink_metadata(&self.directory) {
            Ok(found) if self.inode.is_none_or(|inode| inode == found.ino()) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        // Whoever is still in there shall not be so for ever.
        let _ = self.freeze(false);
        let end = Moment::now().plus(PATIENCE);
        loop {
            match std::fs::remove_dir(&self.directory) {
                Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) && Moment::now() < end => {
                    std::thread::sleep(NAP);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                result => return result,
            }
        }
    }
}

/// Moves a process into a group.
///
/// # Errors
///
/// `ESRCH` when it has ended, `EACCES` where the caller may not write to a group that is above both.
pub(in crate::controller) fn admit(group: &Path, pid: Pid) -> io::Result<()> {
    OpenOptions::new().write(true).open(group.join("cgroup.procs"))?.write_all(pid.to_string().as_bytes())
}

fn note(state: &Directory, inode: Option<u64>, directory: &Path) -> io::Result<()> {
    let mut line = inode.map_or_else(|| UNKNOWN.to_owned(), |inode| inode.to_string()).into_bytes();
    line.push(b' ');
    line.extend_from_slice(directory.as_os_str().as_bytes());
    line.push(b'\n');
    state.file(GROUPS, OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT)?.write_all(&line)
}

/// Removes every group that is noted in a state directory and is still there.
///
/// # Errors
///
/// The first of all failures; what has live processes in it that are not of the tree is one.
pub(in crate::controller) fn dissolve_recorded(state: &Directory) -> Result<(), StateError> {
    let failed = |action, path: PathBuf| move |source| StateError::System { action, path, source };
    let mut text = Vec::new();
    let opened = state.read(GROUPS).map_err(failed("read", state.path().join(GROUPS)))?;
    // Without the list nothing was ever paused.
    let Some(mut file) = opened else { return Ok(()) };
    file.read_to_end(&mut text).map_err(failed("read", state.path().join(GROUPS)))?;
    let mut result = Ok(());
    // The inode of a group stands in the later of its two lines.
    for line in text.split(|&byte| byte == b'\n').rev() {
        let Some(space) = line.iter().position(|&byte| byte == b' ') else { continue };
        let directory = PathBuf::from(OsStr::from_bytes(&line[space + 1..]));
        if !directory.file_name().is_some_and(is_ours) {
            continue;
        }
        let inode = match std::str::from_utf8(&line[..space]) {
            Ok(UNKNOWN) => None,
            Ok(number) => number.parse().ok(),
            Err(_) => continue,
        };
        let dissolved = Group { directory: directory.clone(), inode }.dissolve();
        result = result.and(dissolved.map_err(failed("remove the cgroup", directory)));
    }
    result
}

/// Whether a name is one that nestns gives.
fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(PREFIX)
}
