//! Exit codes with a meaning, the same for every verb.

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Done.
    Done,
    /// The answer is no: something failed, or nothing matched.
    No,
    /// The command line asks for something that it cannot mean.
    WrongCommandLine,
    /// The topology file is wrong, or cannot be read.
    WrongFile,
    /// Any other, such as that of a program that was run.
    Other(u8),
}

impl Status {
    /// The number that the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::WrongCommandLine => 2,
            Self::WrongFile => 3,
            Self::Other(code) => code,
        }
    }
}
