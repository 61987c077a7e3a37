//! One cgroup of nestns: made, frozen, filled, emptied, removed; and the list of them in the state
//! directory, so that a clean-up after a dead controller finds them.

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

use nestns_client::state_directory::error::StateError;
use nestns_client::state_directory::handle::Directory;
use nestns_observe::cgroup;
use nestns_sys::call::Call;
use nestns_sys::errno::number_of;
use nestns_sys::fault;
use nestns_sys::moment::Moment;

/// Prefix of the names of all groups.
pub(super) const PREFIX: &str = "nestns-";
/// The list in the state directory.
const GROUPS: &str = "cgroups";
/// Placeholder for the inode of a group that is about to be made.
const UNKNOWN: &str = "?";
/// Time that the last killed members may stay in a group.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Interval between looks.
const NAP: Duration = Duration::from_millis(2);

/// A cgroup that was made by nestns.
#[derive(Debug)]
pub(in crate::controller) struct Group {
    directory: PathBuf,
    /// Never used again for another group, so that only this one is removed. Where it is not known,
    /// no process has been moved into the group yet, and the kernel removes none that has a member.
    inode: Option<u64>,
}

impl Group {
    /// Makes a group below another one. It is noted in the state directory before it is made, and
    /// with its inode after: whatever happens in between, a clean-up finds it.
    ///
    /// # Errors
    ///
    /// `EEXIST` when there is one of that name, `EACCES` or `EROFS` where none can be made.
    pub(in crate::controller) fn make(
        above: &Path,
        name: &str,
        state: &Directory,
    ) -> io::Result<Self> {
        let directory = above.join(format!("{PREFIX}{name}"));
        // One that is there already is not nestns's, and is not to be noted.
        if std::fs::symlink_metadata(&directory).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        note(state, None, &directory)?;
        fault::point("cgroup-noted");
        DirBuilder::new().mode(0o755).create(&directory)?;
        fault::point("cgroup-made");
        let noted = std::fs::symlink_metadata(&directory)
            .map(|found| found.ino())
            .and_then(|inode| {
                note(state, Some(inode), &directory)?;
                Ok(Self {
                    directory: directory.clone(),
                    inode: Some(inode),
                })
            });
        noted.inspect_err(|_| drop(std::fs::remove_dir(&directory)))
    }

    /// A group of which nothing is known but its place.
    pub(super) fn left(directory: PathBuf) -> Self {
        Self {
            directory,
            inode: None,
        }
    }

    /// Notes it again, in another state directory.
    ///
    /// # Errors
    ///
    /// Those of open(2) and write(2).
    pub(in crate::controller) fn note(&self, state: &Directory) -> io::Result<()> {
        note(state, self.inode, &self.directory)
    }

