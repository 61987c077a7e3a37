//! Removal of a topology that is gone, by its controller or, where that died, by its guardian.

use std::cell::{Cell, RefCell};
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, SFlag};

use super::StateDirectory;
use crate::controller::freezer::group;
use nestns_client::documents::EndedDocument;
use nestns_client::state_directory::entries::{self, ENDED, GROUPS, LOCK};
use nestns_client::state_directory::entry::{failed, kind};
use nestns_client::state_directory::error::StateError;
use nestns_client::state_directory::handle::Directory;
use nestns_client::state_directory::places;
use nestns_client::state_directory::presence::{self, Homeless, Presence};
use nestns_sys::call::Call;
use nestns_sys::errno::number_of;
use nestns_sys::fault;

/// Depth to which the removal follows what others have put into the directory.
const DEEPEST: u32 = 64;

/// A directory and its lock, for as long as they are kept open.
#[derive(Debug)]
struct Held {
    /// The directory above.
    base: Directory,
    directory: Directory,
    /// flock(2): let go of when the last copy of the descriptor is closed, by whatever end of its
    /// owners.
    lock: File,
}

/// State that is left to remove when the topology is gone.
#[derive(Debug)]
pub struct Remains {
    held: RefCell<Held>,
    /// The name in the kernel's list.
    presence: RefCell<Option<OwnedFd>>,
    /// True if this process has removed it: another topology may have its place from then on.
    removed: Cell<bool>,
}

/// Result of restoring a directory to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// Still there.
    NotNeeded,
    /// Made again.
    InPlace,
    /// Made in another place.
    Elsewhere,
}

/// Result of an attempt to take a lock.
#[derive(Debug)]
pub(super) enum Attempt {
    Taken(Remains),
    /// Held by another process.
    Held,
    /// The directory was removed meanwhile.
    Vanished,
}

/// Opens the lock of a directory, or makes it where nothing else is in there but what a controller
/// makes.
pub(super) fn lock_file(directory: &Directory) -> Result<File, StateError> {
    let path = directory.path().join(LOCK);
    let error = |errno: Errno| match directory.look(LOCK) {
        Ok(found) if errno == Errno::ELOOP || kind(&found) != SFlag::S_IFREG => {
            StateError::Strange {
                path: path.clone(),
                found: nestns_client::state_directory::trust::describe(&found),
            }
        }
        _ => failed("open", Call::Open, &path)(errno),
    };
    match directory.file(LOCK, OFlag::O_WRONLY) {
        Err(Errno::ENOENT) => {
            entries::own(directory)?;
            directory
                .file(LOCK, OFlag::O_WRONLY | OFlag::O_CREAT)
                .map_err(error)
        }
        result => result.map_err(error),
    }
}

