//! An open directory and the files in it, by descriptor: no path is walked a second time, no link
//! is followed, and nothing but a regular file of the caller's is written to or read.
//!
//! A path means whatever the users that may rename something above it want it to mean. The way to a
//! directory is therefore walked once, component by component, and refused where a user other than
//! the caller or root could exchange one of them; what is done in the directory afterwards is done
//! through its descriptor (openat(2) and its kin).

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::entry::{failed, kind};
use super::error::StateError;
use super::trust;
use nestns_sys::call::Call;
use nestns_sys::descriptor_layout::FIRST_FREE;
use nestns_sys::{descriptor, directory, fault};

/// Suffix of the name of a file that is being written.
pub const PART: &str = ".part";

/// An open directory. Copies share the descriptor.
#[derive(Debug, Clone)]
pub struct Directory {
    path: Rc<Path>,
    fd: Rc<OwnedFd>,
}

impl Directory {
    /// Opens a directory of the caller's that no other user can write to or exchange.
    ///
    /// # Errors
    ///
    /// [`StateError`] says what is in the way of trusting it.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let (above, name) = trust::walk(path)?;
        Self::open_in(&above, path, &name)
    }

    /// The same, made with mode 0700 where it is missing.
    pub fn open_or_make(path: &Path) -> Result<Self, StateError> {
        let (above, name) = trust::walk(path)?;
        Self::make_in(&above, path, &name)
    }

    /// A directory in this one.
    ///
    /// # Errors
    ///
    /// [`StateError`] says what is in the way of trusting it.
    pub fn inside(&self, name: impl AsRef<OsStr>) -> Result<Self, StateError> {
        Self::open_in(
            self.fd.as_fd(),
            &self.path.join(name.as_ref()),
            name.as_ref(),
        )
    }

    /// The same, made with mode 0700 where it is missing.
    pub fn make_inside(&self, name: impl AsRef<OsStr>) -> Result<Self, StateError> {
        Self::make_in(
            self.fd.as_fd(),
            &self.path.join(name.as_ref()),
            name.as_ref(),
        )
    }

    fn make_in(above: impl AsFd, path: &Path, name: &OsStr) -> Result<Self, StateError> {
        let failed = |action, call| failed(action, call, path);
        match mkdirat(above.as_fd(), name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed("create the directory", Call::Mkdir)(errno)),
        }
        let (opened, found) = Self::open_found(above, path, name)?;
        // The caller's umask may have taken even the owner's rights away.
        if found.st_mode & 0o777 != 0o700 {
            fchmod(&opened, Mode::S_IRWXU).map_err(failed("protect", Call::Fchmod))?;
        }
        Ok(opened)
    }

    fn open_in(above: impl AsFd, path: &Path, name: &OsStr) -> Result<Self, StateError> {
        Self::open_found(above, path, name).map(|(opened, _)| opened)
    }

    /// Opens one, and says what was found.
    fn open_found(
        above: impl AsFd,
        path: &Path,
        name: &OsStr,
    ) -> Result<(Self, FileStat), StateError> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = match openat(above.as_fd(), name, flags, Mode::empty()) {
            Ok(opened) => opened,
            Err(errno) => {
                // Something else in its place, or one of another user, is told by what it is.
                let found = fstatat(above.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW);
                found.map_or(Ok(()), |found| trust::judge(path, &found))?;
                return Err(failed("open", Call::Open, path)(errno));
            }
        };
        let found = fstat(&opened).map_err(failed("examine", Call::Fstat, path))?;
        trust::judge(path, &found)?;
        // The agreed numbers are filled later, and what is open at one of them then is closed.
        let fd = descriptor::above(opened, FIRST_FREE).map_err(failed(
            "keep open",
            Call::Fcntl,
            path,
        ))?;
        Ok((
            Self {
                path: path.into(),
                fd: Rc::new(fd),
            },
            found,
        ))
    }

    /// Wraps a directory whose descriptor was handed over by the process that has opened it.
    pub fn handed_over(path: PathBuf, fd: OwnedFd) -> Self {
        Self {
            path: path.into(),
            fd: Rc::new(fd),
        }
    }

    /// Path at which the directory was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Identity of the directory: device and inode, which no other directory has as long as this is
    /// open.
    pub fn identity(&self) -> nix::Result<(u64, u64)> {
        fstat(&self.fd).map(|found| (found.st_dev, found.st_ino))
    }

    /// Names of the entries, in no order.
    ///
    /// # Errors
    ///
    /// Those of getdents64(2).
    pub fn names(&self) -> Result<Vec<OsString>, StateError> {
        directory::names(&self.fd).map_err(failed("list", Call::Getdents, &self.path))
    }

    /// Status of an entry; of the entry itself, if it is a link.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is none.
    pub fn look(&self, name: impl AsRef<OsStr>) -> nix::Result<FileStat> {
        fstatat(&self.fd, name.as_ref(), AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// True if there is no such entry. One that cannot be looked at is not missing.
    pub fn lacks(&self, name: impl AsRef<OsStr>) -> bool {
        self.look(name) == Err(Errno::ENOENT)
    }

    /// Opens a regular file of the caller's, never waiting for one that is something else.
    ///
    /// # Errors
    ///
    /// `ENOENT`, and [`Errno::ELOOP`] for anything but such a file.
    pub fn file(&self, name: impl AsRef<OsStr>, flags: OFlag) -> nix::Result<File> {
        let flags =
            flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        let file = openat(
            &self.fd,
            name.as_ref(),
            flags,
            Mode::S_IRUSR | Mode::S_IWUSR,
        )?;
        let found = fstat(&file)?;
        let is_own = found.st_uid == geteuid().as_raw();
        // A hard link would have the same file in another place as well.
        if kind(&found) != SFlag::S_IFREG || !is_own || found.st_nlink > 1 {
            return Err(Errno::ELOOP);
        }
        Ok(File::from(file))
    }

    /// Opens a file to be read; none where there is none.
    ///
    /// # Errors
    ///
    /// Those of openat(2); something else in its place is told as what it is.
    pub fn read(&self, name: impl AsRef<OsStr>) -> io::Result<Option<File>> {
        let name = name.as_ref();
        match self.file(name, OFlag::O_RDONLY) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(self.strange(name, errno)),
        }
    }

    /// Explanation why an entry could not be opened.
    pub fn strange(&self, name: &OsStr, errno: Errno) -> io::Error {
        let found = self.look(name).ok();
        let is_strange = |found: &FileStat| {
            kind(found) != SFlag::S_IFREG
                || found.st_uid != geteuid().as_raw()
                || found.st_nlink > 1
        };
        match found.filter(is_strange) {
            Some(found) => {
                let path = self.path.join(name);
                io::Error::other(
                    StateError::Strange {
                        path,
                        found: trust::describe(&found),
                    }
                    .to_string(),
                )
            }
            None => errno.into(),
        }
    }

    /// Writes a file: under another name first, then moved, so that a reader finds all of it or
    /// nothing.
    ///
    /// # Errors
    ///
    /// Those of openat, write and renameat.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), StateError> {
        let part = format!("{name}{PART}");
        let call = Cell::new(Call::Unlink);
        let write = || -> io::Result<()> {
            // Half written, when an earlier one died.
            match unlinkat(&self.fd, part.as_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
            call.set(Call::Open);
            let mut file = self.file(&part, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
            call.set(Call::Fchmod);
            // Whatever the caller's umask is.
            fchmod(&file, Mode::S_IRUSR | Mode::S_IWUSR)?;
            call.set(Call::Write);
            file.write_all(content)?;
            call.set(Call::Rename);
            self.rename(&part, name)?;
            Ok(())
        };
        let written = write().inspect_err(|_| {
            // On a full disk half a file would be in the way of others.
            let _ = unlinkat(&self.fd, part.as_str(), UnlinkatFlags::NoRemoveDir);
        });
        written.map_err(|source| StateError::System {
            action: "write",
            call: call.get(),
            path: self.path.join(name),
            source,
        })
    }

    /// Gives an entry another name, in place of what has that one.
    ///
    /// # Errors
    ///
    /// Those of renameat(2).
    pub fn rename(&self, from: &str, to: &str) -> nix::Result<()> {
        renameat(&self.fd, from, &self.fd, to)
    }

    /// Removes a file; one that is gone already is as well.
    ///
    /// # Errors
    ///
    /// Those of unlinkat(2).
    pub fn remove(&self, name: impl AsRef<OsStr>) -> Result<(), StateError> {
        self.unlink(name.as_ref(), UnlinkatFlags::NoRemoveDir)
    }

    /// Removes an empty directory; one that is gone already is as well.
    pub fn remove_directory(&self, name: &OsStr) -> Result<(), StateError> {
        self.unlink(name, UnlinkatFlags::RemoveDir)
    }

    fn unlink(&self, name: &OsStr, flags: UnlinkatFlags) -> Result<(), StateError> {
        let (point, call) = match flags {
            UnlinkatFlags::RemoveDir => ("rmdir", Call::Rmdir),
            UnlinkatFlags::NoRemoveDir => ("unlink", Call::Unlink),
        };
        match fault::errno(point).map_or_else(|| unlinkat(&self.fd, name, flags), Err) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(failed("remove", call, &self.path.join(name))(errno)),
        }
    }

    /// Another owner of the descriptor.
    pub fn try_clone(&self) -> io::Result<OwnedFd> {
        self.fd.try_clone()
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
