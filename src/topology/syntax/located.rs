//! A value and its place.

use crate::diagnostic::Span;

/// A value and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::topology) struct Located<T> {
    pub(in crate::topology) value: T,
    pub(in crate::topology) span: Span,
}

impl<T> Located<T> {
    pub(in crate::topology) const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
