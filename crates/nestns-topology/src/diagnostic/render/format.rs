//! Formats of problems, by their readers.

/// The most problems of a file that are shown to people.
pub const HUMAN_LIMIT: usize = 20;

/// The reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// People: the text around each problem, at most [`HUMAN_LIMIT`] of them a file.
    #[default]
    Human,
    /// People and editors: one line each.
    Short,
    /// Programs: one document `nestns.check/1`.
    Json,
    /// GitHub Actions: workflow commands, which become annotations.
    Github,
    /// Code hosts and editors: one log of SARIF 2.1.0.
    Sarif,
}

/// True if people are shown colours. The other formats have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Color {
    /// Plain text.
    #[default]
    Plain,
    /// ANSI escape sequences.
    Styled,
}