impl Remains {
    /// Takes the lock of a directory, if it is free.
    pub(super) fn take(
        base: Directory,
        directory: Directory,
        lock: File,
    ) -> Result<Attempt, StateError> {
        let tried = loop {
            match lock.try_lock() {
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                tried => break tried,
            }
        };
        match tried {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Attempt::Held),
            Err(TryLockError::Error(source)) => {
                return Err(StateError::System {
                    action: "lock",
                    call: Call::Flock,
                    path: directory.path().join(LOCK),
                    source,
                });
            }
        }
        let held = Held {
            base,
            directory,
            lock,
        };
        // The lock may be that of a directory which was removed after the file was opened.
        if !held.is_locked()? || !held.is_current()? {
            return Ok(Attempt::Vanished);
        }
        Ok(Attempt::Taken(Self::of(held)))
    }

    /// Takes over what a controller has handed over: the descriptors of [`Remains::descriptors`],
    /// in their order.
    pub fn handed_over(path: &Path, [base, directory, lock]: [OwnedFd; 3]) -> Self {
        let above = path.parent().unwrap_or(path).to_owned();
        let held = Held {
            base: Directory::handed_over(above, base),
            directory: Directory::handed_over(path.to_owned(), directory),
            lock: lock.into(),
        };
        Self::of(held)
    }

    fn of(held: Held) -> Self {
        Self {
            held: RefCell::new(held),
            presence: RefCell::new(None),
            removed: Cell::new(false),
        }
    }

    /// Takes the name in the kernel's list as well. A controller that has it and whose directory
    /// was removed is returned; any other holder means nothing.
    pub(super) fn occupy(&self) -> Option<Homeless> {
        let directory = self.directory();
        // As the kernel tells it of the process that has it open.
        let directory = std::fs::canonicalize(&directory).unwrap_or(directory);
        match presence::take(&directory) {
            Presence::Ours(socket) => {
                self.presence.replace(Some(socket));
                None
            }
            Presence::Theirs => presence::homeless(|other| other == directory).pop(),
            Presence::Unknown => None,
        }
    }

    /// Lets go of the name in the kernel's list: what follows is only the removal.
    pub fn let_go(&self) {
        self.presence.replace(None);
    }

    /// Writes the end into the directory, which makes it a record: [`Remains::remove`] leaves what
    /// belongs to that.
    ///
    /// # Errors
    ///
    /// Those of open, write and rename; then it is no record.
    pub fn record(&self, ended: &EndedDocument) -> Result<(), StateError> {
        if let Some(errno) = fault::errno("record") {
            return Err(failed("write", Call::Write, &self.directory().join(ENDED))(
                errno,
            ));
        }
        // Text and numbers can always be written.
        let text = serde_json::to_vec(ended).unwrap_or_default();
        self.write(ENDED, &text)
    }

    /// True if the directory is a record.
    pub(super) fn is_record(&self) -> bool {
        entries::is_record(&self.handle())
    }

    /// Makes the directory again that was taken away: where it was, or else where clients look as
    /// well. Says whether it had to be done.
    ///
    /// # Errors
    ///
    /// Why it can be made nowhere.
    pub fn restore(&self) -> Result<Restored, StateError> {
        if self.removed.get() || self.is_in_place() {
            return Ok(Restored::NotNeeded);
        }
        let before = self.directory();
        let (above, name) = (
            before.parent().unwrap_or(&before),
            before.file_name().unwrap_or_default(),
        );
        let others = places::candidates()
            .into_iter()
            .filter(|place| place != above);
        let mut why = None;
        for place in std::iter::once(above.to_owned()).chain(others) {
            places::remake(&place);
            match StateDirectory::try_claim(&place.join(name)) {
                Ok(Attempt::Taken(other)) => {
                    if other.is_record() {
                        // Of an earlier one with the name, started where the environment was another.
                        other.clear()?;
                    }
                    self.held.swap(&other.held);
                    return Ok(if self.directory() == before {
                        Restored::InPlace
                    } else {
                        Restored::Elsewhere
                    });
                }
                // It is taken; another place is tried.
                Ok(Attempt::Held | Attempt::Vanished) => {}
                Err(error) => {
                    why.get_or_insert(error);
                }
            }
        }
        let name = name.to_string_lossy().into_owned();
        Err(why.unwrap_or(StateError::NameInUse {
            name,
            directory: before,
        }))
    }

    /// Descriptors that the remover has to hold: the directory above, the directory, and the lock,
    /// which keeps the name taken.
    pub fn descriptors(&self) -> nix::Result<[OwnedFd; 3]> {
        let held = self.held.borrow();
        let copy = |fd: std::io::Result<OwnedFd>| fd.map_err(|error| number_of(&error));
        Ok([
            copy(held.base.try_clone())?,
            copy(held.directory.try_clone())?,
            copy(held.lock.try_clone().map(OwnedFd::from))?,
        ])
    }

    /// Path of the directory.
    pub fn directory(&self) -> PathBuf {
        self.held.borrow().directory.path().to_owned()
    }

    /// The directory itself.
    pub fn handle(&self) -> Directory {
        self.held.borrow().directory.clone()
    }

    /// Writes a file of the directory: under another name first, then moved, so that a reader finds
    /// all of it or nothing.
    ///
    /// # Errors
    ///
    /// Those of open, write and rename.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        self.held.borrow().directory.write(name, content)
    }

    /// True if the directory is where it was, with its lock in it.
    pub fn is_in_place(&self) -> bool {
        let held = self.held.borrow();
        // What cannot be told is left as it is.
        held.is_locked().unwrap_or(true) && held.is_current().unwrap_or(true)
    }

    /// Leaves everything where it is, because something still lives of which the state tells.
    pub fn leave(&self) {
        self.removed.set(true);
    }

    /// Removes the directory, if it is still the one that was made, and the cgroups that are
    /// recorded in it. Of a record everything is left that belongs to it.
    ///
    /// The lock goes last, and the directory only when it is empty: a topology that takes the name
    /// in between, in this very directory, finds it empty and keeps it. What cannot be removed is
    /// left with the lock in it, for `prune`.
    ///
    /// # Errors
    ///
    /// The first of all failures; nothing else is left out because of it.
    pub fn remove(&self) -> Result<(), StateError> {
        if self.removed.replace(true) {
            return Ok(());
        }
        self.let_go();
        let held = self.held.borrow();
        let mut result = group::dissolve_recorded(&held.directory);
        // The list of those that could not be removed stays.
        let kept: &[&str] = if result.is_ok() {
            &[LOCK]
        } else {
            &[LOCK, GROUPS]
        };
        match held.is_current() {
            Ok(true) => {}
            Ok(false) => return result,
            Err(error) => return result.and(Err(error)),
        }
        let is_record = entries::is_record(&held.directory);
        // In this order: a topology that takes the name of a record has its lock in it before it
        // removes the end.
        if !held.is_locked().unwrap_or(true) && (is_record || !held.directory.lacks(LOCK)) {
            return result;
        }
        // It may be gone already: controller and guardian both come here.
        let listed = match fault::errno("list-remains") {
            Some(errno) => Err(failed("list", Call::Getdents, held.directory.path())(errno)),
            None => held.directory.names(),
        };
        let names = listed.unwrap_or_else(|error| {
            result = Err(error);
            Vec::new()
        });
        for name in names
            .iter()
            .filter(|name| !kept.iter().any(|kept| kept == name))
        {
            let removed = if is_record && entries::is_of_record(&held.directory, name) {
                remove_strange(&held.directory, name)
            } else {
                remove_all(&held.directory, name, 0)
            };
            result = result.and(removed);
        }
        result.and_then(|()| held.remove_lock())
    }

    /// Takes the lock away again from a record that was only looked at.
    pub(super) fn unlock_record(&self) {
        // What is in the way is told when the record is to be removed.
        let _ = self.held.borrow().remove_lock();
    }

    /// Removes the directory, if there is nothing in it but the lock.
    pub(super) fn remove_if_bare(&self) -> Result<(), StateError> {
        let held = self.held.borrow();
        if held.is_current()? && held.directory.names()?.iter().all(|name| name == LOCK) {
            self.removed.set(true);
            held.remove_lock()?;
        }
        Ok(())
    }

    /// Removes what a controller has put there, but the lock. What else there is has been looked
    /// for before.
    pub(super) fn clear(&self) -> Result<(), StateError> {
        let held = self.held.borrow();
        for name in entries::own(&held.directory)?
            .iter()
            .filter(|name| *name != LOCK)
        {
            remove_all(&held.directory, name, 0)?;
        }
        Ok(())
    }
}

