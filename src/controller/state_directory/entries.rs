//! What a controller keeps in its state directory: names and kinds. Anything else in there is somebody else's.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::error::StateError;

/// The name of the lock file.
pub(super) const LOCK: &str = "lock";
/// The name of the document that tells what stands.
pub(super) const TRUTH: &str = "truth.json";
/// The name of the control socket.
pub const CONTROL: &str = "control.sock";
/// The name of the expanded topology.
pub(super) const TOPOLOGY: &str = "topology.toml";
/// The name of the list of cgroups that hold paused namespaces.
pub(super) const GROUPS: &str = "cgroups";

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
    ("controller.log", Kind::File),
    ("logs", Kind::Files),
];

/// Everything in a directory that a controller has left, the lock last.
///
/// # Errors
///
/// [`StateError::Strange`] for what it cannot have made.
pub(super) fn own(directory: &Path) -> Result<Vec<PathBuf>, StateError> {
    let mut own = list(directory)?;
    own.sort_by_key(|path| path.file_name() == Some(LOCK.as_ref()));
    for path in &own {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Half written, when it died.
        let name = name.strip_suffix(".part").unwrap_or(&name);
        let is_meant = |stem: &str| stem == name || Path::new(stem).with_extension("") == Path::new(name);
        let Some((_, kind)) = ENTRIES.iter().find(|(stem, _)| is_meant(stem)) else {
            let found = look(path)?;
            return Err(StateError::Strange { path: path.clone(), found: describe(&found) });
        };
        check(path, *kind)?;
        if *kind == Kind::Files {
            for file in list(path)? {
                check(&file, Kind::File)?;
            }
        }
    }
    Ok(own)
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, StateError> {
    let failed = |source| StateError::System { action: "list", path: directory.to_owned(), source };
    std::fs::read_dir(directory).map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

fn look(path: &Path) -> Result<Metadata, StateError> {
    std::fs::symlink_metadata(path).map_err(|source| StateError::System {
        action: "look at",
        path: path.to_owned(),
        source,
    })
}

fn check(path: &Path, kind: Kind) -> Result<(), StateError> {
    let found = look(path)?;
    let is_kind = match kind {
        Kind::File => found.is_file(),
        Kind::Socket => found.file_type().is_socket(),
        Kind::Files => found.is_dir(),
    };
    if is_kind && found.uid() == geteuid().as_raw() {
        return Ok(());
    }
    Err(StateError::Strange { path: path.to_owned(), found: describe(&found) })
}

/// Whether there is a socket in the place of the control socket, and not something that leads elsewhere.
pub fn has_control_socket(directory: &Path) -> bool {
    look(&directory.join(CONTROL)).is_ok_and(|found| found.file_type().is_socket())
}

/// `is a FIFO of user 1000`
pub(super) fn describe(found: &Metadata) -> String {
    let kind = found.file_type();
    let kind = if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    };
    let owner = found.uid();
    if owner == geteuid().as_raw() { format!("is {kind}") } else { format!("is {kind} of user {owner}") }
}
