//! The kernel's edge: the system calls that `nix` lacks or cannot offer as safe, one file a subject, each documented as in a
//! man page.
//!
//! Nothing here decides anything; a function is one call (or the few that belong to one subject) and returns the errno as it
//! came. What an errno means at a given place is the caller's knowledge.
//!
//! # Safety
//!
//! Architecture invariant: this is the only crate that may contain `unsafe`, but for the name of `main` in the program's
//! `main.rs`. Every function exported from here is safe to call: where the kernel or the C library asks for something (one
//! thread before a fork, a handler that is async-signal-safe, a pointer that outlives the call), the function's own file
//! establishes or asserts it, and the `SAFETY:` comment at the block says how.
#![allow(unsafe_code)]

pub mod access;
pub mod call;
pub mod caller;
pub mod capability;
pub mod channel;
pub mod clone;
pub mod descriptor;
pub mod descriptor_layout;
pub mod directory;
pub mod disposition;
pub mod dumpable;
pub mod errno;
pub mod fault;
pub mod fork;
pub mod hostname;
pub mod kcmp;
pub mod latch;
pub mod loopback;
pub mod memory;
pub mod moment;
pub mod namespace;
pub mod passage;
pub mod pidfd;
pub mod probe;
pub mod proc_status;
pub mod reap;
pub mod secure;
pub mod start;
pub mod terminal;
pub mod title;
