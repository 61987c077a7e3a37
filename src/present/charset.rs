//! Character sets of terminals; everything that draws has a form for each.

/// The characters to draw with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Charset {
    /// Lines, dots and ellipses.
    #[default]
    Unicode,
    /// Seven bits, for a locale that is not UTF-8.
    Ascii,
}
