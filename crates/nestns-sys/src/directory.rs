//! Directories by their descriptors: the names in them, the numbers where /proc has them, and the links in those; read without
//! one call more than the kernel asks for.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Whence, lseek};

/// Size of the buffer for entries, in bytes.
const PART: usize = 4096;
/// The longest entry: a name of 255 bytes, its end, and the fields in front, in units of eight.
const LONGEST: usize = 280;
/// Offset of the length in an entry, and that of its name: `struct linux_dirent64` of getdents64(2).
const LENGTH: usize = 16;
const NAME: usize = 19;

/// `getdents64(directory, …)` until its end: the entries whose names are numbers.
///
/// `std::fs::read_dir` opens by path, so that the links in it can only be read by paths again, each a walk through /proc.
///
/// # Errors
///
/// `ENOENT` when what the directory is about has gone, `EACCES` where it may not be listed.
pub fn numbers(directory: impl AsFd) -> nix::Result<Vec<i32>> {
    let mut numbers = Vec::new();
    let mut take = |name: &[u8]| {
        numbers.extend(
            std::str::from_utf8(name)
                .ok()
                .and_then(|name| name.parse::<i32>().ok()),
        );
    };
    // /proc goes on until the next entry has no room: where there is room, there is none.
    while PART - piece(directory.as_fd(), &mut take)? < LONGEST {}
    Ok(numbers)
}

/// `lseek(directory, 0, SEEK_SET)` and `getdents64(directory, …)` until its end: the names of all entries but `.` and `..`.
///
/// `std::fs::read_dir` goes by path, and panics where close(2) reports an error.
///
/// # Errors
///
/// `EIO` and others of the file system, `EBADF` for a descriptor that was opened for its path alone.
pub fn names(directory: impl AsFd) -> nix::Result<Vec<OsString>> {
    let directory = directory.as_fd();
    lseek(directory, 0, Whence::SeekSet)?;
    let mut names = Vec::new();
    let mut take = |name: &[u8]| {
        if !matches!(name, b"." | b"..") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    };
    while piece(directory, &mut take)? > 0 {}
    Ok(names)
}

/// A buffer for entries, which the kernel aligns to eight bytes.
#[repr(align(8))]
struct Entries([u8; PART]);

/// One call of getdents64(2): takes the names, and returns the number of bytes that they came in.
fn piece(directory: BorrowedFd<'_>, take: &mut dyn FnMut(&[u8])) -> nix::Result<usize> {
    let mut buffer = Entries([0; PART]);
    // SAFETY: the kernel writes at most the number of bytes given, into a live local array.
    let result = unsafe {
        libc::syscall(
            libc::SYS_getdents64,
            directory.as_raw_fd(),
            buffer.0.as_mut_ptr(),
            buffer.0.len(),
        )
    };
    let length = usize::try_from(Errno::result(result)?).unwrap_or(0);
    let mut rest = buffer.0.get(..length).unwrap_or_default();
    while let [first @ .., _] = rest.get(LENGTH..NAME).unwrap_or_default() {
        let length = usize::from(u16::from_ne_bytes([first[0], first[1]]));
        let Some((entry, after)) = rest
            .split_at_checked(length)
            .filter(|(entry, _)| entry.len() > NAME)
        else {
            break;
        };
        take(
            entry[NAME..]
                .split(|&byte| byte == 0)
                .next()
                .unwrap_or_default(),
        );
        rest = after;
    }
    Ok(length)
}

/// `readlinkat(directory, "NUMBER", buffer, …)`: the target of a link, as far as the buffer has room for it.
///
/// nix allocates a page for every link, and /proc has one for each descriptor of each process.
///
/// # Errors
///
/// `ENOENT` when there is no such link, `EACCES` where it may not be read.
pub fn link(directory: impl AsFd, number: i32, buffer: &mut [u8]) -> nix::Result<&[u8]> {
    // Ten digits, a sign, and the end.
    let mut name = [0_u8; 12];
    // It has room for every i32.
    let _ = write!(&mut name[..11], "{number}");
    // SAFETY: the name ends with a zero, and the kernel writes at most as many bytes as the buffer has.
    let result = unsafe {
        libc::readlinkat(
            directory.as_fd().as_raw_fd(),
            name.as_ptr().cast(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
        )
    };
    let length = usize::try_from(Errno::result(result)?).unwrap_or(0);
    Ok(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;

    use nix::errno::Errno;

    use super::{link, names, numbers};

    #[test]
    fn links_are_read_by_number() {
        let directory = File::open("/proc/self/fd").unwrap();
        let own = directory.as_raw_fd();
        let mut buffer = [0; 64];
        let expected = format!("/proc/{}/fd", std::process::id());
        assert_eq!(link(&directory, own, &mut buffer), Ok(expected.as_bytes()));
        assert_eq!(link(&directory, own, &mut buffer[..5]), Ok(&b"/proc"[..]));
        assert_eq!(link(&directory, i32::MAX, &mut buffer), Err(Errno::ENOENT));
        assert_eq!(link(&directory, i32::MIN, &mut buffer), Err(Errno::ENOENT));
    }

    #[test]
    fn names_are_read_again_and_again_and_all_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let opened = File::open(directory.path()).unwrap();
        assert_eq!(names(&opened), Ok(vec![]));
        for number in 0..300 {
            std::fs::write(
                directory
                    .path()
                    .join(format!("{number}{}", "x".repeat(200))),
                "",
            )
            .unwrap();
        }
        for _ in 0..2 {
            assert_eq!(names(&opened).unwrap().len(), 300);
        }
    }

    #[test]
    fn the_descriptors_of_this_process_are_numbers() {
        let directory = File::open("/proc/self/fd").unwrap();
        let found = numbers(&directory).unwrap();
        assert!(
            found.contains(&0) && found.contains(&directory.as_raw_fd()),
            "{found:?}"
        );
        let processes = numbers(File::open("/proc").unwrap()).unwrap();
        assert!(processes.contains(&std::process::id().cast_signed()));
    }
}
