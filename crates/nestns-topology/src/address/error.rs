//! Errors of addresses: the place, the problem, and the right spelling.

use std::fmt;

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AddressError {
    /// The character, counted from 1.
    pub position: usize,
    /// The problem there.
    pub message: String,
    /// The right spelling.
    pub help: Option<String>,
}

impl AddressError {
    pub(super) fn at(position: usize, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
            help: None,
        }
    }

    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.position, self.message)?;
        self.help
            .as_ref()
            .map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}
