//! The only `unsafe` of the crate: system calls that `nix` lacks or cannot offer as safe, one file a subject.
//!
//! Not responsible for meaning: what a failed call tells about a tree is said by its caller, which knows path and stage.
//!
//! # Safety
//!
//! Every function exported from here is safe to call: where the kernel or the C library asks for something (one thread
//! before a fork, a handler that is async-signal-safe, a pointer that outlives the call), the function's own file
//! establishes it or asserts it, and the `SAFETY:` comment at the block says how.
#![allow(unsafe_code)]

pub mod disposition;
pub mod fork;
pub mod reap;
