//! Where a running topology keeps what others may read of it, and the lock that makes its name its own.
//!
//! `NAME/` below `$XDG_RUNTIME_DIR/nestns` if that is the caller's own, else `/run/nestns` if writable, else `nestns-UID` in
//! the temporary directory; mode 0700, owner checked. The lock is flock(2) on a file inside: it ends with whoever holds it,
//! so that a directory without a held lock is known to be a left-over.

use std::cell::Cell;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::{AccessFlags, access, geteuid};

use crate::engine::inheritance::FIRST_FREE;
use crate::sys::descriptor;

/// The name of the lock file.
const LOCK: &str = "lock";
/// The name of the document that tells what stands.
const TRUTH: &str = "truth.json";
/// The name of the control socket.
pub const CONTROL: &str = "control.sock";
/// The name of the expanded topology.
const TOPOLOGY: &str = "topology.toml";
/// How often taking the lock is tried again, when a directory vanishes between opening and locking.
const ATTEMPTS: usize = 100;

/// Why there is no state directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages name the fields")]
pub enum StateError {
    /// A topology of that name runs.
    #[error("a topology named `{name}` is already running (its state is in {})", directory.display())]
    NameInUse { name: String, directory: PathBuf },
    /// The directory is somebody else's, or open to others.
    #[error("{} belongs to user {owner}, not to the caller ({caller})", directory.display())]
    Foreign { directory: PathBuf, owner: u32, caller: u32 },
    /// A system call failed.
    #[error("cannot {action} {}: {source}", path.display())]
    System { action: &'static str, path: PathBuf, source: io::Error },
}

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

impl Remains {
    /// What a dead controller has left: with the lock that he has handed on, or without, when he died before he could.
    /// `None` when nothing is left, or somebody else has taken the name since.
    pub fn of_the_dead(directory: &Path, lock: Option<OwnedFd>) -> Option<Self> {
        let path = directory.join(LOCK);
        let file = if let Some(fd) = lock {
            File::from(fd)
        } else {
            let Ok(file) = open_lock(&mut OpenOptions::new(), &path) else {
                // Made a moment before the death; one with anything in it stays.
                let _ = std::fs::remove_dir(directory);
                return None;
            };
            file
        };
        // Granted at once where the descriptor shares the lock already.
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).ok()?;
        let is_current = lock.metadata().ok()?.ino() == std::fs::metadata(&path).ok()?.ino();
        let inode = std::fs::metadata(directory).ok()?.ino();
        is_current.then(|| Self { directory: directory.to_owned(), lock, inode, removed: Cell::new(false) })
    }