impl Held {
    /// True if the lock is the one that is in the directory.
    fn is_locked(&self) -> Result<bool, StateError> {
        let path = || self.directory.path().join(LOCK);
        let held = self.lock.metadata().map(|file| (file.dev(), file.ino()));
        let held = held.map_err(|source| StateError::System {
            action: "examine",
            call: Call::Fstat,
            path: path(),
            source,
        })?;
        Ok(
            found(self.directory.look(LOCK)).map_err(failed("examine", Call::Fstat, &path()))?
                == Some(held),
        )
    }

    /// True if the directory is where its name says, below the one that is there now.
    fn is_current(&self) -> Result<bool, StateError> {
        let own = self.directory.identity().map_err(failed(
            "examine",
            Call::Fstat,
            self.directory.path(),
        ))?;
        let found = found(self.base.look(self.name())).map_err(failed(
            "examine",
            Call::Fstat,
            self.directory.path(),
        ))?;
        if found != Some(own) {
            return Ok(false);
        }
        // The directory above may have been moved away, and made again.
        match Directory::open(self.base.path()) {
            Ok(above) => Ok(above.identity().ok() == self.base.identity().ok()),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn name(&self) -> &OsStr {
        self.directory.path().file_name().unwrap_or_default()
    }

    fn remove_lock(&self) -> Result<(), StateError> {
        if self.is_locked()? {
            self.directory.remove(LOCK)?;
        } else if !self.directory.lacks(LOCK) {
            return Ok(());
        }
        // The process that has removed the lock before may not have come to the directory.
        match self.base.remove_directory(self.name()) {
            // It is a record, or a topology that takes the name has made its lock in it.
            Err(StateError::System { source, .. }) if number_of(&source) == Errno::ENOTEMPTY => {
                Ok(())
            }
            result => result,
        }
    }
}

/// Identity of an entry; `None` if there is none.
fn found(looked: nix::Result<FileStat>) -> nix::Result<Option<(u64, u64)>> {
    match looked {
        Ok(found) => Ok(Some((found.st_dev, found.st_ino))),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Removes what others have put into a directory of a record: whatever is no file of the caller's
/// would be in the way of its removal.
fn remove_strange(directory: &Directory, name: &OsStr) -> Result<(), StateError> {
    let Ok(inner) = directory.inside(name) else {
        // A file.
        return Ok(());
    };
    let mut result = Ok(());
    for entry in inner.names()? {
        if inner.file(&entry, OFlag::O_RDONLY).is_err() {
            result = result.and(remove_all(&inner, &entry, 0));
        }
    }
    result
}

/// Removes an entry and all that is in it.
fn remove_all(directory: &Directory, name: &OsStr, depth: u32) -> Result<(), StateError> {
    let looked = directory.look(name);
    if looked == Err(Errno::ENOENT) {
        return Ok(());
    }
    let found = looked.map_err(failed("examine", Call::Fstat, &directory.path().join(name)))?;
    if kind(&found) != SFlag::S_IFDIR || depth > DEEPEST {
        return directory.remove(name);
    }
    let inner = directory.inside(name)?;
    for entry in inner.names()? {
        remove_all(&inner, &entry, depth + 1)?;
    }
    directory.remove_directory(name)
}
