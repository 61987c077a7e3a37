//! State directory of a running topology: what others may read of it, and the lock that makes its
//! name its own.
//!
//! `NAME/` below `$NESTNS_STATE_ROOT` where that is set, else `$XDG_RUNTIME_DIR/nestns` if that is
//! the caller's own, else `/run/nestns` if writable, else `nestns-UID` in the temporary directory;
//! mode 0700, owner checked. The lock is flock(2) on a file inside: it ends with the process that
//! holds it, so that a directory without a held lock is known to be a left-over.

pub mod entries;
pub mod entry;
pub mod error;
pub mod handle;
pub mod places;
pub mod presence;
pub mod trust;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

pub use entries::{CONTROL, CONTROLLER_LOG, ENDED, LOCK, TOPOLOGY, TRUTH, has_control_socket};
pub use error::StateError;
pub use handle::Directory;
pub use places::{
    STATE_ROOT, TRUTH_VARIABLE, candidates, chosen, of_environment, places, state_root,
    strange_places, usable_base,
};
pub use presence::{Homeless, homeless};

/// Path of the document that tells what stands, in the directory of a name.
pub fn truth_in(directory: &Path) -> PathBuf {
    directory.join(TRUTH)
}

/// Opens a file of a state directory to be read, without following a link and without waiting for a
/// writer, as a FIFO in its place would make it; none where there is none. The way to the directory
/// was looked at when it was found.
///
/// # Errors
///
/// Those of open(2); for anything but a regular file, what it is.
pub fn open_file(path: &Path) -> io::Result<Option<File>> {
    let strange = |found: &Metadata| {
        let kind = if found.is_file() {
            "a file of another user"
        } else {
            "not a regular file"
        };
        io::Error::other(format!(
            "{} is {kind} that nestns did not create",
            path.display()
        ))
    };
    let is_own =
        |found: &Metadata| found.is_file() && [0, geteuid().as_raw()].contains(&found.uid());
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    match File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(path)
    {
        Ok(file) => {
            let found = file.metadata()?;
            if is_own(&found) {
                Ok(Some(file))
            } else {
                Err(strange(&found))
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => match std::fs::symlink_metadata(path) {
            Ok(found) if !is_own(&found) => Err(strange(&found)),
            _ => Err(error),
        },
    }
}

/// Path of the lock, in the directory of a name.
pub fn lock_in(directory: &Path) -> PathBuf {
    directory.join(LOCK)
}
