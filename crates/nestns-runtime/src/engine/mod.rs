//! Tree → namespaces: from a compact plan to processes that the kernel holds, and back to nothing.
//!
//! The build is recursive, because a process may make a PID namespace only below the one that it is
//! a member of (R9): the controller forks the roots, and each PID 1 forks what is inside it.
//! Reading order:
//!
//! 1. [`plan`]: the checked tree, flattened into memory that costs a fork nothing;
//! 2. [`children`]: the parent, which creates and reaps processes in a namespace, inside or (for the
//!    roots) outside all of them;
//! 3. [`pid_one`]: the work of a new PID 1 until it is set up, with [`isolation`] and the
//!    [`sync_channel`], the channel to its parent;
//! 4. [`gate`] and [`program`]: the wait of a process, and the exec of the user's program;
//! 5. [`init`]: the life of a PID 1, and [`stop_plan`]: its plan of a stop.
//!
//! Reports go up through one channel ([`report`]); commands for a running tree come down a control
//! channel ([`control_channel`](mod@control_channel)). This module uses no terminal and keeps no files.

pub mod actor;
pub mod children;
pub mod chosen_pids;
pub mod control_channel;
pub mod exec_error;
pub mod failure;
pub mod forked_by;
pub mod gate;
mod image;
pub mod init;
pub mod isolation;
pub mod message;
pub mod panic_hook;
pub mod pid_one;
pub mod plan;
pub mod program;
pub mod reach;
pub mod readiness;
pub mod report;
pub mod stop_plan;
pub mod sync_channel;
mod user_database;
