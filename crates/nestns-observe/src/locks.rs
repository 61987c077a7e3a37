//! Detection of flock(2) locks without trying them: an attempt holds the lock for a moment, and a process that means to
//! take it meanwhile is refused.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::stat::{major, minor};

/// True if a process holds an exclusive lock on a file, as far as the caller's `/proc/locks` shows it: a holder outside
/// the caller's PID namespace is not shown. `None` if that cannot be determined.
pub fn is_locked(path: &Path) -> Option<bool> {
    let file = std::fs::symlink_metadata(path).ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let place = format!(
        "{:02x}:{:02x}:{}",
        major(file.dev()),
        minor(file.dev()),
        file.ino()
    );
    // "1: FLOCK  ADVISORY  WRITE 1234 fe:01:12345 0 EOF"; a waiting lock has "->" after the number.
    let is_held = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(1) == Some(&"FLOCK")
            && words.get(3) == Some(&"WRITE")
            && words.get(5) == Some(&place.as_str())
    };
    Some(locks.lines().any(is_held))
}

#[cfg(test)]
mod tests {
    use nix::fcntl::{Flock, FlockArg};

    use super::is_locked;

    #[test]
    fn a_lock_is_seen_and_not_touched() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(is_locked(file.path()), Some(false));
        let lock = Flock::lock(file.reopen().unwrap(), FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(is_locked(file.path()), Some(true));
        drop(lock);
        assert_eq!(is_locked(file.path()), Some(false));
        assert_eq!(is_locked(&file.path().with_extension("missing")), None);
    }
}
