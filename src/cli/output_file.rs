//! Placement of a new file: written as a whole or not at all, and never over another one unasked.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::command_error::{CommandError, Context as _, ErrorKind, Hint};

/// Treatment of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// The file stays, and nothing is written.
    Keep,
    /// The new file takes its place.
    Replace,
}

impl Existing {
    /// Translates `--force`.
    pub(super) fn by_force(force: bool) -> Self {
        if force { Self::Replace } else { Self::Keep }
    }
}

/// Makes an error of a failed attempt to write; one that was there already is there still.
pub(super) fn written(path: &Path, result: io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let message = format!("{} already exists and was not changed", path.display());
            let error = CommandError::new(ErrorKind::Conflict, message);
            Err(error.hint(Hint::More(
                "help: use --force to overwrite it, or --output FILE to write another file"
                    .to_owned(),
            )))
        }
        result => result.context(format_args!("cannot write {}", path.display())),
    }
}

/// Writes files into a directory of their own, which appears with all of them in it. One that is there already fails with
/// [`io::ErrorKind::AlreadyExists`], or is where they take the place of those that are called the same.
pub(super) fn write_directory(
    path: &Path,
    files: &[(&str, &str)],
    existing: Existing,
) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        if existing == Existing::Keep {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        return files
            .iter()
            .try_for_each(|(name, text)| write(&path.join(name), text, existing));
    }
    let beside = beside(path);
    let fill = || {
        files
            .iter()
            .try_for_each(|(name, text)| create(&beside.join(name), text))?;
        // Over whatever has come meanwhile the kernel moves no directory, unless that is an empty one.
        fs::rename(&beside, path)
    };
    fs::create_dir(&beside)?;
    fill().inspect_err(|_| {
        let _ = fs::remove_dir_all(&beside);
    })
}

/// Writes a file. Fails with [`io::ErrorKind::AlreadyExists`] if there is one that is to be kept.
pub(super) fn write(path: &Path, text: &str, existing: Existing) -> io::Result<()> {
    match existing {
        Existing::Keep => create(path, text),
        Existing::Replace => {
            let beside = beside(path);
            create(&beside, text)?;
            // In one step, so that a reader sees the old file or the new one.
            fs::rename(&beside, path).inspect_err(|_| remove(&beside))
        }
    }
}

/// `O_EXCL` of open(2): no other process can create the file after the check, and no link is
/// followed.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
        .inspect_err(|_| remove(path))
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
