//! Building, supervising and taking down trees of PID namespaces.
//!
//! [`engine`] turns the plan of a checked topology into processes; [`controller`] holds the life of
//! a tree. Neither knows a terminal, and neither writes text for people.

pub mod controller;
pub mod engine;
