//! Directories of numbers, as /proc has them: read without one call more than the kernel asks for.

use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::libc;

/// The longest entry: a name of 255 bytes, its end, and what stands in front, in units of eight.
const LONGEST: usize = 280;
/// Where the length of an entry stands in it, and where its name begins: `struct linux_dirent64` of getdents64(2).
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
    // Of u64, because the entries are aligned so.
    let mut buffer = [0_u64; 512];
    loop {
        // SAFETY: the kernel writes at most the number of bytes given, into a live local array.
        let result = unsafe {
            let size = std::mem::size_of_val(&buffer);
            libc::syscall(libc::SYS_getdents64, directory.as_fd().as_raw_fd(), buffer.as_mut_ptr(), size)
        };
        let length = usize::try_from(Errno::result(result)?).unwrap_or(0);
        if length == 0 {
            return Ok(numbers);
        }
        let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_ne_bytes()).take(length).collect();
        let mut rest = bytes.as_slice();
        while let [first @ .., _] = rest.get(LENGTH..NAME).unwrap_or_default() {
            let length = usize::from(u16::from_ne_bytes([first[0], first[1]]));
            let Some((entry, after)) = rest.split_at_checked(length).filter(|(entry, _)| entry.len() > NAME) else {
                break;
            };
            let name = entry[NAME..].split(|&byte| byte == 0).next().unwrap_or_default();
            numbers.extend(std::str::from_utf8(name).ok().and_then(|name| name.parse::<i32>().ok()));
            rest = after;
        }
        // The kernel goes on until the next entry has no room: where there is room, there is none.
        if std::mem::size_of_val(&buffer) - length >= LONGEST {
            return Ok(numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;

    use super::numbers;

    #[test]
    fn the_descriptors_of_this_process_are_numbers() {
        let directory = File::open("/proc/self/fd").unwrap();
        let found = numbers(&directory).unwrap();
        assert!(found.contains(&0) && found.contains(&directory.as_raw_fd()), "{found:?}");
        let processes = numbers(File::open("/proc").unwrap()).unwrap();
        assert!(processes.contains(&std::process::id().cast_signed()));
    }
}
