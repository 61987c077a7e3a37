//! Probes for readiness, where that is more than that the program runs.

use std::path::PathBuf;
use std::time::Duration;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};

/// The probe of a process. It is ready once, and stays so until it ends: a probe says nothing about health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// A line of what it writes to the log, without the line feed, has a match of this regular expression anywhere in it.
    /// Behind the door it is one that can be compiled.
    Log(String),
    /// This file exists, an absolute path as the process sees it.
    File(PathBuf),
    /// A command that is run beside it ends with 0; tried again and again until it does.
    #[expect(missing_docs, reason = "the fields are the keys of the file")]
    Exec { argv: Vec<String>, tries: Tries },
    /// A connection to this port of the loopback device, in its network namespace, succeeds; tried again and again until it
    /// does.
    #[expect(missing_docs, reason = "the fields are the keys of the file")]
    Tcp { port: u16, tries: Tries },
    /// A line written to this descriptor, at least 3, which the process was given; closing it without one says nothing.
    Descriptor(i32),
    /// `READY=1` comes to the socket of `NOTIFY_SOCKET`, as `sd_notify(3)` sends it.
    Notify(Notifier),
}

/// The processes of which a `READY=1` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notifier {
    /// That of the process itself.
    Itself,
    /// That of every process in its PID namespace, as `systemd-notify(1)` in a script is one.
    All,
}

/// The times of a probe that is tried again and again, and the end of its trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    /// The pause before the next try; never zero.
    pub every: Duration,
    /// The time that one try may take before it counts as failed; never zero.
    pub timeout: Duration,
    /// The number of failed tries in a row after which the process never becomes ready, `None` for any number; at least 1.
    pub retries: Option<u32>,
    /// The time since the start of the process in which failed tries do not count.
    pub start_period: Duration,
}

impl Tries {
    /// The tries if the file says nothing of them.
    pub const DEFAULT: Self = Self {
        every: Duration::from_secs(1),
        timeout: Duration::from_secs(10),
        retries: None,
        start_period: Duration::ZERO,
    };
}

impl Default for Tries {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A regular expression: found in time that grows with the text alone, whatever the expression.
///
/// Of the small engine, which lacks the large tables of Unicode: a controller matches a few lines until a process is ready.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles one.
    pub fn new(text: &str) -> Result<Self, regex_lite::Error> {
        Regex::new(text).map(Self)
    }

    /// Returns whether a line has a match anywhere in it.
    pub fn is_in(&self, line: &[u8]) -> bool {
        self.0.is_match(&String::from_utf8_lossy(line))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_match_may_be_anywhere_in_any_bytes() {
        let pattern = Pattern::new("listening on [0-9]+$").unwrap();
        assert!(pattern.is_in(b"\xff\xfe: listening on 80"));
        assert!(!pattern.is_in(b"listening on nothing"));
    }

    #[test]
    fn no_expression_takes_long() {
        let pattern = Pattern::new("(a*)*b").unwrap();
        assert!(!pattern.is_in(&[b'a'; 10_000]));
    }
}
