//! The vocabulary of built-in workloads: names, options, and how both are written.
//!
//! What an actor does is the engine's (`engine::actor`); here is only what a file or a command line may ask for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A built-in workload with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// Waits, ends on TERM.
    Idle,
    /// Writes a line (`ready`), then waits.
    Serve,
    /// Forks children that wait, then waits.
    Tree {
        /// How many.
        children: u32,
    },
    /// Forks a child that ends at once and is never waited for.
    Zombie,
    /// Leaves a grandchild behind whose parent has ended.
    Orphan,
    /// Ignores TERM.
    IgnoreTerm,
    /// Forks children that end at once.
    ForkStorm {
        /// Forks a second.
        rate: u32,
        /// For how long; `None` until stopped.
        duration: Option<Duration>,
    },
    /// Writes lines.
    Log {
        /// Lines a second.
        rate: u32,
        /// For how long; `None` until stopped.
        duration: Option<Duration>,
    },
    /// Ends by itself.
    Exit {
        /// With this code.
        code: u8,
        /// After this time.
        after: Duration,
    },
}
