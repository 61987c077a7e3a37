//! Where a new file goes, and how it gets there: whole or not at all, and never over another one unasked.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// The new file takes its place.
    Replace,
}

/// Writes a file. Fails with [`io::ErrorKind::AlreadyExists`] if there is one that is to be kept.
pub(super) fn write(path: &Path, text: &str, existing: Existing) -> io::Result<()> {
    match existing {
        Existing::Keep => create(path, text),
        Existing::Replace => {
            let beside = beside(path);
            create(&beside, text)?;
            // In one step, so that whoever reads sees the old file or the new one.
            fs::rename(&beside, path).inspect_err(|_| remove(&beside))
        }
    }
}

/// `O_EXCL` of open(2): between looking and writing nobody can come in, and no link is followed.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes()).inspect_err(|_| remove(path))
}

/// A name in the same directory, because rename(2) does not cross file systems.
fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    path.with_file_name(name)
}

/// Half a file is worse than none; what cannot be removed either is reported with the first failure.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
