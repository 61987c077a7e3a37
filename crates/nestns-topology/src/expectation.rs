//! A checked `[[expect]]`: what a file says about the tree that stands, to be compared with the kernel.
//!
//! One table makes several claims, each of which holds or does not. Whether one does is for `expect`, which is given what
//! was measured; here is only what was written, with its place.

use std::time::Duration;

use schemars::JsonSchema;

use super::address::Address;
use super::position::Position;
use super::state::State;

/// One `[[expect]]`.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// As it is written, placeholders replaced.
    pub written: toml::Table,
    /// The mechanism that decides about visibility.
    pub via: Mechanism,
    /// The time that it may take to become true.
    pub within: Duration,
    /// The assertions, in the order of the keys; never empty.
    pub claims: Vec<Claim>,
}

/// One thing that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The text.
    pub assertion: Assertion,
    /// The place.
    pub position: Position,
}

/// A mechanism of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord, JsonSchema)]
#[schemars(rename_all = "lowercase", inline)]
pub enum Mechanism {
    /// The kernel's report from outside: `NSpid` and the surrounding namespaces.
    #[default]
    Chain,
    /// The list in the observer's /proc.
    Proc,
    /// kill(2) with signal 0.
    Kill,
    /// `pidfd_open(2)`.
    Pidfd,
    /// The permission check of ptrace(2).
    Ptrace,
    /// The number that `SCM_CREDENTIALS` delivers.
    Cred,
}

impl Mechanism {
    /// The words and what they mean.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("chain", Self::Chain),
        ("proc", Self::Proc),
        ("kill", Self::Kill),
        ("pidfd", Self::Pidfd),
        ("ptrace", Self::Ptrace),
        ("cred", Self::Cred),
    ];

    /// The mechanism of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(known, _)| *known == word)
            .map(|&(_, via)| via)
    }

    /// As it is written.
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, via)| *via == self)
            .map_or("", |(word, _)| word)
    }
}

/// An assertion. An address of a namespace means the processes directly in it where processes are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assertion {
    /// Each of them is visible from there, and there is one at least.
    #[expect(missing_docs, reason = "the fields are their names")]
    Sees { from: Address, of: Address },
    /// None of them is.
    #[expect(missing_docs, reason = "the fields are their names")]
    Hides { from: Address, of: Address },
    /// So many processes of the topology are visible from there.
    #[expect(missing_docs, reason = "the fields are their names")]
    SeesSoMany { from: Address, count: u64 },
    /// So many processes that live are called so.
    #[expect(missing_docs, reason = "the fields are their names")]
    SoMany { process: Address, count: u64 },
    /// The number of a process in a namespace.
    #[expect(missing_docs, reason = "the fields are their names")]
    Pid {
        process: Address,
        space: String,
        number: i32,
    },
    /// The number of the parent of a process in a namespace; 0 is a parent outside.
    #[expect(missing_docs, reason = "the fields are their names")]
    Ppid {
        process: Address,
        space: String,
        number: i32,
    },
    /// The number of the process group of a process in a namespace; 0 is one whose leader is outside.
    #[expect(missing_docs, reason = "the fields are their names")]
    Pgid {
        process: Address,
        space: String,
        number: i32,
    },
    /// The number of the session of a process in a namespace; 0 is one whose leader is outside.
    #[expect(missing_docs, reason = "the fields are their names")]
    Sid {
        process: Address,
        space: String,
        number: i32,
    },
    /// The numbers of a process below the host, the outermost first.
    #[expect(missing_docs, reason = "the fields are their names")]
    Chain { process: Address, numbers: Vec<i32> },
    /// The state of a process.
    #[expect(missing_docs, reason = "the fields are their names")]
    State { process: Address, state: State },
    /// The status with which it has ended, as a shell gives it.
    #[expect(missing_docs, reason = "the fields are their names")]
    Exit { process: Address, status: u8 },
    /// True if kill(2) from the one to each of the others is allowed.
    #[expect(missing_docs, reason = "the fields are their names")]
    Signal {
        from: Address,
        to: Address,
        allowed: bool,
    },
}
