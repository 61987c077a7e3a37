//! How a process shows that it is ready, where that is more than that its program runs.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What makes a process ready. It is so once, and stays so until it ends: a probe says nothing about health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// A line of what it writes to the log, without the line feed, has a match of this regular expression anywhere in it.
    /// Behind the door it is one that can be compiled.
    Log(String),
    /// This file exists, an absolute path as the process sees it.
    File(PathBuf),
    /// A command that is run beside it ends with 0; asked again and again until it does.
    #[expect(missing_docs, reason = "the fields are the keys of the file")]
    Exec { argv: Vec<String>, every: Duration },
    /// It writes a line to this descriptor, at least 3, which it was given; closing it without one says nothing.
    Descriptor(i32),
    /// It sends `READY=1` to the socket of `NOTIFY_SOCKET`, as `sd_notify(3)` does.
    Notify,
}