    /// Directory of the group.
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
        OpenOptions::new()
            .write(true)
            .open(self.directory.join("cgroup.freeze"))?
            .write_all(if freeze { b"1" } else { b"0" })
    }

    /// True if everything in the group is frozen.
    ///
    /// # Errors
    ///
    /// `ENOENT` when it is gone.
    pub(in crate::controller) fn is_frozen(&self) -> io::Result<bool> {
        cgroup::is_frozen(&self.directory)
    }

    /// Members of the group.
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
    /// `EBUSY` when a process stays.
    pub(in crate::controller) fn dissolve(&self) -> io::Result<()> {
        match std::fs::symlink_metadata(&self.directory) {
            Ok(found) if self.inode.is_none_or(|inode| inode == found.ino()) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        // A process that is still in there shall not be frozen for ever.
        let _ = self.freeze(false);
        let end = Moment::now().plus(TIMEOUT);
        loop {
            match std::fs::remove_dir(&self.directory) {
                Err(error) if number_of(&error) == Errno::EBUSY && Moment::now() < end => {
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
/// `ESRCH` when it has ended, `EACCES` where the caller may not write to a group that is above
/// both.
pub(in crate::controller) fn admit(group: &Path, pid: Pid) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(group.join("cgroup.procs"))?
        .write_all(pid.to_string().as_bytes())
}

fn note(state: &Directory, inode: Option<u64>, directory: &Path) -> io::Result<()> {
    let mut line = inode
        .map_or_else(|| UNKNOWN.to_owned(), |inode| inode.to_string())
        .into_bytes();
    line.push(b' ');
    line.extend_from_slice(directory.as_os_str().as_bytes());
    line.push(b'\n');
    state
        .file(GROUPS, OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT)?
        .write_all(&line)
}

/// Removes every group that is noted in a state directory and is still there.
///
/// # Errors
///
/// The first of all failures; what has live processes in it that are not of the tree is one.
pub(in crate::controller) fn dissolve_recorded(state: &Directory) -> Result<(), StateError> {
    let failed = |action, call, path: PathBuf| {
        move |source| StateError::System {
            action,
            call,
            path,
            source,
        }
    };
    let mut text = Vec::new();
    let opened =
        state
            .read(GROUPS)
            .map_err(failed("read", Call::Open, state.path().join(GROUPS)))?;
    // Without the list nothing was ever paused.
    let Some(mut file) = opened else {
        return Ok(());
    };
    file.read_to_end(&mut text)
        .map_err(failed("read", Call::Read, state.path().join(GROUPS)))?;
    let mut result = Ok(());
    // The inode of a group stands in the later of its two lines.
    for (inode, directory) in recorded(&text).rev() {
        let dissolved = Group {
            directory: directory.clone(),
            inode,
        }
        .dissolve();
        result = result.and(dissolved.map_err(failed("remove the cgroup", Call::Rmdir, directory)));
    }
    result
}

/// The groups that the list in a state directory names, each with its inode where that is known:
/// lines of an inode, or `?`, and a path. What nestns cannot have written names none.
pub fn recorded(list: &[u8]) -> impl DoubleEndedIterator<Item = (Option<u64>, PathBuf)> {
    list.split(|&byte| byte == b'\n').filter_map(|line| {
        let space = line.iter().position(|&byte| byte == b' ')?;
        let inode = match std::str::from_utf8(&line[..space]).ok()? {
            UNKNOWN => None,
            number => Some(number.parse().ok()?),
        };
        let directory = PathBuf::from(OsStr::from_bytes(&line[space + 1..]));
        (directory.is_absolute() && directory.file_name().is_some_and(is_ours))
            .then_some((inode, directory))
    })
}

/// True if a name is one that nestns gives.
fn is_ours(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::recorded;

    #[test]
    fn only_what_nestns_writes_names_a_group() {
        let list = b"? /cg/nestns-a\n17 /cg/nestns-a\nx /cg/nestns-b\n/cg/nestns-c\n? /cg/other\n? nestns-d\n-1 /nestns-e\n? /n\xff/nestns-f";
        let found: Vec<_> = recorded(list).collect();
        let strange = PathBuf::from(OsStr::from_bytes(b"/n\xff/nestns-f"));
        assert_eq!(
            found,
            [
                (None, "/cg/nestns-a".into()),
                (Some(17), "/cg/nestns-a".into()),
                (None, strange)
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_list_is_read_as_it_was_written(
            groups in proptest::collection::vec((proptest::option::of(any::<u64>()), "/[ -~]{0,10}/nestns-[a-z0-9.-]{0,8}"), 0..6),
            between in "[ -~]{0,12}",
        ) {
            let line = |(inode, path): &(Option<u64>, String)| {
                format!("{} {path}\n", inode.map_or_else(|| "?".to_owned(), |inode| inode.to_string()))
            };
            let list: String = groups.iter().map(line).collect();
            let meant: Vec<_> = groups.into_iter().map(|(inode, path)| (inode, PathBuf::from(path))).collect();
            prop_assert_eq!(recorded(list.as_bytes()).collect::<Vec<_>>(), meant);
            let anything = format!("{between}\n{list}{between}");
            prop_assert!(recorded(anything.as_bytes()).all(|(_, group)| group.is_absolute()));
        }
    }
}