    /// Which directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The lock's descriptor: whoever holds it keeps the name.
    pub fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Removes the directory, if it is still the one that was made.
    pub fn remove(&self) {
        if self.removed.replace(true) {
            return;
        }
        if std::fs::symlink_metadata(&self.directory).is_ok_and(|found| found.ino() == self.inode) {
            // It may be gone already: controller and guardian both come here.
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// The state directory of one running topology.
#[derive(Debug)]
pub struct StateDirectory {
    remains: Remains,
    left_over: bool,
}

impl Drop for StateDirectory {
    /// Whatever goes wrong after the name was taken leaves nothing behind.
    fn drop(&mut self) {
        self.remains.remove();
    }
}

impl StateDirectory {
    /// Where the state of a name is, or will be.
    ///
    /// # Errors
    ///
    /// When the directory above cannot be made or trusted.
    pub fn place(name: &str) -> Result<PathBuf, StateError> {
        Ok(base()?.join(name))
    }

    /// Takes the name, whose place is this directory.
    ///
    /// # Errors
    ///
    /// When the name is in use, or the directory cannot be made or trusted.
    pub fn claim(name: &str, directory: &Path) -> Result<Self, StateError> {
        let directory = directory.to_owned();
        for _ in 0..ATTEMPTS {
            make_private(&directory)?;
            let path = directory.join(LOCK);
            let file = match open_lock(OpenOptions::new().create(true), &path) {
                Ok(file) => file,
                // Its last owner has removed it just now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(StateError::System { action: "open", path, source }),
            };
            // The agreed numbers are filled later, and what is open at one of them then is closed: a lock would be lost.
            let file = descriptor::above(file, FIRST_FREE).map(File::from).map_err(|errno| StateError::System {
                action: "keep open",
                path: path.clone(),
                source: errno.into(),
            })?;
            let lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => lock,
                Err((_, Errno::EWOULDBLOCK)) => {
                    return Err(StateError::NameInUse { name: name.to_owned(), directory });
                }
                Err((_, errno)) => return Err(StateError::System { action: "lock", path, source: errno.into() }),
            };
            // The lock may be that of a directory which was removed after the file was opened.
            let (held, found) =
                (lock.metadata().map(|file| file.ino()), std::fs::metadata(&path).map(|file| file.ino()));
            if let (Ok(held), Ok(found)) = (held, found)
                && held == found
            {
                let left_over = directory.join(TRUTH).exists();
                clear(&directory);
                let inode = std::fs::metadata(&directory)
                    .map_err(|source| StateError::System { action: "look at", path: directory.clone(), source })?
                    .ino();
                return Ok(Self { remains: Remains { directory, lock, inode, removed: Cell::new(false) }, left_over });
            }
        }
        let source = io::Error::from(Errno::EAGAIN);
        Err(StateError::System { action: "keep a lock in", path: directory, source })
    }

    /// Whether something that did not end in order was found under the name.
    pub fn was_left_over(&self) -> bool {
        self.left_over
    }

    /// What to remove in the end.
    pub fn remains(&self) -> &Remains {
        &self.remains
    }

    /// Where the document that tells what stands is written.
    pub fn truth(&self) -> PathBuf {
        truth_in(&self.remains.directory)
    }

    /// Where the expanded topology is written.
    pub fn topology(&self) -> PathBuf {
        self.remains.directory.join(TOPOLOGY)
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
        write().map_err(|source| StateError::System { action: "write", path: path.to_owned(), source })
    }
}

/// Where the document that tells what stands is written, in the directory of a name.
pub fn truth_in(directory: &Path) -> PathBuf {
    directory.join(TRUTH)
}

/// Where the lock is, in the directory of a name.
pub fn lock_in(directory: &Path) -> PathBuf {
    directory.join(LOCK)
}

/// The directory above all of the caller's topologies.
fn base() -> Result<PathBuf, StateError> {
    if let Some(runtime) = runtime_directory() {
        return private_child(runtime.join("nestns"));
    }
    let system = Path::new(SYSTEM);
    let writable = |path: &Path| access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    if (!system.exists() && writable(Path::new("/run"))) || (system.is_dir() && writable(system)) {
        return private_child(system.to_owned());
    }
    private_child(temporary())
}

/// Every directory in which the caller may have topologies: those that exist, and are his. He may have started one from a
/// session that had another environment.
pub fn places() -> Vec<PathBuf> {
    let uid = geteuid().as_raw();
    let mut places: Vec<PathBuf> = runtime_directory().map(|runtime| runtime.join("nestns")).into_iter().collect();
    places.push(SYSTEM.into());
    places.push(temporary());
    places.retain(|place| std::fs::symlink_metadata(place).is_ok_and(|found| found.is_dir() && found.uid() == uid));
    places
}

/// Where root has them.
const SYSTEM: &str = "/run/nestns";

/// The directory of the caller's session, if it is one of his own.
fn runtime_directory() -> Option<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)?;
    let uid = geteuid().as_raw();
    let is_own = std::fs::metadata(&runtime).is_ok_and(|found| found.is_dir() && found.uid() == uid);
    (runtime.is_absolute() && is_own).then_some(runtime)
}

fn temporary() -> PathBuf {
    // The guardian, which has left the caller's directory, must find it as well.
    let temporary = std::path::absolute(std::env::temp_dir()).unwrap_or_else(|_| PathBuf::from("/tmp"));
    temporary.join(format!("nestns-{}", outer_uid(geteuid().as_raw())))
}

/// Opens a lock file: never through a link, and never waiting, as a FIFO in its place would make it.
fn open_lock(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = options.write(true).truncate(false).mode(0o600).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(file)
}

/// The caller's number outside a user namespace that he is in: a tree of an ordinary user calls everybody 0, and each user's
/// directory must be his own.
fn outer_uid(uid: u32) -> u32 {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let outside = map.lines().find_map(|line| {
        let numbers: Vec<u32> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let &[inside, outside, count] = numbers.as_slice() else { return None };
        uid.checked_sub(inside).filter(|&offset| offset < count).map(|offset| outside + offset)
    });
    outside.unwrap_or(uid)
}

fn private_child(path: PathBuf) -> Result<PathBuf, StateError> {
    make_private(&path)?;
    Ok(path)
}

/// Makes a directory of mode 0700, or makes sure that an existing one is a directory of the caller's.
fn make_private(path: &Path) -> Result<(), StateError> {
    let failed = |action| {
        let path = path.to_owned();
        move |source| StateError::System { action, path, source }
    };
    match std::fs::DirBuilder::new().mode(0o700).create(path) {
        // The caller's umask may have taken even the owner's rights away.
        Ok(()) => return std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("protect")),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("make the directory")(error)),
    }
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        // Removed by its owner in this moment: the caller of `claim` tries again.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
    };
    let caller = geteuid().as_raw();
    if !found.is_dir() {
        let source = io::Error::other("it is not a directory, and nothing is followed or replaced");
        return Err(failed("use")(source));
    }
    if found.uid() != caller {
        return Err(StateError::Foreign { directory: path.to_owned(), owner: found.uid(), caller });
    }
    if found.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(failed("protect"))?;
    }
    Ok(())
}

/// Empties a directory that a topology left behind, but for the lock that is now held.
fn clear(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name() != LOCK {
            // What cannot be removed is overwritten or reported when it is written.
            let _ = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(entry.path()),
                _ => std::fs::remove_file(entry.path()),
            };
        }
    }
}

/// A failure to read /proc, as one of the state that was to be written from it.
pub(super) fn unreadable_proc(source: io::Error) -> StateError {
    StateError::System { action: "read", path: PathBuf::from("/proc"), source }
}
