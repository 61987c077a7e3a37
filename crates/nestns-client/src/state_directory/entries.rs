//! Entries of a controller in its state directory: names and kinds. Any other entry is not
//! nestns's.

use std::ffi::{OsStr, OsString};

use nix::sys::stat::{FileStat, SFlag};
use nix::unistd::geteuid;

use super::entry::{self, failed};
use super::error::StateError;
use super::handle::{Directory, PART};
use super::trust;
use nestns_sys::call::Call;

/// The name of the lock file.
pub const LOCK: &str = "lock";
/// The name of the document that tells what stands.
pub const TRUTH: &str = "truth.json";
/// The name of the control socket.
pub const CONTROL: &str = "control.sock";
/// The name of the expanded topology.
pub const TOPOLOGY: &str = "topology.toml";
/// The name of the file with what a detached controller has to say.
pub const CONTROLLER_LOG: &str = "controller.log";
/// The name of the list of cgroups that hold paused namespaces.
pub const GROUPS: &str = "cgroups";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Socket,
    /// A directory with nothing but files.
    Files,
}

const ENTRIES: [(&str, Kind); 9] = [
    (LOCK, Kind::File),
    (TRUTH, Kind::File),
    (CONTROL, Kind::Socket),
    (TOPOLOGY, Kind::File),
    (GROUPS, Kind::File),
    ("events.jsonl", Kind::File),
    ("events.jsonl.1", Kind::File),
    (CONTROLLER_LOG, Kind::File),
    ("logs", Kind::Files),
];

/// Everything in a directory that a controller has left, the lock last.
///
/// # Errors
///
/// [`StateError::Strange`] for what it cannot have made.
pub fn own(directory: &Directory) -> Result<Vec<OsString>, StateError> {
    let mut own = directory.names()?;
    own.sort_by_key(|name| name == LOCK);
    for entry in &own {
        let name = entry.to_string_lossy();
        // Half written, when it died.
        let name = name.strip_suffix(PART).unwrap_or(&name);
        let Some((_, kind)) = ENTRIES.iter().find(|(stem, _)| *stem == name) else {
            let found = look(directory, entry)?;
            return Err(StateError::Strange {
                path: directory.path().join(entry),
                found: trust::describe(&found),
            });
        };
        check(directory, entry, *kind)?;
        if *kind == Kind::Files {
            let files = directory.inside(entry)?;
            for file in files.names()? {
                check(&files, &file, Kind::File)?;
            }
        }
    }
    Ok(own)
}

fn look(directory: &Directory, name: &OsStr) -> Result<FileStat, StateError> {
    directory
        .look(name)
        .map_err(failed("examine", Call::Fstat, &directory.path().join(name)))
}

fn check(directory: &Directory, name: &OsStr, kind: Kind) -> Result<(), StateError> {
    let found = look(directory, name)?;
    let meant = match kind {
        Kind::File => SFlag::S_IFREG,
        Kind::Socket => SFlag::S_IFSOCK,
        Kind::Files => SFlag::S_IFDIR,
    };
    if entry::kind(&found) == meant && found.st_uid == geteuid().as_raw() {
        return Ok(());
    }
    Err(StateError::Strange {
        path: directory.path().join(name),
        found: trust::describe(&found),
    })
}

/// True if there is a socket in the place of the control socket, and not something that leads
/// elsewhere.
pub fn has_control_socket(directory: &Directory) -> bool {
    directory
        .look(CONTROL)
        .is_ok_and(|found| entry::kind(&found) == SFlag::S_IFSOCK)
}
