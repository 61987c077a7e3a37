//! The output of the programs of a topology (`logs/`) and what has happened to it (`events.jsonl`),
//! in its state directory, as clients read them.
//!
//! The controller only writes these files; clients read them and learn of more by inotify(7), so
//! that none of them can hold the topology up. Reading order: [`event`], [`event_reader`];
//! [`record`], [`log_reader`].

pub mod event;
pub mod event_reader;
pub mod log_reader;
pub mod record;
pub mod stamp;
pub mod watch;

use std::fmt;

/// The directory of the logs, in a state directory.
pub const LOGS: &str = "logs";
/// The file of the events.
pub const EVENTS: &str = "events.jsonl";
/// Suffix of a file that has become too large, and stays until the next one has.
pub const ROTATED: &str = ".1";

/// One of a process's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Name of a log: that of a process, by the number of its namespace in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogName {
    /// Log of a PID 1 (0) or of a declared process, by its place in the file, from 1.
    #[expect(missing_docs, reason = "the fields are their names")]
    Process { namespace: u32, slot: u32 },
    /// Log of a process of `exec`, by its number.
    #[expect(missing_docs, reason = "the fields are their names")]
    Exec { namespace: u32, number: u32 },
}

impl LogName {
    /// The log with this file name; `None` for one that has been rotated, and for another file.
    pub fn parse(file: &str) -> Option<Self> {
        let (namespace, rest) = file.strip_suffix(".log")?.split_once('.')?;
        let namespace = namespace.parse().ok()?;
        match rest.strip_prefix("exec.") {
            Some(number) => Some(Self::Exec {
                namespace,
                number: number.parse().ok()?,
            }),
            None => Some(Self::Process {
                namespace,
                slot: rest.parse().ok()?,
            }),
        }
    }

    /// The number of the namespace.
    pub fn namespace(self) -> u32 {
        match self {
            Self::Process { namespace, .. } | Self::Exec { namespace, .. } => namespace,
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { namespace, slot } => write!(out, "{namespace}.{slot}.log"),
            Self::Exec { namespace, number } => write!(out, "{namespace}.exec.{number}.log"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LogName;

    #[test]
    fn names_of_files_are_read_again() {
        for name in [
            LogName::Process {
                namespace: 0,
                slot: 0,
            },
            LogName::Process {
                namespace: 9999,
                slot: 12,
            },
            LogName::Exec {
                namespace: 3,
                number: 77,
            },
        ] {
            assert_eq!(LogName::parse(&name.to_string()), Some(name));
        }
        for file in [
            "",
            "1.log",
            "1.2.log.1",
            "x.1.log",
            "1.exec.log",
            "1.exec.x.log",
            "index",
        ] {
            assert_eq!(LogName::parse(file), None, "{file}");
        }
    }
}
