//! The mounts of a mount namespace: `proc_pid_mountinfo(5)`.
//!
//! Paths and sources are bytes, as they were given to mount(2); the kernel writes spaces, tabs, line feeds and
//! backslashes in them as three octal digits, so that they cannot be taken for separators of fields and lines.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// A mount, as its line describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mount<'a> {
    root: &'a [u8],
    point: &'a [u8],
    /// Type of the file system.
    pub kind: &'a [u8],
    source: &'a [u8],
    options: &'a [u8],
}

impl<'a> Mount<'a> {
    /// Reads a line: number, parent, device, root, mount point, options, … `-` type, source, options of the file system.
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|&byte| byte == b' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        fields.find(|field| *field == b"-")?;
        let (kind, source) = (fields.next()?, fields.next()?);
        let options = fields.next().unwrap_or_default();
        Some(Self {
            root,
            point,
            kind,
            source,
            options,
        })
    }

    /// Path of the part of the file system that is mounted.
    pub fn root(&self) -> PathBuf {
        unescape(self.root)
    }

    /// Mount point.
    pub fn point(&self) -> PathBuf {
        unescape(self.point)
    }

    /// The options of the file system.
    pub fn options(&self) -> impl Iterator<Item = &'a [u8]> {
        self.options.split(|&byte| byte == b',')
    }
}

/// The mounts of a table, in its order.
pub fn mounts(table: &[u8]) -> impl DoubleEndedIterator<Item = Mount<'_>> {
    table.split(|&byte| byte == b'\n').filter_map(Mount::of)
}

/// The mounts of the caller; none where they cannot be read.
pub(super) fn own() -> Vec<u8> {
    std::fs::read("/proc/self/mountinfo").unwrap_or_default()
}

/// Undoes the escapes: a space is `\040`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match tail {
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] if *first == b'\\' => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use proptest::prelude::*;

    use super::{Mount, mounts};

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_path_is_read_as_it_is(path in proptest::collection::vec(any::<u8>(), 0..30)) {
            let escaped: Vec<u8> = path
                .iter()
                .flat_map(|&byte| match byte {
                    b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
                    byte => vec![byte],
                })
                .collect();
            let table = [b"1 0 0:38 / /a rw - a a rw\n36 1 0:38 /", &escaped[..], b" /", &escaped, b" rw - b b rw\n"].concat();
            let meant = [b"/", &path[..]].concat();
            let meant = Path::new(OsStr::from_bytes(&meant));
            let found = mounts(&table).nth(1).expect("there are two");
            let (root, point) = (found.root(), found.point());
            prop_assert_eq!((root.as_path(), point.as_path(), found.kind), (meant, meant, &b"b"[..]));
            prop_assert!(mounts(&path).all(|mount| mount.point().as_os_str().len() <= path.len()));
        }
    }

    #[test]
    fn a_line_is_taken_apart() {
        let line = b"36 35 98:0 /a\\040b /run/\\134c\\012 rw shared:1 - cgroup2 none rw,nsdelegate";
        let mount = Mount::of(line).unwrap();
        assert_eq!(
            (mount.root().as_path(), mount.point().as_path()),
            (Path::new("/a b"), Path::new("/run/\\c\n"))
        );
        assert_eq!(
            (mount.kind, mount.options().last()),
            (&b"cgroup2"[..], Some(&b"nsdelegate"[..]))
        );
        for line in [
            &b""[..],
            b"36 35 98:0 / /proc rw proc proc rw",
            b"36 35 98:0 / /proc rw - proc",
        ] {
            assert_eq!(Mount::of(line), None);
        }
    }

    #[test]
    fn mount_points_are_read_as_they_are() {
        let table =
            b"1 0 8:1 / /\xff rw - ext4 a rw\n\n2 1 0:5 / /plain\\+12\\8\\ rw - proc proc\n";
        let points: Vec<_> = mounts(table).map(|mount| mount.point()).collect();
        assert_eq!(
            points,
            [
                Path::new(OsStr::from_bytes(b"/\xff")),
                Path::new("/plain\\+12\\8\\")
            ]
        );
    }
}
