//! A piece of a file.

use std::ops::Range;

/// One of the texts of a topology: an index into [`Sources`](super::Sources).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub(super) u32);

impl FileId {
    /// The text that was named on the command line.
    pub const MAIN: Self = Self(0);

    /// Index in the list.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A piece of a file, in bytes, and how it came to be where it is read.
///
/// There are several for each key and value of a file, so this is kept small; no file is as large as 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The text.
    pub file: FileId,
    start: u32,
    end: u32,
    /// Name under which a value that was written elsewhere is used; 0 where it stands in its own
    /// place. The meaning of the number is known only to the code that set it.
    pub layer: u32,
}

impl Span {
    /// A piece of a file.
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let offset = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            file,
            start: offset(range.start),
            end: offset(range.end),
            layer: 0,
        }
    }

    /// The offset of its first byte.
    pub const fn start(self) -> usize {
        self.start as usize
    }

    /// The offset behind its last byte.
    pub const fn end(self) -> usize {
        self.end as usize
    }

    /// The number of bytes.
    pub const fn len(self) -> usize {
        self.end().saturating_sub(self.start())
    }

    /// Returns whether it is a place between two bytes.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Another piece of the same file, used in the same way.
    #[must_use]
    pub fn with(self, range: Range<usize>) -> Self {
        Self {
            layer: self.layer,
            ..Self::new(self.file, range)
        }
    }

    /// The same piece without its layer.
    #[must_use]
    pub const fn in_layer(self, layer: u32) -> Self {
        Self { layer, ..self }
    }
}
