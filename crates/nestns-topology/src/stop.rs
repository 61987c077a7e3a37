//! Stop settings: a signal, and the time until a kill.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A signal by its number on this architecture.
///
/// Not `nix::sys::signal::Signal`, because that enumeration has no real-time signals, and `SIGRTMIN+3` is how systemd as
/// PID 1 is asked to halt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signal(i32);

/// The first real-time signal that programs may use: the C library keeps 32 and 33 for its threads (signal(7)).
const RTMIN: i32 = 34;
/// The last signal of Linux on every architecture but MIPS.
const RTMAX: i32 = 64;

impl Signal {
    /// `SIGTERM`, the default stop signal.
    pub const TERM: Self = Self(15);
    /// `SIGKILL`, which no process can handle.
    pub const KILL: Self = Self(9);
    /// `SIGSTOP`, the other signal that no process can handle.
    pub const STOP: Self = Self(19);

    /// Reads `TERM`, `SIGTERM`, `RTMIN+3` or a plain number; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        if let Ok(number) = name.parse::<i32>() {
            return (1..=RTMAX).contains(&number).then_some(Self(number));
        }
        if let Some(offset) = name.strip_prefix("RTMIN") {
            return Self::real_time(RTMIN, offset);
        }
        if let Some(offset) = name.strip_prefix("RTMAX") {
            return Self::real_time(RTMAX, offset);
        }
        let signal: nix::sys::signal::Signal = format!("SIG{name}").parse().ok()?;
        Some(Self(signal as i32))
    }

    fn real_time(base: i32, offset: &str) -> Option<Self> {
        let offset = match offset {
            "" => 0,
            text => text.parse::<i32>().ok()?,
        };
        let number = base.checked_add(offset)?;
        (RTMIN..=RTMAX).contains(&number).then_some(Self(number))
    }

    /// A signal by number, for what the kernel reported.
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// The number, as kill(2) takes it.
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// The name without `SIG`, as in the topology file: `TERM`, `RTMIN+3`.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str().trim_start_matches("SIG")),
            Err(_) if self.0 == RTMIN => f.write_str("RTMIN"),
            Err(_) if self.0 > RTMIN => write!(f, "RTMIN+{}", self.0 - RTMIN),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// Processes that a request to stop reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopReach {
    /// The process alone.
    Process,
    /// The process group that it leads.
    Group,
    /// Everything that comes from it.
    All,
}

/// Stop settings of a namespace or of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The signal that asks it to end.
    pub signal: Signal,
    /// The time from the request until it is killed.
    pub grace: Duration,
}
