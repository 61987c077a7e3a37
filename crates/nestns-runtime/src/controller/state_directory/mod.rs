//! State directory of a running topology: what others may read of it, and the lock that makes its
//! name its own.
//!
//! `NAME/` below `$NESTNS_STATE_ROOT` where that is set, else `$XDG_RUNTIME_DIR/nestns` if that is
//! the caller's own, else `/run/nestns` if writable, else `nestns-UID` in the temporary directory;
//! mode 0700, owner checked. The lock is flock(2) on a file inside: it ends with the process that
//! holds it, so that a directory without a held lock is known to be a left-over, or, with
//! `ended.json` in it, the record of a detached topology that has ended.

mod leftover;
mod remains;

use std::io;
use std::path::{Path, PathBuf};

use nestns_client::state_directory::{Directory, Homeless, StateError, truth_in};
use nestns_sys::call::Call;
use nix::errno::Errno;

use leftover::Survey;
use remains::Attempt;

pub use leftover::{Cleared, EndRecord, Fate, LeftOver, Seized, seize};
pub use remains::{Remains, Restored};

/// Number of attempts to take the lock, when a directory vanishes between opening and locking.
const ATTEMPTS: usize = 100;

/// The state directory of one running topology.
#[derive(Debug)]
pub struct StateDirectory {
    remains: Remains,
    left_over: Option<Cleared>,
}

impl Drop for StateDirectory {
    /// Leaves nothing behind, whatever goes wrong after the name was taken. What could not be
    /// removed was told before, or what went wrong is told now.
    fn drop(&mut self) {
        let _ = self.remains.remove();
    }
}

impl StateDirectory {
    /// The place of the state of a name. The directory above is checked when it is opened.
    pub fn place(name: &str) -> PathBuf {
        nestns_client::state_directory::chosen().join(name)
    }

    /// Takes the name, whose place is this directory, and ends and removes what an earlier one has
    /// left there.
    ///
    /// # Errors
    ///
    /// When the name is in use, or the directory, or something in it, cannot be made or trusted.
    pub fn claim(name: &str, directory: &Path) -> Result<Self, StateError> {
        for _ in 0..ATTEMPTS {
            match Self::try_claim(directory)? {
                Attempt::Held => {
                    return Err(StateError::NameInUse {
                        name: name.to_owned(),
                        directory: directory.to_owned(),
                    });
                }
                Attempt::Vanished => {}
                Attempt::Taken(remains) => {
                    if let Some(Homeless { controller, .. }) = remains.occupy() {
                        remains.remove_if_bare()?;
                        return Err(StateError::Homeless {
                            name: name.to_owned(),
                            directory: directory.to_owned(),
                            controller,
                        });
                    }
                    let survey = Survey::of(&remains.handle())?;
                    let cleared = if survey.is_empty() {
                        None
                    } else {
                        Some(survey.clear(&remains)?)
                    };
                    // The record of one that has ended is no left-over.
                    let left_over = cleared.filter(|cleared| cleared.fate != Fate::Ended);
                    return Ok(Self { remains, left_over });
                }
            }
        }
        let source = io::Error::from(Errno::EAGAIN);
        Err(StateError::System {
            action: "keep a lock in",
            call: Call::Unnamed,
            path: directory.to_owned(),
            source,
        })
    }

    fn try_claim(directory: &Path) -> Result<Attempt, StateError> {
        let tried = || {
            let base = Directory::open_or_make(directory.parent().unwrap_or(directory))?;
            let directory = base.make_inside(directory.file_name().unwrap_or_default())?;
            let lock = remains::lock_file(&directory)?;
            Remains::take(base, directory, lock)
        };
        match tried() {
            // Its last owner has removed it just now.
            Err(error) if error.is_not_found() => Ok(Attempt::Vanished),
            result => result,
        }
    }

    /// Left-over of a topology that did not end in order, found under the name.
    pub fn left_over(&self) -> Option<&Cleared> {
        self.left_over.as_ref()
    }

    /// Remains to remove in the end.
    pub fn remains(&self) -> &Remains {
        &self.remains
    }

