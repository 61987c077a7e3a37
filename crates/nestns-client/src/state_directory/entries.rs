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
/// The name of the document that tells of the end: a directory that has it is the record of a
/// topology that has ended.
pub const ENDED: &str = "ended.json";
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

/// Time that an entry is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// As long as the topology runs.
    Run,
    /// In the record of its end as well.
    Record,
}

const ENTRIES: [(&str, Kind, Span); 10] = [
    (LOCK, Kind::File, Span::Run),
    (ENDED, Kind::File, Span::Record),
    (TRUTH, Kind::File, Span::Record),
    (CONTROL, Kind::Socket, Span::Run),
    (TOPOLOGY, Kind::File, Span::Record),
    (GROUPS, Kind::File, Span::Run),
    ("events.jsonl", Kind::File, Span::Record),
    ("events.jsonl.1", Kind::File, Span::Record),
    (CONTROLLER_LOG, Kind::File, Span::Record),
    ("logs", Kind::Files, Span::Record),
];

/// True if an entry is of those that the record of an ended topology has, and nothing else in its
/// place.
pub fn is_of_record(directory: &Directory, name: &OsStr) -> bool {
    ENTRIES.iter().any(|&(own, kind, span)| {
        name == own && span == Span::Record && check(directory, name, kind).is_ok()
    })
}

/// True if a directory is the record of an ended topology, or about to become one.
pub fn is_record(directory: &Directory) -> bool {
    is_of_record(directory, OsStr::new(ENDED))
}

/// Everything in a directory that a controller has left: the end first, without which it is no
/// record, and the lock last.
///
/// # Errors
///
/// [`StateError::Strange`] for what it cannot have made.
pub fn own(directory: &Directory) -> Result<Vec<OsString>, StateError> {
    let mut own = directory.names()?;
    own.sort_by_key(|name| (name == LOCK, name != ENDED));
    for entry in &own {
        let name = entry.to_string_lossy();
        // Half written, when it died.
        let name = name.strip_suffix(PART).unwrap_or(&name);
        let Some((_, kind, _)) = ENTRIES.iter().find(|(stem, ..)| *stem == name) else {
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
