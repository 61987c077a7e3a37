//! `/proc/PID/stat` and `/proc/PID/task/TID/stat`, whose fields `proc_pid_stat(5)` numbers.

use std::io;
use std::str::FromStr;

use nix::unistd::Pid;

use super::small_file;

/// The fields behind the name, in the bytes of the file.
///
/// The name stands in parentheses and may be anything, parentheses and bytes that are no text included; the third field
/// begins behind the last one.
#[derive(Debug, Clone, Copy)]
pub struct Stat<'a>(&'a str);

impl<'a> Stat<'a> {
    /// Reads the bytes; `None` where there are no such fields.
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().rposition(|&byte| byte == b')')?;
        let fields = std::str::from_utf8(bytes.get(end + 2..)?).ok()?;
        Some(Self(fields.trim_end()))
    }

    /// A field by its number, from 3 on.
    pub fn text(self, number: usize) -> Option<&'a str> {
        self.0
            .split(' ')
            .nth(number.checked_sub(3)?)
            .filter(|field| !field.is_empty())
    }

    /// A field that is a number.
    pub fn number<T: FromStr>(self, number: usize) -> Option<T> {
        self.text(number)?.parse().ok()
    }

    /// The third field: `R`, `S`, `D`, `Z` and so on.
    pub fn state(self) -> Option<char> {
        self.number(3)
    }
}

/// The result of `take` on the file of a process.
///
/// # Errors
///
/// `ENOENT` or `ESRCH` when there is no such process, `InvalidData` when the field is missing.
pub(super) fn read<T>(pid: Pid, take: impl FnOnce(Stat<'_>) -> Option<T>) -> io::Result<T> {
    read_in(&format!("/proc/{pid}"), take)
}

/// The result of `take` on the file of a process or thread, by its directory.
///
/// # Errors
///
/// Those of [`read`].
pub(super) fn read_in<T>(
    directory: &str,
    take: impl FnOnce(Stat<'_>) -> Option<T>,
) -> io::Result<T> {
    let mut buffer = [0; 4096];
    let path = format!("{directory}/stat");
    let bytes = small_file::read_bytes(&path, &mut buffer)?;
    Stat::of(bytes)
        .and_then(take)
        .ok_or_else(|| small_file::lacking(bytes, &path))
}

/// The state of a process, where it can be read.
pub fn state(pid: Pid) -> Option<char> {
    read(pid, |stat| stat.number(3)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Stat;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_name_changes_a_field(name in proptest::collection::vec(any::<u8>(), 0..64)) {
            let bytes = [b"8 (", &name[..], b") D 1 8 8 0 -1 4194304 0\n"].concat();
            let stat = Stat::of(&bytes).expect("it has fields");
            prop_assert_eq!((stat.state(), stat.number(4), stat.number(9)), (Some('D'), Some(1), Some(4_194_304)));
            for number in 0..3 {
                prop_assert_eq!(Stat::of(&name).and_then(|stat| stat.number::<u64>(number)), None);
            }
        }
    }

    #[test]
    fn a_name_is_anything() {
        for name in [&b"cat"[..], b"a) R 1 (b", b"", b"\xff\xfe)", b"x\n"] {
            let bytes = [b"7 (", name, b") S 1 2 3 4 5 6\n"].concat();
            let stat = Stat::of(&bytes).unwrap();
            assert_eq!(
                (stat.state(), stat.number(4), stat.number(9)),
                (Some('S'), Some(1), Some(6_u64)),
                "{name:?}"
            );
            assert_eq!((stat.text(10), stat.text(2)), (None, None));
        }
        for bytes in [&b""[..], b"7 (cat)", b"7 (cat", b")"] {
            assert!(Stat::of(bytes).is_none(), "{bytes:?}");
        }
        assert!(Stat::of(b"7 (cat) ").unwrap().state().is_none());
    }
}
