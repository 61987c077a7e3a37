//! Reading a file that a user has named, and why it cannot be read.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use nestns_sys::errno::of_io;

/// No topology is larger: one with a namespace for every PID of a machine is not.
const LARGEST: u64 = 256 << 20;

/// Reads a file.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_all(&mut fs::File::open(path)?, &mut bytes)?;
    Ok(bytes)
}

/// Reads to the end, if there is one: a device without end must not eat the machine.
pub(super) fn read_all(input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    let read = input.take(LARGEST + 1).read_to_end(bytes)?;
    if read as u64 > LARGEST {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    Ok(())
}

/// The reason why a file cannot be read, as the end of a sentence.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        io::ErrorKind::NotADirectory => "a parent of it is not a directory".to_owned(),
        _ => of_io(error),
    }
}