    /// Path of the document that tells what stands.
    pub fn truth(&self) -> PathBuf {
        truth_in(&self.remains.directory())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use nestns_client::documents::{EndedDocument, Kind};

    use super::{Remains, Seized, StateDirectory, seize};

    #[test]
    fn what_others_have_put_there_goes_with_it_whatever_its_name() {
        let base = tempfile::tempdir().unwrap();
        let place = base.path().join("x");
        let state = StateDirectory::claim("x", &place).unwrap();
        let strange = place
            .join(OsStr::from_bytes(b"\xff"))
            .join(OsStr::from_bytes(b"\xfe"));
        fs::create_dir_all(&strange).unwrap();
        fs::write(strange.join("file"), "").unwrap();
        drop(state);
        assert!(!place.exists());
    }

    /// The end of nothing in particular.
    fn end() -> EndedDocument {
        EndedDocument {
            schema: Kind::Ended.schema().into(),
            topology: "x".to_owned(),
            file: None,
            namespaces: 1,
            processes: 0,
            depth: 1,
            since: 1.0,
            ended: 2.0,
            reason: "asked".into(),
            by: None,
            status: 0,
            stop: None,
            problems: Vec::new(),
            unmarked: Vec::new(),
        }
    }

    /// Names of what is in a directory.
    fn names(place: &Path) -> Vec<String> {
        let entries = fs::read_dir(place).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn of_a_record_only_what_belongs_to_it_is_left() {
        let base = tempfile::tempdir().unwrap();
        let place = base.path().join("x");
        let state = StateDirectory::claim("x", &place).unwrap();
        for name in ["truth.json", "truth.json.part", "cgroups", "stranger"] {
            fs::write(place.join(name), "").unwrap();
        }
        // What others have put there would be in the way of the removal later.
        fs::create_dir_all(place.join("logs/strange/deep")).unwrap();
        std::os::unix::fs::symlink("/", place.join("topology.toml")).unwrap();
        fs::write(place.join("logs/0.1.log"), "").unwrap();
        state.remains().record(&end()).unwrap();
        drop(state);
        assert_eq!(names(&place), ["ended.json", "logs", "truth.json"]);
        assert_eq!(names(&place.join("logs")), ["0.1.log"]);
        let Ok(Seized::Record(record)) = seize(&place) else {
            panic!("it is one")
        };
        assert_eq!(record.ended(), Some(end()));
        drop(record);
        assert_eq!(names(&place), ["ended.json", "logs", "truth.json"]);
        let Ok(Seized::Record(record)) = seize(&place) else {
            panic!("it is still one")
        };
        record.remove().unwrap();
        assert!(!place.exists());
    }

    #[test]
    fn who_comes_late_to_a_record_leaves_the_next_topology_alone() {
        let base = tempfile::tempdir().unwrap();
        let place = base.path().join("x");
        let first = StateDirectory::claim("x", &place).unwrap();
        fs::write(place.join("truth.json"), "").unwrap();
        let descriptors = first.remains().descriptors().unwrap();
        let guardian = Remains::handed_over(&place, descriptors);
        first.remains().record(&end()).unwrap();
        first.remains().let_go();
        guardian.remove().unwrap();
        assert_eq!(names(&place), ["ended.json", "truth.json"]);
        let second = StateDirectory::claim("x", &place).unwrap();
        assert!(second.left_over().is_none());
        assert_eq!(names(&place), ["lock"]);
        fs::write(place.join("truth.json"), "").unwrap();
        first.remains().remove().unwrap();
        assert_eq!(names(&place), ["lock", "truth.json"]);
    }

    #[test]
    fn a_directory_with_the_name_of_a_half_written_file_is_looked_into() {
        let base = tempfile::tempdir().unwrap();
        let place = base.path().join("x");
        std::mem::forget(StateDirectory::claim("x", &place).unwrap());
        fs::create_dir(place.join("logs.part")).unwrap();
        fs::write(place.join("logs.part/0.1.log"), "").unwrap();
        assert!(matches!(seize(&place), Ok(Seized::Held)));
        fs::remove_file(place.join("lock")).unwrap();
        let Ok(Seized::LeftOver(left_over)) = seize(&place) else {
            panic!("nobody holds it")
        };
        left_over.remove().unwrap();
        assert!(!place.exists());
    }
}
