//! Where a running topology keeps what others may read of it, and the lock that makes its name its own.
//!
//! `NAME/` below `$NESTNS_STATE_ROOT` where that is set, else `$XDG_RUNTIME_DIR/nestns` if that is the caller's own, else `/run/nestns` if writable, else `nestns-UID` in
//! the temporary directory; mode 0700, owner checked. The lock is flock(2) on a file inside: it ends with whoever holds it,
//! so that a directory without a held lock is known to be a left-over.

mod entries;
mod error;
mod leftover;
mod places;
mod remains;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::engine::inheritance::FIRST_FREE;
use crate::sys::descriptor;

use entries::{LOCK, TOPOLOGY, TRUTH};
use leftover::Survey;
use remains::Attempt;

pub use entries::{CONTROL, has_control_socket};
pub use error::StateError;
pub use leftover::{Cleared, Fate, LeftOver, Seized, seize};
pub use places::{STATE_ROOT, TRUTH_VARIABLE, of_environment, places, state_root, strange_places, trust, usable_base};
pub use remains::Remains;

/// How often taking the lock is tried again, when a directory vanishes between opening and locking.
const ATTEMPTS: usize = 100;

/// The state directory of one running topology.
#[derive(Debug)]
pub struct StateDirectory {
    remains: Remains,
    left_over: Option<Cleared>,
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
        Ok(places::base()?.join(name))
    }

    /// Takes the name, whose place is this directory, and ends and removes what an earlier one has left there.
    ///
    /// # Errors
    ///
    /// When the name is in use, or the directory, or something in it, cannot be made or trusted.
    pub fn claim(name: &str, directory: &Path) -> Result<Self, StateError> {
        for _ in 0..ATTEMPTS {
            places::make_private(directory)?;
            let file = match remains::lock_file(directory) {
                Ok(file) => file,
                // Its last owner has removed it just now.
                Err(StateError::System { source, .. }) if source.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // The agreed numbers are filled later, and what is open at one of them then is closed: a lock would be lost.
            let file = descriptor::above(file, FIRST_FREE).map(File::from).map_err(|errno| StateError::System {
                action: "keep open",
                path: directory.join(LOCK),
                source: errno.into(),
            })?;
            match Remains::take(directory, file)? {
                Attempt::Held => {
                    return Err(StateError::NameInUse { name: name.to_owned(), directory: directory.to_owned() });
                }
                Attempt::Vanished => {}
                Attempt::Taken(remains) => {
                    let survey = Survey::of(directory)?;
                    let left_over = if survey.is_empty() { None } else { Some(survey.clear(&remains)?) };
                    return Ok(Self { remains, left_over });
                }
            }
        }
        let source = io::Error::from(Errno::EAGAIN);
        Err(StateError::System { action: "keep a lock in", path: directory.to_owned(), source })
    }

    /// What did not end in order and was found under the name.
    pub fn left_over(&self) -> Option<&Cleared> {
        self.left_over.as_ref()
    }

    /// What to remove in the end.
    pub fn remains(&self) -> &Remains {
        &self.remains
    }

    /// Where the document that tells what stands is written.
    pub fn truth(&self) -> PathBuf {
        truth_in(self.remains.directory())
    }

    /// Where the expanded topology is written.
    pub fn topology(&self) -> PathBuf {
        topology_in(self.remains.directory())
    }

    /// Writes a file of the directory; see [`Remains::write`].
    ///
    /// # Errors
    ///
    /// Those of open, write and rename.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), StateError> {
        self.remains.write(path, content)
    }
}

/// Where the document that tells what stands is written, in the directory of a name.
pub fn truth_in(directory: &Path) -> PathBuf {
    directory.join(TRUTH)
}

/// Where the expanded topology is written, in the directory of a name.
pub fn topology_in(directory: &Path) -> PathBuf {
    directory.join(TOPOLOGY)
}

/// Where the lock is, in the directory of a name.
pub fn lock_in(directory: &Path) -> PathBuf {
    directory.join(LOCK)
}
