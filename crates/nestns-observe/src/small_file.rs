//! Files of /proc, each read with one call: they are made anew for every read, and made of a page at most.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use nestns_sys::errno;

/// Reads the first page of a file into `buffer` and returns it as text.
///
/// `std::fs::read_to_string` asks for the size, which is 0 in /proc, and then reads in growing pieces: fifteen calls where
/// one does, for each of ten thousand processes.
///
/// # Errors
///
/// Those of open and read, and `InvalidData` if it is not text.
pub(super) fn read<'a>(path: &str, buffer: &'a mut [u8; 4096]) -> io::Result<&'a str> {
    let bytes = first_page(File::open(path)?, buffer)?;
    std::str::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads the first page of a file that need not be text.
///
/// # Errors
///
/// Those of open and read.
pub(super) fn read_bytes<'a>(path: &str, buffer: &'a mut [u8; 4096]) -> io::Result<&'a [u8]> {
    first_page(File::open(path)?, buffer)
}

/// Reads the first page of a file in an open directory. The bytes need not be text: a process may call itself anything.
///
/// # Errors
///
/// Those of open and read.
pub(super) fn read_in<'a>(
    directory: impl AsFd,
    name: &str,
    buffer: &'a mut [u8; 4096],
) -> io::Result<&'a [u8]> {
    first_page(
        openat(
            directory,
            name,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?
        .into(),
        buffer,
    )
}

/// An error with the path of the file in its text; its kind stays.
pub(super) fn of_file(error: &io::Error, path: &str) -> io::Error {
    io::Error::new(
        error.kind(),
        format!("cannot read {path}: {}", errno::of_io(error)),
    )
}

/// Error for a file of a process that lacks a field: an empty file is that of a process which ended while it was read.
pub(super) fn lacking(text: &[u8], path: &str) -> io::Error {
    if text.is_empty() {
        return Errno::ESRCH.into();
    }
    io::Error::new(io::ErrorKind::InvalidData, format!("{path} lacks a field"))
}

fn first_page(mut file: File, buffer: &mut [u8; 4096]) -> io::Result<&[u8]> {
    let mut length = 0;
    loop {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => {
                length += count;
                // The kernel never tears a line: a read that ends with a line feed and leaves room is complete.
                if length == buffer.len() || buffer[length - 1] == b'\n' {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(&buffer[..length])
}
