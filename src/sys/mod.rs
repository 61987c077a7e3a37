//! The kernel's edge: the system calls that `nix` lacks, one file a subject, each documented as in a man page.
//!
//! Nothing here decides anything; a function is one call (or the few that belong to one subject) and returns the errno as it
//! came. What an errno means at a given place is the caller's knowledge.
//!
//! # Safety
//!
//! This is the only module that may contain `unsafe`. The obligations are of four kinds, and each block names its own: a
//! pointer handed to the kernel is valid for the length that the kernel reads or writes; a descriptor made into an
//! `OwnedFd` is owned by nobody else; a child that goes on running after `fork` comes from a process with one thread; an
//! address range is not in use by Rust's own objects.
#![allow(unsafe_code)]

pub mod clone;
pub mod descriptor;
pub mod disposition;
pub mod fork;
pub mod hostname;
pub mod loopback;
pub mod memory;
pub mod namespace;
pub mod pidfd;
pub mod terminal;
pub mod title;
