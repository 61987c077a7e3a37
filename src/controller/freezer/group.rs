//! One cgroup of nestns: made, frozen, filled, emptied, removed; and the list of them in the state directory, so that
//! whoever cleans up after a dead controller finds them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::Pid;

use crate::engine::moment::Moment;
use crate::observe::cgroup;

/// What the names of all groups begin with.
const PREFIX: &str = "nestns-";
/// The list in the state directory.
const GROUPS: &str = "cgroups";
/// How long the last of those who were killed may stay in a group.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is looked.
const NAP: Duration = Duration::from_millis(2);

/// A cgroup that was made by nestns.
#[derive(Debug)]
pub(in crate::controller) struct Group {
    directory: PathBuf,
    /// Never used again for another group, so that only this one is removed.
    inode: u64,
}

impl Group {
    /// Makes a group below another one and notes it in the state directory.
    ///
    /// # Errors
    ///
    /// `EEXIST` when there is one of that name, `EACCES` or `EROFS` where none can be made.
    pub(in crate::controller) fn make(above: &Path, name: &str, state: &Path) -> io::Result<Self> {
        let directory = above.join(format!("{PREFIX}{name}"));
        DirBuilder::new().mode(0o755).create(&directory)?;
        let noted = std::fs::symlink_metadata(&directory).map(|found| found.ino()).and_then(|inode| {
            let group = Self { directory: directory.clone(), inode };
            group.note(state).map(|()| group)
        });
        noted.inspect_err(|_| drop(std::fs::remove_dir(&directory)))
    }

    fn note(&self, state: &Path) -> io::Result<()> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(flags.bits());
        let mut line = format!("{} ", self.inode).into_bytes();
        line.extend_from_slice(std::os::unix::ffi::OsStrExt::as_bytes(self.directory.as_os_str()));
        line.push(b'\n');
        options.open(state.join(GROUPS))?.write_all(&line)
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
            Ok(found) if found.ino() == self.inode => {}
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

/// Removes every group that is noted in a state directory and is still there.
pub(in crate::controller) fn dissolve_recorded(state: &Path) {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let mut text = String::new();
    let opened = File::options().read(true).custom_flags(flags.bits()).open(state.join(GROUPS));
    if opened.and_then(|mut file| file.read_to_string(&mut text)).is_err() {
        // Nothing was ever paused.
        return;
    }
    for line in text.lines() {
        let Some((inode, directory)) = line.split_once(' ') else { continue };
        let directory = PathBuf::from(directory);
        let is_ours = directory.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX));
        if let Ok(inode) = inode.parse()
            && is_ours
        {
            // What stays has live processes in it that are not of the tree.
            let _ = Group { directory, inode }.dissolve();
        }
    }
}
