//! What is to be removed when a topology is gone, by its controller or, where that died, by its guardian.

use std::cell::Cell;
use std::fs::{File, OpenOptions, Permissions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::entries::{self, LOCK};
use super::error::StateError;
use super::places;
use crate::controller::freezer::group;

/// What is left to remove when the topology is gone.
#[derive(Debug)]
pub struct Remains {
    directory: PathBuf,
    lock: Flock<File>,
    /// Of the directory, so that nobody else's is removed under the same name.
    inode: u64,
    /// Whether this process has removed it: its inode may be somebody else's from then on.
    removed: Cell<bool>,
}

/// What came of an attempt to take a lock.
#[derive(Debug)]
pub(super) enum Attempt {
    Taken(Remains),
    /// Somebody else holds it.
    Held,
    /// The directory was removed meanwhile.
    Vanished,
}

/// Opens the lock of a directory, or makes it where nothing else is in there but what a controller makes.
pub(super) fn lock_file(directory: &Path) -> Result<File, StateError> {
    let path = directory.join(LOCK);
    match places::open_lock(&mut OpenOptions::new(), &path) {
        Err(StateError::System { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            entries::own(directory)?;
            places::open_lock(OpenOptions::new().create(true), &path)
        }
        result => result,
    }
}

impl Remains {
    /// Takes the lock of a directory, if nobody has it.
    pub(super) fn take(directory: &Path, lock: File) -> Result<Attempt, StateError> {
        let path = directory.join(LOCK);
        let system = |action, errno: Errno| StateError::System { action, path: path.clone(), source: errno.into() };
        let lock = match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(Attempt::Held),
            Err((_, errno)) => return Err(system("lock", errno)),
        };
        // The lock may be that of a directory which was removed after the file was opened.
        let inode = |path: &Path| std::fs::symlink_metadata(path).map(|found| found.ino());
        let (held, found) = (lock.metadata().map(|file| file.ino()), inode(&path));
        match (held, found, inode(directory)) {
            (Ok(held), Ok(found), Ok(inode)) if held == found => {
                let directory = directory.to_owned();
                Ok(Attempt::Taken(Self { directory, lock, inode, removed: Cell::new(false) }))
            }
            _ => Ok(Attempt::Vanished),
        }
    }

    /// Removes what a dead controller has left: everything with the lock that he has handed on; without, because he died
    /// before he could, no more than he can have made until then.
    pub fn remove_of_the_dead(directory: &Path, lock: Option<OwnedFd>) {
        if places::trust(directory).is_err() {
            return;
        }
        let was_handed_on = lock.is_some();
        let open = || places::open_lock(&mut OpenOptions::new(), &directory.join(LOCK)).ok();
        let file = lock.map(File::from).or_else(open);
        // Granted at once where the descriptor shares the lock already.
        let taken = file.map(|file| Self::take(directory, file));
        match taken {
            Some(Ok(Attempt::Taken(remains))) if was_handed_on => remains.remove(),
            Some(Ok(Attempt::Taken(remains))) => remains.remove_if_bare(),
            // Made a moment before the death; one with anything in it stays.
            None => drop(std::fs::remove_dir(directory)),
            Some(_) => {}
        }
    }

    /// Which directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The lock's descriptor: whoever holds it keeps the name.
    pub fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Writes a file of the directory: under another name first, then moved, so that a reader finds all of it or nothing.
    ///
    /// # Errors
    ///
    /// Those of open, write and rename.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), StateError> {
        let part = path.with_extension("part");
        let write = || {
            std::fs::write(&part, content)?;
            std::fs::set_permissions(&part, Permissions::from_mode(0o600))?;
            std::fs::rename(&part, path)
        };
        let written = write().inspect_err(|_| {
            // On a full disk half a file would be in the way of others.
            let _ = std::fs::remove_file(&part);
        });
        written.map_err(|source| StateError::System { action: "write", path: path.to_owned(), source })
    }

    /// Removes the directory, if it is still the one that was made, and the cgroups that are recorded in it.
    ///
    /// The lock goes last, and the directory only when it is empty: whoever takes the name in between, in this very
    /// directory, finds it empty and keeps it.
    pub fn remove(&self) {
        if self.removed.replace(true) || !self.is_current() {
            return;
        }
        group::dissolve_recorded(&self.directory);
        // It may be gone already: controller and guardian both come here.
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if entry.file_name() == LOCK {
                continue;
            }
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(entry.path()),
                _ => std::fs::remove_file(entry.path()),
            };
        }
        self.remove_lock();
    }

    fn remove_lock(&self) {
        let path = self.directory.join(LOCK);
        let inode = |found: std::io::Result<std::fs::Metadata>| found.map(|found| found.ino()).ok();
        if inode(self.lock.metadata()) == inode(std::fs::symlink_metadata(&path)) {
            let _ = std::fs::remove_file(path);
            let _ = std::fs::remove_dir(&self.directory);
        }
    }

    /// Removes the directory, if there is nothing in it but the lock.
    pub(super) fn remove_if_bare(&self) {
        let has_only_lock = || {
            let entries: Vec<_> = std::fs::read_dir(&self.directory).ok()?.flatten().collect();
            Some(entries.iter().all(|entry| entry.file_name() == LOCK))
        };
        if self.is_current() && has_only_lock() == Some(true) {
            self.removed.set(true);
            self.remove_lock();
        }
    }

    fn is_current(&self) -> bool {
        std::fs::symlink_metadata(&self.directory).is_ok_and(|found| found.ino() == self.inode)
    }

    /// Removes what a controller has put there, but the lock. What else there is has been looked for before.
    pub(super) fn clear(&self) -> Result<(), StateError> {
        for path in entries::own(&self.directory)? {
            if path.file_name() == Some(LOCK.as_ref()) {
                continue;
            }
            let removed = match std::fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => std::fs::remove_dir_all(&path),
                _ => std::fs::remove_file(&path),
            };
            removed.map_err(|source| StateError::System { action: "remove", path, source })?;
        }
        Ok(())
    }
}
