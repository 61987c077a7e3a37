//! The kind of an entry of a directory, and a failed call on one.

use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, SFlag};

use super::error::StateError;
use nestns_sys::call::Call;

/// The kind of a file.
pub fn kind(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits())
}

/// A failed call as an error of the state directory.
pub fn failed(
    action: &'static str,
    call: Call,
    path: &Path,
) -> impl Fn(Errno) -> StateError + use<> {
    let path = path.to_owned();
    move |errno| StateError::System {
        action,
        call,
        path: path.clone(),
        source: errno.into(),
    }
}
