//! Tree → namespaces: from a compact plan to processes that the kernel holds, and back to nothing.
//!
//! The build is recursive, because a process may make a PID namespace only below the one that it is a member of (R9): the
//! controller forks the roots, and each PID 1 forks what is inside it. Reading order:
//!
//! 1. [`plan`]: the checked tree, flattened into memory that costs a fork nothing;
//! 2. [`keeper`]: whoever creates and reaps things in a namespace, inside or (for the roots) outside all of them;
//! 3. [`pid_one`]: what a new PID 1 does until it stands, with [`isolation`] and the [`nursery`] between it and its keeper;
//! 4. [`gate`] and [`program`]: how a process waits, and becomes the user's program;
//! 5. [`init`]: the life of a PID 1, and [`farewell`]: whom a stop asks, and when it kills.
//!
//! Reports go up through one channel ([`report`]); what a standing tree is told to change comes down a
//! [`line`](mod@line). This floor has no terminal and keeps no files.

pub mod actor;
pub mod failure;
pub mod farewell;
pub mod forked_by;
pub mod gate;
mod image;
pub mod inheritance;
pub mod init;
pub mod isolation;
pub mod keeper;
pub mod last_words;
pub mod line;
pub mod message;
pub mod moment;
pub mod nursery;
pub mod pid_one;
pub mod plan;
pub mod program;
pub mod readiness;
pub mod refusal;
pub mod report;
mod user_database;
